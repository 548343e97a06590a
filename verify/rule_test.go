package verify

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ruleVectors are the vectors of package certlogic.
const ruleVectors = "certlogic/testdata"

func gunzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join(ruleVectors, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil || len(data) == 0 {
		t.Fatalf("%s: %d bytes, %v", name, len(data), err)
	}
	return data
}

// gatewayRules are the 271 rules as they were distributed, each as it came.
func gatewayRules(t testing.TB) (all []json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(gunzip(t, "gateway-rules-2023.json.gz"), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 271 {
		t.Fatalf("%d rules, want 271", len(all))
	}
	return all
}

// nationalRule is a rule of the business rules test data.
type nationalRule struct {
	ID   string
	Rule json.RawMessage
}

func nationalRules(t testing.TB) (all []nationalRule) {
	t.Helper()
	for line := range bytes.Lines(gunzip(t, "rules.jsonl.gz")) {
		var r nationalRule
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if len(all) != 121 {
		t.Fatalf("%d rules, want 121", len(all))
	}
	return all
}

func mustRule(t testing.TB, data []byte) Rule {
	t.Helper()
	r, err := ParseRule(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func valueSets(t testing.TB, ref string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(ruleVectors, "value-sets-by-ref.json"))
	if err != nil {
		t.Fatal(err)
	}
	var byRef map[string]map[string][]string
	if err := json.Unmarshal(data, &byRef); err != nil {
		t.Fatal(err)
	}
	if len(byRef[ref]) == 0 {
		t.Fatalf("no value sets %s", ref)
	}
	return byRef[ref]
}

// ruleText is a rule with members changed; nil takes one away.
func ruleText(t testing.TB, change map[string]any) []byte {
	t.Helper()
	m := map[string]any{
		"Identifier": "GR-YY-0001", "Type": "Acceptance", "Country": "YY", "Version": "1.0.0", "SchemaVersion": "1.0.0",
		"Engine": "CERTLOGIC", "EngineVersion": "1.0.0", "CertificateType": "General",
		"Description": []any{map[string]any{"lang": "en", "desc": "Two doses."}, map[string]any{"lang": "de", "desc": "Zwei Dosen."}},
		"ValidFrom":   "2021-07-01T00:00:00Z", "ValidTo": "2030-06-01T00:00:00Z", "AffectedFields": []any{"v.0.dn"},
		"Logic": true,
	}
	for name, v := range change {
		if v == nil {
			delete(m, name)
		} else {
			m[name] = v
		}
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseRule(t *testing.T) {
	r := mustRule(t, ruleText(t, map[string]any{
		"Country": "el", "Region": " at-1 ", "Version": "1.10.2", "CertificateType": "Test", "Type": "Invalidation",
		"ValidFrom": "2021-07-01T02:00:00.5+02:00", "Logic": map[string]any{"var": "payload"},
	}))
	if r.Country != "GR" || r.Region != "AT-1" || r.Version != (Version{1, 10, 2, ""}) || r.CertificateType != Test || r.Type != Invalidation ||
		!r.ValidFrom.Equal(time.Date(2021, 7, 1, 0, 0, 0, 5e8, time.UTC)) || string(r.Logic) != `{"var":"payload"}` {
		t.Errorf("%+v", r)
	}
	for lang, want := range map[string]string{"de": "Zwei Dosen.", "DE": "Zwei Dosen.", "fr": "Two doses.", "": "Two doses."} {
		if got := r.Describe(lang); got != want {
			t.Errorf("%q: %q", lang, got)
		}
	}
	r.Description = r.Description[1:]
	if got := r.Describe("fr"); got != "Zwei Dosen." {
		t.Errorf("without English: %q", got)
	}
	r.Description = nil
	if got := r.Describe("fr"); got != "" {
		t.Errorf("without any: %q", got)
	}
}

// A rule that is not right is refused with an error that names it and says what is wrong.
func TestParseRuleRefuses(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, tc := range map[string]struct {
		change map[string]any
		want   string
	}{
		"identifier missing":    {map[string]any{"Identifier": nil}, "a rule of YY: Identifier is missing"},
		"identifier odd":        {map[string]any{"Identifier": "GR YY\n0001"}, `Identifier "GR YY\n0001" is not made of`},
		"identifier long":       {map[string]any{"Identifier": long}, `Identifier "xxx`},
		"country missing":       {map[string]any{"Country": nil}, "rule GR-YY-0001: Country is missing"},
		"country spelled out":   {map[string]any{"Country": "Germany"}, `Country "Germany" is no ISO 3166-1 code`},
		"country of digits":     {map[string]any{"Country": "49"}, "no ISO 3166-1 code"},
		"type missing":          {map[string]any{"Type": nil}, "Type is missing"},
		"type of another kind":  {map[string]any{"Type": "BoosterNotification"}, "neither Acceptance nor Invalidation"},
		"certificate type":      {map[string]any{"CertificateType": "vaccination"}, "none of General, Vaccination, Test, Recovery"},
		"version missing":       {map[string]any{"Version": nil}, "Version is missing"},
		"version of two parts":  {map[string]any{"Version": "1.0"}, `Version "1.0" is not a semantic version`},
		"version is a number":   {map[string]any{"Version": 1}, "Version"},
		"version too large":     {map[string]any{"Version": "1.0.4294967296"}, "not a semantic version"},
		"schema version":        {map[string]any{"SchemaVersion": "v1.0.0"}, "SchemaVersion"},
		"engine missing":        {map[string]any{"Engine": nil}, "Engine is missing"},
		"engine version":        {map[string]any{"EngineVersion": "1.0.x"}, "EngineVersion"},
		"begins in year 22022":  {map[string]any{"ValidFrom": "22022-01-15T00:00:00Z"}, `ValidFrom "22022-01-15T00:00:00Z" is no RFC 3339 time`},
		"ends nowhere":          {map[string]any{"ValidTo": nil}, "ValidTo is missing"},
		"ends before it begins": {map[string]any{"ValidTo": "2021-06-30T00:00:00Z"}, "not later than ValidFrom"},
		"ends as it begins":     {map[string]any{"ValidTo": "2021-07-01T02:00:00+02:00"}, "not later than ValidFrom"},
		"region long":           {map[string]any{"Region": long}, "longer than 16 bytes"},
		"logic missing":         {map[string]any{"Logic": nil}, "Logic is missing"},
		"two things":            {map[string]any{"Version": nil, "Country": nil}, "Country is missing; Version is missing"},
		"too large":             {map[string]any{"Logic": strings.Repeat("x", MaxRule)}, "at most 262144"},
	} {
		_, err := ParseRule(ruleText(t, tc.change))
		var named *RuleError
		if !errors.As(err, &named) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
	for _, text := range []string{"", "null", "7", "[]", `"x"`, "{", "{}", "\xff", `{"Identifier":"\xff"}`, strings.Repeat("[", 100_000)} {
		if _, err := ParseRule([]byte(text)); err == nil {
			t.Errorf("%.20q is a rule", text)
		}
	}
	if _, err := ParseRule(ruleText(t, map[string]any{"Type": "MASK"})); !errors.Is(err, ErrRuleType) {
		t.Errorf("%v is not ErrRuleType", err)
	}
}

// What is no JSON is refused; the rule is named all the same, and stands in the way of nothing but itself.
func TestParseRuleNotJSON(t *testing.T) {
	data, err := os.ReadFile("testdata/rules/invalid-json-rules.json")
	if err != nil {
		t.Fatal(err)
	}
	var files []struct{ Path, Raw string }
	if err := json.Unmarshal(data, &files); err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		r, err := ParseRule([]byte(file.Raw))
		if err == nil || !strings.Contains(err.Error(), "rule TR-MT-0001 of MT: not JSON") || !strings.Contains(err.Error(), "at byte") {
			t.Errorf("%s: %v", file.Path, err)
		}
		rules, faults := NewRules([]Rule{r}, nil)
		if rules.Len() != 1 || len(faults) != 1 || !strings.Contains(faults[0].Error(), "nobody is let through") {
			t.Errorf("%s: %v, %v", file.Path, rules, faults)
		}
	}
}

// Every rule that was ever distributed, and every one of the national test data, parses and compiles. One is for a newer
// engine, so that nobody came to Togo.
func TestRealRules(t *testing.T) {
	var all []Rule
	for _, text := range gatewayRules(t) {
		all = append(all, mustRule(t, text))
	}
	for _, r := range nationalRules(t) {
		all = append(all, mustRule(t, r.Rule))
	}
	rules, faults := NewRules(all, valueSets(t, "bf683fc4b68d"))
	if rules.Len() != 392 || len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), "rule GR-TG-0001 of TG: is for engine") {
		t.Errorf("%v: %v", rules, faults)
	}
	spring := time.Date(2023, 4, 1, 0, 0, 0, 0, time.UTC)
	for _, country := range rules.Countries(Acceptance) {
		if unusable := rules.Unusable(Acceptance, country, "", spring); len(unusable) > 0 != (country == "TG") {
			t.Errorf("%s: %v", country, unusable)
		}
	}
	if rules.Count(Acceptance, "DE") != 8 || rules.Count(Invalidation, "de") != 1 || rules.Count(Acceptance, "XX") != 0 {
		t.Errorf("Germany has %d and %d rules", rules.Count(Acceptance, "DE"), rules.Count(Invalidation, "DE"))
	}
	t.Log(rules)
}

func TestParseValueSet(t *testing.T) {
	id, codes, err := ParseValueSet([]byte(`{"valueSetId":"disease-agent-targeted","valueSetDate":"2021-04-27","valueSetValues":{
		"840539006":{"display":"COVID-19","lang":"en","active":true,"system":"http://snomed.info/sct","version":"x"},"1":{"active":false}}}`))
	if id != "disease-agent-targeted" || strings.Join(codes, " ") != "1 840539006" || err != nil {
		t.Errorf("%q %q %v", id, codes, err)
	}
	if id, codes, err = ParseValueSet([]byte(`{"valueSetId":"x","valueSetValues":{}}`)); id != "x" || len(codes) != 0 || err != nil {
		t.Errorf("an empty one: %q %q %v", id, codes, err)
	}
	for text, want := range map[string]string{
		"":                      "unexpected end",
		`{"valueSetValues":{}}`: "valueSetId is missing",
		`{"valueSetId":"x"}`:    "x: valueSetValues is missing",
		`{"valueSetId":7}`:      "valueSetId",
		`{"valueSetId":"x","valueSetValues":["1"]}`:                             "valueSetValues",
		`{"valueSetId":"` + strings.Repeat("x", 101) + `","valueSetValues":{}}`: "longer than 100",
		strings.Repeat(" ", MaxValueSet+1):                                      "at most 4194304",
	} {
		if _, _, err := ParseValueSet([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}

func TestVersion(t *testing.T) {
	ordered := []string{
		"0.0.1", "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
		"1.0.0", "1.0.9", "1.0.10", "1.0.100", "1.1.0", "1.100.0", "2.0.0", "4294967295.0.0",
	}
	parse := func(s string) Version {
		v, err := ParseVersion(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for i, a := range ordered {
		if got := parse(a).String(); got != a {
			t.Errorf("%s reads as %s", a, got)
		}
		for j, b := range ordered {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := parse(a).Compare(parse(b)); got != want {
				t.Errorf("%s to %s: %d, want %d", a, b, got, want)
			}
		}
	}
	if parse("1.0.0+build.7") != parse("1.0.0") {
		t.Error("build metadata count")
	}
	for _, s := range []string{"", "1", "1.0", "1.0.", ".0.0", "1..0", "1.0.0.0", "1.0.0-", "1.0.0-a..b", "1.0.0-ä", " 1.0.0", "-1.0.0", "1.0.0-" + strings.Repeat("a", 33)} {
		if v, err := ParseVersion(s); err == nil {
			t.Errorf("%q is version %v", s, v)
		}
	}
}
