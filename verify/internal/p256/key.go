package p256

import (
	"errors"
	"sync"
	"sync/atomic"
)

// Key is a public key. It is safe for any number of goroutines.
type Key struct {
	q      affine
	table  atomic.Pointer[comb]
	passes atomic.Uint32 // accepted ones, up to enoughPasses
	heat   heat
}

var (
	errForm  = errors.New("not an uncompressed P-256 point")
	errCurve = errors.New("not a point on P-256")
)

// NewKey reads a point in uncompressed form (SEC 1 §2.3.4, 65 bytes). Points that are not on the curve, and the point at
// infinity, are errors. It returns the same Key for the same point while that has a table, so that a list that is read again finds
// its tables.
func NewKey(point []byte) (*Key, error) {
	if len(point) != 65 || point[0] != 4 {
		return nil, errForm
	}
	var q affine
	if !q.x.setBytes((*[32]byte)(point[1:33])) || !q.y.setBytes((*[32]byte)(point[33:])) || !q.onCurve() {
		return nil, errCurve
	}
	if k := shared.find(&q); k != nil {
		return k, nil
	}
	firstBase() // so that no verification has to
	return &Key{q: q}, nil
}

// Bytes is the point in the form that NewKey reads.
func (k *Key) Bytes() []byte {
	b := make([]byte, 65)
	b[0] = 4
	k.q.x.bytes((*[32]byte)(b[1:33]))
	k.q.y.bytes((*[32]byte)(b[33:]))
	return b
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

// baseTable is the comb of the generator. firstBase is what it is until shared has built a larger one.
var (
	baseTable atomic.Pointer[comb]
	firstBase = sync.OnceValue(func() *comb { return new(builder).newComb(&generator, shapes[medium]) })
)

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
	p.sum(q, q.pick(a[:], u), r, r.pick(b[:], v))
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
	c := comb{shapes[small], entries[:]}
	c.build(&k.q, &builder{bases[:], affines[:], sums[:], products[:]}, nil)
	p.twoMultiples(&c, u, base(), v)
}
