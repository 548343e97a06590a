package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The major types of RFC 8949 section 3.1 that JSON needs, in the place they have in an initial byte.
const (
	majorUint   = 0 << 5
	majorNegint = 1 << 5
	majorBytes  = 2 << 5
	majorText   = 3 << 5
	majorArray  = 4 << 5
	majorMap    = 5 << 5
	majorTag    = 6 << 5
	majorSimple = 7 << 5
)

// The rest of RFC 8949 that JSON needs: simple values (section 3.3) and bignum tags (section 3.4.3).
const (
	simpleFalse   = majorSimple | 20
	simpleTrue    = majorSimple | 21
	simpleNull    = majorSimple | 22
	simpleFloat64 = majorSimple | 27

	tagPosBignum = 2
	tagNegBignum = 3
)

// payloadCBOR turns one JSON text into CBOR that says the same, literally: members keep their order and their
// duplicates, null stays null, an integer literal becomes an integer (a bignum beyond 64 bits, RFC 8949 section 6.2)
// and a literal with '.', 'e' or 'E' a float64. It knows nothing of the DCC.
//
// What CBOR cannot say is an error: text that is not Unicode, a number beyond float64.
func payloadCBOR(text []byte) ([]byte, error) {
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("not JSON: %w (byte %d)", err, syntax.Offset)
		}
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("not JSON: not valid UTF-8")
	}
	if escape := loneSurrogate(text); escape != "" {
		return nil, fmt.Errorf("%s is half of a surrogate pair, which no CBOR text can hold", escape)
	}
	c := converter{json: json.NewDecoder(bytes.NewReader(text))}
	c.json.UseNumber()
	if err := c.value(); err != nil {
		return nil, err
	}
	return c.cbor, nil
}

// converter reads JSON tokens and appends CBOR. Its input has been found valid JSON before, which bounds its depth.
type converter struct {
	json *json.Decoder
	cbor []byte
}

func (c *converter) value() error {
	token, err := c.json.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case nil:
		c.cbor = append(c.cbor, simpleNull)
	case bool:
		if t {
			c.cbor = append(c.cbor, simpleTrue)
		} else {
			c.cbor = append(c.cbor, simpleFalse)
		}
	case string:
		c.cbor = append(appendHead(c.cbor, majorText, uint64(len(t))), t...)
	case json.Number:
		return c.number(t.String())
	case json.Delim:
		if t == '{' {
			return c.container(majorMap)
		}
		return c.container(majorArray)
	}
	return nil
}

// container converts up to the closing delimiter. The head is put in afterwards, when the number of items is known.
func (c *converter) container(major byte) error {
	start := len(c.cbor)
	var items uint64
	for ; c.json.More(); items++ {
		if major == majorMap {
			if err := c.value(); err != nil { // the member's name
				return err
			}
		}
		if err := c.value(); err != nil {
			return err
		}
	}
	if _, err := c.json.Token(); err != nil {
		return err
	}
	c.cbor = slices.Insert(c.cbor, start, appendHead(nil, major, items)...)
	return nil
}

func (c *converter) number(literal string) error {
	if strings.ContainsAny(literal, ".eE") {
		f, err := strconv.ParseFloat(literal, 64)
		if err != nil {
			return fmt.Errorf("the number %s does not fit a float64", literal)
		}
		c.cbor = append(c.cbor, simpleFloat64)
		c.cbor, err = binary.Append(c.cbor, binary.BigEndian, f)
		return err
	}
	n, ok := new(big.Int).SetString(literal, 10)
	if !ok {
		return fmt.Errorf("the number %s cannot be read", literal)
	}
	major, tag := byte(majorUint), uint64(tagPosBignum)
	if n.Sign() < 0 {
		major, tag = majorNegint, tagNegBignum
		n.Not(n) // a negative n is carried as -1-n
	}
	if n.IsUint64() {
		c.cbor = appendHead(c.cbor, major, n.Uint64())
		return nil
	}
	c.cbor = appendHead(c.cbor, majorTag, tag)
	c.cbor = appendHead(c.cbor, majorBytes, uint64(len(n.Bytes())))
	c.cbor = append(c.cbor, n.Bytes()...)
	return nil
}

// appendHead appends the shortest head of a data item (RFC 8949 section 3).
func appendHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

// loneSurrogate returns the first \u escape in valid JSON that stands for half of a surrogate pair without the other
// half, or "". encoding/json would quietly put U+FFFD in its place.
func loneSurrogate(text []byte) string {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++ // what is escaped; in valid JSON there is always something
		if text[i] != 'u' {
			continue
		}
		switch escape := text[i-1:]; {
		case surrogate(escape, "89abAB"):
			if !surrogate(escape[6:], "cdefCDEF") {
				return string(escape[:6])
			}
			i += 10
		case surrogate(escape, "cdefCDEF"):
			return string(escape[:6])
		}
	}
	return ""
}

// surrogate says whether text begins with an escape \uDnxx where n is one of second.
func surrogate(text []byte, second string) bool {
	return len(text) >= 6 && text[0] == '\\' && text[1] == 'u' && (text[2] == 'd' || text[2] == 'D') &&
		strings.IndexByte(second, text[3]) >= 0
}
