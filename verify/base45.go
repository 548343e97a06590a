package verify

// base45Alphabet is the alphabet of RFC 9285 §3.2. The space is data.
const base45Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

const notBase45 = 0xff

var base45Value = func() (values [256]uint8) {
	for i := range values {
		values[i] = notBase45
	}
	for i := range len(base45Alphabet) {
		values[base45Alphabet[i]] = uint8(i)
	}
	return values
}()

// decodeBase45 decodes text into dst, which must hold (len(text)+2)/3*2 bytes, and returns what it wrote
// (RFC 9285 §4). ok is false at any character outside the alphabet, at a value that does not fit, and at a single
// character left over; what was written by then is returned all the same, so that it can be wiped.
func decodeBase45(dst []byte, text []byte) (out []byte, ok bool) {
	n := 0
	for len(text) >= 3 {
		c, d, e := base45Value[text[0]], base45Value[text[1]], base45Value[text[2]]
		if c|d|e == notBase45 { // values are below 64, so only 0xff sets every bit
			return dst[:n], false
		}
		v := uint32(c) + 45*uint32(d) + 45*45*uint32(e)
		if v > 0xffff {
			return dst[:n], false
		}
		dst[n], dst[n+1] = byte(v>>8), byte(v)
		n += 2
		text = text[3:]
	}
	switch len(text) {
	case 1:
		return dst[:n], false
	case 2:
		c, d := base45Value[text[0]], base45Value[text[1]]
		if c|d == notBase45 {
			return dst[:n], false
		}
		v := uint32(c) + 45*uint32(d)
		if v > 0xff {
			return dst[:n], false
		}
		dst[n] = byte(v)
		n++
	}
	return dst[:n], true
}
