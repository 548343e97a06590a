package verify

import (
	"time"

	"gatescan/verify/internal/cbor"
)

// ICVPPolicy is what an operator may decide about ICVPs, if Policy.Kinds admits them. The zero ICVPPolicy asks for any disease
// of the catalogue, for what genuine ones have, and counts days in UTC.
type ICVPPolicy struct {
	Diseases Disease        // that are asked for; zero for any
	Complete ICVPComplete   // what an ICVP must have
	Zone     *time.Location // whose days count; nil for UTC
	// Catalogue takes the place of the one that comes with the snapshot's value sets, and of the built-in one. May be nil.
	Catalogue *Catalogue
}

// civil is a moment as a clock in the zone shows it, written as UTC, so that rules count the days of the zone.
func (p *ICVPPolicy) civil(t time.Time) time.Time {
	if p.Zone == nil {
		return t
	}
	_, offset := t.In(p.Zone).Zone()
	return t.Add(time.Duration(offset) * time.Second)
}

// catalogue is the one that counts: the operator's, else that of the snapshot, else the built-in one.
func (v *Verifier) catalogue(rules *Rules) *Catalogue {
	switch {
	case v.policy.ICVP.Catalogue != nil:
		return v.policy.ICVP.Catalogue
	case rules != nil && rules.catalogue != nil:
		return rules.catalogue
	}
	return v.tables.catalogue
}

// lookUp finds out what the product of an ICVP is against. A verdict names products of the catalogue and no others, so that
// nothing else of a payload can get into it.
func (v *Verifier) lookUp(rules *Rules, p *icvp, verdict *Verdict) {
	p.catalogue = v.catalogue(rules)
	if p.disease = p.catalogue.disease(p.product); p.disease != 0 {
		verdict.disease = p.disease
		verdict.productLen = uint8(copy(verdict.product[:], p.product))
	}
}

// maxView is the size of an ICVP as rules see it, in bytes.
const maxView = 160

// viewICVP writes an ICVP of any shape as the model has it, with nothing but what the tables read: vp and dv, and vls and vle
// of the shapes before it. A product that is longer than any in a catalogue is cut, and still longer than any.
func (v *Verifier) viewICVP(p *icvp) cbor.Cursor {
	product := p.product[:min(len(p.product), maxProduct+1)]
	members := [...]struct {
		name string
		text []byte
	}{{"vp", product}, {"dv", p.dose}, {"vls", p.from}, {"vle", p.until}}
	const mapOf, textOf, oneByte = 5 << 5, 3 << 5, 24 // RFC 8949 §3
	present := byte(0)
	for _, m := range members {
		if len(m.text) > 0 {
			present++
		}
	}
	b := append(v.view[:0], mapOf|1, textOf|2, 'v', 'x', mapOf|present)
	for _, m := range members {
		if len(m.text) > 0 {
			b = append(append(b, textOf|byte(len(m.name))), m.name...)
			b = append(append(b, textOf|oneByte, byte(len(m.text))), m.text...)
		}
	}
	return cbor.NewCursor(b, &v.join)
}

// judgeICVP judges an ICVP by WHO's tables. rule is the Identifier of the one that refuses.
func (v *Verifier) judgeICVP(p *icvp) (refused Reason, rule string) {
	j, policy := &v.rules, &v.policy.ICVP
	complete, unknownVersion := p.complete(policy.Complete)
	if !complete || unknownVersion && v.policy.Tolerate&ICVPVersion == 0 {
		if j.explain != nil {
			j.explain.incomplete(p.lacks(policy.Complete))
		}
		return ICVPIncomplete, ""
	}
	p.flagged = unknownVersion
	if p.disease != 0 && !policy.Diseases.asks(p.disease) {
		refused = ICVPProduct
	}
	j.failed, j.open = "", ""
	v.unload()
	j.data.ValueSets = p.catalogue.sets
	for i, r := range v.tables.rules {
		if refused != noObjection && j.explain == nil {
			break
		}
		v.judgeRule(r)
		if refused == noObjection && j.failed != "" {
			refused, rule = v.tables.reasons[i], j.failed
		}
	}
	if refused == noObjection && j.open != "" {
		return RuleOpen, j.open
	}
	return refused, rule
}
