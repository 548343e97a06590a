package verify

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/bits"

	"filippo.io/bigmod"
	"filippo.io/nistec"
)

// P-256 parameters (FIPS 186-5, SP 800-186 §3.2.1.3).
var (
	p256Order = [32]byte{
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
	}
	p256OrderMinus2 = [32]byte{
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x4f,
	}
	p256OrderModulus = mustModulus(p256Order[:])
)

func mustModulus(b []byte) *bigmod.Modulus {
	m, err := bigmod.NewModulus(b)
	if err != nil {
		panic("verify: internal error: " + err.Error())
	}
	return m
}

// es256Size is the length of r ‖ s in bytes (RFC 9053 §2.1).
const es256Size = 64

type es256Key struct {
	q *nistec.P256Point
}

// NewES256 makes a key of a P-256 point in uncompressed SEC 1 form (65 bytes). Points that are not on the curve,
// and the point at infinity, are errors.
func NewES256(point []byte) (PublicKey, error) {
	if len(point) != 65 || point[0] != 4 {
		return PublicKey{}, errors.New("not an uncompressed P-256 point")
	}
	q, err := nistec.NewP256Point().SetBytes(point)
	if err != nil {
		return PublicKey{}, errors.New("not a point on P-256")
	}
	return PublicKey{es256: &es256Key{q}}, nil
}

// es256Scratch is the memory that one verification needs, so that it need not be allocated.
type es256Scratch struct {
	e, r, s, w *bigmod.Nat
	p1, p2     *nistec.P256Point
}

func newES256Scratch() es256Scratch {
	nat := func() *bigmod.Nat { return bigmod.NewNat().ExpandFor(p256OrderModulus) }
	return es256Scratch{nat(), nat(), nat(), nat(), nistec.NewP256Point(), nistec.NewP256Point()}
}

// verify reports whether sig is r ‖ s over the digest (FIPS 186-5 §6.4.2). All of it is public: time may vary.
func (k *es256Key) verify(sc *es256Scratch, digest *[sha256.Size]byte, sig []byte) bool {
	if len(sig) != es256Size {
		return false
	}
	r, s := (*[32]byte)(sig[:32]), (*[32]byte)(sig[32:])
	if !inScalarRange(r) || !inScalarRange(s) {
		return false
	}
	n := p256OrderModulus
	if _, err := sc.e.SetOverflowingBytes(digest[:], n); err != nil {
		return false
	}
	if _, err := sc.r.SetBytes(r[:], n); err != nil {
		return false
	}
	if _, err := sc.s.SetBytes(s[:], n); err != nil {
		return false
	}
	sc.w.Exp(sc.s, p256OrderMinus2[:], n) // Fermat: s⁻¹ = sⁿ⁻² for prime n
	var u1, u2 [32]byte
	fillBytes(u1[:], sc.e.Mul(sc.w, n))
	fillBytes(u2[:], sc.r.Mul(sc.w, n))

	if _, err := sc.p1.ScalarBaseMult(u1[:]); err != nil {
		return false
	}
	if _, err := sc.p2.ScalarMult(k.q, u2[:]); err != nil {
		return false
	}
	x, err := sc.p1.Add(sc.p1, sc.p2).BytesX()
	if err != nil { // the point at infinity
		return false
	}
	reduceModOrder((*[32]byte)(x))
	return bytes.Equal(x, r[:])
}

// inScalarRange reports whether 1 <= x <= n-1.
func inScalarRange(x *[32]byte) bool {
	return *x != [32]byte{} && bytes.Compare(x[:], p256Order[:]) < 0
}

// reduceModOrder sets x to x mod n. Coordinates are below p < 2n, so one subtraction is enough.
func reduceModOrder(x *[32]byte) {
	if bytes.Compare(x[:], p256Order[:]) < 0 {
		return
	}
	borrow := 0
	for i := len(x) - 1; i >= 0; i-- {
		d := int(x[i]) - int(p256Order[i]) - borrow
		x[i] = byte(d)
		borrow = d >> 8 & 1
	}
}

// fillBytes writes x to out, big-endian and zero-extended. x must fit.
func fillBytes(out []byte, x *bigmod.Nat) {
	i := len(out)
	for _, limb := range x.Bits() {
		for range bits.UintSize / 8 {
			if i == 0 {
				return
			}
			i--
			out[i] = byte(limb)
			limb >>= 8
		}
	}
	clear(out[:i])
}
