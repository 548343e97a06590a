package verify

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	fxcbor "github.com/fxamacker/cbor/v2"

	"gatescan/verify/certlogic"
	"gatescan/verify/internal/cbor"
)

// Whatever is given as a rule, it is one or there is an error of bounded length, and nothing that was named for a
// country vanishes: it can be put in force.
func FuzzParseRule(f *testing.F) {
	for i, text := range gatewayRules(f) {
		if i%20 == 0 {
			f.Add([]byte(text))
		}
	}
	f.Add(ruleText(f, nil))
	f.Add([]byte(`{"Identifier":"GR-YY-0001","Country":"EL","Type":"Acceptance","Logic":{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRule(data)
		var named *RuleError
		if err != nil && (!errors.As(err, &named) || len(err.Error()) > 4096) {
			t.Fatalf("%T of %d bytes", err, len(err.Error()))
		}
		usable := r.Identifier != "" && r.Country != "" && r.Type != 0
		if err == nil && !usable {
			t.Fatalf("%+v is a rule", r)
		}
		rules, faults := NewRules([]Rule{r}, nil)
		if (rules.Len() == 1) != usable || (err != nil || !usable) && len(faults) != 1 {
			t.Fatalf("%+v, %v: %v, %v", r, err, rules, faults)
		}
	})
}

// Verify says of a pass what package certlogic says of its payload and the rule, or that the rule is open; it never
// panics, and leaves nothing in memory. Explain says the same.
func FuzzVerifyRules(f *testing.F) {
	l := always(f)
	text, err := os.ReadFile(filepath.Join(ruleVectors, "german-pass.hex"))
	if err != nil {
		f.Fatal(err)
	}
	pass, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		f.Fatal(err)
	}
	for i, text := range gatewayRules(f) {
		if i%20 == 0 {
			f.Add([]byte(mustRule(f, text).Logic), pass)
		}
	}
	f.Add([]byte(`{"reduce":[{"var":"payload.v"},{"+":[{"var":"accumulator"},{"var":"current.dn"}]},0]}`), mustCBOR(f, changedDCC(nil)))
	f.Add([]byte(`{"===":[{"var":"payload.v.0.dn"},2]}`), mustCBOR(f, changedDCC(nil)))
	sets := map[string][]string{"letters": {"a", "b"}}
	v := New(Policy{Arrival: "YY", RulesRequire: true, Holder: true})
	f.Fuzz(func(t *testing.T, logic, dcc []byte) {
		if !json.Valid(logic) || len(logic) > 4096 || fxcbor.Wellformed(dcc) != nil || len(dcc) > 4096 {
			t.Skip()
		}
		rule, err := ParseRule(ruleText(t, ruleOf{"Logic": json.RawMessage(logic)}))
		if err != nil {
			t.Skip()
		}
		rules, _ := NewRules([]Rule{rule}, sets)
		trust := l.trust().WithRules(rules)
		payload, err := fxcbor.Marshal(map[int]any{claimIssuer: "XX", claimIssuedAt: 0, claimExpires: l.expires, claimHCERT: map[int]any{keyDCC: fxcbor.RawMessage(dcc)}})
		if err != nil {
			t.Skip()
		}
		text := l.mint(t, sketch{payload: payload})
		got := v.Verify(text, trust, l.now)
		if !sameButMachine(v.rules, judgement{}) || len(bytes.Trim(v.joined[:], "\x00")) > 0 || len(bytes.Trim(v.tbs[:], "\x00")) > 0 {
			t.Fatal("left in memory")
		}
		if explained, _ := v.Explain(text, trust, l.now, Explain{}); explained.Reason() != got.Reason() || explained.Rule() != got.Rule() {
			t.Fatalf("%v by %q, explained as %v by %q", got.Reason(), got.Rule(), explained.Reason(), explained.Rule())
		}
		outcome := certlogic.Open
		if p, err := certlogic.Compile(rule.Logic); err == nil {
			outcome = certlogic.NewMachine().Eval(p, &certlogic.Data{
				Payload: cbor.NewCursor(dcc, &cbor.Arena{Buf: make([]byte, maxCWT)}), Clock: l.now, ValueSets: certlogic.NewValueSets(sets),
				CountryCode: []byte("YY"), IssuerCountryCode: []byte("XX"), KID: []byte("AQIDBAUGBwg="),
				IAT: []byte("1970-01-01T00:00:00Z"), Exp: []byte("9999-12-31T23:59:59Z"),
			})
		}
		switch got.Reason() {
		case Accepted:
			if outcome != certlogic.Passed {
				t.Fatalf("accepted, %v", outcome)
			}
		case RuleFailed:
			if outcome != certlogic.Failed {
				t.Fatalf("failed, %v", outcome)
			}
		case RulesUnavailable:
			t.Fatal("the rule did not apply")
		}
	})
}
