package certlogic

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	fxcbor "github.com/fxamacker/cbor/v2"

	"gatescan/verify/internal/cbor"
)

// specCase is a case of the specification's test suites.
type specCase struct {
	ID             string
	Kind           string
	Logic          json.RawMessage
	Data           json.RawMessage
	Expected       json.RawMessage
	Directive      *string
	ExpectedIssues []json.RawMessage `json:"expected_issues"`
}

// ruleRecord is a rule of the business rules test data.
type ruleRecord struct {
	ID   string
	Rule gatewayRule
}

type gatewayRule struct {
	Identifier, Type, Country, CertificateType string
	Logic                                      json.RawMessage
}

// ruleTest is a test of one of those rules.
type ruleTest struct {
	ID           string
	RuleID       string `json:"rule_id"`
	Payload      any
	External     map[string]any
	ValueSetsRef string `json:"value_sets_ref"`
	Expected     json.RawMessage
}

func openGzip(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// loadLines reads a file of JSON lines.
func loadLines[T any](t testing.TB, name string) (records []T) {
	t.Helper()
	lines := bufio.NewScanner(openGzip(t, name))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var record T
		decodeJSON(t, lines.Bytes(), &record)
		records = append(records, record)
	}
	if lines.Err() != nil || len(records) == 0 {
		t.Fatalf("%s: %d records, %v", name, len(records), lines.Err())
	}
	return records
}

func loadGateway(t testing.TB) (rules []gatewayRule) {
	t.Helper()
	b, err := io.ReadAll(openGzip(t, "gateway-rules-2023.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	decodeJSON(t, b, &rules)
	if len(rules) != 271 {
		t.Fatalf("%d rules, want 271", len(rules))
	}
	return rules
}

func loadValueSets(t testing.TB) map[string]map[string][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/value-sets-by-ref.json")
	if err != nil {
		t.Fatal(err)
	}
	var sets map[string]map[string][]string
	decodeJSON(t, b, &sets)
	if len(sets) == 0 {
		t.Fatal("no value sets")
	}
	return sets
}

func decodeJSON(t testing.TB, b []byte, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %.200s", err, b)
	}
}

// tree makes a decoded JSON value into what the reference evaluates: nil, bool, int64, float64, string, []any,
// map[string]any.
func tree(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f)
		}
		return f
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = tree(v[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for k := range v {
			object[k] = tree(v[k])
		}
		return object
	}
	return v
}

func treeOf(t testing.TB, b []byte) any {
	t.Helper()
	var v any
	decodeJSON(t, b, &v)
	return tree(v)
}

var canonical = func() fxcbor.EncMode {
	mode, err := fxcbor.CanonicalEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

func encodeCBOR(t testing.TB, v any) cbor.Cursor {
	t.Helper()
	b, err := canonical.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if !new(cbor.Checker).Check(b) {
		t.Fatal("the encoder made CBOR that the checker refuses")
	}
	return cbor.NewCursor(b, nil)
}

// wholeData is data that stands for everything.
func wholeData(t testing.TB, v any) *Data {
	c := encodeCBOR(t, v)
	return &Data{whole: &c}
}

// splitData is data as a verifier has it. The clock must be a date-time.
func splitData(t testing.TB, payload any, external map[string]any) *Data {
	t.Helper()
	d := &Data{Payload: encodeCBOR(t, payload)}
	for name, v := range external {
		switch s, _ := v.(string); name {
		case "validationClock":
			var err error
			for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07"} {
				if d.Clock, err = time.Parse(layout, s); err == nil {
					break
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		case "valueSets":
			sets := map[string][]string{}
			for id, codes := range v.(map[string]any) {
				sets[id] = []string{}
				for _, code := range codes.([]any) {
					sets[id] = append(sets[id], code.(string))
				}
			}
			d.ValueSets = NewValueSets(sets)
		case "countryCode":
			d.CountryCode = []byte(s)
		case "issuerCountryCode":
			d.IssuerCountryCode = []byte(s)
		case "exp":
			d.Exp = []byte(s)
		case "iat":
			d.IAT = []byte(s)
		case "kid":
			d.KID = []byte(s)
		case "region":
			d.Region = []byte(s)
		}
	}
	return d
}

func compile(t testing.TB, logic []byte) *Program {
	t.Helper()
	p, err := Compile(logic)
	if err != nil {
		t.Fatalf("%v: %s", err, logic)
	}
	return p
}

// valueOf evaluates to JSON, or to the fault.
func valueOf(m *Machine, p *Program, d *Data) string {
	v, fault := m.Value(p, d)
	if fault != NoFault {
		return "fault: " + fault.String()
	}
	return string(m.AppendJSON(nil, v))
}

func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	return toJSON(treeOf(t, []byte(a))) == toJSON(treeOf(t, []byte(b)))
}

// Every case of the specification that is not to be skipped gives what it should, and the reference agrees.
func TestSpecification(t *testing.T) {
	var asserted int
	var skipped []string
	m := NewMachine()
	for _, c := range loadLines[specCase](t, "certlogic.jsonl.gz") {
		if c.Kind != "evaluate" {
			continue
		}
		if c.Directive != nil {
			if *c.Directive != "skip" {
				t.Fatalf("%s: directive %q", c.ID, *c.Directive)
			}
			skipped = append(skipped, c.ID)
			continue
		}
		asserted++
		data := treeOf(t, c.Data)
		if got := valueOf(m, compile(t, c.Logic), wholeData(t, data)); strings.HasPrefix(got, "fault") || !sameJSON(t, got, string(c.Expected)) {
			t.Errorf("%s: %s over %s gives %s, want %s", c.ID, c.Logic, c.Data, got, c.Expected)
		}
		if got := referenceJSON(treeOf(t, c.Logic), data); got == refFault || !sameJSON(t, got, string(c.Expected)) {
			t.Errorf("%s: the reference gives %s, want %s", c.ID, got, c.Expected)
		}
	}
	const want = 132
	if asserted != want {
		t.Errorf("%d cases asserted, want %d", asserted, want)
	}
	t.Logf("%d cases asserted; skipped, as the suite says: %v", asserted, skipped)
}

// Every case of the validation suite is accepted or refused as it should be.
func TestValidation(t *testing.T) {
	valid, invalid := 0, 0
	for _, c := range loadLines[specCase](t, "certlogic.jsonl.gz") {
		if c.Kind != "validate" {
			continue
		}
		_, err := Compile(c.Logic)
		if len(c.ExpectedIssues) == 0 {
			valid++
			if err != nil {
				t.Errorf("%s: %s: %v", c.ID, c.Logic, err)
			}
			continue
		}
		invalid++
		if err == nil {
			t.Errorf("%s: %s is accepted", c.ID, c.Logic)
		}
	}
	if valid != 6 || invalid != 8 {
		t.Errorf("%d valid and %d invalid cases, want 6 and 8", valid, invalid)
	}
}

// ruleCase is a test of a rule, ready to be run.
type ruleCase struct {
	id       string
	logic    []byte
	program  *Program
	data     map[string]any // payload, external
	expected Outcome
}

func loadRuleCases(t testing.TB) (cases []ruleCase) {
	t.Helper()
	sets := loadValueSets(t)
	rules := map[string]*Program{}
	logics := map[string][]byte{}
	for _, r := range loadLines[ruleRecord](t, "rules.jsonl.gz") {
		rules[r.ID], logics[r.ID] = compile(t, r.Rule.Logic), r.Rule.Logic
	}
	for _, test := range loadLines[ruleTest](t, "tests.jsonl.gz") {
		external := map[string]any{}
		for name, v := range test.External {
			external[name] = tree(v)
		}
		if test.ValueSetsRef != "" {
			external["valueSets"] = valueSetTree(sets[test.ValueSetsRef])
		}
		c := ruleCase{id: test.ID, program: rules[test.RuleID], logic: logics[test.RuleID]}
		c.data = map[string]any{"payload": tree(test.Payload), "external": external}
		switch string(test.Expected) {
		case "true":
			c.expected = Passed
		case "false":
			c.expected = Failed
		default:
			t.Fatalf("%s: expected %s", test.ID, test.Expected)
		}
		cases = append(cases, c)
	}
	if len(cases) != 881 {
		t.Fatalf("%d tests, want 881", len(cases))
	}
	return cases
}

func valueSetTree(sets map[string][]string) map[string]any {
	all := map[string]any{}
	for id, codes := range sets {
		list := []any{}
		for _, code := range codes {
			list = append(list, code)
		}
		all[id] = list
	}
	return all
}

func (c *ruleCase) split(t testing.TB) *Data {
	return splitData(t, c.data["payload"], c.data["external"].(map[string]any))
}

// Every test of the real rules gives what it should, however the data is handed over, and the reference agrees.
func TestRules(t *testing.T) {
	m := NewMachine()
	for _, c := range loadRuleCases(t) {
		if got := m.Eval(c.program, wholeData(t, c.data)); got != c.expected {
			t.Errorf("%s: whole: %v (%v), want %v", c.id, got, m.Fault(), c.expected)
		}
		if got := m.Eval(c.program, c.split(t)); got != c.expected {
			t.Errorf("%s: split: %v (%v), want %v", c.id, got, m.Fault(), c.expected)
		}
		if got := referenceJSON(treeOf(t, c.logic), c.data); got != map[Outcome]string{Passed: "true", Failed: "false"}[c.expected] {
			t.Errorf("%s: reference: %s, want %v", c.id, got, c.expected)
		}
	}
}

// The rules as they were distributed compile, alone and together, and read what rules may read.
func TestGatewayRulesCompile(t *testing.T) {
	var c Compiler
	paths := map[string]bool{}
	for _, r := range loadGateway(t) {
		p, err := c.Add(r.Logic)
		if err != nil {
			t.Errorf("%s: %v", r.Identifier, err)
			continue
		}
		for _, path := range p.Reads() {
			paths[path] = true
			if !strings.HasPrefix(path, "payload") && !strings.HasPrefix(path, "external") {
				t.Errorf("%s reads %s", r.Identifier, path)
			}
		}
	}
	if len(paths) < 20 || !paths["payload.v.0.dt"] || !paths["external.validationClock"] {
		t.Errorf("the rules read %v", paths)
	}
	for _, r := range loadLines[ruleRecord](t, "rules.jsonl.gz") {
		if _, err := c.Add(r.Rule.Logic); err != nil {
			t.Errorf("%s: %v", r.ID, err)
		}
	}
	s := c.Set()
	t.Logf("392 rules together: %d nodes (at most %d), %d results (%d), %d branches (%d)",
		len(s.nodes), MaxNodes, s.results, MaxResults, len(s.branches), MaxPaths)
}
