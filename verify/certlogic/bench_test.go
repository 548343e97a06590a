package certlogic

import (
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatescan/verify/internal/cbor"
)

// germanPass is the CBOR of a vaccination from Germany's test data.
func germanPass(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/german-pass.hex")
	if err != nil {
		t.Fatal(err)
	}
	pass, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pass
}

// acceptanceRules are the rules of a country, from both sources.
func acceptanceRules(t testing.TB, country string) (logics [][]byte) {
	t.Helper()
	rules := loadGateway(t)
	for _, r := range loadLines[ruleRecord](t, "rules.jsonl.gz") {
		rules = append(rules, r.Rule)
	}
	for _, r := range rules {
		if r.Country == country && r.Type == "Acceptance" {
			logics = append(logics, r.Logic)
		}
	}
	if len(logics) == 0 {
		t.Fatalf("no rules of %s", country)
	}
	return logics
}

// benchData is a German vaccination at a moment.
func benchData(t testing.TB) (*Data, any) {
	pass := germanPass(t)
	if !new(cbor.Checker).Check(pass) {
		t.Fatal("the pass is malformed")
	}
	d := &Data{Payload: cbor.NewCursor(pass, nil), Clock: time.Date(2021, 8, 1, 12, 0, 0, 0, time.UTC), CountryCode: []byte("DE")}
	sets := loadValueSets(t)["bf683fc4b68d"]
	d.ValueSets = NewValueSets(sets)
	m := NewMachine()
	payload := treeOf(t, []byte(valueOf(m, compile(t, []byte(`{"var":"payload"}`)), d)))
	return d, map[string]any{"payload": payload, "external": map[string]any{
		"validationClock": "2021-08-01T12:00:00.000Z", "valueSets": valueSetTree(sets), "countryCode": "DE",
	}}
}

// BenchmarkGermany judges one pass by all acceptance rules of its country: the compiled rules, and the tree of JSON.
func BenchmarkGermany(b *testing.B) { benchCountry(b, "DE") }

// BenchmarkCountry does so with those of other countries.
func BenchmarkCountry(b *testing.B) {
	for _, country := range []string{"LU", "FR", "CZ"} {
		b.Run(country, func(b *testing.B) { benchCountry(b, country) })
	}
}

func benchCountry(b *testing.B, country string) {
	logics := acceptanceRules(b, country)
	d, data := benchData(b)
	b.Run(fmt.Sprintf("%d-rules/compiled", len(logics)), func(b *testing.B) { benchSet(b, logics, d) })
	b.Run(fmt.Sprintf("%d-rules/reference", len(logics)), func(b *testing.B) {
		trees := make([]any, len(logics))
		for i := range logics {
			trees[i] = treeOf(b, logics[i])
		}
		b.ReportAllocs()
		for b.Loop() {
			for i := range trees {
				referenceResult(trees[i], data)
			}
		}
	})
	b.Run(fmt.Sprintf("%d-rules/certlogic-js", len(logics)), func(b *testing.B) { benchPeer(b, logics, data) })
}

// BenchmarkRules judges one pass by so many rules.
func BenchmarkRules(b *testing.B) {
	days := regexp.MustCompile(`[1-9][0-9]+`) // amounts of time, mostly, and codes
	var all [][]byte
	for _, r := range loadGateway(b) {
		all = append(all, r.Logic)
	}
	for _, n := range []int{10, 100, 1000} {
		// Beyond those that there are, the same again with other numbers of days.
		logics := make([][]byte, n)
		for i := range logics {
			logic := all[i%len(all)]
			if again := i / len(all); again > 0 {
				logic = days.ReplaceAllFunc(logic, func(amount []byte) []byte { return fmt.Appendf(nil, "%s%d", amount, again) })
			}
			logics[i] = logic
		}
		d, _ := benchData(b)
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchSet(b, logics, d) })
	}
}

func benchSet(b *testing.B, logics [][]byte, d *Data) {
	var c Compiler
	programs := make([]*Program, len(logics))
	for i := range logics {
		var err error
		if programs[i], err = c.Add(logics[i]); err != nil {
			b.Fatal(err)
		}
	}
	set := c.Set()
	m := NewMachine()
	b.ReportAllocs()
	for b.Loop() {
		m.Load(set, d)
		for _, p := range programs {
			sink = m.Run(p)
		}
		m.Wipe()
	}
}

var sink Outcome

// BenchmarkLoad is the pass over the payload alone.
func BenchmarkLoad(b *testing.B) {
	var c Compiler
	for _, logic := range acceptanceRules(b, "DE") {
		if _, err := c.Add(logic); err != nil {
			b.Fatal(err)
		}
	}
	set := c.Set()
	d, _ := benchData(b)
	m := NewMachine()
	for b.Loop() {
		m.Load(set, d)
		m.Wipe()
	}
}

// BenchmarkCompile compiles the 271 rules of the gateway into one set.
func BenchmarkCompile(b *testing.B) {
	rules := loadGateway(b)
	b.ReportAllocs()
	for b.Loop() {
		var c Compiler
		for _, r := range rules {
			if _, err := c.Add(r.Logic); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func referenceResult(logic, data any) (v any) {
	defer func() {
		if err := recover(); err != nil {
			v = err
		}
	}()
	return reference(logic, data)
}
