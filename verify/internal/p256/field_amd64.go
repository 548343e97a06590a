//go:build !purego

package p256

import "golang.org/x/sys/cpu"

// useADX says whether the processor has MULX, ADCX and ADOX, as Intel's have since 2014 and AMD's since 2017.
var useADX = cpu.X86.HasADX && cpu.X86.HasBMI2

//go:noescape
func mulADX(z, x, y *element)

//go:noescape
func sqrADX(z, x *element)

//go:noescape
func subADX(z, x, y *element)

//go:noescape
func addAffineADX(p *point, q *affine) bool

func mul(z, x, y *element) {
	if useADX {
		mulADX(z, x, y)
	} else {
		mulGo(z, x, y)
	}
}

func sqr(z, x *element) {
	if useADX {
		sqrADX(z, x)
	} else {
		sqrGo(z, x)
	}
}

func sub(z, x, y *element) { subGo(z, x, y) }

// addFast is addAffine, or does nothing and returns false.
func (p *point) addFast(q *affine) bool { return useADX && addAffineADX(p, q) }
