//go:build 386 || arm || mips || mipsle

package p256

import "math/bits"

// limb is the machine's word. An integer of 256 bits is limbs of them, the lowest first.
type limb = uint32

const (
	limbBits = 32
	limbs    = 256 / limbBits
)

const ones = 1<<32 - 1

var (
	// modulusP is p = 2²⁵⁶ - 2²²⁴ + 2¹⁹² + 2⁹⁶ - 1.
	modulusP = element{ones, ones, ones, 0, 0, 0, 1, ones}
	// rrP is 2⁵¹² mod p, which brings an integer into Montgomery form.
	rrP = element{3, 0, ones, 0xfffffffb, 0xfffffffe, ones, 0xfffffffd, 4}
	// one is 1 in Montgomery form: 2²⁵⁶ mod p.
	one = element{1, 0, 0, ones, ones, ones, 0xfffffffe, 0}
	// curveB is the coefficient b of the curve (SP 800-186 §3.2.1.3) in Montgomery form.
	curveB = element{0x29c4bddf, 0xd89cdf62, 0x78843090, 0xacf005cd, 0xf7212ed6, 0xe5a220ab, 0x04874834, 0xdc30061d}
	// orderN is the order n of the group, montN is -n⁻¹ mod 2³², rrN is 2⁵¹² mod n.
	orderN = scalar{0xfc632551, 0xf3b9cac2, 0xa7179e84, 0xbce6faad, ones, ones, 0, ones}
	rrN    = scalar{0xbe79eea2, 0x83244c95, 0x49bd6fa6, 0x4699799c, 0x2b6bec59, 0x2845b239, 0xf3d95620, 0x66e12d94}
)

const montN limb = 0xee00bc4f

// mulAdd is x·y + a + b. It cannot overflow: (2³²-1)² + 2(2³²-1) = 2⁶⁴ - 1.
func mulAdd(x, y, a, b limb) (hi, lo limb) {
	t := uint64(x)*uint64(y) + uint64(a) + uint64(b)
	return limb(t >> 32), limb(t)
}

// addLimb is x + y + carry.
func addLimb(x, y, carry limb) (sum, carryOut limb) { return bits.Add32(x, y, carry) }

// subLimb is x - y - borrow.
func subLimb(x, y, borrow limb) (difference, borrowOut limb) { return bits.Sub32(x, y, borrow) }

// mulGo sets z to x·y/2²⁵⁶ mod p.
func mulGo(z, x, y *element) {
	var t [2 * limbs]uint32
	y0, y1, y2, y3, y4, y5, y6, y7 := y[0], y[1], y[2], y[3], y[4], y[5], y[6], y[7]
	for i, a := range x {
		row := (*[limbs + 1]uint32)(t[i : i+limbs+1])
		var c uint32
		c, row[0] = mulAdd(a, y0, row[0], 0)
		c, row[1] = mulAdd(a, y1, row[1], c)
		c, row[2] = mulAdd(a, y2, row[2], c)
		c, row[3] = mulAdd(a, y3, row[3], c)
		c, row[4] = mulAdd(a, y4, row[4], c)
		c, row[5] = mulAdd(a, y5, row[5], c)
		c, row[6] = mulAdd(a, y6, row[6], c)
		row[8], row[7] = mulAdd(a, y7, row[7], c)
	}
	z.reduce(&t)
}

// sqrGo sets z to x²/2²⁵⁶ mod p. The products x_i·x_j with i < j come first; they are doubled, and the squares
// x_i² are added to them. No carry leaves the highest limb, since x² < 2⁵¹².
func sqrGo(z, x *element) {
	var t [2 * limbs]uint32
	for i, a := range x[:limbs-1] {
		var c uint32
		for j := i + 1; j < limbs; j++ {
			c, t[i+j] = mulAdd(a, x[j], t[i+j], c)
		}
		t[i+limbs] = c
	}
	var top, carry uint32
	for i, a := range x {
		hi, lo := mulAdd(a, a, 0, 0)
		even, odd := t[2*i], t[2*i+1]
		t[2*i], carry = bits.Add32(even<<1|top, lo, carry)
		t[2*i+1], carry = bits.Add32(odd<<1|even>>31, hi, carry)
		top = odd >> 31
	}
	z.reduce(&t)
}

// reduce sets z to t/2²⁵⁶ mod p for t < p² (Montgomery 1985). Let T be the low half of t. There is m < 2²⁵⁶ with
// T + m·p = 0 mod 2²⁵⁶; as p = -1 + 2⁹⁶ + 2¹⁹² - 2²²⁴ mod 2²⁵⁶, it follows from
//
//	m = T + m·2⁹⁶ + m·2¹⁹² - m·2²²⁴ mod 2²⁵⁶
//
// limb by limb, with no multiplication. What the right side has beyond 2²⁵⁶, with the high half of t and m·2²⁵⁶, is
// (t + m·p)/2²⁵⁶ < (p² + 2²⁵⁶·p)/2²⁵⁶ < 2p, so that one subtraction is enough. A column sums at most five words of
// 32 bits and a carry of at most 4 in size, which an int64 holds.
func (z *element) reduce(t *[2 * limbs]uint32) {
	m0, m1, m2 := int64(t[0]), int64(t[1]), int64(t[2])
	c := int64(t[3]) + m0
	m3 := c & ones
	c = c>>32 + int64(t[4]) + m1
	m4 := c & ones
	c = c>>32 + int64(t[5]) + m2
	m5 := c & ones
	c = c>>32 + int64(t[6]) + m3 + m0
	m6 := c & ones
	c = c>>32 + int64(t[7]) + m4 + m1 - m0
	m7 := c & ones

	c = c>>32 + int64(t[8]) + m0 + m5 + m2 - m1
	r0 := uint32(c)
	c = c>>32 + int64(t[9]) + m1 + m6 + m3 - m2
	r1 := uint32(c)
	c = c>>32 + int64(t[10]) + m2 + m7 + m4 - m3
	r2 := uint32(c)
	c = c>>32 + int64(t[11]) + m3 + m5 - m4
	r3 := uint32(c)
	c = c>>32 + int64(t[12]) + m4 + m6 - m5
	r4 := uint32(c)
	c = c>>32 + int64(t[13]) + m5 + m7 - m6
	r5 := uint32(c)
	c = c>>32 + int64(t[14]) + m6 - m7
	r6 := uint32(c)
	c = c>>32 + int64(t[15]) + m7
	z.subtractP(&element{r0, r1, r2, r3, r4, r5, r6, uint32(c)}, uint32(c>>32))
}

// subtractP sets z to t mod p for t < 2p, of which carry is bit 256.
func (z *element) subtractP(t *element, carry uint32) {
	s0, b := bits.Sub32(t[0], ones, 0)
	s1, b := bits.Sub32(t[1], ones, b)
	s2, b := bits.Sub32(t[2], ones, b)
	s3, b := bits.Sub32(t[3], 0, b)
	s4, b := bits.Sub32(t[4], 0, b)
	s5, b := bits.Sub32(t[5], 0, b)
	s6, b := bits.Sub32(t[6], 1, b)
	s7, b := bits.Sub32(t[7], ones, b)
	if carry < b { // t < p
		*z = *t
		return
	}
	*z = element{s0, s1, s2, s3, s4, s5, s6, s7}
}

// add sets z to x + y, as x - (p - y). For y = 0 that is x - p, to which sub adds p again.
func (z *element) add(x, y *element) {
	var minus element
	sub(&minus, &modulusP, y)
	sub(z, x, &minus)
}

// subGo sets z to x - y.
func subGo(z, x, y *element) {
	t0, b := bits.Sub32(x[0], y[0], 0)
	t1, b := bits.Sub32(x[1], y[1], b)
	t2, b := bits.Sub32(x[2], y[2], b)
	t3, b := bits.Sub32(x[3], y[3], b)
	t4, b := bits.Sub32(x[4], y[4], b)
	t5, b := bits.Sub32(x[5], y[5], b)
	t6, b := bits.Sub32(x[6], y[6], b)
	t7, b := bits.Sub32(x[7], y[7], b)
	borrowed := -b // all ones if x < y: then p is added, which carries out what was borrowed
	z[0], b = bits.Add32(t0, borrowed, 0)
	z[1], b = bits.Add32(t1, borrowed, b)
	z[2], b = bits.Add32(t2, borrowed, b)
	z[3], b = bits.Add32(t3, 0, b)
	z[4], b = bits.Add32(t4, 0, b)
	z[5], b = bits.Add32(t5, 0, b)
	z[6], b = bits.Add32(t6, borrowed&1, b)
	z[7], _ = bits.Add32(t7, borrowed, b)
}

// negateIf sets z to -z if yes is 1, for z other than 0, and leaves it if yes is 0.
func (z *element) negateIf(yes uint32) {
	if yes == 1 {
		sub(z, &modulusP, z)
	}
}
