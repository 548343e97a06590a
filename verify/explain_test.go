package verify

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Whatever a rule reads, and however it writes the path, nothing is shown that tells who the holder is, unless somebody
// asks for it.
func TestExplainHidesTheHolder(t *testing.T) {
	l := newLab(t)
	dcc := map[string]any{
		"ver": "1.3.0", "dob": "CANARY-dob", "nam": map[string]any{"fn": "CANARY-fn", "fnt": "CANARY-fnt", "gn": "CANARY-gn", "gnt": "CANARY-gnt"},
		"meta": map[string]any{"photo": "CANARY-photo"}, "CANARY": true, "n": 5551234,
		"v": []any{map[string]any{
			"tg": "840539006", "ci": "CANARY-ci", "dn": 2, "dt": "2021-08-01", "co": "XX", "is": "Ministry", "passport": "CANARY-passport",
			"vp": map[string]any{"CANARY-vp": []any{"CANARY-deep"}},
		}},
	}
	paths := []string{
		"", "payload", "payload.dob", "payload.nam", "payload.nam.fnt", "payload.meta", "payload.meta.photo", "payload.n", "payload.v", "payload.v.0",
		"payload.v.0.ci", "payload.v.00.ci", "payload.v.0.passport", "payload.v.0.vp", "payload.v.0.dn", "payload.v.0.dt", "payload.v.0.is", "payload.v.0.ci.x", "external",
		"external.kid", "external.valueSets", "external.valueSets.letters", "payload.v.7.ci", "payload.ver",
	}
	operands := []any{}
	for _, path := range paths {
		operands = append(operands, ruleOf{"if": []any{true, true, ruleOf{"var": path}}})
	}
	rules := ruleSet(t, map[string][]string{"letters": {"a", "b"}}, ruleText(t, ruleOf{"Logic": ruleOf{"and": operands}}))
	text := l.mint(t, sketch{payload: l.claims(t, map[int]any{claimHCERT: map[int]any{keyDCC: dcc}})})
	v := New(Policy{Arrival: "YY"})
	shown := func(how Explain) map[string]string {
		t.Helper()
		verdict, explained := v.Explain(text, l.trust().WithRules(rules), l.now, how)
		if !verdict.Accepted() || len(explained) != 1 || !explained[0].Selected || explained[0].Outcome.String() != "passed" {
			t.Fatalf("%v %v", verdict.Reason(), explained)
		}
		values := map[string]string{}
		for _, value := range explained[0].Values {
			if !json.Valid(value.JSON) {
				t.Errorf("%s: %s is not JSON", value.Path, value.JSON)
			}
			values[value.Path] = string(value.JSON)
		}
		if len(values) != len(paths) {
			t.Errorf("%d values, want %d", len(values), len(paths))
		}
		return values
	}
	values := shown(Explain{})
	for path, value := range values {
		if strings.Contains(strings.ReplaceAll(value, `"CANARY":"hidden"`, ""), "CANARY") || strings.Contains(value, "5551234") {
			t.Errorf("%q shows %s", path, value)
		}
	}
	for path, want := range map[string]string{
		"payload.dob": `"hidden"`, "payload.nam": `"hidden"`, "payload.nam.fnt": `"hidden"`, "payload.v.0.ci": `"hidden"`, "payload.v.00.ci": `"hidden"`,
		"payload.v.7.ci": "null", "payload.v.0.ci.x": "null", "payload.v.0.dn": "2", "payload.v.0.dt": `"2021-08-01"`, "payload.v.0.is": `"Ministry"`,
		"payload.ver": `"1.3.0"`, "external.kid": `"AQIDBAUGBwg="`, "external.valueSets.letters": `"2 codes"`, "external.valueSets": `{"letters":"2 codes"}`,
		"payload.v.0.vp": `"hidden"`,
	} {
		if values[path] != want {
			t.Errorf("%q shows %s, want %s", path, values[path], want)
		}
	}
	values = shown(Explain{Holder: true})
	for path, want := range map[string]string{"payload.dob": `"CANARY-dob"`, "payload.v.0.ci": `"CANARY-ci"`, "payload.nam.fnt": `"CANARY-fnt"`} {
		if values[path] != want {
			t.Errorf("asked for, %q shows %s, want %s", path, values[path], want)
		}
	}
}

// Of several DSCs with one kid the explanation is by the one whose verdict it is.
func TestExplainByTheDSCThatSpeaks(t *testing.T) {
	l := newLab(t)
	home, other := l.es, l.es
	other.Country = "WW"
	rules := ruleSet(t, nil,
		ruleText(t, ruleOf{"Identifier": "IR-XX-0001", "Type": "Invalidation", "Country": "XX", "Logic": false}),
		ruleText(t, ruleOf{"Identifier": "IR-WW-0001", "Type": "Invalidation", "Country": "WW", "Logic": 0}),
	)
	text := l.mint(t, sketch{})
	for _, dscs := range [][]DSC{{home, other}, {other, home}} {
		verdict, explained := New(Policy{}).Explain(text, NewTrust(dscs).WithRules(rules), l.now, Explain{})
		if verdict.Reason() != RuleOpen || verdict.Rule() != "IR-WW-0001" || len(explained) != 1 || explained[0].Identifier != "IR-WW-0001" {
			t.Errorf("%v by %q: %v", verdict.Reason(), verdict.Rule(), explained)
		}
	}
	home.Country = "ZZ" // has no rules: accepts, with nothing to explain
	verdict, explained := New(Policy{}).Explain(text, NewTrust([]DSC{other, home}).WithRules(rules), l.now, Explain{})
	if !verdict.Accepted() || len(explained) != 0 {
		t.Errorf("%v: %v", verdict.Reason(), explained)
	}
}

// What is said of a rule that is open before it is evaluated.
func TestExplainWhyOpen(t *testing.T) {
	l := newLab(t)
	for want, change := range map[string]ruleOf{
		`is for engine "JAVASCRIPT" 1.0.0`: {"Engine": "JAVASCRIPT"},
		`is for engine "CERTLOGIC" 2.1.0`:  {"EngineVersion": "2.1.0"},
		"is for schema 1.4.0":              {"SchemaVersion": "1.4.0"},
		"Version is missing":               {"Version": nil},
		"certlogic: unknown operator":      {"Logic": ruleOf{"or": []bool{true, true}}},
		"result is not a boolean":          {"Logic": 7},
	} {
		rules := ruleSet(t, nil, ruleText(t, change))
		_, explained := New(Policy{Arrival: "YY"}).Explain(l.mint(t, sketch{}), l.trust().WithRules(rules), l.now, Explain{})
		if len(explained) != 1 || !explained[0].Selected || explained[0].Outcome.String() != "open" || !strings.HasPrefix(explained[0].Why, want) {
			t.Errorf("%s: %v", want, fmt.Sprint(explained))
		}
	}
}
