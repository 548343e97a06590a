package who

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gatescan/trustsync/internal/list"
)

// jwk is a publicKeyJwk of a did.json, in the order of the document, no name twice. What a key is, its certificate says; this
// only keeps what was signed.
type jwk []jwkMember

// jwkMember is a string, or if it is x5c an array of them.
type jwkMember struct {
	name  string
	text  string
	texts []string
}

// jwkNames are the members that a key may have (RFC 7517 §4, RFC 7518 §6.2.1, §6.3.1).
var jwkNames = []string{"crv", "e", "kid", "kty", "n", "x", "x5c", "y"}

// maxX5C bounds the certificates of one key. There are one or two.
const maxX5C = 16

// member returns a member, the zero one if it is not there.
func (j jwk) member(name string) jwkMember {
	for _, m := range j {
		if m.name == name {
			return m
		}
	}
	return jwkMember{}
}

// readJWK reads a key. Any other shape than that of jwk is refused: RFC 8785 would have a form for it, but no genuine
// document has shown one.
func readJWK(w list.JSON) (j jwk, err error) {
	err = didObject(w, jwkNames, func(name string) (err error) {
		m := jwkMember{name: name}
		if name == "x5c" {
			m.texts, err = readX5C(w)
		} else {
			m.text, err = didText(w)
		}
		j = append(j, m)
		return err
	})
	return j, err
}

func readX5C(w list.JSON) (texts []string, err error) {
	err = w.Array(func() error {
		if len(texts) == maxX5C {
			return fmt.Errorf("more than %d certificates", maxX5C)
		}
		text, err := didText(w)
		texts = append(texts, text)
		return err
	})
	return texts, err
}

// didText reads a string of printable ASCII without quotation mark and backslash. Canonical JSON (RFC 8785 §3.2.2.2) and
// canonical N-Quads both leave such a string as it is.
func didText(w list.JSON) (string, error) {
	token, err := w.Token()
	if err != nil {
		return "", err
	}
	return textOf(token)
}

// textOf is didText for a value that was read.
func textOf(token json.Token) (string, error) {
	text, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("%.40v where a string should be", token)
	}
	for _, b := range []byte(text) {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return "", errors.New("a string with other than plain ASCII characters")
		}
	}
	return text, nil
}

// appendCanonical appends the key in the form of RFC 8785: members sorted by name (§3.2.3), no space. mark stands for every
// quotation mark, so that the form can be written as part of a literal; nothing else in it is ever escaped.
func (j jwk) appendCanonical(b []byte, mark string) []byte {
	quoted := func(text string) {
		b = append(b, mark...)
		b = append(b, text...)
		b = append(b, mark...)
	}
	b = append(b, '{')
	for i, m := range slices.SortedFunc(slices.Values(j), func(x, y jwkMember) int { return cmp.Compare(x.name, y.name) }) {
		if i > 0 {
			b = append(b, ',')
		}
		quoted(m.name)
		b = append(b, ':')
		if m.name != "x5c" {
			quoted(m.text)
			continue
		}
		b = append(b, '[')
		for k, text := range m.texts {
			if k > 0 {
				b = append(b, ',')
			}
			quoted(text)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}
