package p256

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// checkScalar compares arithmetic modulo n with math/big, for any two integers of 256 bits and an s that is reduced.
func checkScalar(t testing.TB, a, b, s *big.Int) {
	t.Helper()
	b, s = mod(b, bigN), mod(s, bigN)
	x, y := toScalar(a), toScalar(b)
	if got := x.big(); got.Cmp(a) != 0 {
		t.Fatalf("setBytes(%x) = %x", a, got)
	}
	if got, want := less(&x, &y), a.Cmp(b) < 0; got != want {
		t.Fatalf("less(%x, %x) = %v", a, b, got)
	}
	var z scalar
	z.montMul(&x, &y)
	want := mod(times(times(a, b), new(big.Int).ModInverse(bigR, bigN)), bigN)
	if got := z.big(); got.Cmp(want) != 0 {
		t.Fatalf("montMul(%x, %x) = %x, want %x", a, b, got, want)
	}
	if s.Sign() == 0 {
		return
	}
	inverseS := new(big.Int).ModInverse(s, bigN)
	z = toScalar(s)
	inverse(&z, &inverseN)
	if got := z.big(); got.Cmp(inverseS) != 0 {
		t.Fatalf("1/%x mod n = %x, want %x", s, got, inverseS)
	}
	e, r, divisor := toScalar(a), toScalar(b), toScalar(s)
	var u1, u2 scalar
	quotients(&u1, &u2, &e, &r, &divisor)
	if got, want := u1.big(), mod(times(a, inverseS), bigN); got.Cmp(want) != 0 {
		t.Fatalf("%x/%x = %x, want %x", a, s, got, want)
	}
	if got, want := u2.big(), mod(times(b, inverseS), bigN); got.Cmp(want) != 0 {
		t.Fatalf("%x/%x = %x, want %x", b, s, got, want)
	}
}

func TestScalarCorners(t *testing.T) {
	list := corners()
	for i, a := range list {
		for j, b := range list {
			if (i+j)%7 == 0 {
				checkScalar(t, a, b, list[(i+2*j)%len(list)])
			}
		}
	}
	for _, s := range list {
		checkScalar(t, big.NewInt(1), big.NewInt(1), s)
	}
}

func TestScalarRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range repeat(2000) {
		checkScalar(t, randomInt(r), randomInt(r), randomInt(r))
	}
}

func TestInverseOfZeroIsZero(t *testing.T) {
	var x scalar
	if inverse(&x, &inverseN); !x.isZero() {
		t.Errorf("got %x", x)
	}
}

func TestBitsAndRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		x := randomInt(r)
		z := toScalar(x)
		for at := range uint(270) {
			for count := uint(1); count < 32; count++ {
				want := new(big.Int).Rsh(x, at)
				want.And(want, big.NewInt(1<<count-1))
				if got := z.bits(at, count); uint64(got) != want.Uint64() {
					t.Fatalf("bits(%d, %d) of %x = %x, want %x", at, count, x, got, want)
				}
			}
		}
		for _, s := range allShapes {
			for at := range uint(200) {
				var rows [maxSpacing]uint32
				z.rows(&rows, at, uint(s.spacing), uint(s.teeth))
				for row, got := range rows[:s.spacing] {
					var want uint32
					for j := range s.teeth {
						want |= uint32(x.Bit(int(at)+j*s.spacing+row)) << j
					}
					if got != want {
						t.Fatalf("row %d of %v from bit %d of %x = %x, want %x", row, s, at, x, got, want)
					}
				}
			}
		}
	}
}
