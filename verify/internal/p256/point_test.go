package p256

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"testing"

	"filippo.io/nistec"
)

// scaled is another representation of the same point: (X·f², Y·f³, ZZ·f², ZZZ·f³).
func scaled(p point, f *element) point {
	var f2, f3 element
	sqr(&f2, f)
	mul(&f3, &f2, f)
	mul(&p.x, &p.x, &f2)
	mul(&p.y, &p.y, &f3)
	mul(&p.zz, &p.zz, &f2)
	mul(&p.zzz, &p.zzz, &f3)
	return p
}

// checkPoints compares a·G + b·G and 2a·G with nistec, in all ways in which they can be computed here. f scales.
func checkPoints(t testing.TB, a, b, f *big.Int) {
	t.Helper()
	a, b, f = mod(a, bigN), mod(b, bigN), mod(f, bigP)
	factor := one
	if f.Sign() != 0 {
		factor = toElement(t, f)
	}
	var p, q point
	if a.Sign() != 0 {
		first := multiple(t, a)
		p.setAffine(&first)
		p = scaled(p, &factor)
	}
	if b.Sign() != 0 {
		second := multiple(t, b)
		q.setAffine(&second)
	}
	want := nistec.NewP256Point().Add(reference(t, &generator, a), reference(t, &generator, b)).Bytes()
	check := func(what string, got *point, want []byte) {
		t.Helper()
		if !bytes.Equal(got.encoded(), want) {
			t.Fatalf("%s of %x and %x: got %x, want %x", what, a, b, got.encoded(), want)
		}
	}
	if b.Sign() != 0 {
		second := affine{q.x, q.y}
		sum := p
		sum.addAffine(&second)
		check("addAffine", &sum, want)
		if !p.isInfinity() { // assembly has the same formula, so that even the coordinates are the same
			other := p
			if other.addAffineGo(&second); other != sum {
				t.Fatalf("%x + %x: %x, in pure Go %x", a, b, sum, other)
			}
		}
	}
	sum := p
	sum.double()
	check("double", &sum, reference(t, &generator, times(a, big.NewInt(2))).Bytes())
}

func TestPointsCorners(t *testing.T) {
	list := []*big.Int{
		new(big.Int), big.NewInt(1), big.NewInt(2), big.NewInt(3), big.NewInt(4),
		new(big.Int).Sub(bigN, big.NewInt(1)), new(big.Int).Sub(bigN, big.NewInt(2)), new(big.Int).Rsh(bigN, 1),
		new(big.Int).Add(new(big.Int).Rsh(bigN, 1), big.NewInt(1)),
	}
	r := rand.New(rand.NewPCG(7, 8))
	for _, a := range list { // equal, opposite and infinite ones among them
		for _, b := range list {
			checkPoints(t, a, b, big.NewInt(1))
			checkPoints(t, a, b, randomInt(r))
		}
	}
}

func TestPointsRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range repeat(50) {
		checkPoints(t, randomInt(r), randomInt(r), randomInt(r))
	}
}

func TestHasX(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 50 {
		q := multiple(t, randomInt(r))
		var p point
		p.setAffine(&q)
		factor := toElement(t, randomInt(r))
		p = scaled(p, &factor)
		x := mod(q.x.big(), bigN)
		right := toScalar(x)
		wrong := toScalar(mod(new(big.Int).Add(x, big.NewInt(1)), bigN))
		if !p.hasX(&right) || p.hasX(&wrong) {
			t.Fatalf("%x: %v, and with another x %v", x, p.hasX(&right), p.hasX(&wrong))
		}
	}
}

func TestToAffine(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	points, want := make([]point, 9), make([]affine, 9)
	for i := range points {
		want[i] = multiple(t, randomInt(r))
		points[i].setAffine(&want[i])
		factor := toElement(t, randomInt(r))
		points[i] = scaled(points[i], &factor)
	}
	got := make([]affine, 9)
	toAffine(got, points, make([]element, 9))
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("point %d: got %x, want %x", i, got[i], want[i])
		}
	}
}
