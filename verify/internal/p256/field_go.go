//go:build purego || !(amd64 || arm.6)

package p256

func mul(z, x, y *element) { mulGo(z, x, y) }
func sqr(z, x *element)    { sqrGo(z, x) }
func sub(z, x, y *element) { subGo(z, x, y) }

// addFast does nothing here: no assembly adds points.
func (p *point) addFast(*affine) bool { return false }
