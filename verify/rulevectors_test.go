package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	cursor "gatescan/verify/internal/cbor"
)

// ruleTest is a test of one of the national rules.
type ruleTest struct {
	ID           string
	RuleID       string `json:"rule_id"`
	Payload      map[string]any
	External     map[string]json.RawMessage
	ValueSetsRef string `json:"value_sets_ref"`
	Expected     bool
}

func ruleTests(t testing.TB) (tests []ruleTest) {
	t.Helper()
	for line := range bytes.Lines(gunzip(t, "tests.jsonl.gz")) {
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		var test ruleTest
		if err := d.Decode(&test); err != nil {
			t.Fatal(err)
		}
		test.Payload, _ = whole(test.Payload).(map[string]any)
		tests = append(tests, test)
	}
	if len(tests) != 881 {
		t.Fatalf("%d tests, want 881", len(tests))
	}
	return tests
}

// whole makes integers of the numbers that are.
func whole(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = whole(v[name])
		}
	}
	return v
}

// entriesOf counts the entries of a payload, and says of which kind the last one is.
func entriesOf(payload map[string]any) (entries int, kind Kind) {
	for k := NoKind + 1; k < numKinds; k++ {
		if group, _ := payload[k.String()].([]any); len(group) > 0 {
			entries += len(group)
			kind = k
		}
	}
	return entries, kind
}

// always is a lab whose passes and DSCs are valid at every moment at which a rule is tested.
func always(t testing.TB) *lab {
	l := newLab(t)
	l.issuedAt, l.expires = 0, maxNumericDate
	l.es.NotBefore, l.es.NotAfter = time.Unix(0, 0), time.Unix(maxNumericDate, 0)
	return l
}

// Every test of a national rule gives what the test expects: from text to verdict if a pass can be made of it. The
// others, which have no entry or several, are refused before it comes to rules; they are judged from selection on.
func TestNationalRulesEndToEnd(t *testing.T) {
	l := always(t)
	byID := map[string]Rule{}
	for _, r := range nationalRules(t) {
		byID[r.ID] = mustRule(t, r.Rule)
	}
	endToEnd, fromSelection, opened := 0, 0, 0
	for n, test := range ruleTests(t) {
		if testing.Short() && n%8 != 0 {
			continue
		}
		rule := byID[test.RuleID]
		entries, kind := entriesOf(test.Payload)
		clock := rule.ValidFrom
		if text, ok := test.External["validationClock"]; ok {
			var s string
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatal(err)
			}
			var err error
			for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07"} {
				if clock, err = time.Parse(layout, s); err == nil {
					break
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		sets := map[string][]string{}
		if test.ValueSetsRef != "" {
			sets = valueSets(t, test.ValueSetsRef)
		}
		if entries != 1 {
			kind = max(rule.CertificateType, Vaccination)
		}
		inForce := !clock.Before(rule.ValidFrom) && clock.Before(rule.ValidTo) && (rule.CertificateType == NoKind || rule.CertificateType == kind)
		if !inForce {
			opened++
			rule.ValidFrom, rule.ValidTo, rule.CertificateType = time.Time{}, time.Time{}, NoKind
		}
		rules, faults := NewRules([]Rule{rule}, sets)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		v := New(Policy{Arrival: rule.Country, RulesRequire: true})
		var reason Reason
		var by string
		if entries == 1 {
			endToEnd++
			text := l.mint(t, sketch{payload: l.claims(t, map[int]any{claimHCERT: map[int]any{keyDCC: test.Payload}})})
			got := v.Verify(text, l.trust().WithRules(rules), clock)
			reason, by = got.Reason(), got.Rule()
		} else {
			fromSelection++
			cl := claims{expires: time.Unix(l.expires, 0), body: cursor.NewCursor(mustCBOR(t, test.Payload), &v.join)}
			reason, by, _ = v.judgeRules(rules, &l.es, &sign1{}, &cl, kind, clock)
		}
		switch {
		case !test.Expected && (reason != RuleFailed || by != rule.Identifier), test.Expected && entries != 1 && reason != noObjection,
			test.Expected && entries == 1 && reason != Accepted:
			t.Errorf("%s: %v by %q, want %v", test.ID, reason, by, test.Expected)
		}
	}
	t.Logf("%d end to end, %d from selection on; %d of them not by the rule as it was distributed, but thrown open", endToEnd, fromSelection, opened)
	if testing.Short() {
		if endToEnd < 50 || fromSelection < 25 {
			t.Error("too few tests")
		}
	} else if endToEnd != 590 || fromSelection != 291 || opened > 10 {
		t.Error("not the tests that there should be")
	}
}

// cwaCase is an end-to-end case of the Corona-Warn-App.
type cwaCase struct {
	Description      string
	DCC              string
	Rules            []json.RawMessage
	CountryOfArrival string
	ValidationClock  int64
	ExpPass          int
	ExpFail          int
	ExpOpen          int
}

// Every common test case of the Corona-Warn-App, from the QR text on: as many rules passed, failed and open as it says.
// The keys that signed them are not known, so the messages are signed again; all else is as it was.
func TestCoronaWarnAppCases(t *testing.T) {
	data, err := os.ReadFile("testdata/rules/cwa-common-test-cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		General   struct{ ValueSetProtocolBuffer []byte }
		TestCases []cwaCase
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.TestCases) != 14 {
		t.Fatalf("%d cases, want 14", len(file.TestCases))
	}
	sets := cwaValueSets(t, file.General.ValueSetProtocolBuffer)
	l := always(t)
	l.es.Country = ""
	for _, c := range file.TestCases {
		var all []Rule
		for _, text := range c.Rules {
			all = append(all, mustRule(t, text))
		}
		rules, faults := NewRules(all, sets)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		text, kid := l.resign(t, c.DCC)
		d := l.es
		d.KID = kid
		trust := NewTrust([]DSC{d}).WithRules(rules)
		verdict, explained := New(Policy{Arrival: c.CountryOfArrival, RulesRequire: true}).Explain(text, trust, time.Unix(c.ValidationClock, 0), Explain{})
		outcomes := map[string]int{}
		for _, x := range explained {
			outcomes[x.Outcome.String()]++
		}
		if outcomes["passed"] != c.ExpPass || outcomes["failed"] != c.ExpFail || outcomes["open"] != c.ExpOpen {
			t.Errorf("%s: %v %v, want %d passed, %d failed, %d open", c.Description, verdict.Reason(), explained, c.ExpPass, c.ExpFail, c.ExpOpen)
		}
		if verdict.Accepted() != (c.ExpFail+c.ExpOpen == 0) {
			t.Errorf("%s: %v", c.Description, verdict.Reason())
		}
	}
}

// resign signs a message again with the lab's key, all else as it was, and says which kid it names.
func (l *lab) resign(t testing.TB, dcc string) (text []byte, kid KID) {
	t.Helper()
	var m struct {
		_           struct{} `cbor:",toarray"`
		Protected   []byte
		Unprotected cbor.RawMessage
		Payload     []byte
		Signature   []byte
	}
	message := bytes.TrimPrefix(decodeText(t, []byte(dcc)), []byte{0xd2})
	if err := cbor.Unmarshal(message, &m); err != nil {
		t.Fatal(err)
	}
	for _, raw := range [][]byte{m.Unprotected, m.Protected} {
		var header map[int]any
		if err := cbor.Unmarshal(raw, &header); err != nil {
			t.Fatal(err)
		}
		if b, ok := header[labelKID].([]byte); ok {
			kid = KID(b)
		}
	}
	signature := l.sign(t, ES256, m.Protected, m.Payload)
	return []byte(prefix + encodeBase45(compress(coseMessage(m.Protected, m.Unprotected, m.Payload, signature)))), kid
}

// cwaValueSets reads the app's protocol buffer of value sets: messages of items, of which the first field is the code.
func cwaValueSets(t testing.TB, buffer []byte) map[string][]string {
	t.Helper()
	ids := []string{
		1: "sct-vaccines-covid-19", 2: "vaccines-covid-19-names", 3: "vaccines-covid-19-auth-holders", 4: "disease-agent-targeted",
		5: "covid-19-lab-test-type", 6: "covid-19-lab-test-manufacturer-and-name", 7: "covid-19-lab-result",
	}
	sets := map[string][]string{"country-2-codes": {"DE", "IT"}} // the app has a list of its own
	fields(t, buffer, func(set int, message []byte) {
		fields(t, message, func(_ int, item []byte) {
			fields(t, item, func(field int, text []byte) {
				if field == 1 {
					sets[ids[set]] = append(sets[ids[set]], string(text))
				}
			})
		})
	})
	if len(sets) != 8 {
		t.Fatalf("%d value sets", len(sets))
	}
	return sets
}

// fields goes over the fields of a message, all of which have a length (protocol buffers, wire type 2).
func fields(t testing.TB, message []byte, yield func(field int, value []byte)) {
	t.Helper()
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		size, m := binary.Uvarint(message[n:])
		if tag&7 != 2 || m <= 0 || size > uint64(len(message)-n-m) {
			t.Fatal("not the protocol buffer that it should be")
		}
		message = message[n+m:]
		yield(int(tag>>3), message[:size])
		message = message[size:]
	}
}
