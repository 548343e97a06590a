package p256

import "encoding/binary"

// element is an integer modulo p, always below p, in Montgomery form: a stands for a·2⁻²⁵⁶ (Montgomery 1985). The
// representation is unique, so that == compares. The zero element is 0.
type element [limbs]limb

// setBytes sets z to a big-endian integer and says whether it is below p.
func (z *element) setBytes(b *[32]byte) bool {
	var plain element
	for i := range plain {
		plain[i] = loadLimb(b[32-(i+1)*limbBits/8:])
	}
	if !less((*scalar)(&plain), (*scalar)(&modulusP)) {
		return false
	}
	mul(z, &plain, &rrP)
	return true
}

// bytes writes z, big-endian.
func (z *element) bytes(out *[32]byte) {
	var plain element
	mul(&plain, z, &element{1}) // out of Montgomery form
	for i, v := range plain {
		for j := range limbBits / 8 {
			out[31-i*limbBits/8-j] = byte(v >> (8 * j))
		}
	}
}

// setScalar sets z to x, which must be below p.
func (z *element) setScalar(x *scalar) { mul(z, (*element)(x), &rrP) }

// neg sets z to -x for x other than 0.
func (z *element) neg(x *element) { sub(z, &modulusP, x) }

// invert sets z to 1/x, and to 0 for 0.
func (z *element) invert(x *element) {
	var plain element
	mul(&plain, x, &element{1}) // out of Montgomery form
	inverse((*scalar)(&plain), &inverseP)
	mul(z, &plain, &rrP)
}

// loadLimb reads the big-endian limb at the start of b.
func loadLimb(b []byte) limb {
	if limbBits == 64 {
		return limb(binary.BigEndian.Uint64(b) & (1<<limbBits - 1))
	}
	return limb(binary.BigEndian.Uint32(b))
}
