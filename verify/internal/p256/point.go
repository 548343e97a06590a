package p256

// affine is a point of the curve other than infinity.
type affine struct{ x, y element }

// point is a point in XYZZ coordinates: x = X/ZZ, y = Y/ZZZ, ZZ³ = ZZZ² (EFD, shortw/xyzz). ZZ = 0 is infinity, which the
// zero point is.
type point struct{ x, y, zz, zzz element }

func (p *point) isInfinity() bool { return p.zz == element{} }

func (p *point) setAffine(q *affine) { *p = point{q.x, q.y, one, one} }

// onCurve says whether y² = x³ - 3x + b.
func (q *affine) onCurve() bool {
	var left, right, x element
	sqr(&left, &q.y)
	sqr(&right, &q.x)
	mul(&right, &right, &q.x)
	x.add(&q.x, &q.x)
	x.add(&x, &q.x)
	sub(&right, &right, &x)
	right.add(&right, &curveB)
	return left == right
}

// double sets p to 2p (EFD, shortw/xyzz, dbl-2008-s-1, with M = 3(X1-ZZ1)(X1+ZZ1) since a = -3). No point of the curve
// has y = 0, as its order is an odd prime; infinity stays what it is, for ZZ3 = V·ZZ1.
func (p *point) double() {
	var u, v, w, s, m, t element
	u.add(&p.y, &p.y)
	sqr(&v, &u)
	mul(&w, &u, &v)
	mul(&s, &p.x, &v)
	sub(&m, &p.x, &p.zz)
	t.add(&p.x, &p.zz)
	mul(&m, &m, &t)
	t.add(&m, &m)
	m.add(&m, &t)
	sqr(&t, &m)
	sub(&t, &t, &s)
	sub(&p.x, &t, &s)
	sub(&s, &s, &p.x)
	mul(&m, &m, &s)
	mul(&t, &w, &p.y)
	sub(&p.y, &m, &t)
	mul(&p.zz, &v, &p.zz)
	mul(&p.zzz, &w, &p.zzz)
}

// addAffine sets p to p + q (EFD, shortw/xyzz, madd-2008-s). The formula fails for equal x, which an attacker who chooses keys
// and digests can bring about: then q is p, or -p.
func (p *point) addAffine(q *affine) {
	if p.isInfinity() {
		p.setAffine(q)
		return
	}
	if !p.addFast(q) {
		p.addAffineGo(q)
	}
}

// addAffineGo is addAffine for p other than infinity.
func (p *point) addAffineGo(q *affine) {
	var h, r, t, u element
	mul(&h, &q.x, &p.zz)
	mul(&r, &q.y, &p.zzz)
	sub(&h, &h, &p.x) // P
	sub(&r, &r, &p.y) // R
	if h == (element{}) {
		p.sameX(&r)
		return
	}
	sqr(&t, &h)             // PP
	mul(&p.zz, &p.zz, &t)   // ZZ3
	mul(&h, &h, &t)         // PPP
	mul(&t, &p.x, &t)       // Q
	mul(&p.zzz, &p.zzz, &h) // ZZZ3
	sqr(&u, &r)             // R²
	sub(&u, &u, &h)         //
	sub(&u, &u, &t)         //
	sub(&p.x, &u, &t)       // X3 = R² - PPP - 2Q
	sub(&t, &t, &p.x)       //
	mul(&r, &r, &t)         // R(Q - X3)
	mul(&h, &p.y, &h)       // Y1·PPP
	sub(&p.y, &r, &h)       // Y3
}

// sameX sets p to p + q for a q with the x of p. r is 0 if their y are equal, too: then q is p, else q is -p.
func (p *point) sameX(r *element) {
	if *r == (element{}) {
		p.double()
		return
	}
	*p = point{}
}

// hasX says whether x mod n is the x of p modulo n, for a p other than infinity and x < n: X = x·ZZ, or X = (x + n)·ZZ if
// x + n < p. It spares an inversion.
func (p *point) hasX(x *scalar) bool {
	var want element
	want.setScalar(x)
	mul(&want, &want, &p.zz)
	if want == p.x {
		return true
	}
	if !less(x, &pMinusN) {
		return false
	}
	var sum scalar
	var carry limb
	for i := range sum { // no carry: x + n < p
		sum[i], carry = addLimb(x[i], orderN[i], carry)
	}
	want.setScalar(&sum)
	mul(&want, &want, &p.zz)
	return want == p.x
}

// pMinusN is p - n, near 2¹²⁸ (p > n).
var pMinusN = func() (d scalar) {
	d.subtract((*scalar)(&modulusP), &orderN)
	return d
}()

// toAffine sets out to the points, none of which may be infinity, with one inversion for all (Montgomery's trick).
// products is memory for as many elements. 1/Z = ZZ/ZZZ, so 1/ZZ = (ZZ/ZZZ)².
func toAffine(out []affine, points []point, products []element) {
	product := one
	for i := range points {
		products[i] = product
		mul(&product, &product, &points[i].zzz)
	}
	var inverse element
	inverse.invert(&product)
	for i := len(points) - 1; i >= 0; i-- {
		p := &points[i]
		var zzz, zz element
		mul(&zzz, &inverse, &products[i])
		mul(&inverse, &inverse, &p.zzz)
		mul(&zz, &p.zz, &zzz)
		sqr(&zz, &zz)
		mul(&out[i].x, &p.x, &zz)
		mul(&out[i].y, &p.y, &zzz)
	}
}
