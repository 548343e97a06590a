//go:build !(386 || arm || mips || mipsle)

package p256

import "math/bits"

// limb is the machine's word. An integer of 256 bits is limbs of them, the lowest first.
type limb = uint64

const (
	limbBits = 64
	limbs    = 256 / limbBits
)

// The limbs of p = 2²⁵⁶ - 2²²⁴ + 2¹⁹² + 2⁹⁶ - 1 are p0, p1, 0, p3.
const (
	p0 = 1<<64 - 1
	p1 = 1<<32 - 1
	p3 = 0xffffffff_00000001
)

var (
	modulusP = element{p0, p1, 0, p3}
	// rrP is 2⁵¹² mod p, which brings an integer into Montgomery form.
	rrP = element{0x3, 0xfffffffb_ffffffff, 0xffffffff_fffffffe, 0x00000004_fffffffd}
	// one is 1 in Montgomery form: 2²⁵⁶ mod p.
	one = element{1, 0xffffffff_00000000, 0xffffffff_ffffffff, 0xfffffffe}
	// curveB is the coefficient b of the curve (SP 800-186 §3.2.1.3) in Montgomery form.
	curveB = element{0xd89cdf62_29c4bddf, 0xacf005cd_78843090, 0xe5a220ab_f7212ed6, 0xdc30061d_04874834}
	// orderN is the order n of the group, montN is -n⁻¹ mod 2⁶⁴, rrN is 2⁵¹² mod n.
	orderN = scalar{0xf3b9cac2_fc632551, 0xbce6faad_a7179e84, 0xffffffff_ffffffff, 0xffffffff_00000000}
	rrN    = scalar{0x83244c95_be79eea2, 0x4699799c_49bd6fa6, 0x2845b239_2b6bec59, 0x66e12d94_f3d95620}
)

const montN limb = 0xccd1c8aa_ee00bc4f

// mulAdd is x·y + a + b. It cannot overflow: (2⁶⁴-1)² + 2(2⁶⁴-1) = 2¹²⁸ - 1.
func mulAdd(x, y, a, b limb) (hi, lo limb) {
	hi, lo = bits.Mul64(x, y)
	lo, c := bits.Add64(lo, a, 0)
	hi, _ = bits.Add64(hi, 0, c)
	lo, c = bits.Add64(lo, b, 0)
	hi, _ = bits.Add64(hi, 0, c)
	return hi, lo
}

// addLimb is x + y + carry.
func addLimb(x, y, carry limb) (sum, carryOut limb) { return bits.Add64(x, y, carry) }

// subLimb is x - y - borrow.
func subLimb(x, y, borrow limb) (difference, borrowOut limb) { return bits.Sub64(x, y, borrow) }

// mulGo sets z to x·y/2²⁵⁶ mod p. It first makes the product t of 8 limbs, by rows. A row x_i·y + t is below
// (2⁶⁴-1)·2²⁵⁶ + 2²⁵⁶ = 2³²⁰, so 5 limbs hold it and its last carry is zero.
func mulGo(z, x, y *element) {
	y0, y1, y2, y3 := y[0], y[1], y[2], y[3]
	var c uint64

	a := x[0]
	t1, t0 := bits.Mul64(a, y0)
	t2, l1 := bits.Mul64(a, y1)
	t3, l2 := bits.Mul64(a, y2)
	t4, l3 := bits.Mul64(a, y3)
	t1, c = bits.Add64(t1, l1, 0)
	t2, c = bits.Add64(t2, l2, c)
	t3, c = bits.Add64(t3, l3, c)
	t4 += c

	a = x[1]
	h0, l0 := bits.Mul64(a, y0)
	h1, l1 := bits.Mul64(a, y1)
	h2, l2 := bits.Mul64(a, y2)
	h3, l3 := bits.Mul64(a, y3)
	t1, c = bits.Add64(t1, l0, 0)
	t2, c = bits.Add64(t2, l1, c)
	t3, c = bits.Add64(t3, l2, c)
	t4, c = bits.Add64(t4, l3, c)
	t5 := h3 + c
	t2, c = bits.Add64(t2, h0, 0)
	t3, c = bits.Add64(t3, h1, c)
	t4, c = bits.Add64(t4, h2, c)
	t5 += c

	a = x[2]
	h0, l0 = bits.Mul64(a, y0)
	h1, l1 = bits.Mul64(a, y1)
	h2, l2 = bits.Mul64(a, y2)
	h3, l3 = bits.Mul64(a, y3)
	t2, c = bits.Add64(t2, l0, 0)
	t3, c = bits.Add64(t3, l1, c)
	t4, c = bits.Add64(t4, l2, c)
	t5, c = bits.Add64(t5, l3, c)
	t6 := h3 + c
	t3, c = bits.Add64(t3, h0, 0)
	t4, c = bits.Add64(t4, h1, c)
	t5, c = bits.Add64(t5, h2, c)
	t6 += c

	a = x[3]
	h0, l0 = bits.Mul64(a, y0)
	h1, l1 = bits.Mul64(a, y1)
	h2, l2 = bits.Mul64(a, y2)
	h3, l3 = bits.Mul64(a, y3)
	t3, c = bits.Add64(t3, l0, 0)
	t4, c = bits.Add64(t4, l1, c)
	t5, c = bits.Add64(t5, l2, c)
	t6, c = bits.Add64(t6, l3, c)
	t7 := h3 + c
	t4, c = bits.Add64(t4, h0, 0)
	t5, c = bits.Add64(t5, h1, c)
	t6, c = bits.Add64(t6, h2, c)
	t7 += c

	z.reduce(t0, t1, t2, t3, t4, t5, t6, t7)
}

// sqrGo sets z to x²/2²⁵⁶ mod p. The products x_i·x_j with i < j come first; they are doubled, and the squares
// x_i² are added to them. No carry leaves t7, since x² < 2⁵¹².
func sqrGo(z, x *element) {
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	var c uint64

	t2, t1 := bits.Mul64(x0, x1)
	t3, l := bits.Mul64(x0, x2)
	t2, c = bits.Add64(t2, l, 0)
	t4, l := bits.Mul64(x0, x3)
	t3, c = bits.Add64(t3, l, c)
	t4 += c
	h, l := bits.Mul64(x1, x2)
	h2, l2 := bits.Mul64(x1, x3)
	t3, c = bits.Add64(t3, l, 0)
	t4, c = bits.Add64(t4, l2, c)
	t5 := h2 + c
	t4, c = bits.Add64(t4, h, 0)
	h, l = bits.Mul64(x2, x3)
	t5, c = bits.Add64(t5, l, c)
	t6 := h + c

	t7 := t6 >> 63
	t6 = t6<<1 | t5>>63
	t5 = t5<<1 | t4>>63
	t4 = t4<<1 | t3>>63
	t3 = t3<<1 | t2>>63
	t2 = t2<<1 | t1>>63
	t1 <<= 1

	h0, t0 := bits.Mul64(x0, x0)
	h1, l1 := bits.Mul64(x1, x1)
	h2, l2 = bits.Mul64(x2, x2)
	h3, l3 := bits.Mul64(x3, x3)
	t1, c = bits.Add64(t1, h0, 0)
	t2, c = bits.Add64(t2, l1, c)
	t3, c = bits.Add64(t3, h1, c)
	t4, c = bits.Add64(t4, l2, c)
	t5, c = bits.Add64(t5, h2, c)
	t6, c = bits.Add64(t6, l3, c)
	t7 += h3 + c

	z.reduce(t0, t1, t2, t3, t4, t5, t6, t7)
}

// reduce sets z to t/2²⁵⁶ mod p for t < p² (Montgomery 1985). Each of four steps adds m·p with m = t0 and drops the
// limb that becomes zero: -p⁻¹ mod 2⁶⁴ is 1, and
//
//	t0 + m·p = m·2⁶⁴·(2³² + p3·2¹²⁸)  for  p = -1 + 2⁹⁶ + p3·2¹⁹²,
//
// with m·p3 = m·2⁶⁴ - m·2³² + m, so that there is no multiplication. The low half, taken alone, stays below 2²⁵⁶:
// (2²⁵⁶ + (2⁶⁴-1)·p)/2⁶⁴ < 2¹⁹² + p. After four steps it is at most p; with the high half, below p, it is below 2p, and one
// subtraction is enough.
func (z *element) reduce(t0, t1, t2, t3, t4, t5, t6, t7 uint64) {
	l, c := bits.Sub64(t0, t0<<32, 0)
	h, _ := bits.Sub64(t0, t0>>32, c)
	t1, c = bits.Add64(t1, t0<<32, 0)
	t2, c = bits.Add64(t2, t0>>32, c)
	t3, c = bits.Add64(t3, l, c)
	t0 = h + c

	l, c = bits.Sub64(t1, t1<<32, 0)
	h, _ = bits.Sub64(t1, t1>>32, c)
	t2, c = bits.Add64(t2, t1<<32, 0)
	t3, c = bits.Add64(t3, t1>>32, c)
	t0, c = bits.Add64(t0, l, c)
	t1 = h + c

	l, c = bits.Sub64(t2, t2<<32, 0)
	h, _ = bits.Sub64(t2, t2>>32, c)
	t3, c = bits.Add64(t3, t2<<32, 0)
	t0, c = bits.Add64(t0, t2>>32, c)
	t1, c = bits.Add64(t1, l, c)
	t2 = h + c

	l, c = bits.Sub64(t3, t3<<32, 0)
	h, _ = bits.Sub64(t3, t3>>32, c)
	t0, c = bits.Add64(t0, t3<<32, 0)
	t1, c = bits.Add64(t1, t3>>32, c)
	t2, c = bits.Add64(t2, l, c)
	t3 = h + c

	t0, c = bits.Add64(t0, t4, 0)
	t1, c = bits.Add64(t1, t5, c)
	t2, c = bits.Add64(t2, t6, c)
	t3, c = bits.Add64(t3, t7, c)
	z.subtractP(t0, t1, t2, t3, c)
}

// subtractP sets z to t mod p for t < 2p, of which carry is bit 256.
func (z *element) subtractP(t0, t1, t2, t3, carry uint64) {
	s0, b := bits.Sub64(t0, p0, 0)
	s1, b := bits.Sub64(t1, p1, b)
	s2, b := bits.Sub64(t2, 0, b)
	s3, b := bits.Sub64(t3, p3, b)
	_, b = bits.Sub64(carry, 0, b)
	keep := -b // all ones if t < p
	z[0] = s0 ^ keep&(s0^t0)
	z[1] = s1 ^ keep&(s1^t1)
	z[2] = s2 ^ keep&(s2^t2)
	z[3] = s3 ^ keep&(s3^t3)
}

// add sets z to x + y.
func (z *element) add(x, y *element) {
	t0, c := bits.Add64(x[0], y[0], 0)
	t1, c := bits.Add64(x[1], y[1], c)
	t2, c := bits.Add64(x[2], y[2], c)
	t3, c := bits.Add64(x[3], y[3], c)
	z.subtractP(t0, t1, t2, t3, c)
}

// subGo sets z to x - y.
func subGo(z, x, y *element) {
	t0, b := bits.Sub64(x[0], y[0], 0)
	t1, b := bits.Sub64(x[1], y[1], b)
	t2, b := bits.Sub64(x[2], y[2], b)
	t3, b := bits.Sub64(x[3], y[3], b)
	borrowed := -b // all ones if x < y: then p is added, which carries out what was borrowed
	t0, c := bits.Add64(t0, borrowed&p0, 0)
	t1, c = bits.Add64(t1, borrowed&p1, c)
	t2, c = bits.Add64(t2, 0, c)
	t3, _ = bits.Add64(t3, borrowed&p3, c)
	z[0], z[1], z[2], z[3] = t0, t1, t2, t3
}

// negateIf sets z to -z if yes is 1, for z other than 0, and leaves it if yes is 0.
func (z *element) negateIf(yes uint32) {
	mask := -uint64(yes)
	t0, b := bits.Sub64(p0, z[0], 0)
	t1, b := bits.Sub64(p1, z[1], b)
	t2, b := bits.Sub64(0, z[2], b)
	t3, _ := bits.Sub64(p3, z[3], b)
	z[0] ^= mask & (z[0] ^ t0)
	z[1] ^= mask & (z[1] ^ t1)
	z[2] ^= mask & (z[2] ^ t2)
	z[3] ^= mask & (z[3] ^ t3)
}
