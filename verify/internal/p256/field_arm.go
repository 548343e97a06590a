//go:build arm.6 && !purego

package p256

//go:noescape
func mulUMAAL(z, x, y *element)

//go:noescape
func subARM(z, x, y *element)

func mul(z, x, y *element) { mulUMAAL(z, x, y) }
func sqr(z, x *element)    { mulUMAAL(z, x, x) }
func sub(z, x, y *element) { subARM(z, x, y) }

// addFast does nothing here: no assembly adds points.
func (p *point) addFast(*affine) bool { return false }
