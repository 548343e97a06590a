package verify

import (
	"testing"
	"time"
)

func TestRulesStale(t *testing.T) {
	end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rules, faults := NewRules(nil, nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, test := range []struct {
		rules *Rules
		at    time.Time
		want  bool
	}{
		{nil, end.Add(time.Hour), false},
		{rules, end.Add(time.Hour), false},
		{rules.Until(end), end, false},
		{rules.Until(end), end.Add(1), true},
		{rules.Until(end).Until(time.Time{}), end.Add(1), false},
		{(*Rules)(nil).Until(end), end.Add(1), false},
	} {
		if got := test.rules.Stale(test.at); got != test.want {
			t.Errorf("%v at %v: %v", test.rules, test.at, got)
		}
	}
}
