package p256

import "math/bits"

// Inversion by the division steps of Bernstein and Yang, "Fast constant-time gcd computation and modular inversion"
// (TCHES 2019/3), here in variable time. With f the odd modulus, g the number, and delta = 1, a step is
//
//	delta > 0 and g odd:  delta, f, g = 1 - delta, g, (g - f)/2
//	else:                 delta, f, g = 1 + delta, f, (g + (g mod 2)·f)/2
//
// until g is 0; then f is ±gcd. A run of 30 steps depends on the lowest 30 bits of f and g only, so that it is done on
// words. It gives a matrix (u v; q r) with which f and g are multiplied, and d and e with them, modulo the modulus:
// d·x = f and e·x = g hold throughout. The theorem that 741 steps are enough for 256 bits (ibid. §11) bounds the loop.

// signed30 is a signed integer: the sum of w_i·2³⁰ⁱ, the lowest first. All but the last are in 0 to 2³⁰-1; the last has the sign.
type signed30 [9]int32

const low30 = 1<<30 - 1

// invertible is a prime to invert by.
type invertible struct {
	modulus signed30
	inverse uint32 // 1/modulus mod 2³⁰
}

var (
	inverseP = newInvertible((*scalar)(&modulusP), 0x3fffffff)
	inverseN = newInvertible(&orderN, 0x11ff43b1)
)

func newInvertible(m *scalar, inverse uint32) invertible { return invertible{widen(m), inverse} }

func widen(x *scalar) (w signed30) {
	for i := range w {
		w[i] = int32(x.bits(30*uint(i), 30))
	}
	return w
}

// narrow is the way back of widen for 0 <= w < 2²⁵⁶.
func (w *signed30) narrow() (x scalar) {
	for i, v := range w {
		at := uint(30 * i)
		j, shift := at/limbBits, at%limbBits
		x[j] |= limb(v) << shift
		if shift+30 > limbBits && j+1 < limbs {
			x[j+1] |= limb(v) >> (limbBits - shift)
		}
	}
	return x
}

// steps is the matrix of 30 division steps. |u| + |v| and |q| + |r| are at most 2³⁰: a step doubles a row at most, or
// adds the rows.
type steps struct{ u, v, q, r int32 }

// run makes 30 division steps from the lowest bits of f, which is odd, and g. eta is -delta.
//
// It takes all steps with an even g at once. Else it swaps if delta is positive, and then adds to g that multiple of f that
// clears as many bits as steps can follow before the next swap, which are eta + 1.
func (t *steps) run(eta int32, f, g uint32) int32 {
	u, v, q, r := uint32(1), uint32(0), uint32(0), uint32(1)
	k := negInverse(f)
	left := 30
	for {
		zeros := bits.TrailingZeros32(g | 1<<left)
		g >>= zeros
		u <<= zeros
		v <<= zeros
		eta -= int32(zeros)
		left -= zeros
		if left == 0 {
			break
		}
		if eta < 0 {
			eta = -eta
			f, g = g, -f
			u, q = q, -u
			v, r = r, -v
			k = negInverse(f)
		}
		n := min(int(eta)+1, left, 6)
		w := g * k & (1<<n - 1)
		g += f * w
		q += u * w
		r += v * w
	}
	*t = steps{int32(u), int32(v), int32(q), int32(r)}
	return eta
}

// negInverse is -1/f mod 2⁶ for odd f: f is its own inverse modulo 8, and a Newton step x(2 - f·x) doubles the bits.
func negInverse(f uint32) uint32 { return f * (f*f - 2) }

// apply sets f and g to (u·f + v·g)/2³⁰ and (q·f + r·g)/2³⁰, which are whole, and returns how many words still matter.
func (t *steps) apply(f, g *signed30, n int) int {
	u, v, q, r := int64(t.u), int64(t.v), int64(t.q), int64(t.r)
	fi, gi := int64(f[0]), int64(g[0])
	cf, cg := (u*fi+v*gi)>>30, (q*fi+r*gi)>>30
	for i := 1; i < n; i++ {
		fi, gi = int64(f[i]), int64(g[i])
		cf += u*fi + v*gi
		cg += q*fi + r*gi
		f[i-1], g[i-1] = int32(cf&low30), int32(cg&low30)
		cf >>= 30
		cg >>= 30
	}
	f[n-1], g[n-1] = int32(cf), int32(cg)
	if n > 1 && isSign(f[n-1]) && isSign(g[n-1]) {
		f[n-2] |= f[n-1] << 30
		g[n-2] |= g[n-1] << 30
		n--
	}
	return n
}

// isSign says whether a last word is nothing but a sign, so that the word below it can have it.
func isSign(w int32) bool { return w == w>>31 }

// applyModulo sets d and e to (u·d + v·e)/2³⁰ and (q·d + r·e)/2³⁰ modulo the modulus M. Both stay between -2M and M: a
// negative one is taken as itself plus M, so that the sum is between -2³⁰M and 2³⁰M; to make it a multiple of 2³⁰, at
// most (2³⁰-1)·M is taken away. In a column, |u·d_i + v·e_i| <= 2⁶⁰ and |M_i·k| < 2⁶¹, which an int64 holds with the carry.
func (t *steps) applyModulo(d, e *signed30, m *invertible) {
	u, v, q, r := int64(t.u), int64(t.v), int64(t.q), int64(t.r)
	sd, se := d[8]>>31, e[8]>>31
	kd, ke := t.u&sd+t.v&se, t.q&sd+t.r&se
	di, ei, mi := int64(d[0]), int64(e[0]), int64(m.modulus[0])
	cd, ce := u*di+v*ei, q*di+r*ei
	kd -= int32((m.inverse*uint32(cd) + uint32(kd)) & low30)
	ke -= int32((m.inverse*uint32(ce) + uint32(ke)) & low30)
	cd = (cd + mi*int64(kd)) >> 30
	ce = (ce + mi*int64(ke)) >> 30
	for i := 1; i < len(d); i++ {
		di, ei, mi = int64(d[i]), int64(e[i]), int64(m.modulus[i])
		cd += u*di + v*ei + mi*int64(kd)
		ce += q*di + r*ei + mi*int64(ke)
		d[i-1], e[i-1] = int32(cd&low30), int32(ce&low30)
		cd >>= 30
		ce >>= 30
	}
	d[8], e[8] = int32(cd), int32(ce)
}

// addModulus adds M if d is negative.
func (d *signed30) addModulus(m *invertible) {
	if d[8] >= 0 {
		return
	}
	for i := range d {
		d[i] += m.modulus[i]
	}
	d.carry()
}

func (d *signed30) negate() {
	for i := range d {
		d[i] = -d[i]
	}
	d.carry()
}

func (d *signed30) carry() {
	for i := range 8 {
		d[i+1] += d[i] >> 30
		d[i] &= low30
	}
}

// inverse sets x to 1/x modulo m for 0 < x < m, and leaves 0.
func inverse(x *scalar, m *invertible) {
	d, e := signed30{}, signed30{1}
	f, g := m.modulus, widen(x)
	n := len(f)
	var t steps
	for eta := int32(-1); g != (signed30{}); {
		eta = t.run(eta, uint32(f[0]), uint32(g[0]))
		t.applyModulo(&d, &e, m)
		n = t.apply(&f, &g, n)
		clear(g[n:])
	}
	d.addModulus(m)
	if f[n-1] < 0 {
		d.negate()
	}
	d.addModulus(m)
	*x = d.narrow()
}
