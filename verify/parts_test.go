package verify

import (
	"fmt"
	"testing"
)

// oneRule is one acceptance rule of a country.
func oneRule(t *testing.T, identifier, country, logic string) *Rules {
	t.Helper()
	rules, faults := NewRules([]Rule{{
		Identifier: identifier, Type: Acceptance, Country: country, Engine: engine, SchemaVersion: Version{Major: 1}, Logic: []byte(logic),
	}}, nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return rules
}

// A pass that meets some of what is wanted is accepted and says what; one that meets nothing is refused by the first part.
func TestParts(t *testing.T) {
	l := newLab(t)
	text := l.mint(t, sketch{}) // a vaccination
	yes := oneRule(t, "YES", "YY", `{"===":[1,1]}`)
	no := oneRule(t, "NO", "YY", `{"===":[1,2]}`)
	another := oneRule(t, "ANOTHER", "YY", `{"===":[2,1]}`)
	open := oneRule(t, "OPEN", "YY", `{">":[{"var":"payload.nothing"},1]}`)
	elsewhere := oneRule(t, "ELSEWHERE", "ZZ", `{"===":[1,1]}`)
	many := make([]*Rules, MaxParts+1)
	for i := range many {
		many[i] = yes
	}
	for name, tc := range map[string]struct {
		policy  Policy
		want    Reason
		rule    string
		met, of uint8
	}{
		"none":                 {Policy{Arrival: "YY"}, Accepted, "", 0, 0},
		"one, met":             {Policy{Arrival: "YY", Parts: []*Rules{yes}}, Accepted, "", 1, 1},
		"one, not met":         {Policy{Arrival: "YY", Parts: []*Rules{no}}, RuleFailed, "NO", 0, 0},
		"one, open":            {Policy{Arrival: "YY", Parts: []*Rules{open}}, RuleOpen, "OPEN", 0, 0},
		"the first of two":     {Policy{Arrival: "YY", Parts: []*Rules{yes, no}}, Accepted, "", 1, 3},
		"the second of two":    {Policy{Arrival: "YY", Parts: []*Rules{open, yes}}, Accepted, "", 2, 3},
		"both":                 {Policy{Arrival: "YY", Parts: []*Rules{yes, yes}}, Accepted, "", 3, 3},
		"neither":              {Policy{Arrival: "YY", Parts: []*Rules{no, another}}, RuleFailed, "NO", 0, 0},
		"of another country":   {Policy{Arrival: "YY", Parts: []*Rules{elsewhere}}, RulesUnavailable, "", 0, 0},
		"no country":           {Policy{Parts: []*Rules{yes}}, RulesUnavailable, "", 0, 0},
		"nil":                  {Policy{Arrival: "YY", Parts: []*Rules{nil}}, RulesUnavailable, "", 0, 0},
		"the operator's rule":  {Policy{Arrival: "YY", Rules: no, Parts: []*Rules{yes}}, RuleFailed, "NO", 0, 0},
		"the operator's, met":  {Policy{Arrival: "YY", Rules: yes, Parts: []*Rules{yes}}, Accepted, "", 1, 1},
		"parts are no rules":   {Policy{Arrival: "YY", RulesRequire: true, Parts: []*Rules{yes}}, RulesUnavailable, "", 0, 0},
		"as many as there are": {Policy{Arrival: "YY", Parts: many[1:]}, Accepted, "", 255, 255},
		"too many":             {Policy{Arrival: "YY", Parts: many}, RulesUnavailable, "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := New(tc.policy).Verify(text, l.trust(), l.now)
			met, of := got.Parts()
			if got.Reason() != tc.want || got.Rule() != tc.rule || met != tc.met || of != tc.of {
				t.Errorf("%v by %q, %b of %b", got.Reason(), got.Rule(), met, of)
			}
		})
	}
	if explained := fmt.Sprint(func() []Explained {
		_, x := New(Policy{Arrival: "YY", Parts: []*Rules{no, yes}}).Explain(text, l.trust(), l.now, Explain{})
		return x
	}()); explained == "[]" {
		t.Error("nothing is said of parts")
	}
}
