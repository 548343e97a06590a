package status

import (
	"encoding/json"
	"testing"
)

func TestFigure(t *testing.T) {
	for _, tc := range []struct {
		min     uint64
		running bool
		n       uint64
		json    string
		cell    string
		page    string
	}{
		{0, true, 0, "0", "0", "0"},
		{0, false, 1, "1", "1", "1"},
		{1, false, 1, "1", "1", "1"},
		{0, false, 1234567, "1234567", "1234567", "1\u202f234\u202f567"},
		{5, false, 0, "0", "0", "0"},
		{5, false, 1, "null", "<5", "fewer than 5"},
		{5, false, 4, "null", "<5", "fewer than 5"},
		{5, false, 5, "5", "5", "5"},
		{5, false, 9, "5", "5", "5"},
		{5, false, 10, "10", "10", "10"},
		{5, true, 0, "null", "<5", "fewer than 5"}, // or the step to 1 would say when
		{5, true, 1, "null", "<5", "fewer than 5"},
		{5, true, 5, "5", "5", "5"},
		{1000, false, 1999, "1000", "1000", "1\u202f000"},
	} {
		f := mask{min: tc.min, running: tc.running}.of(tc.n)
		text, err := json.Marshal(f)
		if err != nil || string(text) != tc.json || f.cell() != tc.cell || f.String() != tc.page {
			t.Errorf("%d of at least %d, running %t: %s, %s, %s", tc.n, tc.min, tc.running, text, f.cell(), f)
		}
	}
}

// TestFiguresHide tries to find out one pass by what is told before and after it, for every count and every hour.
func TestFiguresHide(t *testing.T) {
	const least = 5
	steps := 0
	for n := range uint64(200) {
		m := mask{min: least, running: true}
		if before, after := m.of(n), m.of(n+1); before != after {
			steps++
			if after.n%least != 0 {
				t.Errorf("from %d to %d shows: %s, %s", n, n+1, before, after)
			}
		}
	}
	if steps != 200/least {
		t.Errorf("%d of 200 passes show", steps)
	}
	// A sum less its parts does not tell the part that is hidden.
	for hidden := uint64(1); hidden < least; hidden++ {
		m := mask{min: least}
		if part := m.of(hidden); part != m.of(1) {
			t.Errorf("%d is told as %s", hidden, part)
		}
	}
	seen := map[uint64]bool{}
	for other := uint64(least); other < 3*least; other++ {
		for hidden := uint64(1); hidden < least; hidden++ {
			m := mask{min: least}
			seen[m.of(other+hidden).n-m.of(other).n] = true
		}
	}
	if len(seen) != 2 { // 0 or 5, whatever is hidden
		t.Errorf("differences %v", seen)
	}
}
