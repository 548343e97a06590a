package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"
)

// wycheproof is what we read of a file of test vectors (testdata/wycheproof/README.md).
type wycheproof struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		KeySize   int    `json:"keySize"`
		SHA       string `json:"sha"`
		MGF       string `json:"mgf"`
		MGFSHA    string `json:"mgfSha"`
		SaltLen   int    `json:"sLen"`
		PublicKey struct {
			Uncompressed   string `json:"uncompressed"`
			Modulus        string `json:"modulus"`
			PublicExponent string `json:"publicExponent"`
		} `json:"publicKey"`
		Tests []struct {
			ID      int    `json:"tcId"`
			Comment string `json:"comment"`
			Msg     string `json:"msg"`
			Sig     string `json:"sig"`
			Result  string `json:"result"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func readWycheproof(t *testing.T, name string) wycheproof {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "wycheproof", name))
	if err != nil {
		t.Fatal(err)
	}
	var w wycheproof
	if err := json.Unmarshal(data, &w); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range w.TestGroups {
		n += len(g.Tests)
	}
	if n == 0 || n != w.NumberOfTests {
		t.Fatalf("%s holds %d vectors and says %d", name, n, w.NumberOfTests)
	}
	return w
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// derToP1363 turns an ECDSA signature in DER into r ‖ s. ok is false where DER says no, or where r or s is negative
// or needs more than 32 bytes: none of these can be written as a COSE signature.
func derToP1363(der []byte) (sig []byte, ok bool) {
	var rs struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &rs)
	if err != nil || len(rest) != 0 || rs.R.Sign() < 0 || rs.S.Sign() < 0 || rs.R.BitLen() > 256 || rs.S.BitLen() > 256 {
		return nil, false
	}
	if again, err := asn1.Marshal(rs); err != nil || !bytes.Equal(again, der) { // asn1 lets more members pass
		return nil, false
	}
	sig = make([]byte, es256Size)
	rs.R.FillBytes(sig[:32])
	rs.S.FillBytes(sig[32:])
	return sig, true
}

func TestWycheproofES256(t *testing.T) {
	files := []struct {
		name           string
		der            bool
		valid, invalid int
	}{
		{"ecdsa_secp256r1_sha256_p1363_test.json", false, 173, 89},
		{"ecdsa_secp256r1_sha256_test.json", true, 174, 310},
	}
	for _, file := range files {
		valid, invalid := 0, 0
		for _, g := range readWycheproof(t, file.name).TestGroups {
			if g.SHA != "SHA-256" {
				t.Fatalf("%s: a group for %s", file.name, g.SHA)
			}
			key, err := NewES256(unhex(t, g.PublicKey.Uncompressed))
			if err != nil {
				t.Fatal(err)
			}
			for _, tc := range g.Tests {
				digest := sha256.Sum256(unhex(t, tc.Msg))
				sig, ok := unhex(t, tc.Sig), true
				if file.der {
					sig, ok = derToP1363(sig)
				}
				got := ok && verifyES256(key.es256, &digest, sig)
				if want := tc.Result == "valid"; got != want {
					t.Errorf("%s %d (%s): got %v, want %v", file.name, tc.ID, tc.Comment, got, want)
				}
				switch tc.Result {
				case "valid":
					valid++
				case "invalid":
					invalid++
				default:
					t.Errorf("%s %d: result %q", file.name, tc.ID, tc.Result)
				}
			}
		}
		if valid != file.valid || invalid != file.invalid {
			t.Errorf("%s: %d valid and %d invalid, want %d and %d", file.name, valid, invalid, file.valid, file.invalid)
		}
	}
}

func TestWycheproofPS256(t *testing.T) {
	files := []struct {
		name           string
		valid, invalid int // as the file has them
		otherSalt      int // valid ones with a salt that PS256 does not have
	}{
		{"rsa_pss_2048_sha256_mgf1_0_test.json", 61, 42, 61},
		{"rsa_pss_2048_sha256_mgf1_32_params_test.json", 63, 45, 0},
		{"rsa_pss_2048_sha256_mgf1_32_test.json", 63, 45, 0},
		{"rsa_pss_3072_sha256_mgf1_32_params_test.json", 63, 45, 0},
		{"rsa_pss_3072_sha256_mgf1_32_test.json", 63, 45, 0},
		{"rsa_pss_4096_sha256_mgf1_32_test.json", 63, 45, 0},
		{"rsa_pss_misc_sha256_trimmed.json", 6, 0, 5},
	}
	scratch := newPS256Scratch()
	for _, file := range files {
		valid, invalid, otherSalt := 0, 0, 0
		for _, g := range readWycheproof(t, file.name).TestGroups {
			if g.SHA != "SHA-256" || g.MGF != "MGF1" || g.MGFSHA != "SHA-256" {
				t.Fatalf("%s: a group for %s with %s %s", file.name, g.SHA, g.MGF, g.MGFSHA)
			}
			exponent := new(big.Int).SetBytes(unhex(t, g.PublicKey.PublicExponent))
			key, err := NewPS256(unhex(t, g.PublicKey.Modulus), exponent)
			if err != nil {
				t.Fatal(err)
			}
			for _, tc := range g.Tests {
				digest := sha256.Sum256(unhex(t, tc.Msg))
				got := key.ps256.verify(&scratch, &digest, unhex(t, tc.Sig))
				want := tc.Result == "valid"
				if g.SaltLen == 0 && tc.Comment == "s_len changed to 32" {
					want = true // invalid for a salt of 0, which is what makes it PS256
				}
				switch tc.Result {
				case "valid":
					valid++
					if g.SaltLen != sha256.Size {
						otherSalt++
						want = false
					}
				case "invalid":
					invalid++
				default:
					t.Errorf("%s %d: result %q", file.name, tc.ID, tc.Result)
				}
				if got != want {
					t.Errorf("%s %d (%s): got %v, want %v", file.name, tc.ID, tc.Comment, got, want)
				}
			}
		}
		if valid != file.valid || invalid != file.invalid || otherSalt != file.otherSalt {
			t.Errorf("%s: %d valid, %d invalid, %d with another salt; want %d, %d, %d",
				file.name, valid, invalid, otherSalt, file.valid, file.invalid, file.otherSalt)
		}
	}
}
