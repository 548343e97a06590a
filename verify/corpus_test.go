package verify

import (
	"strings"
	"testing"
	"time"
)

// deviation is where we refuse on purpose what is cryptographically valid.
type deviation struct {
	reason Reason
	why    string
}

const (
	onlyP256     = "ES256 in passes is P-256 alone (SPEC §3.3.2); the signature has 96 bytes"
	rsaTooShort  = "RSA keys below 2048 bits are not to be trusted (SPEC A.4)"
	algProtected = "alg stands only in the unprotected header, where anybody can change it; tolerated only if configured"
)

// deviations names every case of the corpora in which the verdict differs from what the measurements imply.
var deviations = map[string]deviation{
	"ES/2DCode/raw/402.json":      {UnknownKID, onlyP256},
	"ES/2DCode/raw/403.json":      {UnknownKID, onlyP256},
	"common/2DCode/raw/CO20.json": {BadAlg, algProtected},
	"common/2DCode/raw/CO23.json": {BadAlg, algProtected},
	"MK/1.3.0/REC_MK.png":         {UnknownKID, rsaTooShort},
	"MK/1.3.0/TEST_MK.png":        {UnknownKID, rsaTooShort},
}

// implied is the reason that the measurements imply at a moment, by the rules of DESIGN.md §5.
func (p pass) implied(now int64) Reason {
	tr := p.Truth
	switch {
	case tr.Stage == "prefix" && strings.HasPrefix(p.Text, "HC2:"):
		return UnsupportedVersion
	case tr.Stage == "prefix":
		return NotHCERT
	case tr.Stage == "zlib":
		return BadDeflate
	case !tr.KIDMatch && len(p.SPKI) == 0: // a bare key has no kid to compare
		return UnknownKID
	case tr.NotAfter != 0 && (now < tr.NotBefore || now > tr.NotAfter):
		return DSCNotValid
	case !tr.SignatureValid && len(p.SPKI) == 0: // bare keys were not measured; their passes are meant to verify
		return BadSignature
	case tr.IssuedAt > float64(now):
		return NotYetValid
	case tr.Expires < float64(now):
		return Expired
	case tr.Stage == "hcert":
		return BadDCC
	case tr.entries() != 1:
		return NotOneEntry
	case tr.EKUAllowed != nil && !*tr.EKUAllowed:
		return KeyUsage
	}
	return Accepted
}

// judgeCorpus compares every pass at its moment with what its measurements imply, and returns how often each reason
// was found.
func judgeCorpus(t *testing.T, passes []pass, moment func(p pass) int64) (found map[Reason]int) {
	t.Helper()
	found = map[Reason]int{}
	v := New(Policy{})
	for _, p := range passes {
		var dscs []DSC
		if d, ok := p.dsc(t); ok {
			dscs = append(dscs, d)
		}
		now := moment(p)
		verdict := v.Verify([]byte(p.Text), NewTrust(dscs), time.Unix(now, 0))
		want := p.implied(now)
		if d, deviates := deviations[p.ID]; deviates {
			if d.reason == want {
				t.Errorf("%s is a deviation, but %v is what is implied", p.ID, want)
			}
			want = d.reason
		}
		if verdict.Reason() != want {
			t.Errorf("%s: %v, want %v", p.ID, verdict.Reason(), want)
		}
		if p.Truth.CWTTimeOK != nil && !*p.Truth.CWTTimeOK && verdict.Accepted() {
			t.Errorf("%s: accepted outside its times", p.ID)
		}
		if p.Truth.Issuer != "" && verdict.Accepted() && verdict.Issuer() != p.Truth.Issuer {
			t.Errorf("%s: issuer %q, want %q", p.ID, verdict.Issuer(), p.Truth.Issuer)
		}
		if verdict.Accepted() && p.Truth.Counts[verdict.Kind().String()] != 1.0 {
			t.Errorf("%s: kind %v, but the groups hold %v", p.ID, verdict.Kind(), p.Truth.Counts)
		}
		found[verdict.Reason()]++
	}
	return found
}

func TestDGCTestdata(t *testing.T) {
	passes := readPasses(t, "dgc-testdata.jsonl")
	found := judgeCorpus(t, passes, func(p pass) int64 { return p.Clock })
	if len(passes) != 345 || found[Accepted] != 274 {
		t.Errorf("%d passes, %v", len(passes), found)
	}
	atExpiry := 0 // judged at exp, at which they are still good
	for _, p := range passes {
		if p.Truth.Expires == float64(p.Clock) {
			atExpiry++
		}
	}
	if atExpiry != 10 || found[Expired] != 0 {
		t.Errorf("%d passes are judged at exp, %d are expired", atExpiry, found[Expired])
	}
	t.Logf("%d passes at their own clock: %v", len(passes), found)
}

// No case of this corpus has a clock: each is judged within its own times and those of its DSC, where there is such a
// moment at all.
func TestQualityAssurance(t *testing.T) {
	passes := readPasses(t, "quality-assurance.jsonl")
	found := judgeCorpus(t, passes, func(p pass) int64 {
		first := max(int64(p.Truth.IssuedAt)+1, p.Truth.NotBefore)
		last := int64(p.Truth.Expires) - 1
		if p.Truth.NotAfter != 0 {
			last = min(last, p.Truth.NotAfter)
		}
		if first > last && p.ID != "IL/1.3.0/VAC3.png" { // issued after its DSC had ended
			t.Errorf("%s: there is no moment at which it is valid", p.ID)
		}
		return first + (last-first)/2
	})
	if len(passes) != 247 || found[Accepted] != 243 {
		t.Errorf("%d passes, %v", len(passes), found)
	}
	t.Logf("%d passes: %v", len(passes), found)
}

// Tolerance lets through what the deviations name as such, and says so.
func TestToleratedDeviations(t *testing.T) {
	tolerated := map[string]struct {
		reason    Reason
		tolerated Tolerance
	}{
		"common/2DCode/raw/CO20.json": {Accepted, AlgUnprotected},
		"common/2DCode/raw/CO23.json": {UnknownKID, AlgUnprotected}, // its kid is "foo"
		"common/2DCode/raw/Z1.json":   {BadCBOR, NotCompressed},     // neither compressed nor COSE
	}
	seen := 0
	v := New(Policy{Tolerate: TolerateAll})
	for _, p := range readPasses(t, "dgc-testdata.jsonl") {
		d, ok := p.dsc(t)
		if !ok {
			continue
		}
		verdict := v.Verify([]byte(p.Text), NewTrust([]DSC{d}), time.Unix(p.Clock, 0))
		want, special := tolerated[p.ID]
		if !special {
			if verdict.Tolerated() != 0 || verdict.Reason() != p.implied(p.Clock) {
				t.Errorf("%s: %v with %04b tolerated", p.ID, verdict.Reason(), verdict.Tolerated())
			}
			continue
		}
		seen++
		if verdict.Reason() != want.reason || verdict.Tolerated() != want.tolerated {
			t.Errorf("%s: %v with %04b tolerated, want %v with %04b", p.ID, verdict.Reason(), verdict.Tolerated(), want.reason, want.tolerated)
		}
	}
	if seen != len(tolerated) {
		t.Errorf("saw %d of %d cases", seen, len(tolerated))
	}
}
