package lists

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Rule is a rule as its author wrote it.
type Rule struct {
	Identifier, Version, Country string
	JSON                         []byte
}

// ValueSet is a value set as the EU publishes it.
type ValueSet struct {
	ID   string
	JSON []byte
}

// ruleSketch is what differs between the rules of a lab.
type ruleSketch struct {
	id, kind, certificate string // identifier without its country
	country               string // empty for the lab's
	says                  string
	affected              []string
	logic                 string
}

// The rules of a lab are its own, and let through what a venue might.
var ruleSketches = []ruleSketch{
	{
		"GR-%s-0001", "Acceptance", "General", "", "The disease must be COVID-19",
		[]string{"v.0.tg", "t.0.tg", "r.0.tg"},
		`{"if":[{"var":"payload.v.0"},{"in":[{"var":"payload.v.0.tg"},{"var":"external.valueSets.disease-agent-targeted"}]},true]}`,
	},
	{
		"VR-%s-0001", "Acceptance", "Vaccination", "", "The series must be complete",
		[]string{"v.0.dn", "v.0.sd"},
		`{">=":[{"var":"payload.v.0.dn"},{"var":"payload.v.0.sd"}]}`,
	},
	{
		"VR-%s-0002", "Acceptance", "Vaccination", "", "The vaccine must be one of those that the lab accepts",
		[]string{"v.0.mp"},
		`{"in":[{"var":"payload.v.0.mp"},{"var":"external.valueSets.vaccines-covid-19-names"}]}`,
	},
	{
		"TR-%s-0001", "Acceptance", "Test", "", "The sample must not be older than 48 hours",
		[]string{"t.0.sc"},
		`{"before":[{"plusTime":[{"var":"external.validationClock"},0,"hour"]},{"plusTime":[{"var":"payload.t.0.sc"},48,"hour"]}]}`,
	},
	{
		"IR-%s-0001", "Invalidation", "Vaccination", "", "The lab withdrew what it had certified of third doses of two",
		[]string{"v.0.dn", "v.0.sd"},
		`{"!":[{"and":[{"===":[{"var":"payload.v.0.dn"},3]},{"===":[{"var":"payload.v.0.sd"},2]}]}]}`,
	},
	{
		"RR-%s-0001", "Acceptance", "Recovery", "GR", "The test must be older than ten days",
		[]string{"r.0.fr"},
		`{"not-before":[{"plusTime":[{"var":"external.validationClock"},0,"day"]},{"plusTime":[{"var":"payload.r.0.fr"},10,"day"]}]}`,
	},
}

// WithRules gives the domain the rules and value sets of a lab. Two domains never have the same.
func (d *Domain) WithRules() error {
	d.Rules, d.ValueSets = nil, nil
	for _, s := range ruleSketches {
		country := s.country
		if country == "" {
			country = d.Country
		}
		rule, err := d.rule(fmt.Sprintf(s.id, country), "1.0.0", country, s)
		if err != nil {
			return err
		}
		d.Rules = append(d.Rules, rule)
	}
	for _, set := range []struct {
		id    string
		codes []string
	}{
		{"disease-agent-targeted", []string{"840539006"}},
		{"vaccines-covid-19-names", []string{"EU/1/20/1507", "EU/1/20/1525", "EU/1/20/1528", "EU/1/21/1529"}},
	} {
		values := map[string]any{}
		for _, code := range set.codes {
			values[code] = map[string]any{"display": "as " + d.mark(), "lang": "en", "active": true, "version": "", "system": ""}
		}
		text, err := plainJSON(map[string]any{"valueSetId": set.id, "valueSetDate": "2026-01-01", "valueSetValues": values})
		if err != nil {
			return err
		}
		d.ValueSets = append(d.ValueSets, ValueSet{set.id, text})
	}
	return nil
}

// mark tells a domain from others.
func (d *Domain) mark() string { return "lab " + hex.EncodeToString(d.Signer.KID()) }

func (d *Domain) rule(identifier, version, country string, s ruleSketch) (Rule, error) {
	text, err := plainJSON(map[string]any{
		"Identifier": identifier, "Type": s.kind, "Country": country, "Version": version, "SchemaVersion": "1.0.0",
		"Engine": "CERTLOGIC", "EngineVersion": "0.7.5", "CertificateType": s.certificate,
		"Description": []map[string]string{{"lang": "en", "desc": s.says + " (" + d.mark() + ")."}},
		"ValidFrom":   "2021-07-01T00:00:00Z", "ValidTo": "2039-12-31T00:00:00Z",
		"AffectedFields": s.affected, "Logic": json.RawMessage(s.logic),
	})
	return Rule{identifier, version, country, text}, err
}

// SetRule replaces the rule of that identifier, or adds one.
func (d *Domain) SetRule(r Rule) {
	if at := slices.IndexFunc(d.Rules, func(old Rule) bool { return old.Identifier == r.Identifier }); at >= 0 {
		d.Rules = slices.Clone(d.Rules)
		d.Rules[at] = r
		return
	}
	d.Rules = append(slices.Clip(d.Rules), r)
}
