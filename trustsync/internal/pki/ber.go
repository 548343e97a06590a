package pki

import (
	"errors"
	"fmt"
)

// maxBERDepth bounds how deep elements may be nested. A CMS with a certificate in it has about 15 levels.
const maxBERDepth = 40

// Octets and bits of BER (ITU-T X.690 §8.1).
const (
	berConstructed   = 0x20
	berTagNumber     = 0x1f
	berIndefinite    = 0x80
	berOctetString   = 0x04
	berLengthOctets  = 0x7f
	berMaxLengthSize = 4 // octets of a length, enough for anything within MaxCMSSize
)

var errBER = errors.New("malformed BER")

// definite rewrites one element of BER without indefinite lengths and without octet strings in pieces, which is what
// encoding/asn1 needs; Bouncy Castle writes both. An element that has neither stays as it is, byte for byte: certificates
// and attributes are signed in the form in which they came. Nothing may follow the element.
//
// It needs memory and time in proportion to len(ber): the nesting is bounded, and a length is believed only if that many
// bytes are there.
func definite(ber []byte) ([]byte, error) {
	der, rest, err := definiteElement(ber, 0)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes follow it", errBER, len(rest))
	}
	return der, nil
}

// definiteElement rewrites the first element of ber and returns what follows it.
func definiteElement(ber []byte, depth int) (der, rest []byte, err error) {
	if depth > maxBERDepth {
		return nil, nil, fmt.Errorf("%w: nested deeper than %d levels", errBER, maxBERDepth)
	}
	tag, length, header, err := berHeader(ber)
	if err != nil {
		return nil, nil, err
	}
	body, indefinite := ber[header:], length == berIndefiniteLength
	if !indefinite {
		body = body[:length]
	}
	if tag&berConstructed == 0 {
		if indefinite {
			return nil, nil, fmt.Errorf("%w: primitive element of indefinite length", errBER)
		}
		return ber[:header+length], ber[header+length:], nil
	}

	inPieces := tag == berOctetString|berConstructed
	changed := indefinite || inPieces
	var content []byte
	start := body
	for {
		if indefinite {
			if len(body) < 2 {
				return nil, nil, fmt.Errorf("%w: no end of contents", errBER)
			}
			if body[0] == 0 && body[1] == 0 { // X.690 §8.1.5
				rest = body[2:]
				break
			}
		} else if len(body) == 0 {
			rest = ber[header+length:]
			break
		}
		before := body
		var child []byte
		if child, body, err = definiteElement(body, depth+1); err != nil {
			return nil, nil, err
		}
		if !changed && &child[0] != &before[0] { // rewritten: a child that stays as it is stays where it is
			changed = true
			content = append(content, start[:len(start)-len(before)]...)
		}
		if !changed {
			continue
		}
		if inPieces {
			if child, err = octets(child); err != nil {
				return nil, nil, err
			}
		}
		content = append(content, child...)
	}
	switch {
	case !changed:
		return ber[:header+length], rest, nil
	case inPieces:
		tag = berOctetString
	}
	return append(derHeader(tag, len(content)), content...), rest, nil
}

const berIndefiniteLength = -1

// berHeader reads identifier and length. The length is not more than what follows the header.
func berHeader(ber []byte) (tag byte, length, header int, err error) {
	if len(ber) < 2 {
		return 0, 0, 0, fmt.Errorf("%w: cut short", errBER)
	}
	tag = ber[0]
	switch {
	case tag&berTagNumber == berTagNumber:
		return 0, 0, 0, fmt.Errorf("%w: tag number above 30", errBER) // CMS and X.509 have none
	case tag == 0:
		return 0, 0, 0, fmt.Errorf("%w: end of contents where there is none to end", errBER)
	}
	first := ber[1]
	switch {
	case first == berIndefinite:
		return tag, berIndefiniteLength, 2, nil
	case first < berIndefinite:
		length, header = int(first), 2
	default:
		n := int(first & berLengthOctets)
		if n > berMaxLengthSize || len(ber) < 2+n {
			return 0, 0, 0, fmt.Errorf("%w: length", errBER)
		}
		var l uint64
		for _, b := range ber[2 : 2+n] {
			l = l<<8 | uint64(b)
		}
		if l > uint64(len(ber)) {
			return 0, 0, 0, fmt.Errorf("%w: cut short", errBER)
		}
		length, header = int(l), 2+n
	}
	if length > len(ber)-header {
		return 0, 0, 0, fmt.Errorf("%w: cut short", errBER)
	}
	return tag, length, header, nil
}

// octets is the content of a piece of an octet string (X.690 §8.7.3), already in definite form.
func octets(piece []byte) ([]byte, error) {
	if piece[0] != berOctetString {
		return nil, fmt.Errorf("%w: an octet string with something else in it", errBER)
	}
	_, length, header, err := berHeader(piece)
	if err != nil {
		return nil, err
	}
	return piece[header : header+length], nil
}

// derHeader writes identifier and length in the shortest form (X.690 §10.1).
func derHeader(tag byte, length int) []byte {
	if length < berIndefinite {
		return []byte{tag, byte(length)}
	}
	var octets []byte
	for ; length > 0; length >>= 8 {
		octets = append([]byte{byte(length)}, octets...)
	}
	return append([]byte{tag, berIndefinite | byte(len(octets))}, octets...)
}
