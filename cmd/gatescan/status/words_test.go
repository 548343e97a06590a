package status

import (
	"strings"
	"testing"
	"time"
)

// told is what every answer says of a snapshot: the page, its shapes, the state, the metrics and the checks.
func answersOf(t *testing.T, s *Snapshot, d Daemon) (page, state, metrics, checks string) {
	t.Helper()
	server := newServer(t, Config{Address: DefaultAddress, Zone: berlin(t)}, d)
	of := func(path string) string { return answer(server, "GET", path, "127.0.0.1:1", nil).Body.String() }
	return of("/"), of("/api/v1/state"), own(of("/metrics")), of("/readyz?verbose")
}

// While nobody is let through, nothing says that the gate is open, whatever the cause.
func TestNothingSaysOpen(t *testing.T) {
	stalled := false
	for name, spoil := range map[string]func(*Snapshot){
		"closed":   func(s *Snapshot) { s.Gate = Gate{Mode: "closed"} },
		"released": func(s *Snapshot) { s.Gate = Gate{Mode: "open", Why: "the outputs were released"} },
		"reader":   func(s *Snapshot) { s.Reader.Up = false },
		"clock":    func(s *Snapshot) { s.Clock.Believed = false },
		"no trust": func(s *Snapshot) { s.Trust.DSCs = 0 },
		"stale": func(s *Snapshot) {
			for i := range s.Trust.Sources {
				s.Trust.Sources[i].FreshUntil = s.Time.Add(-time.Hour)
			}
		},
		"hangs": func(*Snapshot) { stalled = true },
	} {
		s := fixture(t)
		stalled = false
		spoil(s)
		d := daemonOf(s, nil)
		if stalled {
			d.Stalled = func() []string { return []string{"verdict for 20s"} }
		}
		page, state, metrics, checks := answersOf(t, s, d)
		if !strings.Contains(state, `"open":false`) || !strings.Contains(metrics, "\ngatescan_gate_open 0\n") || !strings.Contains(metrics, "\ngatescan_ready 0\n") {
			t.Errorf("%s: the gate is open in the state or in the metrics", name)
		}
		if !strings.Contains(checks, "[-]gate: ") || strings.Contains(checks, "[+]gate") {
			t.Errorf("%s: the gate is well:\n%s", name, checks)
		}
		if !strings.Contains(page, `class="verdict stop"`) || strings.Contains(page, `<b>Gate:</b> <span class="word ok"`) || strings.Contains(page, "word ok\">open<") {
			t.Errorf("%s: the page has a green gate", name)
		}
	}
	s := fixture(t)
	page, state, metrics, checks := answersOf(t, s, daemonOf(s, nil))
	if !strings.Contains(state, `"open":true`) || !strings.Contains(metrics, "\ngatescan_gate_open 1\n") || !strings.Contains(checks, "[+]gate: ") ||
		!strings.Contains(page, `class="verdict ok"`) || !strings.Contains(page, `<b>Gate:</b> <span class="word ok">open<`) {
		t.Error("nothing says that the gate is open, and it is")
	}
}

// A clock for which nothing vouches is not green, even if the configuration is content with it.
func TestClockWithoutVoucher(t *testing.T) {
	for i, state := range ClockStates {
		s := fixture(t)
		s.Clock.State, s.Clock.Explanation = state, "what the clock explains"
		page, _, metrics, checks := answersOf(t, s, daemonOf(s, nil))
		green, good := strings.Contains(page, `<b>Clock:</b> <span class="word ok">`), strings.Contains(checks, "[+]clock: ")
		if want := i >= 2; green != want || good != want {
			t.Errorf("%s: green %v, good %v, want %v", state, green, good, want)
		}
		if !strings.Contains(metrics, "\ngatescan_ready 1\n") || strings.Contains(checks, "[-]") {
			t.Errorf("%s: the gate is not ready, and the configuration is content with the clock", state)
		}
	}
}

// The headline says what to do, and the page says below it what the system reported.
func TestHeadline(t *testing.T) {
	headline := func(page string) string {
		_, rest, _ := strings.Cut(page, `<section class="verdict`)
		head, _, _ := strings.Cut(rest, "</section>")
		return head
	}
	s := fixture(t)
	s.Reader = Reader{Fault: "open /dev/ttyS0: no such file or directory"}
	page, _, _, checks := answersOf(t, s, daemonOf(s, nil))
	if head := headline(page); strings.Contains(head, "no such file") || !strings.Contains(head, "look at its cable, its power and reader.device.") {
		t.Errorf("the headline is %s", head)
	}
	if !strings.Contains(page, "/dev/ttyS0: no such file") || !strings.Contains(checks, "/dev/ttyS0: no such file") {
		t.Error("what the system reported is nowhere")
	}
	s = fixture(t)
	d := daemonOf(s, nil)
	d.Stalled = func() []string { return []string{"verdict for 20s"} }
	page, _, _, _ = answersOf(t, s, d)
	if head := headline(page); strings.Contains(head, "20s") || !strings.Contains(head, "restart the gate") || !strings.Contains(page, "verdict for 20s") {
		t.Errorf("the headline is %s", head)
	}
}

// A gate that reads its certificates from a directory is not told to connect the network.
func TestDirectoryOnly(t *testing.T) {
	for _, tc := range []struct {
		kinds   []string
		network bool
	}{
		{[]string{"directory"}, false},
		{[]string{"directory", "rules_directory"}, false},
		{[]string{"directory", "who"}, true},
		{[]string{"rules_directory"}, true},
		{nil, true},
	} {
		s := fixture(t)
		s.Trust = Trust{}
		for _, kind := range tc.kinds {
			s.Trust.Sources = append(s.Trust.Sources, Source{Name: "own", Kind: kind})
		}
		page, _, _, checks := answersOf(t, s, daemonOf(s, nil))
		for _, text := range []string{page, checks} {
			if strings.Contains(text, "connect the network") != tc.network || strings.Contains(text, "directory of the source own") == tc.network {
				t.Errorf("%q: network %v, want %v", tc.kinds, !tc.network, tc.network)
			}
		}
	}
}
