package p256

import (
	"errors"
	"sync"
	"sync/atomic"
)

// Key is a public key. It is safe for any number of goroutines.
type Key struct {
	q     affine
	table atomic.Pointer[comb]
}

var errPoint = errors.New("not an uncompressed point of P-256")

// NewKey reads a point in uncompressed form (SEC 1 §2.3.4, 65 bytes). Points that are not on the curve, and the point at
// infinity, are errors.
func NewKey(point []byte) (*Key, error) {
	if len(point) != 65 || point[0] != 4 {
		return nil, errPoint
	}
	k := &Key{}
	if !k.q.x.setBytes((*[32]byte)(point[1:33])) || !k.q.y.setBytes((*[32]byte)(point[33:])) || !k.q.onCurve() {
		return nil, errPoint
	}
	return k, nil
}

// generator is the base point G (SP 800-186 §3.2.1.3).
var generator = func() (g affine) {
	g.x.setBytes(&[32]byte{
		0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
		0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
	})
	g.y.setBytes(&[32]byte{
		0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
		0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
	})
	return g
}()

// baseTable is the comb of the generator: at first a medium one.
var baseTable atomic.Pointer[comb]

var firstBase = sync.OnceValue(func() *comb { return newComb(&generator, mediumShape, nil) })

func base() *comb {
	if c := baseTable.Load(); c != nil {
		return c
	}
	return firstBase()
}

// Verify says whether sig is r ‖ s, in bytes big-endian, over a SHA-256 digest (FIPS 186-5 §6.4.2, RFC 9053 §2.1). It
// allocates nothing.
func (k *Key) Verify(digest, r, s *[32]byte) bool {
	var e, rn, sn, u1, u2 scalar
	rn.setBytes(r)
	sn.setBytes(s)
	if rn.isZero() || sn.isZero() || !less(&rn, &orderN) || !less(&sn, &orderN) {
		return false
	}
	e.setBytes(digest)
	quotients(&u1, &u2, &e, &rn, &sn)
	var p point
	if c := k.table.Load(); c != nil {
		p.twoMultiples(c, &u2, base(), &u1)
	} else {
		k.multiplesWithout(&p, &u2, &u1)
	}
	return !p.isInfinity() && p.hasX(&rn)
}

// twoMultiples sets p to u·q + v·r for the combs of q and r.
func (p *point) twoMultiples(q *comb, u *scalar, r *comb, v *scalar) {
	var a, b [maxPicks]affine
	p.sum(q, q.pick(a[:0], u), r, r.pick(b[:0], v))
}

// multiplesWithout sets p to u·q + v·G for a key that has no table yet, by a small one that is forgotten.
func (k *Key) multiplesWithout(p *point, u, v *scalar) {
	var (
		entries  [smallPoints]affine
		bases    [2 * smallBases]point
		affines  [2 * smallBases]affine
		sums     [smallPoints / 2]point
		products [2 * smallBases]element
	)
	c := comb{smallShape, entries[:]}
	c.build(&k.q, &builder{bases[:], affines[:], sums[:], products[:]}, nil)
	p.twoMultiples(&c, u, base(), v)
}
