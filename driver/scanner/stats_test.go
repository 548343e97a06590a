package scanner

import (
	"reflect"
	"regexp"
	"testing"
)

// Every field of Stats is among the counters, once, under a name of its own.
func TestCounters(t *testing.T) {
	var s Stats
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		v.Field(i).SetUint(uint64(100 + i))
	}
	values, names := map[uint64]bool{}, map[string]bool{}
	word := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for _, c := range s.Counters() {
		if values[c.Value] || names[c.Name] || c.Value < 100 || !word.MatchString(c.Name) || c.Help == "" || c.Help[len(c.Help)-1] != '.' {
			t.Errorf("%+v", c)
		}
		values[c.Value], names[c.Name] = true, true
	}
	if len(values) != v.NumField() || len(values) < 12 {
		t.Errorf("%d counters of %d fields", len(values), v.NumField())
	}
}

// What is counted never shrinks, also when a port is opened again: Prometheus would take that for a restart.
func TestCountersGrow(t *testing.T) {
	p := newFakePort()
	runModule(t, ModuleAccessIS, p, func(b *bench) {
		after(2 * testGap)
		p.send("stray")
		after(2 * testGap)
		b.port = newFakePort()
		p.unplug()
		after(minBackoff + 2*testGap)
		b.port.send("stray")
		after(2 * testGap)
		if got := b.Stats().Stray; got != 10 {
			t.Errorf("%d stray bytes, want 10", got)
		}
	})
}
