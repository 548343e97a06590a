package pki

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatescan/trustsync/internal/sourcetest"
)

func TestDefinite(t *testing.T) {
	for _, test := range []struct {
		name, ber, der string // hex; an empty der is an error
	}{
		{"primitive", "020101", "020101"},
		{"already definite", "3003020101", "3003020101"},
		{"empty sequence", "3000", "3000"},
		{"empty and indefinite", "30800000", "3000"},
		{"indefinite", "30800201010000", "3003020101"},
		{"definite with indefinite inside", "3007308002010100 00", "30053003020101"},
		{"second child indefinite", "300a020105 3080020101 0000", "3008020105 3003020101"},
		{
			"rewritten child of the same length", "30820104 3080" + "0481fd" + strings.Repeat("aa", 253) + "0000",
			"30820104 30820100" + "0481fd" + strings.Repeat("aa", 253),
		},
		{"nested indefinite", "3080a0800201010000 0000", "3005a003020101"},
		{"octets in pieces", "24800401aa0402bbcc0000", "0403aabbcc"},
		{"octets in definite pieces", "24070401aa0402bbcc", "0403aabbcc"},
		{"octets in pieces of pieces", "2480 2480 0401aa 0000 0401bb 0000", "0402aabb"},
		{"octets in no pieces", "24800000", "0400"},
		{"octets with an integer inside", "2480 020101 0000", ""},
		{"nothing", "", ""},
		{"only a tag", "30", ""},
		{"cut short", "3003 0201", ""},
		{"length of more than there is", "3084ffffffff", ""},
		{"length that overflows 32 bits", "30847ffffffb0000", ""},
		{"length of five octets", "30850000000000", ""},
		{"length of 127 octets", "30ff", ""},
		{"length octets cut short", "308201", ""},
		{"no end", "3080020101", ""},
		{"half an end", "308002010100", ""},
		{"primitive of indefinite length", "0480aa0000", ""},
		{"end without a beginning", "0000", ""},
		{"end inside a definite element", "30020000", ""},
		{"child longer than its parent", "3003 020201 01", ""},
		{"tag number above 30", "1f8101 0101", ""},
		{"something follows", "3000 00", ""},
		{"another element follows", "3080 0000 3000", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ber := berHex(t, test.ber)
			want := berHex(t, test.der)
			der, err := definite(ber)
			switch {
			case len(want) == 0 && !errors.Is(err, errBER):
				t.Errorf("got %x, %v", der, err)
			case len(want) > 0 && (err != nil || !bytes.Equal(der, want)):
				t.Errorf("got %x, %v, want %x", der, err, want)
			}
		})
	}
}

func berHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What nests without end, and what makes a reader copy the same bytes again and again, is refused or read in no time.
func TestDefiniteHostile(t *testing.T) {
	deep := func(unit string) []byte { return bytes.Repeat([]byte(unit), MaxCMSSize/len(unit)) }
	nest := func(levels int) []byte {
		return append(bytes.Repeat([]byte{0x30, 0x80}, levels), make([]byte, 2*levels)...)
	}
	wide := append(append([]byte{0x30, 0x80}, bytes.Repeat([]byte{0x30, 0x80, 0, 0}, MaxCMSSize/4-2)...), 0, 0)
	pieces := append(append([]byte{0x24, 0x80}, bytes.Repeat([]byte{0x04, 0x01, 0xaa}, MaxCMSSize/3-2)...), 0, 0)
	for _, test := range []struct {
		name string
		ber  []byte
		ok   bool
	}{
		{"half a million levels", deep("\x30\x80"), false},
		{"half a million octet strings", deep("\x24\x80"), false},
		{"as deep as allowed", nest(maxBERDepth + 1), true},
		{"one too deep", nest(maxBERDepth + 2), false},
		{"a quarter of a million children", wide, true},
		{"octets in single bytes", pieces, true},
	} {
		start := time.Now()
		if _, err := definite(test.ber); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", test.name, took)
		}
	}
}

// FuzzDefinite: what comes out is definite, and of DER it is what went in.
func FuzzDefinite(f *testing.F) {
	files, err := filepath.Glob(sourcetest.Repository(f) + "/trustsync/testdata/cms/*.[db]er")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, ber []byte) {
		der, err := definite(ber)
		if err != nil {
			return
		}
		if len(der) > len(ber)+5*maxBERDepth && len(der) > 2*len(ber) {
			t.Fatalf("%d bytes of %d", len(der), len(ber))
		}
		again, err := definite(der)
		if err != nil || !bytes.Equal(again, der) {
			t.Fatalf("not stable: %x, then %x, %v", der, again, err)
		}
		var v asn1.RawValue
		if rest, err := asn1.Unmarshal(ber, &v); err == nil && len(rest) == 0 && !bytes.Contains(ber, []byte{0x80}) && ber[0] != 0x24 &&
			!bytes.Contains(ber, []byte{0x24}) && !bytes.Equal(der, ber) {
			t.Fatalf("changed %x into %x", ber, der)
		}
	})
}
