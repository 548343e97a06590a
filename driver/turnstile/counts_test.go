package turnstile

import (
	"encoding/json"
	"testing"
)

// The names are those of the JSON members, and All has each number once.
func TestCountNames(t *testing.T) {
	var c Counts
	for i, n := range c.All() {
		*n = uint64(i + 1)
	}
	if want := (Counts{Granted: 1, Passages: 2, NotEntered: 3, Unexpected: 4, Back: 5}); c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]uint64{}
	if err := json.Unmarshal(text, &members); err != nil || len(members) != NumCounts {
		t.Fatalf("%s: %v", text, err)
	}
	for i, name := range CountNames {
		if members[name] != uint64(i+1) {
			t.Errorf("%s is %d, want %d", name, members[name], i+1)
		}
	}
}
