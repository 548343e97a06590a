package certlogic

import (
	"encoding/json"
	"strings"
	"testing"
)

const generatedCases = 20_000

// generatedCase is a rule and data for it, as JSON.
type generatedCase struct {
	Logic json.RawMessage `json:"logic"`
	Data  json.RawMessage `json:"data"`
}

func (g *generator) makeCase(t testing.TB) generatedCase {
	t.Helper()
	logic, err := json.Marshal(g.logic())
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(g.data())
	if err != nil {
		t.Fatal(err)
	}
	return generatedCase{logic, data}
}

// The compiled evaluation and the reference give the same for generated rules and data. The first of them as a set of
// its own, and all of a batch as one, where they share what they can.
func TestAgainstReference(t *testing.T) {
	g := newGenerator(1)
	g.spaces = true
	m := NewMachine()
	results := map[string]int{}
	faults := map[Fault]int{}
	cases := generatedCases
	if testing.Short() || raceEnabled {
		cases /= 10
	}
	const batch = 50
	for done := 0; done < cases; done += batch {
		var compiler Compiler
		var logics []any
		var programs []*Program
		var texts []string
		for range batch {
			logic, err := json.Marshal(g.logic())
			if err != nil {
				t.Fatal(err)
			}
			p, err := compiler.Add(logic)
			if err != nil {
				t.Fatalf("%v: %s", err, logic)
			}
			programs, logics, texts = append(programs, p), append(logics, treeOf(t, logic)), append(texts, string(logic))
		}
		set := compiler.Set()
		raw, err := json.Marshal(g.data())
		if err != nil {
			t.Fatal(err)
		}
		data := treeOf(t, raw).(map[string]any)
		// The clock reads as the same instant in whatever zone it was written.
		external := data["external"].(map[string]any)
		external["validationClock"] = refParse(external["validationClock"].(string)).Format("2006-01-02T15:04:05.000Z")
		d := splitData(t, data["payload"], external)
		whole := encodeCBOR(t, map[string]any{"payload": data["payload"], "external": external})

		for i, p := range programs {
			expected := map[string]any{"payload": trimmed(data["payload"]), "external": allExternals(external)}
			want := referenceJSON(logics[i], expected)
			results[resultKind(want)]++

			v, fault := m.Value(p, d)
			faults[fault]++
			got := refFault
			if fault == NoFault {
				got = toJSON(treeOf(t, m.AppendJSON(nil, v)))
			}
			if got != want {
				t.Fatalf("%s\nover %s\nreference %s\ncompiled  %s (%v)", texts[i], raw, want, got, fault)
			}
			if strings.Contains(want, "validationClock") {
				continue // the external parameters as an object: those that are absent differ
			}
			if got := m.Eval(compile(t, []byte(texts[i])), &Data{whole: &whole}); got != outcomeOf(want) {
				t.Fatalf("%s\nover %s\nreference %s\nalone, whole %v (%v)", texts[i], raw, want, got, m.Fault())
			}
		}
		m.Load(set, d)
		for i, p := range programs {
			want := outcomeOf(referenceJSON(logics[i], map[string]any{"payload": trimmed(data["payload"]), "external": allExternals(external)}))
			if got := m.Run(p); got != want {
				t.Fatalf("%s\nover %s\nreference %s\nin a set %v (%v)", texts[i], raw, want, got, m.Fault())
			}
		}
	}
	t.Logf("%d cases: %v; faults %v", cases, results, faults)
	for _, kind := range []string{"true", "false", refFault, "other"} {
		if results[kind] < cases/100 {
			t.Errorf("only %d of %d cases give %s", results[kind], cases, kind)
		}
	}
}

// allExternals has null for every external parameter that is absent, as it appears when rules take them together.
func allExternals(external map[string]any) map[string]any {
	all := map[string]any{}
	for _, name := range externalNames {
		all[name] = external[name]
	}
	return all
}

func resultKind(result string) string {
	switch result {
	case "true", "false", refFault:
		return result
	}
	return "other"
}

func outcomeOf(result string) Outcome {
	switch result {
	case "true":
		return Passed
	case "false":
		return Failed
	}
	return Open
}
