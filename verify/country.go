package verify

// country is an ISO 3166-1 alpha-2 code in capital letters, or zero.
type country [2]byte

// countryOf reads a code in whatever case and with white space around it. The Union writes EL and UK for GR and GB
// (Interinstitutional Style Guide §7.1.1); they are read as what certificates and rules have. It does not allocate.
func countryOf[T string | []byte](s T) (c country, ok bool) {
	if s = trimSpaces(s); len(s) != len(c) {
		return c, false
	}
	c = country{capital(s[0]), capital(s[1])}
	for _, letter := range c {
		if letter < 'A' || letter > 'Z' {
			return country{}, false
		}
	}
	switch c {
	case country{'E', 'L'}:
		c = country{'G', 'R'}
	case country{'U', 'K'}:
		c = country{'G', 'B'}
	}
	return c, true
}

func trimSpaces[T string | []byte](s T) T {
	for len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}

func capital(b byte) byte {
	if 'a' <= b && b <= 'z' {
		b -= 'a' - 'A'
	}
	return b
}

// text is the code, or nothing if there is none.
func (c *country) text() []byte {
	if *c == (country{}) {
		return nil
	}
	return c[:]
}

// ParseCountry reads an ISO 3166-1 alpha-2 code in whatever case, EL as GR and UK as GB. ok is false for what is none.
func ParseCountry(s string) (code string, ok bool) {
	c, ok := countryOf(s)
	return string(c.text()), ok
}
