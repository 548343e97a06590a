package verify

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// ruleSet makes rules of texts. Those with an error are in all the same.
func ruleSet(t testing.TB, sets map[string][]string, texts ...[]byte) *Rules {
	t.Helper()
	var all []Rule
	for _, text := range texts {
		r, _ := ParseRule(text)
		all = append(all, r)
	}
	rules, _ := NewRules(all, sets)
	if rules.Len() != len(texts) {
		t.Fatalf("%d of %d rules are of use", rules.Len(), len(texts))
	}
	return rules
}

func sameButMachine(a, b judgement) bool {
	a.machine, b.machine = nil, nil
	return reflect.DeepEqual(a, b)
}

// rule is what a test says of a rule: the members that are not as ruleText has them.
type ruleOf = map[string]any

// Each case has rules of which what is selected decides: a rule that fails is noticed if it is selected.
func TestSelection(t *testing.T) {
	fails, passes, open := false, true, 7
	l := newLab(t) // passes are of XX, vaccinations, of schema 1.3.0, on 2021-12-20T11:33:20Z
	at := l.now.UTC().Format(time.RFC3339)
	for name, tc := range map[string]struct {
		rules   []ruleOf
		policy  Policy
		want    Reason
		rule    string
		country string         // of the DSC, instead of XX; "-" is none
		claims  map[int]any    // changed
		dcc     map[string]any // changed
	}{
		"of the country of arrival":         {rules: []ruleOf{{"Logic": fails}}, want: RuleFailed, rule: "GR-YY-0001"},
		"of another country":                {rules: []ruleOf{{"Country": "ZZ", "Logic": fails}}, want: RulesUnavailable},
		"arrival in lower case":             {rules: []ruleOf{{"Logic": fails}}, policy: Policy{Arrival: " yy "}, want: RuleFailed, rule: "GR-YY-0001"},
		"Greece as EL, rule":                {rules: []ruleOf{{"Country": "EL", "Logic": fails}}, policy: Policy{Arrival: "GR"}, want: RuleFailed, rule: "GR-YY-0001"},
		"Greece as EL, arrival":             {rules: []ruleOf{{"Country": "GR", "Logic": fails}}, policy: Policy{Arrival: "EL"}, want: RuleFailed, rule: "GR-YY-0001"},
		"for every kind":                    {rules: []ruleOf{{"CertificateType": "General", "Logic": fails}}, want: RuleFailed, rule: "GR-YY-0001"},
		"for this kind":                     {rules: []ruleOf{{"CertificateType": "Vaccination", "Logic": fails}}, want: RuleFailed, rule: "GR-YY-0001"},
		"for another kind":                  {rules: []ruleOf{{"CertificateType": "Test", "Logic": fails}, {"CertificateType": "Recovery", "Logic": fails}}, want: RulesUnavailable},
		"first instant of its window":       {rules: []ruleOf{{"ValidFrom": at, "Logic": fails}}, want: RuleFailed, rule: "GR-YY-0001"},
		"a second before its window":        {rules: []ruleOf{{"ValidFrom": l.now.Add(time.Second).Format(time.RFC3339), "Logic": fails}}, want: RulesUnavailable},
		"end of its window":                 {rules: []ruleOf{{"ValidTo": at, "Logic": fails}}, want: RulesUnavailable},
		"a second before the end":           {rules: []ruleOf{{"ValidTo": l.now.Add(time.Second).Format(time.RFC3339), "Logic": fails}}, want: RuleFailed, rule: "GR-YY-0001"},
		"window written in another zone":    {rules: []ruleOf{{"ValidTo": l.now.In(time.FixedZone("", 14*3600)).Format(time.RFC3339), "Logic": fails}}, want: RulesUnavailable},
		"highest version":                   {rules: []ruleOf{{"Version": "1.0.9", "Logic": fails}, {"Version": "1.0.10"}, {"Version": "1.0.2", "Logic": fails}}, want: Accepted},
		"version of three digits":           {rules: []ruleOf{{"Version": "1.0.100"}, {"Version": "1.1.0", "Logic": fails}}, want: RuleFailed, rule: "GR-YY-0001"},
		"highest version not in force yet":  {rules: []ruleOf{{"Version": "1.0.0", "Logic": fails}, {"Version": "2.0.0", "ValidFrom": "2022-01-01T00:00:00Z"}}, want: RuleFailed, rule: "GR-YY-0001"},
		"highest version for another kind":  {rules: []ruleOf{{"Version": "1.0.0", "Logic": fails}, {"Version": "2.0.0", "CertificateType": "Test"}}, want: RuleFailed, rule: "GR-YY-0001"},
		"highest version of another region": {rules: []ruleOf{{"Version": "1.0.0", "Logic": fails}, {"Version": "2.0.0", "Region": "A"}}, want: RuleFailed, rule: "GR-YY-0001"},
		"highest version does not compile":  {rules: []ruleOf{{"Version": "1.0.0"}, {"Version": "2.0.0", "Logic": ruleOf{"or": []bool{true}}}}, want: RuleOpen, rule: "GR-YY-0001"},
		"same Identifier, two countries":    {rules: []ruleOf{{"Version": "1.0.0", "Logic": fails}, {"Version": "2.0.0", "Country": "ZZ"}}, want: RuleFailed, rule: "GR-YY-0001"},
		"several identifiers":               {rules: []ruleOf{{}, {"Identifier": "VR-YY-0002"}, {"Identifier": "VR-YY-0001", "Logic": fails}}, want: RuleFailed, rule: "VR-YY-0001"},
		"first that failed":                 {rules: []ruleOf{{"Identifier": "B", "Logic": fails}, {"Identifier": "A", "Logic": fails}, {"Identifier": "C", "Logic": fails}}, want: RuleFailed, rule: "A"},
		"first that is open":                {rules: []ruleOf{{"Identifier": "B", "Logic": open}, {"Identifier": "A", "Logic": open}, {"Identifier": "C"}}, want: RuleOpen, rule: "A"},
		"failed before open":                {rules: []ruleOf{{"Identifier": "A", "Logic": open}, {"Identifier": "B", "Logic": fails}}, want: RuleFailed, rule: "B"},

		"no region asked, rule of one":     {rules: []ruleOf{{"Region": "BY", "Logic": fails}}, want: RulesUnavailable},
		"region asked, rule of it":         {rules: []ruleOf{{"Region": "BY", "Logic": fails}}, policy: Policy{Arrival: "YY", Region: " by "}, want: RuleFailed, rule: "GR-YY-0001"},
		"region asked, rule of another":    {rules: []ruleOf{{"Region": "B", "Logic": fails}}, policy: Policy{Arrival: "YY", Region: "BY"}, want: RulesUnavailable},
		"region asked, rule of none":       {rules: []ruleOf{{"Logic": fails}}, policy: Policy{Arrival: "YY", Region: "BY"}, want: RulesUnavailable},
		"region is what the rule may read": {rules: []ruleOf{{"Region": "BY", "Logic": same("external.region", "BY")}}, policy: Policy{Arrival: "YY", Region: "by"}, want: Accepted},
		"region does not count elsewhere":  {rules: []ruleOf{{}, {"Identifier": "IR-XX-0001", "Type": "Invalidation", "Country": "XX", "Region": "A", "Logic": fails}}, want: RuleFailed, rule: "IR-XX-0001"},

		"another engine":                    {rules: []ruleOf{{"Engine": "CERTLOGIK", "Logic": passes}}, want: RuleOpen, rule: "GR-YY-0001"},
		"engine of a major version to come": {rules: []ruleOf{{"EngineVersion": "2.0.0", "Logic": passes}}, want: RuleOpen, rule: "GR-YY-0001"},
		"engine as Switzerland writes it":   {rules: []ruleOf{{"Engine": "CertLogic", "EngineVersion": "0.7.5", "Logic": passes}}, want: Accepted},
		"engine before the first":           {rules: []ruleOf{{"EngineVersion": "0.7.5", "Logic": passes}}, want: Accepted},
		"engine of today":                   {rules: []ruleOf{{"EngineVersion": "1.3.3", "Logic": passes}}, want: Accepted},
		"schema newer than the payload's":   {rules: []ruleOf{{"SchemaVersion": "1.3.1", "Logic": passes}}, want: RuleOpen, rule: "GR-YY-0001"},
		"schema of the payload":             {rules: []ruleOf{{"SchemaVersion": "1.3.0", "Logic": fails}}, want: RuleFailed, rule: "GR-YY-0001"},
		"schema of another major version":   {rules: []ruleOf{{"SchemaVersion": "0.9.0", "Logic": passes}}, want: RuleOpen, rule: "GR-YY-0001"},
		"payload without ver":               {rules: []ruleOf{{"SchemaVersion": "9.9.9", "Logic": passes}}, dcc: ruleOf{"ver": nil}, want: Accepted},
		"payload with ver null":             {rules: []ruleOf{{"SchemaVersion": "9.9.9", "Logic": passes}}, dcc: ruleOf{"ver": json.RawMessage("null")}, want: Accepted},
		"payload with spaces around ver":    {rules: []ruleOf{{"Logic": passes}}, dcc: ruleOf{"ver": " 1.0.0 "}, want: Accepted},
		"payload with odd ver":              {rules: []ruleOf{{"Logic": passes}}, dcc: ruleOf{"ver": "1.x"}, want: RuleOpen, rule: "GR-YY-0001"},
		"payload with empty ver":            {rules: []ruleOf{{"Logic": passes}}, dcc: ruleOf{"ver": ""}, want: RuleOpen, rule: "GR-YY-0001"},
		"payload with a number as ver":      {rules: []ruleOf{{"Logic": passes}}, dcc: ruleOf{"ver": 1}, want: RuleOpen, rule: "GR-YY-0001"},

		"broken head: window":            {rules: []ruleOf{{"ValidFrom": "22022-01-15T00:00:00Z"}}, want: RuleOpen, rule: "GR-YY-0001"},
		"broken head: ends too soon":     {rules: []ruleOf{{"ValidTo": "2021-01-01T00:00:00Z"}}, want: RuleOpen, rule: "GR-YY-0001"},
		"broken head: certificate type":  {rules: []ruleOf{{"CertificateType": "Exemption"}}, want: RuleOpen, rule: "GR-YY-0001"},
		"broken head: version":           {rules: []ruleOf{{"Version": "9.0.0"}, {"Version": "new"}}, want: RuleOpen, rule: "GR-YY-0001"},
		"broken head of another kind":    {rules: []ruleOf{{}, {"Identifier": "TR-YY-0001", "CertificateType": "Test", "Version": "new"}}, want: Accepted},
		"broken head of another country": {rules: []ruleOf{{}, {"Country": "ZZ", "Version": "new"}}, want: Accepted},

		"invalidation, true is good":        {rules: []ruleOf{{}, {"Type": "Invalidation", "Country": "XX"}}, want: Accepted},
		"invalidation, false is bad":        {rules: []ruleOf{{}, {"Identifier": "IR-XX-0001", "Type": "Invalidation", "Country": "XX", "Logic": fails}}, want: RuleFailed, rule: "IR-XX-0001"},
		"invalidation of arrival":           {rules: []ruleOf{{}, {"Type": "Invalidation", "Logic": fails}}, want: Accepted},
		"acceptance of issue":               {rules: []ruleOf{{}, {"Country": "XX", "Logic": fails}}, want: Accepted},
		"same Identifier, two types":        {rules: []ruleOf{{"Version": "2.0.0"}, {"Type": "Invalidation", "Country": "XX", "Version": "1.0.0", "Logic": fails}}, want: RuleFailed, rule: "GR-YY-0001"},
		"invalidation alone is not enough":  {rules: []ruleOf{{"Type": "Invalidation", "Country": "XX"}}, want: RulesUnavailable},
		"invalidation alone, at home":       {rules: []ruleOf{{"Type": "Invalidation", "Country": "XX"}}, policy: Policy{Arrival: "XX"}, want: Accepted},
		"invalidation alone, fails":         {rules: []ruleOf{{"Type": "Invalidation", "Country": "XX", "Logic": fails}}, want: RuleFailed, rule: "GR-YY-0001"},
		"issue by the issuer claim":         {rules: []ruleOf{{}, {"Type": "Invalidation", "Country": "WW", "Logic": fails}}, country: "-", claims: map[int]any{claimIssuer: " ww"}, want: RuleFailed, rule: "GR-YY-0001"},
		"issue by the DSC before the claim": {rules: []ruleOf{{}, {"Type": "Invalidation", "Country": "WW", "Logic": fails}}, claims: map[int]any{claimIssuer: "WW"}, want: Accepted},
		"issue by co":                       {rules: []ruleOf{{}, {"Type": "Invalidation", "Country": "XX", "Logic": fails}}, country: "-", claims: map[int]any{claimIssuer: "Ministry"}, want: RuleFailed, rule: "GR-YY-0001"},
		"issue by a DSC of EL":              {rules: []ruleOf{{}, {"Type": "Invalidation", "Country": "GR", "Logic": fails}}, country: "EL", want: RuleFailed, rule: "GR-YY-0001"},

		"reads the clock":            {rules: []ruleOf{{"Logic": same("external.validationClock", l.now.UTC().Format("2006-01-02T15:04:05.000Z"))}}, want: Accepted},
		"reads the country":          {rules: []ruleOf{{"Logic": same("external.countryCode", "YY")}}, want: Accepted},
		"reads the country of issue": {rules: []ruleOf{{"Logic": same("external.issuerCountryCode", "XX")}}, want: Accepted},
		"reads exp":                  {rules: []ruleOf{{"Logic": same("external.exp", l.now.Add(1000*time.Second).UTC().Format(time.RFC3339))}}, want: Accepted},
		"reads iat":                  {rules: []ruleOf{{"Logic": same("external.iat", l.now.Add(-1000*time.Second).UTC().Format(time.RFC3339))}}, want: Accepted},
		"reads the kid":              {rules: []ruleOf{{"Logic": same("external.kid", "AQIDBAUGBwg=")}}, want: Accepted},
		"reads value sets":           {rules: []ruleOf{{"Logic": ruleOf{"in": []any{"b", ruleOf{"var": "external.valueSets.letters"}}}}}, want: Accepted},
		"value set missing":          {rules: []ruleOf{{"Logic": ruleOf{"in": []any{"b", ruleOf{"var": "external.valueSets.words"}}}}}, want: RuleOpen, rule: "GR-YY-0001"},
	} {
		t.Run(name, func(t *testing.T) {
			var texts [][]byte
			for _, change := range tc.rules {
				texts = append(texts, ruleText(t, change))
			}
			rules := ruleSet(t, map[string][]string{"letters": {"a", "b"}}, texts...)
			d := l.es
			switch tc.country {
			case "":
			case "-":
				d.Country = ""
			default:
				d.Country = tc.country
			}
			change := map[int]any{claimHCERT: map[int]any{keyDCC: changedDCC(tc.dcc)}}
			for claim, v := range tc.claims {
				change[claim] = v
			}
			policy := tc.policy
			if policy.Arrival == "" {
				policy.Arrival = "YY"
			}
			policy.RulesRequire = true
			text := l.mint(t, sketch{payload: l.claims(t, change)})
			trust := NewTrust([]DSC{d}).WithRules(rules)
			v := New(policy)
			got := v.Verify(text, trust, l.now)
			if got.Reason() != tc.want || got.Rule() != tc.rule {
				t.Errorf("%v by %q, want %v by %q", got.Reason(), got.Rule(), tc.want, tc.rule)
			}
			explained, _ := v.Explain(text, trust, l.now, Explain{})
			if explained.Reason() != got.Reason() || explained.Rule() != got.Rule() {
				t.Errorf("explained as %v by %q", explained.Reason(), explained.Rule())
			}
		})
	}
}

func same(path, value string) any { return ruleOf{"===": []any{ruleOf{"var": path}, value}} }

// changedDCC is the lab's vaccination with members changed; nil takes one away.
func changedDCC(change map[string]any) map[string]any {
	dcc := map[string]any{
		"ver": "1.3.0", "dob": "1990-01-01", "nam": map[string]any{"fnt": "X"},
		"v": []any{map[string]any{"tg": "840539006", "ci": "URN:UVCI:01:XX:1", "co": "XX", "dn": 2, "sd": 2}},
	}
	for name, v := range change {
		switch v := v.(type) {
		case nil:
			delete(dcc, name)
		case json.RawMessage:
			dcc[name] = nil
		default:
			dcc[name] = v
		}
	}
	return dcc
}
