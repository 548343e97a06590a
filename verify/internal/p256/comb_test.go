package p256

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"testing"

	"filippo.io/nistec"
)

// allShapes are those in use, and some whose blocks, teeth and spacing end elsewhere.
var allShapes = []shape{shapes[small], shapes[medium], shapes[wide], baseShape, {13, 10, 2}, {8, 8, 4}, {32, 8, 1}, {52, 5, 1}, {2, 6, 22}}

// values are the integers by which the entries multiply.
func (s shape) values() []*big.Int {
	var list []*big.Int
	for b := range s.blocks {
		for i := range 1 << (s.teeth - 1) {
			v := new(big.Int)
			for j := range s.teeth {
				tooth := new(big.Int).Lsh(big.NewInt(1), uint((b*s.teeth+j)*s.spacing))
				if j == s.teeth-1 || i>>j&1 == 1 {
					v.Add(v, tooth)
				} else {
					v.Sub(v, tooth)
				}
			}
			list = append(list, v)
		}
	}
	return list
}

func TestShapes(t *testing.T) {
	for _, s := range allShapes {
		if s.blocks*s.teeth*s.spacing < 256 {
			t.Errorf("%v has %d bits", s, s.blocks*s.teeth*s.spacing)
		}
		if s.picks() > maxPicks {
			t.Errorf("%v picks %d points", s, s.picks())
		}
		if (s.teeth-1)*s.spacing+1 > 254 {
			t.Errorf("%v may have infinity as a sum", s)
		}
	}
	if shapes[small].points() != smallPoints || shapes[small].blocks*shapes[small].teeth != smallBases {
		t.Error("the arrays for a small comb have another size")
	}
}

func TestEntries(t *testing.T) {
	q := multiple(t, big.NewInt(12345))
	for _, s := range allShapes {
		c := new(builder).newComb(&q, s)
		values := s.values()
		if len(values) != len(c.entries) {
			t.Fatalf("%v: %d entries, want %d", s, len(c.entries), len(values))
		}
		step := 1 + len(values)/200 // nistec is slow
		if testing.Short() {
			step = 1 + len(values)/15
		}
		for i := 0; i < len(values); i += step {
			if got, want := uncompressed(&c.entries[i]), reference(t, &q, values[i]).Bytes(); !bytes.Equal(got, want) {
				t.Fatalf("%v: entry %d is %x, want %x", s, i, got, want)
			}
		}
	}
}

// checkMultiples compares u·q + v·G with nistec.
func checkMultiples(t testing.TB, q, g *comb, of *affine, u, v *big.Int) {
	t.Helper()
	u, v = mod(u, bigN), mod(v, bigN)
	want := nistec.NewP256Point().Add(reference(t, of, u), reference(t, &generator, v)).Bytes()
	us, vs := toScalar(u), toScalar(v)
	var p point
	p.twoMultiples(q, &us, g, &vs)
	if !bytes.Equal(p.encoded(), want) {
		t.Fatalf("%v, %v: %x·q + %x·G = %x, want %x", q.shape, g.shape, u, v, p.encoded(), want)
	}
}

// Zero, one, the ends of windows, carries past the highest, and both parities.
func TestMultiplesCorners(t *testing.T) {
	q := multiple(t, big.NewInt(987654321))
	list := corners()
	for i, s := range allShapes {
		qc := new(builder).newComb(&q, s)
		g := new(builder).newComb(&generator, allShapes[(i+3)%len(allShapes)])
		for j, u := range list {
			if testing.Short() && j%40 != i {
				continue
			}
			checkMultiples(t, qc, g, &q, u, list[(7*j+i)%len(list)])
			checkMultiples(t, qc, g, &q, u, new(big.Int))
			checkMultiples(t, qc, g, &q, new(big.Int), u)
		}
	}
}

// With a key that is a known multiple of G, sums before the last addition can be the last entry or its negative.
func TestEqualXInTheLastAddition(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, s := range allShapes {
		var w builder
		q, g := w.newComb(&generator, s), w.newComb(&generator, s)
		values := s.values()
		for range 5 {
			u := mod(new(big.Int).SetBit(randomInt(r), 0, 1), bigN)
			us := toScalar(u)
			picked := g.pick(make([]affine, maxPicks), &us)
			last := picked[len(picked)-1]
			m := discreteLog(t, g, values, &last)
			// v + u - m = m: the last addition doubles. v + u - m = -m: it gives infinity.
			checkLast(t, q, g, new(big.Int).Sub(times(m, big.NewInt(2)), u), u, &last, false)
			checkLast(t, q, g, new(big.Int).Neg(u), u, &last, true)
		}
	}
}

func checkLast(t *testing.T, q, g *comb, v, u *big.Int, last *affine, infinite bool) {
	t.Helper()
	vs, us := toScalar(mod(v, bigN)), toScalar(u)
	var p point
	a, b := q.pick(make([]affine, maxPicks), &vs), g.pick(make([]affine, maxPicks), &us)
	p.sum(q, a, g, b)
	if p.isInfinity() != infinite {
		t.Fatalf("%v: infinity is %v", g.shape, p.isInfinity())
	}
	checkMultiples(t, q, g, &generator, v, u)
	if infinite {
		return
	}
	var twice point
	twice.setAffine(last)
	twice.double()
	if !bytes.Equal(p.encoded(), twice.encoded()) {
		t.Fatalf("%v: the sum is not twice the last entry", g.shape)
	}
}

// discreteLog finds an entry of a comb of G, or its negative.
func discreteLog(t *testing.T, g *comb, values []*big.Int, entry *affine) *big.Int {
	t.Helper()
	for i, v := range values {
		if g.entries[i].x == entry.x {
			if g.entries[i].y == entry.y {
				return v
			}
			return new(big.Int).Neg(v)
		}
	}
	t.Fatal("not an entry")
	return nil
}
