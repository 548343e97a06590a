package status

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(s *Snapshot)
		line  string // that is there, and nothing else fails; empty if the gate is ready all the same
	}{
		{"well", func(*Snapshot) {}, ""},
		{"closed", func(s *Snapshot) { s.Gate = Gate{Mode: "closed"} }, "[-]gate: nobody is let through (mode closed)\n"},
		{"released", func(s *Snapshot) { s.Gate = Gate{Mode: "open", Why: "released"} }, "[-]gate: released\n"},
		{"no reader", func(s *Snapshot) { s.Reader.Up = false }, "[-]reader: the barcode module does not answer; look at its cable and power\n"},
		{"clock", func(s *Snapshot) { s.Clock.Believed, s.Clock.Explanation = false, "below its floor" }, "[-]clock: below its floor\n"},
		{"no trust", func(s *Snapshot) { s.Trust.DSCs = 0 }, "[-]trust: no trust data was ever loaded; connect the network, or load a signed list from a stick\n"},
		{"one list stale", func(s *Snapshot) { s.Trust.Sources[0].FreshUntil = s.Time.Add(-time.Second) }, ""},
		{"a list at its end", func(s *Snapshot) {
			s.Trust.Sources[0].FreshUntil, s.Trust.Sources[1].FreshUntil = s.Time, s.Time
		}, ""},
		{"all lists stale", func(s *Snapshot) {
			s.Trust.Sources[0].FreshUntil, s.Trust.Sources[1].FreshUntil = s.Time.Add(-time.Second), s.Time.Add(-time.Hour)
		}, "[-]trust: all trust data is too old; connect the network, or load a newer signed list from a stick\n"},
		{"lists for ever", func(s *Snapshot) {
			s.Trust.Sources[0].FreshUntil, s.Trust.Sources[1].FreshUntil = time.Time{}, time.Time{}
		}, ""},
		{"the fresh list is empty", func(s *Snapshot) {
			s.Trust.Sources[0].FreshUntil, s.Trust.Sources[1].DSCs = s.Time.Add(-time.Second), 0
		}, "[-]trust: all trust data is too old; connect the network, or load a newer signed list from a stick\n"},
		{"faults", func(s *Snapshot) { s.Faults = []string{"disk full\n[-]forged: line"} }, ""},
	} {
		s := fixture(t)
		tc.spoil(s)
		server := serve(t, Config{}, daemonOf(s, nil))
		response, body := get(t, server.URL+"/readyz?verbose")
		failed := 0
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, "[-]") && !strings.HasPrefix(line, "[-]gate: nobody is let through: see ") {
				failed++
			}
		}
		if tc.line == "" {
			if response.StatusCode != 200 || failed != 0 || !strings.HasSuffix(body, "readyz check passed\n") {
				t.Errorf("%s: %s\n%s", tc.name, response.Status, body)
			}
			if _, body := get(t, server.URL+"/readyz"); body != "ok" {
				t.Errorf("%s: %q", tc.name, body)
			}
		} else if response.StatusCode != 503 || failed != 1 || !strings.Contains(body, tc.line) || !strings.HasSuffix(body, "readyz check failed\n") {
			t.Errorf("%s: %s\n%s", tc.name, response.Status, body)
		}
		if response, _ := get(t, server.URL+"/livez"); response.StatusCode != http.StatusOK {
			t.Errorf("%s: livez: %s", tc.name, response.Status) // no reason to start the daemon again
		}
		_, state := get(t, server.URL+"/api/v1/state")
		if strings.Contains(state, `"ready":true`) != (tc.line == "") || strings.Contains(state, `"open":true`) != (tc.line == "") {
			t.Errorf("%s: the state says otherwise", tc.name)
		}
	}
}

func TestVerbose(t *testing.T) {
	_, body := get(t, serve(t, Config{}, daemonOf(fixture(t), nil)).URL+"/readyz?verbose")
	golden(t, "readyz.txt", body)
}

func TestLive(t *testing.T) {
	d := daemonOf(fixture(t), nil)
	d.Stalled = func() []string { return []string{"reader for 20s"} }
	server := serve(t, Config{}, d)
	for _, path := range []string{"/livez", "/readyz"} {
		response, body := get(t, server.URL+path)
		if response.StatusCode != 503 || !strings.Contains(body, "[-]loops: no progress: reader for 20s\n") {
			t.Errorf("%s: %s\n%s", path, response.Status, body)
		}
	}
}

func TestClip(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                      "plain",
		"two\r\nlines\x00\x1b[31m":   "two  lines  [31m",
		"left\u202eright":            "left right",
		"bad\xffbyte":                "badbyte",
		"end\u2028of line":           "end of line",
		strings.Repeat("é", maxText): strings.Repeat("é", maxText/2) + "…",
		"é" + strings.Repeat("x", maxText-3) + "éé": "é" + strings.Repeat("x", maxText-3) + "…",
	} {
		if got := clip(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 seconds ago", time.Second: "1 second ago", 119 * time.Second: "119 seconds ago", 2 * time.Minute: "2 minutes ago",
		3 * time.Hour: "3 hours ago", 49 * time.Hour: "2 days ago", -90 * time.Minute: "in 90 minutes",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
}
