package certlogic

import "testing"

// skipAllocations skips what counts allocations where the count means nothing.
func skipAllocations(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("SKIPPED: the race detector allocates; run without -race to count allocations")
	}
}

// Every test of the real rules is evaluated without an allocation, with a hostile payload as well.
func TestEvalAllocatesNothing(t *testing.T) {
	skipAllocations(t)
	m := NewMachine()
	for _, c := range loadRuleCases(t) {
		d := c.split(t)
		if n := testing.AllocsPerRun(5, func() { sink = m.Eval(c.program, d) }); n != 0 {
			t.Errorf("%s: %v allocations", c.id, n)
		}
		if sink != c.expected {
			t.Errorf("%s: %v", c.id, sink)
		}
	}
	g := newGenerator(5)
	for range 1000 {
		c := g.makeCase(t)
		data := treeOf(t, c.Data).(map[string]any)
		d := splitData(t, data["payload"], data["external"].(map[string]any))
		p := compile(t, c.Logic)
		if n := testing.AllocsPerRun(5, func() { sink = m.Eval(p, d) }); n != 0 {
			t.Errorf("%s: %v allocations", c.Logic, n)
		}
	}
}
