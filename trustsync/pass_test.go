package trustsync

import (
	"bytes"
	"compress/zlib"
	"testing"

	"gatescan/verify"

	"github.com/fxamacker/cbor/v2"
)

// unsignedPass is the text of an ES256 pass that names a kid and has a signature of nobody.
func unsignedPass(t testing.TB, kid verify.KID) []byte {
	t.Helper()
	return passWith(t, kid, make([]byte, 64))
}

// passWith has any signature. One of zeros is refused without any arithmetic.
func passWith(t testing.TB, kid verify.KID, signature []byte) []byte {
	t.Helper()
	protected, err := cbor.Marshal(map[int]any{1: -7, 4: kid[:]})
	if err != nil {
		t.Fatal(err)
	}
	message, err := cbor.Marshal(cbor.Tag{Number: 18, Content: []any{protected, map[int]any{}, []byte{0xa0}, signature}})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := w.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" // RFC 9285 table 1
	text := []byte("HC1:")
	for b := packed.Bytes(); len(b) > 0; b = b[min(2, len(b)):] {
		n, digits := int(b[0]), 2
		if len(b) > 1 {
			n, digits = n<<8+int(b[1]), 3
		}
		for range digits {
			text = append(text, alphabet[n%45])
			n /= 45
		}
	}
	return text
}
