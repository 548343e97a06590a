package verify

import "gatescan/verify/internal/cbor"

// CBOR tags (RFC 9052 §2, RFC 8392 §6).
const (
	tagSign1 = 18
	tagCWT   = 61
)

// COSE header labels (RFC 9052 §3.1) and algorithms (RFC 9053 §2.1, RFC 8230 §2).
const (
	labelAlg  = 1
	labelCrit = 2
	labelKID  = 4

	coseES256 = -7
	cosePS256 = -37
)

// sign1 is a COSE_Sign1 (RFC 9052 §4.2). The slices point into the verifier's memory.
type sign1 struct {
	protected []byte // as received: what was signed, never encoded again
	payload   []byte
	signature []byte
	header    header // what the two headers say together
}

// header is what we need of a COSE header.
type header struct {
	kid    []byte
	alg    Alg
	hasKID bool
	hasAlg bool // whether an alg stands there, also one we do not know
	crit   bool
}

// parseSign1 reads a COSE_Sign1 without a tag, with tag 18, or with tags 61(18).
func (v *Verifier) parseSign1(data []byte) (m sign1, tolerated Tolerance, refused Reason) {
	if !v.check.Check(data) {
		return m, 0, BadCBOR
	}
	c := cbor.NewCursor(data, &v.join)
	if tag, ok := c.Tag(); ok {
		if tag == tagCWT {
			tag, ok = c.Tag()
		}
		if !ok || tag != tagSign1 {
			return m, 0, BadCOSE
		}
	}
	array, ok := c.Array()
	if !ok || !c.Next(&array) {
		return m, 0, BadCOSE
	}
	if m.protected, ok = c.Bytes(); !ok || !c.Next(&array) {
		return m, 0, BadCOSE
	}
	unprotected, ok := v.parseHeader(&c)
	if !ok || !c.Next(&array) {
		return m, 0, BadCOSE
	}
	if m.payload, ok = c.Bytes(); !ok || !c.Next(&array) { // a payload of nil is detached
		return m, 0, BadCOSE
	}
	if m.signature, ok = c.Bytes(); !ok || c.Next(&array) {
		return m, 0, BadCOSE
	}

	if len(m.protected) > 0 {
		if !v.check.Check(m.protected) {
			return m, 0, BadCBOR
		}
		inner := cbor.NewCursor(m.protected, &v.join)
		if m.header, ok = v.parseHeader(&inner); !ok {
			return m, 0, BadCOSE
		}
	}
	if m.header.crit || unprotected.crit { // we understand no extension (RFC 9052 §3.1)
		return m, 0, BadCOSE
	}
	if !m.header.hasKID {
		m.header.kid, m.header.hasKID = unprotected.kid, unprotected.hasKID
	}
	if !m.header.hasAlg && unprotected.hasAlg && v.policy.Tolerate&AlgUnprotected != 0 {
		tolerated = AlgUnprotected
		m.header.alg = unprotected.alg
	}
	return m, tolerated, noObjection
}

// parseHeader reads a header map. It fails at a kid that is no byte string, and at anything but a map.
func (v *Verifier) parseHeader(c *cbor.Cursor) (h header, ok bool) {
	labels, ok := c.Map()
	if !ok {
		return h, false
	}
	for c.Next(&labels) {
		label, isInt := c.Int()
		if !isInt && !c.Skip() { // a label of text
			return h, false
		}
		switch {
		case isInt && label == labelAlg:
			h.hasAlg = true
			if alg, isInt := c.Int(); isInt {
				h.alg = algOf(alg)
				continue
			}
		case isInt && label == labelKID:
			if h.kid, h.hasKID = c.Bytes(); !h.hasKID {
				return h, false
			}
			continue
		case isInt && label == labelCrit:
			h.crit = true
		}
		if !c.Skip() {
			return h, false
		}
	}
	return h, true
}

// algOf is the algorithm of a COSE number, NoAlg for those that no pass may use.
func algOf(number int64) Alg {
	switch number {
	case coseES256:
		return ES256
	case cosePS256:
		return PS256
	}
	return NoAlg
}

// sigStructure writes what was signed (RFC 9052 §4.4): ["Signature1", protected, an empty byte string, payload], with
// the protected header as it was received.
func (v *Verifier) sigStructure(m *sign1) []byte {
	b := append(v.tbs[:0], "\x84\x6aSignature1"...)
	b = appendByteString(b, m.protected)
	b = append(b, 0x40) // external_aad: empty
	b = appendByteString(b, m.payload)
	v.tbsUsed = len(b)
	return b
}

// appendByteString appends a CBOR byte string. Its length is below 64 KiB, by maxCWT.
func appendByteString(b, s []byte) []byte {
	const major = 2 << 5
	switch n := len(s); {
	case n < 24:
		b = append(b, major|byte(n))
	case n < 1<<8:
		b = append(b, major|24, byte(n))
	default:
		b = append(b, major|25, byte(n>>8), byte(n))
	}
	return append(b, s...)
}
