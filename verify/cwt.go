package verify

import (
	"math"
	"time"

	"gatescan/verify/internal/cbor"
)

// CWT claims (RFC 8392 §3.1) and the health certificate claim (SPEC §3.3.1).
const (
	claimIssuer    = 1
	claimExpires   = 4
	claimNotBefore = 5
	claimIssuedAt  = 6
	claimHCERT     = -260
)

// specimenExpiry marks a specimen in Dutch passes. It must never open a gate, whatever the clock says.
const specimenExpiry = 42

// claims are the claims of a CWT.
type claims struct {
	issuer    []byte // empty if absent
	expires   time.Time
	issuedAt  time.Time
	notBefore time.Time   // zero if absent
	hcert     cbor.Cursor // at the value of claim -260
	hasHCERT  bool
	document  document    // which document the claim holds; findDocument says so
	body      cbor.Cursor // at that document
	icvp      icvp        // if it is one; findEntry reads it

	hasExpires, hasIssuedAt, hasName bool
}

// parseClaims reads the payload of a COSE_Sign1 whose signature holds. Everything in it must be well-formed, also
// what we do not look at. Which times there must be depends on the document: lacksTime.
func (v *Verifier) parseClaims(payload []byte) (cl claims, ok bool) {
	if !v.check.Check(payload) {
		return cl, false
	}
	c := cbor.NewCursor(payload, &v.join)
	entries, ok := c.Map()
	if !ok {
		return cl, false
	}
	for c.Next(&entries) {
		key, isInt := c.Int()
		if !isInt {
			name, isText := c.Text()
			if !isText && !c.Skip() {
				return cl, false
			}
			cl.hasName = cl.hasName || string(name) == claimName
		}
		ok := true
		switch {
		case isInt && key == claimIssuer:
			cl.issuer, ok = c.Text()
		case isInt && key == claimExpires:
			cl.expires, ok = numericDate(&c, math.Floor)
			cl.hasExpires = true
		case isInt && key == claimNotBefore:
			cl.notBefore, ok = numericDate(&c, math.Ceil)
		case isInt && key == claimIssuedAt:
			cl.issuedAt, ok = numericDate(&c, math.Ceil)
			cl.hasIssuedAt = true
		case isInt && key == claimHCERT:
			cl.hcert, cl.hasHCERT = c, true
			ok = c.Skip()
		default:
			ok = c.Skip()
		}
		if !ok {
			return cl, false
		}
	}
	return cl, true
}

// numericDate reads seconds since 1970 (RFC 8392 §2): an integer, or a finite float as some issuers write it, either
// with tag 1 or without. What is finer than nanoseconds is rounded the way that makes the claim stricter. Negative
// numbers and those beyond the year 9999, such as milliseconds, are refused.
func numericDate(c *cbor.Cursor, round func(float64) float64) (t time.Time, ok bool) {
	const tagEpoch = 1 // RFC 8949 §3.4.2
	if tag, ok := c.Tag(); ok && tag != tagEpoch {
		return t, false
	}
	if u, ok := c.Uint(); ok {
		return time.Unix(int64(u), 0), u <= maxNumericDate // seconds that wrap around are not ok
	}
	f, ok := c.Float()
	if !ok || !(f >= 0 && f <= maxNumericDate) { // NaN fails both
		return t, false
	}
	seconds, fraction := math.Modf(f)
	return time.Unix(int64(seconds), int64(round(fraction*1e9))), true
}

// judgeTimes compares the claims with now, exactly. exp is the last instant at which the pass is valid: Annex I of
// Decision (EU) 2021/1073 has it rejected after that (RFC 7519 §4.1.4 would at it). iat may lie ahead by skew, since a
// pass that was issued a moment ago is shown to a gate whose clock is a little behind; nbf was chosen, and may not.
func (cl *claims) judgeTimes(now time.Time, skew time.Duration) Reason {
	switch {
	case cl.issuedAt.After(now.Add(skew)) || cl.notBefore.After(now):
		return NotYetValid
	case cl.hasExpires && (now.After(cl.expires) || cl.expires.Unix() == specimenExpiry):
		return Expired
	}
	return noObjection
}
