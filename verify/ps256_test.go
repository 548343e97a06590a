package verify

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"testing"
)

// testRSA has one key of each size, made when it is first wanted: on an emulated core that takes many seconds.
var testRSA = map[int]*rsa.PrivateKey{}

func newTestPS256(t testing.TB, bits int) (*rsa.PrivateKey, PublicKey) {
	t.Helper()
	private := testRSA[bits]
	if private == nil {
		var err error
		if private, err = rsa.GenerateKey(rand.Reader, bits); err != nil {
			t.Fatal(err)
		}
		testRSA[bits] = private
	}
	key, err := NewPS256(private.N.Bytes(), big.NewInt(int64(private.E)))
	if err != nil {
		t.Fatal(err)
	}
	return private, key
}

// 2049 bits leave the first byte of the encoded message without a bit (RFC 8017 §8.1.2: emLen is one less).
func TestPS256AgreesWithRSA(t *testing.T) {
	scratch := newPS256Scratch()
	sizes := []int{2048, 2049, 2055, 3072}
	if testing.Short() {
		sizes = sizes[:2]
	}
	for _, size := range sizes {
		private, key := newTestPS256(t, size)
		for i := range 12 {
			digest := sha256.Sum256([]byte{byte(i)})
			for _, salt := range []int{32, 0, 31, 33, 64} {
				sig, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: max(salt, 0)})
				if salt == 0 {
					sig, err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto})
				}
				if err != nil {
					t.Fatal(err)
				}
				if got, want := key.ps256.verify(&scratch, &digest, sig), salt == sha256.Size; got != want {
					t.Fatalf("%d bits, salt %d: got %v, want %v", size, salt, got, want)
				}
				if salt != sha256.Size {
					continue
				}
				for _, bad := range [][]byte{
					nil, sig[1:], append(bytes.Clone(sig), 0), append([]byte{0}, sig...), make([]byte, len(sig)),
					private.N.FillBytes(make([]byte, len(sig))), bytes.Repeat([]byte{0xff}, len(sig)),
				} {
					if key.ps256.verify(&scratch, &digest, bad) {
						t.Fatalf("%d bits: accepted %x", size, bad)
					}
				}
				for bit := i; bit < 8*len(sig); bit += 97 {
					sig[bit/8] ^= 1 << (bit % 8)
					if key.ps256.verify(&scratch, &digest, sig) {
						t.Fatalf("%d bits: accepted bit %d flipped", size, bit)
					}
					sig[bit/8] ^= 1 << (bit % 8)
				}
			}
		}
	}
}

func TestNewPS256(t *testing.T) {
	private, _ := newTestPS256(t, 2048)
	e := big.NewInt(65537)
	odd := func(bits uint) []byte {
		return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), bits-1), big.NewInt(1)).Bytes()
	}
	for _, tc := range []struct {
		name    string
		modulus []byte
		e       *big.Int
		ok      bool
	}{
		{"good", private.N.Bytes(), e, true},
		{"leading zero", append([]byte{0}, private.N.Bytes()...), e, true},
		{"4096 bits", odd(4096), e, true},
		{"largest exponent", private.N.Bytes(), big.NewInt(1<<31 - 1), true},
		{"2047 bits", odd(2047), e, false},
		{"1024 bits", odd(1024), e, false},
		{"4097 bits", odd(4097), e, false},
		{"even", new(big.Int).Add(private.N, big.NewInt(1)).Bytes(), e, false},
		{"empty", nil, e, false},
		{"exponent 1", private.N.Bytes(), big.NewInt(1), false},
		{"exponent 3", private.N.Bytes(), big.NewInt(3), false},
		{"exponent even", private.N.Bytes(), big.NewInt(65538), false},
		{"exponent of 32 bits", private.N.Bytes(), big.NewInt(1<<31 + 1), false},
		{"exponent negative", private.N.Bytes(), big.NewInt(-65537), false},
	} {
		if _, err := NewPS256(tc.modulus, tc.e); (err == nil) != tc.ok {
			t.Errorf("%s: error %v", tc.name, err)
		}
	}
}
