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

// claims are the claims of a CWT, times in Unix seconds.
type claims struct {
	issuer    []byte // empty if absent
	expires   int64
	issuedAt  int64
	notBefore int64       // 0 if absent
	hcert     cbor.Cursor // at the value of claim -260
	hasHCERT  bool
	document  document    // which document the claim holds; findEntry says so
	dcc       cbor.Cursor // at the DCC; findEntry puts it there
}

// parseClaims reads the payload of a COSE_Sign1 whose signature holds. Everything in it must be well-formed, also
// what we do not look at.
func (v *Verifier) parseClaims(payload []byte) (cl claims, ok bool) {
	if !v.check.Check(payload) {
		return cl, false
	}
	c := cbor.NewCursor(payload, &v.join)
	entries, ok := c.Map()
	if !ok {
		return cl, false
	}
	var hasExpires, hasIssuedAt bool
	for c.Next(&entries) {
		key, isInt := c.Int()
		if !isInt && !c.Skip() {
			return cl, false
		}
		ok := true
		switch {
		case isInt && key == claimIssuer:
			cl.issuer, ok = c.Text()
		case isInt && key == claimExpires:
			cl.expires, ok = numericDate(&c, math.Floor)
			hasExpires = true
		case isInt && key == claimNotBefore:
			cl.notBefore, ok = numericDate(&c, math.Ceil)
		case isInt && key == claimIssuedAt:
			cl.issuedAt, ok = numericDate(&c, math.Ceil)
			hasIssuedAt = true
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
	return cl, hasExpires && hasIssuedAt
}

// numericDate reads seconds since 1970 (RFC 8392 §2): an integer, or a finite float as some issuers write it, either
// with tag 1 or without. Fractions are rounded the way that makes the claim stricter. Negative numbers and those
// beyond the year 9999, such as milliseconds, are refused.
func numericDate(c *cbor.Cursor, round func(float64) float64) (seconds int64, ok bool) {
	const tagEpoch = 1 // RFC 8949 §3.4.2
	if tag, ok := c.Tag(); ok && tag != tagEpoch {
		return 0, false
	}
	if u, ok := c.Uint(); ok {
		return int64(u), u <= maxNumericDate
	}
	f, ok := c.Float()
	if !ok || !(f >= 0 && f <= maxNumericDate) { // NaN fails both
		return 0, false
	}
	return int64(round(f)), true
}

// judgeTimes compares the claims with now, in whole seconds: exp is the first second at which the pass is no longer
// valid (RFC 7519 §4.1.4).
func (cl *claims) judgeTimes(now time.Time) Reason {
	second := now.Unix()
	switch {
	case cl.issuedAt > second || cl.notBefore > second:
		return NotYetValid
	case cl.expires <= second || cl.expires == specimenExpiry:
		return Expired
	}
	return noObjection
}
