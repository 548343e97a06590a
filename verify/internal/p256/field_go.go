package p256

func mul(z, x, y *element) { mulGo(z, x, y) }
func sqr(z, x *element)    { sqrGo(z, x) }
func sub(z, x, y *element) { subGo(z, x, y) }
