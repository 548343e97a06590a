package verify

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// The rules that Switzerland's apps had in September 2022, at both ends of what they allow. What is expected is read from the
// rules' own words and periods.
func TestSwitzerland(t *testing.T) {
	data, err := os.ReadFile("testdata/rules/switzerland-2022-09.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Rules     []json.RawMessage
		ValueSets map[string][]string
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Rules) != 26 {
		t.Fatalf("%d rules", len(document.Rules))
	}
	var texts [][]byte
	for _, rule := range document.Rules {
		texts = append(texts, rule)
	}
	rules := ruleSet(t, document.ValueSets, texts...)

	const (
		comirnaty, janssen, unknown = "EU/1/20/1528", "EU/1/20/1525", "Sputnik-V"
		pcr, rapid, exemption       = "LP6464-4", "LP217198-3", "medical-exemption"
		negative, positive          = "260415000", "260373001"
	)
	dose := func(product string, number, of int) map[string]any {
		return map[string]any{"v": []any{map[string]any{"tg": "840539006", "mp": product, "dt": "2022-09-10", "dn": number, "sd": of}}}
	}
	test := func(kind, result string) map[string]any {
		return map[string]any{"v": nil, "t": []any{map[string]any{"tg": "840539006", "tt": kind, "tr": result, "sc": "2022-09-10T10:00:00Z"}}}
	}
	recovery := map[string]any{"v": nil, "r": []any{map[string]any{"tg": "840539006", "fr": "2022-09-10"}}}
	l := newLab(t)
	l.es.NotAfter = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	trust, v := l.trust().WithRules(rules), New(Policy{Arrival: "CH", RulesRequire: true})
	for _, tc := range []struct {
		dcc  map[string]any
		at   string
		rule string // that fails; empty: accepted
	}{
		{dose(comirnaty, 2, 2), "2022-09-09T23:59:59Z", "VR-CH-0004"},
		{dose(comirnaty, 2, 2), "2022-09-10T00:00:00Z", ""},
		{dose(comirnaty, 2, 2), "2023-06-06T23:59:59Z", ""}, // 270 days
		{dose(comirnaty, 2, 2), "2023-06-07T00:00:00Z", "VR-CH-0006"},
		{dose(comirnaty, 1, 2), "2022-10-10T12:00:00Z", "VR-CH-0001"},
		{dose(unknown, 2, 2), "2022-10-10T12:00:00Z", "VR-CH-0002"},
		{dose(janssen, 1, 1), "2022-09-30T23:59:59Z", "VR-CH-0005"}, // 21 days
		{dose(janssen, 1, 1), "2022-10-01T00:00:00Z", ""},
		{dose(janssen, 1, 1), "2023-06-27T23:59:59Z", ""}, // 270 days more
		{dose(janssen, 1, 1), "2023-06-28T00:00:00Z", "VR-CH-0008"},
		{dose(janssen, 2, 1), "2022-09-10T00:00:00Z", ""},
		{dose(janssen, 2, 1), "2023-06-07T00:00:00Z", "VR-CH-0007"},

		{test(pcr, negative), "2022-09-10T10:00:00Z", "TR-CH-0005"},
		{test(pcr, negative), "2022-09-10T10:00:01Z", ""},
		{test(pcr, negative), "2022-09-13T09:59:59Z", ""}, // 72 hours
		{test(pcr, negative), "2022-09-13T10:00:00Z", "TR-CH-0007"},
		{test(pcr, positive), "2022-09-11T10:00:00Z", "TR-CH-0001"},
		{test(rapid, negative), "2022-09-11T09:59:59Z", ""}, // 24 hours
		{test(rapid, negative), "2022-09-11T10:00:00Z", "TR-CH-0006"},
		{test(rapid, positive), "2022-09-19T12:00:00Z", "TR-CH-0011"},
		{test(rapid, positive), "2022-10-10T12:00:00Z", ""},
		{test(rapid, positive), "2023-03-10T12:00:00Z", "TR-CH-0012"}, // 180 days
		{test(exemption, positive), "2023-09-10T09:59:59Z", ""},       // 365 days
		{test(exemption, positive), "2023-09-10T10:00:00Z", "TR-CH-0010"},
		{test(exemption, negative), "2022-10-10T12:00:00Z", "TR-CH-0008"},
		{test("other", negative), "2022-09-10T12:00:00Z", "TR-CH-0002"},

		{recovery, "2022-09-20T00:00:00Z", "RR-CH-0002"}, // 10 days
		{recovery, "2022-09-20T00:00:01Z", ""},
		{recovery, "2023-03-08T23:59:59Z", ""}, // 180 days
		{recovery, "2023-03-09T00:00:00Z", "RR-CH-0003"},
	} {
		at, err := time.Parse(time.RFC3339, tc.at)
		if err != nil {
			t.Fatal(err)
		}
		text := l.mint(t, sketch{payload: l.claims(t, map[int]any{
			claimIssuedAt: at.Add(-time.Hour).Unix(), claimExpires: at.Add(time.Hour).Unix(), claimHCERT: map[int]any{keyDCC: changedDCC(tc.dcc)},
		})})
		want := Accepted
		if tc.rule != "" {
			want = RuleFailed
		}
		got := v.Verify(text, trust, at)
		if got.Reason() != want || got.Rule() != tc.rule {
			t.Errorf("%v at %s: %v by %q, want %v by %q", tc.dcc, tc.at, got.Reason(), got.Rule(), want, tc.rule)
		}
	}
}
