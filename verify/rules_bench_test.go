package verify

import (
	"fmt"
	"testing"
	"time"

	"gatescan/verify/internal/cbor"
)

// BenchmarkRules judges a German vaccination by rules: those of Germany as they were in 2021, with the invalidation rule
// of 2022, and growing numbers of rules of one country of which none fails. "select" is what rules cost besides the
// signature: selection, reading the payload, evaluation. "pass" is all, from text to verdict.
func BenchmarkRules(b *testing.B) {
	l := always(b)
	l.es.Country = "DE"
	dcc := changedDCC(map[string]any{"v": []any{map[string]any{
		"tg": "840539006", "vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": 2, "sd": 2, "dt": "2021-06-11",
		"co": "DE", "is": "Robert Koch-Institut", "ci": "URN:UVCI:01DE/IZ12345A/5CWLU12RNOB9RXSEOP6FG8#W",
	}}})
	text := l.mint(b, sketch{payload: l.claims(b, map[int]any{claimHCERT: map[int]any{keyDCC: dcc}})})
	now := time.Date(2021, 10, 1, 12, 0, 0, 0, time.UTC)
	germany := germanRules(b)
	type bench struct {
		name  string
		rules *Rules
		code  string
	}
	benches := []bench{{fmt.Sprintf("germany-%d", germany.Len()), germany, "DE"}}
	for _, n := range []int{10, 100, 1000} {
		benches = append(benches, bench{fmt.Sprint(n), manyRules(b, n), "YY"})
	}
	b.Run("none/pass", func(b *testing.B) { benchPass(b, New(Policy{}), text, l.trust(), now) })
	for _, bench := range benches {
		v := New(Policy{Arrival: bench.code, RulesRequire: true})
		b.Run(bench.name+"/select", func(b *testing.B) {
			b.ReportAllocs()
			cl := claims{issuer: []byte("DE"), expires: time.Unix(l.expires, 0), body: cbor.NewCursor(mustCBOR(b, dcc), &v.join)}
			m := sign1{header: header{kid: l.es.KID[:]}}
			for b.Loop() {
				if refused, rule, _ := v.judgeRules(bench.rules, &l.es, &m, &cl, Vaccination, now); refused != noObjection && refused != RuleOpen {
					b.Fatal(refused, rule)
				}
			}
		})
		b.Run(bench.name+"/pass", func(b *testing.B) { benchPass(b, v, text, l.trust().WithRules(bench.rules), now) })
	}
}

func benchPass(b *testing.B, v *Verifier, text []byte, trust *Trust, now time.Time) {
	b.ReportAllocs()
	for b.Loop() {
		if sink = v.Verify(text, trust, now); sink.Reason() != Accepted && sink.Reason() != RuleOpen {
			b.Fatal(sink.Reason(), sink.Rule())
		}
	}
}

// germanRules are all rules of Germany in both sources, in force from ever.
func germanRules(b *testing.B) *Rules {
	var all []Rule
	for _, text := range gatewayRules(b) {
		all = append(all, mustRule(b, text))
	}
	for _, r := range nationalRules(b) {
		rule := mustRule(b, r.Rule)
		rule.Identifier += "-N"
		all = append(all, rule)
	}
	var german []Rule
	for _, r := range all {
		if r.Country == "DE" {
			r.ValidFrom = time.Time{}
			german = append(german, r)
		}
	}
	rules, faults := NewRules(german, valueSets(b, "bf683fc4b68d"))
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	return rules
}
