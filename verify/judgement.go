package verify

import (
	"encoding/base64"
	"time"

	"gatescan/verify/certlogic"
)

// judgement is the memory in which a pass is judged by rules. Whoever it is about is wiped from it.
type judgement struct {
	machine *certlogic.Machine // kept
	explain *explainer         // nil unless somebody asks why

	data   certlogic.Data
	loaded *certlogic.Set
	mark   int // how much of the arena was used before the payload was loaded

	question
	issue country
	text  struct { // of data
		kid      [12]byte // Base64 of 8 bytes
		exp, iat [len("9999-12-31T23:59:59Z")]byte
	}

	arrived bool   // a rule of the country of arrival applied, and not one of the policy's own
	own     bool   // the rules being judged by are the policy's
	failed  string // the first rule that failed
	open    string // the first rule that is open
}

// judgeRules judges a pass by the rules of the snapshot and of the policy. rule is the Identifier of the one that
// refuses: the first that failed, else the first that is open. met is which parts of the policy the pass meets, as bits.
func (v *Verifier) judgeRules(rules *Rules, d *DSC, m *sign1, cl *claims, kind Kind, now time.Time) (refused Reason, rule string, met uint8) {
	q, ok := v.policy.question()
	require := v.policy.RulesRequire && kind.isEntry() // WHO's tables are the rules for an ICVP, and are always there
	switch {
	case !ok, len(v.policy.Parts) > MaxParts, require && rules.Stale(now):
		return RulesUnavailable, "", 0
	case rules.Len() == 0 && v.policy.Rules.Len() == 0 && len(v.policy.Parts) == 0 && kind.isEntry():
		if require {
			return RulesUnavailable, "", 0
		}
		return noObjection, "", 0
	}
	j := &v.rules
	defer v.wipeRules()
	q.kind, q.ms = kind, now.UnixMilli()
	j.question = q
	if j.explain != nil {
		j.explain.kind = kind
	}
	v.prepareRules(d, m, cl, now)
	for i, source := range [...]*Rules{rules, v.policy.Rules} {
		if source == nil {
			continue
		}
		v.unload()
		j.own, j.data.ValueSets = i > 0, source.valueSets
		v.judgeCountry(source.of(j.arrival), Acceptance)
		v.judgeCountry(source.of(j.issue), Invalidation)
	}
	if refused, rule = j.conclusion(require); refused == noObjection {
		refused, rule, met = v.judgeParts()
	}
	if refused == noObjection && kind == ICVP {
		refused, rule = v.judgeICVP(&cl.icvp)
	}
	if j.explain != nil {
		j.explain.finished(refused)
	}
	return refused, rule, met
}

// judgeParts finds out which parts of the policy the pass meets. If it meets none, the first says why.
func (v *Verifier) judgeParts() (refused Reason, rule string, met uint8) {
	j := &v.rules
	j.own = false
	for i, part := range v.policy.Parts {
		j.arrived, j.failed, j.open = false, "", ""
		v.unload()
		if part != nil {
			j.data.ValueSets = part.valueSets
			v.judgeCountry(part.of(j.arrival), Acceptance)
		}
		r, by := j.conclusion(true)
		if r == noObjection {
			met |= 1 << i
		} else if i == 0 {
			refused, rule = r, by
		}
	}
	if met != 0 {
		return noObjection, "", met
	}
	return refused, rule, 0
}

// conclusion is what all rules together come to. A rule that failed outweighs one that is open.
func (j *judgement) conclusion(require bool) (refused Reason, rule string) {
	switch {
	case j.failed != "":
		return RuleFailed, j.failed
	case require && !j.arrived:
		return RulesUnavailable, ""
	case j.open != "":
		return RuleOpen, j.open
	}
	return noObjection, ""
}

// prepareRules finds out what rules may read besides the payload, and what selects them.
func (v *Verifier) prepareRules(d *DSC, m *sign1, cl *claims, now time.Time) {
	j := &v.rules
	j.mark = v.join.Used
	if j.kind == ICVP {
		cl.body = v.viewICVP(&cl.icvp)
	}
	j.schema = cl.schema()
	j.issue = cl.countryOfIssue(d.Country, j.kind)
	v.releaseJoined(j.mark)

	j.data = certlogic.Data{
		Payload: cl.body, Clock: now,
		CountryCode: j.arrival.text(), IssuerCountryCode: j.issue.text(), Region: j.region.text(),
		KID: j.text.kid[:base64.StdEncoding.EncodedLen(len(m.header.kid))],
		Exp: appendUTC(j.text.exp[:0], cl.expires), IAT: appendUTC(j.text.iat[:0], cl.issuedAt),
	}
	base64.StdEncoding.Encode(j.data.KID, m.header.kid)
	if j.kind == ICVP {
		j.data.Clock = v.policy.ICVP.civil(now)
		j.data.IAT = appendUTC(j.text.iat[:0], v.policy.ICVP.civil(cl.issuedAt))
	}
}

// appendUTC writes a time of the years 1970 to 9999, without its fraction of a second.
func appendUTC(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
}

// judgeCountry judges by what applies of the rules of one country and one type, until one fails.
func (v *Verifier) judgeCountry(rules *countryRules, t RuleType) {
	j := &v.rules
	if rules == nil {
		return
	}
	list := rules.of(t)[j.kind]
	if j.explain != nil {
		list = rules.ofType(t)
	}
	var applied *compiledRule // the last
	for _, r := range list {
		excluded := j.excludes(r)
		if excluded == selected && applied != nil && applied.Identifier == r.Identifier {
			excluded = olderVersion
		}
		if excluded == selected {
			applied = r
			v.judgeRule(r)
		} else if j.explain != nil {
			j.explain.notSelected(r, excluded.of(r, applied))
		}
		if j.failed != "" && j.explain == nil {
			return
		}
	}
}

func (v *Verifier) judgeRule(r *compiledRule) {
	j := &v.rules
	j.arrived = j.arrived || r.home == j.arrival && !j.own
	outcome, cause := certlogic.Open, j.undecidable(r)
	if cause == noCause {
		if r.set != j.loaded {
			v.unload()
			j.machine.Load(r.set, &j.data)
			j.loaded = r.set
		}
		outcome = j.machine.Run(r.program)
	}
	switch {
	case outcome == certlogic.Failed && j.failed == "":
		j.failed = r.Identifier
	case outcome == certlogic.Open && j.open == "":
		j.open = r.Identifier
	}
	if j.explain != nil {
		j.explain.judged(r, outcome, cause, j.machine)
	}
}

// unload forgets the payload as it was read for one set of rules.
func (v *Verifier) unload() {
	v.rules.machine.Wipe()
	v.rules.loaded = nil
	v.releaseJoined(v.rules.mark)
}

// releaseJoined wipes what was put together since the arena was used that far.
func (v *Verifier) releaseJoined(mark int) {
	clear(v.joined[mark:v.join.Used])
	v.join.Used = mark
}

func (v *Verifier) wipeRules() {
	v.unload()
	v.rules = judgement{machine: v.rules.machine, explain: v.rules.explain}
}
