package drivertest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTrace(t *testing.T) {
	f, err := os.Open("testdata/trace.log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var h history[Change]
	readTrace(f, &h)
	got, err := h.since(0)
	if err == nil {
		t.Error("the trace has ended, and that is not said")
	}
	if len(got) != 10 {
		t.Fatalf("%d changes", len(got))
	}
	for i, c := range got[:8] {
		if c.Line != i || c.High {
			t.Errorf("change %d is %v", i, c)
		}
	}
	on, off := got[8], got[9]
	if on.Line != LEDLine || !on.High || off.Line != LEDLine || off.High {
		t.Errorf("the pulse is %v, %v", on, off)
	}
	if length := off.At.Sub(on.At); length != 420_772*time.Microsecond {
		t.Errorf("the pulse took %v", length)
	}
	if at := on.At; !at.Equal(time.Unix(1_795_378_782, 428_556_000)) {
		t.Errorf("the pulse began at %v", at)
	}
}

// A line that cannot be read must not look like silence.
func TestTraceRefuses(t *testing.T) {
	const good = "1@2.000003:pl061_set_output x setting output 4 to 1"
	for _, bad := range []string{
		"", "qemu: something", "1@2.3:pl061_set_output x setting output 4 to 1", good + " ", "1@2.000003:pl061_reset x reset",
		"1@99999999999999999999.000003:pl061_set_output x setting output 4 to 1",
	} {
		var h history[Change]
		readTrace(strings.NewReader(good+"\n"+bad+"\n"+good+"\n"), &h)
		got, err := h.since(0)
		if err == nil || !strings.Contains(err.Error(), "range") && !strings.Contains(err.Error(), "not a line") {
			t.Errorf("%q: error %v", bad, err)
		}
		if want := []Change{{At: time.Unix(2, 3000), Line: 4, High: true}}; !slices.Equal(got, want) {
			t.Errorf("%q: %v", bad, got)
		}
	}
}
