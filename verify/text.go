package verify

import "bytes"

// prefix is the context identifier of the version that we read (SPEC §4.2.2).
const prefix = "HC1:"

// unprefix removes the context identifier. It refuses what is no HCERT, and an HCERT of another version.
func unprefix(text []byte) (base45 []byte, refused Reason) {
	if rest, ok := bytes.CutPrefix(text, []byte(prefix)); ok {
		return rest, noObjection
	}
	if len(text) >= len(prefix) && text[0] == 'H' && text[1] == 'C' && isVersion(text[2]) && text[3] == ':' {
		return nil, UnsupportedVersion
	}
	return nil, NotHCERT
}

// isVersion reports whether b can stand for a version: 1 to 9, then A to Z.
func isVersion(b byte) bool { return '1' <= b && b <= '9' || 'A' <= b && b <= 'Z' }

// looksCompressed reports whether the Base45 text begins with a zlib header that issuers use: 78 DA or 78 9C.
func looksCompressed(base45 []byte) bool {
	return bytes.HasPrefix(base45, []byte("NCF")) || bytes.HasPrefix(base45, []byte("6BF"))
}
