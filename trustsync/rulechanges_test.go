package trustsync

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"gatescan/trustsync/internal/sourcetest"
)

// Another version of a rule, or another body, is a change of it.
func TestChangesOfRules(t *testing.T) {
	rule := func(identifier, version, logic string) []byte {
		return sourcetest.RuleText(identifier, version, "XX", logic)
	}
	before := &Holding{
		Rules:     [][]byte{rule("GR-XX-0001", "1.0.0", sourcetest.Yes), rule("GR-XX-0002", "1.0.0", sourcetest.Yes), rule("GR-XX-0003", "1.0.0", sourcetest.Yes)},
		ValueSets: []ValueSet{{ID: "x", JSON: []byte(`["a"]`)}, {ID: "y", JSON: []byte(`["a"]`)}},
	}
	after := &Holding{
		Rules:     [][]byte{rule("GR-XX-0001", "1.0.0", sourcetest.Yes), rule("GR-XX-0002", "1.0.1", sourcetest.Yes), rule("GR-XX-0004", "1.0.0", sourcetest.Yes)},
		ValueSets: []ValueSet{{ID: "y", JSON: []byte(`["b"]`)}},
	}
	c := changesOfRules(before, after)
	if !slices.Equal(c.came, []string{"rule GR-XX-0004 1.0.0"}) || !slices.Equal(c.went, []string{"rule GR-XX-0003 1.0.0", "value set x"}) ||
		!slices.Equal(c.changed, []string{"rule GR-XX-0002 1.0.1", "value set y"}) {
		t.Errorf("%+v", c)
	}
}

// Rules of types that a gate has no use for are no fault, and no rule either.
func TestCompileOtherTypes(t *testing.T) {
	one := sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)
	other := bytes.Replace(sourcetest.RuleText("GR-XX-0002", "1.0.0", "XX", sourcetest.Yes), []byte("Acceptance"), []byte("ImpfstatusBZwei"), 1)
	if b := compileRules([]ruledSource{{"de", &Holding{Rules: [][]byte{one, other}}, time.Time{}}}); b.rules.Len() != 1 || len(b.faults) > 0 {
		t.Errorf("%v, %v", b.rules, b.faults)
	}
}
