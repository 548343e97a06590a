package p256

import (
	"crypto/elliptic"
	"flag"
	"math/big"
	"math/rand/v2"
	"testing"

	"filippo.io/nistec"
)

// rounds is for long runs by hand.
var rounds = flag.Int("rounds", 0, "how often a test of random inputs repeats; 0 is quick")

func repeat(quick int) int {
	if *rounds > 0 {
		return *rounds
	}
	return quick
}

var (
	bigP = elliptic.P256().Params().P
	bigN = elliptic.P256().Params().N
	bigR = new(big.Int).Lsh(big.NewInt(1), 256)
)

func bytes32(x *big.Int) *[32]byte { return (*[32]byte)(x.FillBytes(make([]byte, 32))) }

func mod(x, m *big.Int) *big.Int { return new(big.Int).Mod(x, m) }

func times(x, y *big.Int) *big.Int { return new(big.Int).Mul(x, y) }

func (z *scalar) big() *big.Int {
	x := new(big.Int)
	for i := limbs - 1; i >= 0; i-- {
		x.Lsh(x, limbBits)
		x.Or(x, new(big.Int).SetUint64(uint64(z[i])))
	}
	return x
}

func toScalar(x *big.Int) (z scalar) {
	z.setBytes(bytes32(x))
	return z
}

// big is the value that z stands for.
func (z *element) big() *big.Int {
	raw := (*scalar)(z).big()
	return mod(raw.Mul(raw, new(big.Int).ModInverse(bigR, bigP)), bigP)
}

// toElement reads x mod p.
func toElement(t testing.TB, x *big.Int) (z element) {
	t.Helper()
	if !z.setBytes(bytes32(mod(x, bigP))) {
		t.Fatalf("%x is not below p", x)
	}
	return z
}

// checkElement fails if z is not below p, or does not stand for want.
func checkElement(t testing.TB, what string, z *element, want *big.Int) {
	t.Helper()
	if (*scalar)(z).big().Cmp(bigP) >= 0 {
		t.Fatalf("%s: %x is not below p", what, *z)
	}
	if got := z.big(); got.Cmp(mod(want, bigP)) != 0 {
		t.Fatalf("%s: got %x, want %x", what, got, mod(want, bigP))
	}
}

// corners are integers of 256 bits at which carries and borrows begin or end: sums and differences of powers of two, those
// near p and n, and words of nothing but ones.
func corners() (list []*big.Int) {
	seen := map[string]bool{}
	add := func(x *big.Int) {
		if x.Sign() >= 0 && x.BitLen() <= 256 && !seen[x.String()] {
			seen[x.String()] = true
			list = append(list, x)
		}
	}
	near := func(x *big.Int) {
		for d := int64(-2); d <= 2; d++ {
			add(new(big.Int).Add(x, big.NewInt(d)))
		}
	}
	near(new(big.Int))
	for _, m := range []*big.Int{bigP, bigN, new(big.Int).Sub(bigP, bigN), bigR} {
		near(m)
		near(new(big.Int).Rsh(m, 1))
	}
	for _, bit := range []uint{30, 31, 32, 63, 64, 95, 96, 127, 128, 160, 191, 192, 223, 224, 254, 255} {
		near(new(big.Int).Lsh(big.NewInt(1), bit))
		near(new(big.Int).Sub(bigP, new(big.Int).Lsh(big.NewInt(1), bit)))
	}
	return list
}

func randomInt(r *rand.Rand) *big.Int {
	var b [32]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	switch r.IntN(4) { // runs of ones and zeroes find carries
	case 0:
		from, to := r.IntN(33), r.IntN(33)
		for i := min(from, to); i < max(from, to); i++ {
			b[i] = 0xff
		}
	case 1:
		from, to := r.IntN(33), r.IntN(33)
		clear(b[min(from, to):max(from, to)])
	}
	return new(big.Int).SetBytes(b[:])
}

// reference is k·q by nistec, nil for infinity.
func reference(t testing.TB, q *affine, k *big.Int) *nistec.P256Point {
	t.Helper()
	p, err := nistec.NewP256Point().SetBytes(uncompressed(q))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.ScalarMult(p, bytes32(mod(k, bigN))[:]); err != nil {
		t.Fatal(err)
	}
	return p
}

func uncompressed(q *affine) []byte {
	return append(append([]byte{4}, bytes32(q.x.big())[:]...), bytes32(q.y.big())[:]...)
}

// encoded is p in SEC 1's form, one zero byte for infinity.
func (p *point) encoded() []byte {
	if p.isInfinity() {
		return []byte{0}
	}
	var a [1]affine
	toAffine(a[:], []point{*p}, make([]element, 1))
	return uncompressed(&a[0])
}

// multiple is k·G for k other than 0 mod n.
func multiple(t testing.TB, k *big.Int) affine {
	t.Helper()
	p := reference(t, &generator, k).Bytes()
	key, err := NewKey(p)
	if err != nil {
		t.Fatalf("%x·G: %v", k, err)
	}
	return key.q
}
