package p256

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// checkField compares everything that the field can do with math/big, for two integers below p.
func checkField(t testing.TB, a, b *big.Int) {
	t.Helper()
	a, b = mod(a, bigP), mod(b, bigP)
	x, y := toElement(t, a), toElement(t, b)
	checkElement(t, "setBytes", &x, a)
	var z element
	mul(&z, &x, &y)
	checkElement(t, "mul", &z, times(a, b))
	sqr(&z, &x)
	checkElement(t, "sqr", &z, times(a, a))
	z.add(&x, &y)
	checkElement(t, "add", &z, new(big.Int).Add(a, b))
	sub(&z, &x, &y)
	checkElement(t, "sub", &z, new(big.Int).Sub(a, b))
	if a.Sign() != 0 {
		z.neg(&x)
		checkElement(t, "neg", &z, new(big.Int).Neg(a))
		z = x
		z.negateIf(1)
		checkElement(t, "negateIf(1)", &z, new(big.Int).Neg(a))
		z.invert(&x)
		checkElement(t, "invert", &z, new(big.Int).ModInverse(a, bigP))
	}
	z = x
	z.negateIf(0)
	checkElement(t, "negateIf(0)", &z, a)

	// Montgomery's products of raw limbs, and with z the same as an operand.
	raw := func(v *big.Int) *element { s := toScalar(v); return (*element)(&s) }
	inverseR := new(big.Int).ModInverse(bigR, bigP)
	product := mod(times(times(a, b), inverseR), bigP)
	u, v := raw(a), raw(b)
	mul(u, u, v)
	if (*scalar)(u).big().Cmp(product) != 0 {
		t.Fatalf("mul(%x, %x) = %x into its first operand", a, b, *u)
	}
	u = raw(a)
	mul(v, u, v)
	if (*scalar)(v).big().Cmp(product) != 0 {
		t.Fatalf("mul(%x, %x) = %x into its second operand", a, b, *v)
	}
	square := mod(times(times(a, a), inverseR), bigP)
	mul(&z, u, u)
	sqr(u, u)
	if (*scalar)(u).big().Cmp(square) != 0 || z != *u {
		t.Fatalf("sqr(%x) = %x, mul %x", a, *u, z)
	}
	checkPureGo(t, raw(a), raw(b))
}

// checkPureGo compares what is in use, which may be assembly, with pure Go.
func checkPureGo(t testing.TB, x, y *element) {
	t.Helper()
	var got, want element
	mul(&got, x, y)
	if mulGo(&want, x, y); got != want {
		t.Fatalf("mul(%x, %x) = %x, in pure Go %x", *x, *y, got, want)
	}
	sqr(&got, x)
	if sqrGo(&want, x); got != want {
		t.Fatalf("sqr(%x) = %x, in pure Go %x", *x, got, want)
	}
	sub(&got, x, y)
	if subGo(&want, x, y); got != want {
		t.Fatalf("sub(%x, %x) = %x, in pure Go %x", *x, *y, got, want)
	}
}

func TestFieldCorners(t *testing.T) {
	list := corners()
	if len(list) < 100 {
		t.Fatalf("%d corners", len(list))
	}
	for i, a := range list {
		for j, b := range list {
			if testing.Short() && (i+j)%23 != 0 {
				continue
			}
			checkField(t, a, b)
		}
	}
}

func TestFieldRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range repeat(1000) {
		checkField(t, randomInt(r), randomInt(r))
	}
}

// Products that end just above 0 may be p or more before the last subtraction, but below 2²⁵⁶: the way that random ones
// hardly ever take.
func TestSmallProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for i := range 2000 {
		x := mod(new(big.Int).SetBit(randomInt(r), 0, 1), bigP)
		want := new(big.Int).Rsh(randomInt(r), uint(32+r.IntN(225)))
		if i%4 == 0 {
			want.SetInt64(int64(i % 5))
		}
		y := mod(times(times(want, bigR), new(big.Int).ModInverse(x, bigP)), bigP)
		xs, ys := toScalar(x), toScalar(y)
		var z, pure element
		mul(&z, (*element)(&xs), (*element)(&ys))
		mulGo(&pure, (*element)(&xs), (*element)(&ys))
		if got := (*scalar)(&z).big(); got.Cmp(want) != 0 || z != pure {
			t.Fatalf("mul(%x, %x) = %x, in pure Go %x, want %x", x, y, z, pure, want)
		}
		if root := new(big.Int).ModSqrt(mod(times(want, bigR), bigP), bigP); root != nil {
			rs := toScalar(root)
			sqr(&z, (*element)(&rs))
			if got := (*scalar)(&z).big(); got.Cmp(want) != 0 {
				t.Fatalf("sqr(%x) = %x, want %x", root, z, want)
			}
		}
	}
}

func TestSetBytesRefusesWhatIsNotBelowP(t *testing.T) {
	for _, x := range corners() {
		var z element
		if got, want := z.setBytes(bytes32(x)), x.Cmp(bigP) < 0; got != want {
			t.Errorf("%x: got %v, want %v", x, got, want)
		}
	}
}
