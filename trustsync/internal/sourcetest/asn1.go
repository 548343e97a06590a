package sourcetest

import (
	"bytes"
	"strings"
	"testing"
)

// CheckError wants an error that has want in its text, or none if want is empty.
func CheckError(t *testing.T, name string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: error %v, want %q", name, err, want)
	}
}

// Unusable has all certificates of the pool that must not load, with a word of the reason.
var Unusable = map[string]string{
	"897def991b9cf499": "P-384 key",
	"a5c53cf6843a395e": "P-384 key",
	"361d60ba426322de": "explicit parameters that are not those of P-256", // FJ: P-384, in full
	"7f2301b9de33d1c8": "P-384 key",
	"b485c94f33601576": "RSA key of 1024 bits",
	"071365470febceda": "P-384 key",
	"3444f02958ff7316": "P-384 key",
	"147a88f812c18eea": "P-521 key",
	"af630bfa8cdac4b9": "P-521 key",
	"59f6ad887b24d950": "P-384 key",
	"168d6b7254aa3e1a": "RSA exponent", // UY: e = 3
	"1ed2a1d32aec4737": "RSA key of 1024 bits",
}

// Element is DER with that tag around parts.
func Element(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	header := []byte{tag, byte(len(body))}
	switch n := len(body); {
	case n >= 0x100:
		header = []byte{tag, 0x82, byte(n >> 8), byte(n)}
	case n >= 0x80:
		header = []byte{tag, 0x81, byte(n)}
	}
	return append(header, body...)
}
