package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// allRules are all rules of the vectors, 392 of 31 countries.
func allRules(t testing.TB) *Rules {
	t.Helper()
	var all []Rule
	for _, text := range gatewayRules(t) {
		all = append(all, mustRule(t, text))
	}
	for _, r := range nationalRules(t) {
		rule := mustRule(t, r.Rule)
		rule.Identifier += "-N" // both sources have some Identifiers
		all = append(all, rule)
	}
	rules, faults := NewRules(all, valueSets(t, "bf683fc4b68d"))
	if len(faults) != 1 { // Togo's rule for a newer engine, see TestRealRules
		t.Fatal(faults)
	}
	return rules
}

// Genuine passes are judged by the rules of every country, those with the most rules among them, without an
// allocation, whatever comes of it.
func TestRulesAllocateNothing(t *testing.T) {
	skipAllocations(t)
	rules := allRules(t)
	summer := time.Date(2022, 8, 1, 0, 0, 0, 0, time.UTC)
	passes := append(acceptable(t, ES256), acceptable(t, PS256)...)
	if testing.Short() {
		passes = passes[:5]
	}
	l := always(t)
	for _, dcc := range []map[string]any{
		{"v": []any{map[string]any{"tg": "840539006", "mp": "EU/1/20/1528", "dt": "2022-06-01", "dn": 2, "sd": 2, "co": "DE", "ci": "URN:UVCI:01DE/A51018097/1#2"}}},
		{"t": []any{map[string]any{"tg": "840539006", "tt": "LP6464-4", "tr": "260415000", "sc": "2022-07-31T12:00:00Z", "co": "DE"}}, "v": nil},
		{"r": []any{map[string]any{"tg": "840539006", "fr": "2022-07-01", "df": "2022-07-12", "du": "2022-12-28", "co": "DE"}}, "v": nil},
	} {
		text := l.mint(t, sketch{payload: l.claims(t, map[int]any{claimHCERT: map[int]any{keyDCC: changedDCC(dcc)}})})
		passes = append(passes, signed{"minted", text, l.es, summer})
	}
	found := map[Reason]int{}
	by := map[string]bool{}
	v := New(Policy{})
	for _, p := range passes {
		trust := NewTrust([]DSC{p.dsc}).WithRules(rules)
		for _, code := range rules.Countries(Acceptance) {
			v.SetPolicy(Policy{Arrival: code, RulesRequire: true, Holder: true, Rules: rules, Parts: []*Rules{rules, rules}})
			if n := testing.AllocsPerRun(3, func() { sink = v.Verify(p.text, trust, p.now) }); n != 0 {
				t.Errorf("%s in %s: %v allocations", p.id, code, n)
			}
			found[sink.Reason()]++
			by[sink.Rule()] = true
		}
	}
	for _, r := range []Reason{Accepted, RulesUnavailable, RuleFailed, RuleOpen} {
		if found[r] == 0 {
			t.Errorf("nothing came to %v", r)
		}
	}
	t.Logf("%d passes in %d countries: %v, by %d rules", len(passes), len(rules.Countries(Acceptance)), found, len(by)-1)
}

// manyRules are n acceptance rules of one country. Beyond those that there are, they are the same with other numbers.
func manyRules(t testing.TB, n int) *Rules {
	t.Helper()
	days := regexp.MustCompile(`[1-9][0-9]+`)
	logics := [][]byte{}
	for _, text := range gatewayRules(t) {
		if r := mustRule(t, text); r.Type == Acceptance && r.EngineVersion.Major <= engineMajor {
			logics = append(logics, r.Logic)
		}
	}
	var all []Rule
	for i := range n {
		logic := logics[i%len(logics)]
		if again := i / len(logics); again > 0 {
			logic = days.ReplaceAllFunc(logic, func(amount []byte) []byte { return fmt.Appendf(nil, "%s%d", amount, again) })
		}
		all = append(all, Rule{
			Identifier: fmt.Sprintf("GR-YY-%05d", i), Type: Acceptance, Country: "YY", Engine: engine, SchemaVersion: Version{Major: 1},
			// All are judged: none says no, so that none ends it.
			Logic: slices.Concat([]byte(`{"if":[`), logic, []byte(`,true,true]}`)),
		})
	}
	rules, faults := NewRules(all, valueSets(t, "bf683fc4b68d"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return rules
}

// Rules that do not fit one set of package certlogic are judged all the same, and one that fits none is open.
func TestMoreRulesThanASetHolds(t *testing.T) {
	l := newLab(t)
	rules := manyRules(t, 4000)
	sets := map[any]bool{}
	for _, r := range rules.of(country{'Y', 'Y'}).all {
		sets[r.set] = true
	}
	if len(sets) < 2 {
		t.Fatalf("%d sets", len(sets))
	}
	trust := l.trust().WithRules(rules)
	text := l.mint(t, sketch{})
	v := New(Policy{Arrival: "YY", RulesRequire: true})
	_, explained := v.Explain(text, trust, l.now, Explain{})
	outcomes := map[string]int{}
	for _, x := range explained {
		outcomes[x.Outcome.String()]++
	}
	if len(explained) != 4000 || outcomes["passed"] == 0 {
		t.Errorf("%d rules considered: %v", len(explained), outcomes)
	}
	if !raceEnabled {
		if n := testing.AllocsPerRun(10, func() { sink = v.Verify(text, trust, l.now) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	t.Logf("%d sets, %v", len(sets), outcomes)

	var paths bytes.Buffer // more data than a machine has room for
	paths.WriteString(`{"and":[true`)
	for i := range 600 {
		fmt.Fprintf(&paths, `,{"!":[{"var":"payload.x%d"}]}`, i)
	}
	paths.WriteString(`]}`)
	logic := func(name, logic string) []byte {
		return ruleText(t, map[string]any{"Identifier": name, "Logic": json.RawMessage(logic)})
	}
	huge := ruleSet(t, nil, logic("A", `true`), logic("B", paths.String()), logic("C", `true`), logic("D", `true`))
	got, explained := v.Explain(text, l.trust().WithRules(huge), l.now, Explain{})
	if got.Reason() != RuleOpen || got.Rule() != "B" || len(explained) != 4 || explained[3].Outcome.String() != "passed" {
		t.Errorf("%v by %q: %v", got.Reason(), got.Rule(), explained)
	}
}

// A payload whose texts have indefinite lengths is put together for every set of rules anew; that it does not fit the
// memory for all of them at once must not matter.
func TestIndefiniteTextsForManySets(t *testing.T) {
	l := newLab(t)
	var dcc bytes.Buffer
	dcc.WriteString("\xbf")
	text := func(s string) {
		dcc.WriteByte(0x7f)
		for len(s) > 0 {
			n := min(len(s), 200)
			dcc.Write(mustCBOR(t, s[:n]))
			s = s[n:]
		}
		dcc.WriteByte(0xff)
	}
	text("v")
	dcc.WriteString("\x81\xbf")
	text("dn")
	dcc.WriteByte(2)
	text("is")
	text(string(bytes.Repeat([]byte("x"), 7500)))
	dcc.WriteString("\xff")
	text("ver")
	text("1.3.0")
	dcc.WriteString("\xff")
	payload := l.claims(t, map[int]any{claimHCERT: map[int]any{keyDCC: cbor.RawMessage(dcc.Bytes())}})
	reads := json.RawMessage(`{"if":[{"var":"payload.v.0.is"},{"===":[{"var":"payload.v.0.dn"},2]},false]}`)
	var texts [][]byte
	for _, change := range []ruleOf{
		{"Logic": reads}, {"Type": "Invalidation", "Country": "XX", "Logic": reads}, {"Identifier": "GR-YY-0002", "Logic": reads},
	} {
		texts = append(texts, ruleText(t, change))
	}
	rules := ruleSet(t, nil, texts...)
	own := ruleSet(t, nil, texts...)
	v := New(Policy{Arrival: "YY", RulesRequire: true, Rules: own})
	if got := v.Verify(l.mint(t, sketch{payload: payload}), l.trust().WithRules(rules), l.now); !got.Accepted() {
		t.Errorf("%v by %q", got.Reason(), got.Rule())
	}
}

// Neither the zone of the process nor that of the moment changes what becomes of a pass, at the limits of days, over a
// change to summer time and back.
func TestTimeZonesChangeNothing(t *testing.T) {
	l := always(t)
	day := func(path string, n int) any { return ruleOf{"plusTime": []any{ruleOf{"var": path}, n, "day"}} }
	rules := ruleSet(t, nil,
		ruleText(t, ruleOf{"Logic": ruleOf{"not-before": []any{day("external.validationClock", 0), day("payload.v.0.dt", 15)}}}),
		ruleText(t, ruleOf{"Identifier": "GR-YY-0002", "ValidFrom": "2022-03-26T23:30:00Z", "ValidTo": "2022-10-30T00:30:00+02:00", "Logic": ruleOf{
			"not-after": []any{day("external.validationClock", 0), day("payload.v.0.dt", 217)},
		}}),
	)
	trust := l.trust().WithRules(rules)
	text := l.mint(t, sketch{payload: l.claims(t, map[int]any{claimHCERT: map[int]any{keyDCC: changedDCC(map[string]any{
		"v": []any{map[string]any{"dt": "2022-03-12", "dn": 2}}, // 15 days before, and 217 before the changes of that year in Europe
	})}})})
	v := New(Policy{Arrival: "YY", RulesRequire: true})
	zones := []*time.Location{
		time.UTC, time.FixedZone("UTC-12", -12*3600), time.FixedZone("UTC+14", 14*3600), time.FixedZone("UTC+5:45", 5*3600+45*60),
	}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	before := time.Local
	defer func() { time.Local = before }()
	found := map[string]int{}
	for _, around := range []string{"2022-03-27T00:00:00Z", "2022-03-27T01:00:00Z", "2022-03-26T23:30:00Z", "2022-10-15T00:00:00Z", "2022-10-29T22:30:00Z", "2022-10-30T01:00:00Z"} {
		middle, err := time.Parse(time.RFC3339, around)
		if err != nil {
			t.Fatal(err)
		}
		step := 30
		if testing.Short() {
			step = 150
		}
		for minutes := -150; minutes <= 150; minutes += step {
			for _, off := range []time.Duration{-time.Millisecond, 0, time.Millisecond} {
				now := middle.Add(time.Duration(minutes)*time.Minute + off)
				time.Local = time.UTC
				want := v.Verify(text, trust, now)
				found[want.Reason().String()+" "+want.Rule()]++
				for _, zone := range zones {
					time.Local = zone
					for _, moment := range []time.Time{now, now.Local(), now.In(zone)} {
						if got := v.Verify(text, trust, moment); got.Reason() != want.Reason() || got.Rule() != want.Rule() {
							t.Errorf("%v in %v: %v by %q, in UTC %v by %q", moment, zone, got.Reason(), got.Rule(), want.Reason(), want.Rule())
						}
					}
				}
			}
		}
	}
	if len(found) != 3 {
		t.Errorf("the moments were chosen badly: %v", found)
	}
	t.Log(found)
}
