package verify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// doctor is a title that some issuers write into the name, and others do not.
const doctor = "DR"

// latin has what ICAO Doc 9303-3 §6.A makes of letters beyond A to Z. Of two ways that it allows the one that Germany's
// issuers use stands here.
var latin = [...]struct{ letters, to string }{
	{"ÄÆǢ", "AE"},
	{"ÖŒØ", "OE"},
	{"Ü", "UE"},
	{"Å", "AA"},
	{"ßẞ", "SS"},
	{"Þ", "TH"},
	{"Ĳ", "IJ"},
	{"ÁÀÂÃĂĄĀ", "A"},
	{"ĆĈČĊÇ", "C"},
	{"ĐĎÐ", "D"},
	{"ÉÈÊËĚĖĒĘĔ", "E"},
	{"ĜĞĠĢ", "G"},
	{"ĦĤ", "H"},
	{"ÍÌÎÏĨİĬĪĮ", "I"},
	{"Ĵ", "J"},
	{"Ķ", "K"},
	{"ŁĹĽĻĿ", "L"},
	{"ŃŇŅÑŊ", "N"},
	{"ÓÒÔÕŐŎŌ", "O"},
	{"ŔŘŖ", "R"},
	{"ŚŜŠŞȘ", "S"},
	{"ŤŢȚŦ", "T"},
	{"ÚÙÛŨŬŮŰŪŲ", "U"},
	{"Ŵ", "W"},
	{"ÝŶŸ", "Y"},
	{"ŹŽŻ", "Z"},
}

// transliterated is what a capital letter is in a machine-readable name; empty if latin does not know it.
func transliterated(r rune) string {
	for i := range latin {
		if strings.ContainsRune(latin[i].letters, r) {
			return latin[i].to
		}
	}
	return ""
}

// nextNamePart cuts off the first part of a name and appends it to dst, in capitals and transliterated; letters of other
// alphabets than the Latin one stay. Apostrophes are dropped, and whatever else is neither letter nor digit separates:
// "<", blanks, hyphens, full stops. The part may be empty. dst grows by at most three bytes for each one of name.
func nextNamePart(dst, name []byte) (part, rest []byte) {
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		name = name[n:]
		r = unicode.ToUpper(r)
		switch {
		case 'A' <= r && r <= 'Z' || '0' <= r && r <= '9':
			dst = append(dst, byte(r))
		case strings.ContainsRune("'’´`", r):
		case unicode.IsMark(r):
			const diaeresis = '\u0308'
			if r == diaeresis && len(dst) > 0 && strings.IndexByte("AOU", dst[len(dst)-1]) >= 0 {
				dst = append(dst, 'E')
			}
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			return dst, name
		default:
			if to := transliterated(r); to != "" {
				dst = append(dst, to...)
			} else {
				dst = utf8.AppendRune(dst, r)
			}
		}
	}
	return dst, nil
}
