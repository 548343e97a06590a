package certlogic

import (
	"math"
	"testing"
	"time"

	fxcbor "github.com/fxamacker/cbor/v2"

	"gatescan/verify/internal/cbor"
)

// fuzzClock and fuzzSets are what rules find besides the payload.
var (
	fuzzClock = time.Date(2021, 8, 1, 12, 0, 0, 0, time.UTC)
	fuzzSets  = map[string][]string{"disease-agent-targeted": {"840539006"}, "codes": {"a", "b", "c", "d", "e", "f", "g", "840539006"}}
)

// fuzzData is data with that payload, for both evaluators.
func fuzzData(payload []byte, asTree any) (*Data, any) {
	d := &Data{
		Payload: cbor.NewCursor(payload, &cbor.Arena{Buf: make([]byte, 1<<20)}), Clock: fuzzClock, CountryCode: []byte("NL"), ValueSets: NewValueSets(fuzzSets),
	}
	return d, map[string]any{"payload": trimmed(asTree), "external": allExternals(map[string]any{
		"validationClock": "2021-08-01T12:00:00.000Z", "countryCode": "NL", "valueSets": valueSetTree(fuzzSets),
	})}
}

// seedLogics are the rules of all vectors.
func seedLogics(f *testing.F) (logics [][]byte) {
	for _, c := range loadLines[specCase](f, "certlogic.jsonl.gz") {
		logics = append(logics, c.Logic)
	}
	for _, r := range loadLines[ruleRecord](f, "rules.jsonl.gz") {
		logics = append(logics, r.Rule.Logic)
	}
	return logics
}

// compare evaluates in both ways, if that makes sense.
func compare(t *testing.T, m *Machine, logic []byte, d *Data, data any) {
	p, err := Compile(logic)
	if err != nil {
		return
	}
	v, fault := m.Value(p, d)
	if fault == TooManySteps || fault == TooManyItems {
		return // the reference has all the time in the world
	}
	got := refFault
	if fault == NoFault {
		got = toJSON(treeOf(t, m.AppendJSON(nil, v)))
	}
	if want := referenceJSON(treeOf(t, logic), data); got != want {
		t.Fatalf("%s over %s\nreference %s\ncompiled  %s (%v)", logic, toJSON(data), want, got, fault)
	}
}

// Whatever is compiled does what the reference does with it.
func FuzzCompile(f *testing.F) {
	for _, logic := range seedLogics(f) {
		f.Add([]byte(logic))
	}
	pass := germanPass(f)
	payload := passTree(f, pass)
	m := NewMachine()
	f.Fuzz(func(t *testing.T, logic []byte) {
		d, data := fuzzData(pass, payload)
		compare(t, m, logic, d, data)
	})
}

// A payload may be anything; if it is CBOR that a verifier lets through, both evaluators make the same of it.
func FuzzEval(f *testing.F) {
	pass := germanPass(f)
	for i, logic := range seedLogics(f) {
		if i%5 == 0 {
			f.Add([]byte(logic), pass)
		}
	}
	for _, c := range loadRuleCases(f)[:100] {
		b, err := canonical.Marshal(c.data["payload"])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.logic, b)
	}
	m := NewMachine()
	f.Fuzz(func(t *testing.T, logic, payload []byte) {
		if len(payload) > 8<<10 {
			return
		}
		d, _ := fuzzData(payload, nil)
		p, err := Compile(logic)
		if err != nil {
			return
		}
		first, fault := m.Eval(p, d), m.Fault()
		if leftovers(m) != "" {
			t.Errorf("not wiped: %s", leftovers(m))
		}
		if m.Eval(p, d) != first || m.Fault() != fault || (first == Open) != (fault != NoFault) {
			t.Errorf("%v (%v), then %v (%v)", first, fault, m.Eval(p, d), m.Fault())
		}
		m.Load(p.set, d)
		for range m.Reads(p) {
			break
		}
		if new(cbor.Checker).Check(payload) {
			if tree, ok := decodedTree(payload); ok {
				d, data := fuzzData(payload, tree)
				compare(t, m, logic, d, data)
			}
		}
	})
}

func passTree(t testing.TB, pass []byte) any {
	t.Helper()
	tree, ok := decodedTree(pass)
	if !ok {
		t.Fatal("the pass does not decode")
	}
	return tree
}

// decodedTree decodes CBOR with the library. It gives up on tags, which the library interprets.
func decodedTree(b []byte) (tree any, ok bool) {
	var v any
	if fxcbor.Unmarshal(b, &v) != nil {
		return nil, false
	}
	return fromLibrary(v)
}

// opaque is something that JSON does not have.
type opaque struct{}

func fromLibrary(v any) (tree any, ok bool) {
	switch v := v.(type) {
	case nil, bool, int64, string:
		return v, true
	case uint64:
		if v > math.MaxInt64 {
			return opaque{}, true
		}
		return int64(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), true
		}
		return v, true
	case []byte, fxcbor.SimpleValue:
		return opaque{}, true
	case []any:
		list := []any{}
		for _, e := range v {
			e, ok := fromLibrary(e)
			if !ok {
				return nil, false
			}
			list = append(list, e)
		}
		return list, true
	case map[any]any:
		object := map[string]any{}
		for key, e := range v {
			e, ok := fromLibrary(e)
			if !ok {
				return nil, false
			}
			if name, ok := key.(string); ok {
				object[name] = e
			}
		}
		// With other keys alone, the compiled evaluation takes it for an object that has something in it.
		return object, len(object) > 0 || len(v) == 0
	}
	return nil, false
}
