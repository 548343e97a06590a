package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"testing"
)

func newTestES256(t testing.TB) (*ecdsa.PrivateKey, PublicKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	key, err := NewES256(point)
	if err != nil {
		t.Fatal(err)
	}
	return private, key
}

// signRS signs and returns r ‖ s.
func signRS(t testing.TB, private *ecdsa.PrivateKey, digest []byte) []byte {
	t.Helper()
	r, s, err := ecdsa.Sign(rand.Reader, private, digest)
	if err != nil {
		t.Fatal(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

// mirrorS returns (r, n-s), which verifies whenever (r, s) does.
func mirrorS(sig []byte) []byte {
	s := new(big.Int).SetBytes(sig[32:])
	return append(bytes.Clone(sig[:32]), s.Sub(elliptic.P256().Params().N, s).FillBytes(make([]byte, 32))...)
}

func TestES256AgreesWithECDSA(t *testing.T) {
	private, key := newTestES256(t)
	signatures := 300
	if testing.Short() {
		signatures = 30
	}
	for i := range signatures {
		digest := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		sig := signRS(t, private, digest[:])
		if !verifyES256(key.es256, &digest, sig) {
			t.Fatalf("refused a good signature %x over %x", sig, digest)
		}
		if !verifyES256(key.es256, &digest, mirrorS(sig)) {
			t.Fatalf("refused (r, n-s) of %x; COSE has no low-s rule", sig)
		}
		bit := i % (8 * es256Size)
		sig[bit/8] ^= 1 << (bit % 8)
		r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
		if want := ecdsa.Verify(&private.PublicKey, digest[:], r, s); verifyES256(key.es256, &digest, sig) != want {
			t.Fatalf("differs from crypto/ecdsa on %x over %x", sig, digest)
		}
	}
}

// The values of CVE-2022-21449 and their neighbours, in every combination.
func TestES256RefusesScalarsOutOfRange(t *testing.T) {
	private, key := newTestES256(t)
	digest := sha256.Sum256([]byte("x"))
	good := signRS(t, private, digest[:])
	n := elliptic.P256().Params().N
	var out [][]byte
	for _, v := range []*big.Int{
		big.NewInt(0), n, new(big.Int).Add(n, big.NewInt(1)), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)),
	} {
		out = append(out, v.FillBytes(make([]byte, 32)))
	}
	for _, r := range append(out, good[:32]) {
		for _, s := range append(out, good[32:]) {
			sig := append(bytes.Clone(r), s...)
			if got, want := verifyES256(key.es256, &digest, sig), bytes.Equal(sig, good); got != want {
				t.Errorf("%x: got %v, want %v", sig, got, want)
			}
		}
	}
	for _, length := range []int{0, 1, 63, 65, 66, 96, 128} {
		if verifyES256(key.es256, &digest, append(bytes.Clone(good), make([]byte, 64)...)[:length]) {
			t.Errorf("accepted a signature of %d bytes", length)
		}
	}
}

func TestNewES256(t *testing.T) {
	private, _ := newTestES256(t)
	good, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	off := bytes.Clone(good)
	off[64] ^= 1
	p := elliptic.P256().Params().P
	x := new(big.Int).SetBytes(good[1:33])
	tooLarge := bytes.Clone(good)
	new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)).FillBytes(tooLarge[1:33])
	for name, point := range map[string][]byte{
		"empty":           nil,
		"infinity":        {0},
		"compressed":      append([]byte{2}, good[1:33]...),
		"off the curve":   off,
		"x not below p":   tooLarge,
		"x = p":           append(append([]byte{4}, p.FillBytes(make([]byte, 32))...), good[33:]...),
		"a byte too many": append(bytes.Clone(good), 0),
		"all zero":        append([]byte{4}, make([]byte, 64)...),
	} {
		if key, err := NewES256(point); err == nil || key.Alg() != NoAlg {
			t.Errorf("%s: made a key (x = %x)", name, x)
		}
	}
}
