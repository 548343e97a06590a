package verify

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// A rule that nobody can judge by is named when it is loaded, and so is the country that it closes.
func TestUnusable(t *testing.T) {
	now := time.Date(2022, 6, 1, 0, 0, 0, 0, time.UTC)
	broken := json.RawMessage(`{"or":[true,true]}`)
	for name, tc := range map[string]struct {
		rules  []ruleOf
		region string
		faults string   // of loading, in one line
		want   []string // identifiers
	}{
		"usable":                    {rules: []ruleOf{{}}},
		"newer engine":              {rules: []ruleOf{{"EngineVersion": "2.0.1"}}, faults: `is for engine "CERTLOGIC" 2.0.1`, want: []string{"GR-YY-0001"}},
		"newer minor version of it": {rules: []ruleOf{{"EngineVersion": "1.9.0"}}},
		"another engine":            {rules: []ruleOf{{"Engine": "REGO"}}, faults: `is for engine "REGO" 1.0.0`, want: []string{"GR-YY-0001"}},
		"another schema":            {rules: []ruleOf{{"SchemaVersion": "2.0.0"}}, faults: "is for schema 2.0.0", want: []string{"GR-YY-0001"}},
		"logic of nobody":           {rules: []ruleOf{{"Logic": broken}}, faults: "nobody is let through", want: []string{"GR-YY-0001"}},
		"newer engine, its logic":   {rules: []ruleOf{{"EngineVersion": "2.0.1", "Logic": broken}}, faults: `is for engine "CERTLOGIC" 2.0.1`, want: []string{"GR-YY-0001"}},
		"one of two":                {rules: []ruleOf{{}, {"Identifier": "GR-YY-0002", "Engine": "REGO"}}, faults: "REGO", want: []string{"GR-YY-0002"}},
		"older version":             {rules: []ruleOf{{"Version": "1.1.0"}, {"Version": "1.0.0", "Engine": "REGO"}}, faults: "REGO"},
		"newer version":             {rules: []ruleOf{{"Version": "1.0.0"}, {"Version": "1.1.0", "Engine": "REGO"}}, faults: "REGO", want: []string{"GR-YY-0001"}},
		"newer version, not yet":    {rules: []ruleOf{{"Version": "1.0.0"}, {"Version": "1.1.0", "Engine": "REGO", "ValidFrom": "2022-06-02T00:00:00Z"}}, faults: "REGO"},
		"no longer in force":        {rules: []ruleOf{{"Engine": "REGO", "ValidTo": "2022-06-01T00:00:00Z"}}, faults: "REGO"},
		"for tests":                 {rules: []ruleOf{{"Engine": "REGO", "CertificateType": "Test"}}, faults: "REGO", want: []string{"GR-YY-0001"}},
		"of another region":         {rules: []ruleOf{{"Engine": "REGO", "Region": "BY"}}, faults: "REGO"},
		"of the region":             {rules: []ruleOf{{"Engine": "REGO", "Region": "BY"}}, region: "by ", faults: "REGO", want: []string{"GR-YY-0001"}},
		"of another country":        {rules: []ruleOf{{"Engine": "REGO", "Country": "ZZ"}}, faults: "REGO"},
		"of another type":           {rules: []ruleOf{{"Engine": "REGO", "Type": "Invalidation"}}, faults: "REGO"},
	} {
		t.Run(name, func(t *testing.T) {
			var parsed []Rule
			for _, change := range tc.rules {
				parsed = append(parsed, mustRule(t, ruleText(t, change)))
			}
			rules, errs := NewRules(parsed, nil)
			var said []string
			for _, err := range errs {
				said = append(said, err.Error())
			}
			if all := strings.Join(said, "; "); (all == "") != (tc.faults == "") || !strings.Contains(all, tc.faults) {
				t.Errorf("loading says %q, want %q", all, tc.faults)
			}
			var got []string
			for _, fault := range rules.Unusable(Acceptance, "yy", tc.region, now) {
				got = append(got, fault.Identifier)
				if fault.Country != "YY" || !strings.Contains(fault.Error(), "nobody is let through") {
					t.Errorf("%v", fault)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("unusable %v, want %v", got, tc.want)
			}
			if got := rules.Unusable(Acceptance, "nowhere", "", now); got != nil {
				t.Errorf("nowhere: %v", got)
			}
		})
	}
	if got := (*Rules)(nil).Unusable(Acceptance, "YY", "", now); got != nil {
		t.Errorf("no rules: %v", got)
	}
}
