package p256

// scalar is an integer of 256 bits, mostly one modulo n.
type scalar [limbs]limb

// setBytes sets z to a big-endian integer.
func (z *scalar) setBytes(b *[32]byte) {
	for i := range z {
		z[i] = loadLimb(b[32-(i+1)*limbBits/8:])
	}
}

func (z *scalar) isZero() bool { return *z == scalar{} }

// less says whether x < y.
func less(x, y *scalar) bool {
	var borrow limb
	for i := range x {
		_, borrow = subLimb(x[i], y[i], borrow)
	}
	return borrow == 1
}

// subtract sets z to x - y, which must not be negative.
func (z *scalar) subtract(x, y *scalar) {
	var borrow limb
	for i := range z {
		z[i], borrow = subLimb(x[i], y[i], borrow)
	}
}

// bits returns bits at to at+count-1 of z; those from 256 on are zero. count is below 32.
func (z *scalar) bits(at, count uint) uint32 {
	i, shift := at/limbBits, at%limbBits
	if i >= limbs {
		return 0
	}
	w := uint64(z[i] >> shift)
	if shift+count > limbBits && i+1 < limbs {
		w |= uint64(z[i+1]) << (limbBits - shift)
	}
	return uint32(w) & (1<<count - 1)
}

// montMul sets z to x·y/2²⁵⁶ mod n for x < 2²⁵⁶ and y < n (CIOS; Koç, Acar, Kaliski 1996). t stays below y + n: a row
// makes (t + x_i·y + m·n)/W < (y + n + (W-1)·y + (W-1)·n)/W = y + n for W = 2^limbBits. So t < 2n, one limb more than
// n holds it, and one subtraction is enough.
func (z *scalar) montMul(x, y *scalar) {
	var t [limbs + 1]limb
	for _, a := range x {
		var carry limb
		for j := range limbs {
			carry, t[j] = mulAdd(a, y[j], t[j], carry)
		}
		top, over := addLimb(t[limbs], carry, 0)
		m := t[0] * montN
		carry, _ = mulAdd(m, orderN[0], t[0], 0)
		for j := 1; j < limbs; j++ {
			carry, t[j-1] = mulAdd(m, orderN[j], t[j], carry)
		}
		t[limbs-1], carry = addLimb(top, carry, 0)
		t[limbs] = over + carry
	}
	*z = scalar(t[:limbs])
	if t[limbs] != 0 || !less(z, &orderN) {
		z.subtract(z, &orderN)
	}
}

// quotients sets u1 to e/s and u2 to r/s modulo n, for e < 2²⁵⁶ and 0 < r, s < n (FIPS 186-5 §6.4.2).
func quotients(u1, u2, e, r, s *scalar) {
	w := *s
	inverse(&w, &inverseN)
	w.montMul(&rrN, &w) // w·2²⁵⁶, so that the next products are plain
	u1.montMul(e, &w)
	u2.montMul(r, &w)
}
