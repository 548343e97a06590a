package p256

import "runtime"

// shape says how a comb is made. Its bits, blocks·teeth·spacing, are at least 256.
//
// A multiple is cut into bits with signs, and bit (b·teeth + j)·spacing + s belongs to tooth j of block b in row s. A row needs
// one addition for each block, and there is one doubling between rows (Lim and Lee, CRYPTO '94; with several blocks and with
// signs as in libsecp256k1's comb of its generator). With a spacing of 1 these are windows of teeth bits and nothing is doubled.
type shape struct{ blocks, teeth, spacing int }

// level is how large a table is.
type level uint8

const (
	none level = iota
	small
	medium
	wide
)

// shapes are those of each level, with the additions and doublings that a multiple takes.
var shapes = [...]shape{
	small:  {2, 5, 26}, //   2 KiB: 52 and 25
	medium: {4, 6, 11}, //   8 KiB: 44 and 10
	wide:   {4, 11, 6}, // 256 KiB: 24 and 5
}

// baseShape is that of the generator's table, which all keys share: 1 MiB, 20 additions and 4 doublings.
var baseShape = shape{4, 13, 5}

const (
	smallPoints = 2 << 4 // of the small shape
	smallBases  = 2 * 5
	maxPicks    = 2 * 26 // of any shape
	maxSpacing  = 26
)

// points is how many points a table has: of each sum of teeth with signs and of its negative, one is kept.
func (s shape) points() int { return s.blocks << (s.teeth - 1) }

// bytes is the memory of a table.
func (s shape) bytes() int64 {
	if s == (shape{}) {
		return 0
	}
	return int64(s.points()) * 64
}

// picks is how many points a multiple is the sum of.
func (s shape) picks() int { return s.blocks * s.spacing }

// comb is a table of sums of multiples of a point q. With P_j = 2^((b·teeth + j)·spacing)·q, entry i of block b is
// P_(teeth-1) + Σ ±P_j, where bit j of i is set for plus.
type comb struct {
	shape
	entries []affine
}

// pick returns the points whose sum is k·q in the memory of out: for rows spacing-1 down to 0, one of each block. There are
// none for 0. All are read here, before the first addition, so that waits for memory overlap.
//
// An odd k < 2^L is Σ s_i·2^i over L bits, where s_i = 1 if bit i of (k + 2^L - 1)/2 is set and else -1: the sum is
// twice that number less 2^L - 1. That number is k/2, rounded down, with bit L-1 set. Of k and n-k one is odd, and
// (n-k)·q = -k·q.
func (c *comb) pick(out []affine, k *scalar) []affine {
	if k.isZero() {
		return nil
	}
	var odd scalar
	var negate uint32
	if k[0]&1 == 1 {
		odd = *k
	} else {
		odd.subtract(&orderN, k)
		negate = 1
	}
	teeth := uint(c.teeth)
	half := uint32(1) << (teeth - 1)
	out = out[:c.picks()]
	for b := range c.blocks {
		var rows [maxSpacing]uint32
		odd.rows(&rows, 1+uint(b)*teeth*uint(c.spacing), uint(c.spacing), teeth)
		if b == c.blocks-1 {
			rows[c.spacing-1] |= half
		}
		entries := c.entries[b<<(teeth-1):][:half]
		for s, e := range rows[:c.spacing] {
			minus := e>>(teeth-1) ^ 1
			p := &out[(c.spacing-1-s)*c.blocks+b]
			*p = entries[(e^-minus)&(half-1)]
			p.y.negateIf(minus ^ negate)
		}
	}
	return out
}

// rows collects the bits of z from bit at on: those of tooth j become bit j of their rows. Bits from 256 on are zero.
func (z *scalar) rows(rows *[maxSpacing]uint32, at, spacing, teeth uint) {
	for j := range teeth {
		tooth := z.bits(at+j*spacing, spacing)
		for s := range rows[:spacing] {
			rows[s] |= (tooth >> s & 1) << j
		}
	}
}

// sum sets p to u·q + v·r, where a holds what the comb of q picked for u, and b what that of r picked for v.
func (p *point) sum(q *comb, a []affine, r *comb, b []affine) {
	*p = point{}
	for s := max(q.spacing, r.spacing) - 1; s >= 0; s-- {
		p.double()
		if s < q.spacing && len(a) > 0 {
			for i := range a[:q.blocks] {
				p.addAffine(&a[i])
			}
			a = a[q.blocks:]
		}
		if s < r.spacing && len(b) > 0 {
			for i := range b[:r.blocks] {
				p.addAffine(&b[i])
			}
			b = b[r.blocks:]
		}
	}
}

// builder is the memory that building a table needs.
type builder struct {
	bases    []point   // P_j and 2·P_j of each tooth
	affine   []affine  // the same
	sums     []point   // one block
	products []element // for toAffine
}

// grow makes it large enough for a shape.
func (w *builder) grow(s shape) {
	if bases := 2 * s.blocks * s.teeth; len(w.bases) < bases {
		w.bases, w.affine = make([]point, bases), make([]affine, bases)
	}
	if sums := 1 << (s.teeth - 1); len(w.sums) < sums {
		w.sums = make([]point, sums)
	}
	if n := max(len(w.bases), len(w.sums)); len(w.products) < n {
		w.products = make([]element, n)
	}
}

// build fills the entries of a comb of q, which must be on the curve. Between pieces of work it calls pause, which may be nil.
//
// No sum is infinity: it is a power of 2 times an odd number of less than 2^((teeth-1)·spacing + 1) < n, and n is a prime.
func (c *comb) build(q *affine, w *builder, pause func()) {
	var p point
	p.setAffine(q)
	teeth := c.blocks * c.teeth
	for i := range teeth {
		w.bases[2*i] = p
		p.double()
		w.bases[2*i+1] = p
		for range c.spacing - 1 {
			p.double()
		}
	}
	toAffine(w.affine[:2*teeth], w.bases[:2*teeth], w.products)
	for b := range c.blocks {
		if pause != nil {
			pause()
		}
		bases := w.affine[2*b*c.teeth:][:2*c.teeth]
		sums := w.sums[:1<<(c.teeth-1)]
		sums[0] = point{}
		sums[0].setAffine(&bases[2*(c.teeth-1)])
		for j := range c.teeth - 1 {
			minus := bases[2*j]
			minus.y.neg(&minus.y)
			sums[0].addAffine(&minus)
		}
		for j := range c.teeth - 1 {
			for i := range 1 << j {
				sums[1<<j+i] = sums[i]
				sums[1<<j+i].addAffine(&bases[2*j+1])
			}
		}
		toAffine(c.entries[b*len(sums):][:len(sums)], sums, w.products)
	}
}

// newComb makes a comb of q.
func (w *builder) newComb(q *affine, s shape) *comb {
	w.grow(s)
	c := &comb{s, make([]affine, s.points())}
	c.build(q, w, runtime.Gosched)
	return c
}
