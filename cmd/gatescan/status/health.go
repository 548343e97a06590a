package status

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Check is one thing that must be so for the gate to let a good pass through.
type Check struct {
	Name string
	Mark Mark
	Why  string // a sentence without full stop
}

// Mark is how a Check ended.
type Mark string

const (
	Good   Mark = "+"
	Bad    Mark = "-"
	Notice Mark = "!" // somebody should look after it, and the gate goes on
)

// Checks looks at everything that /readyz looks at.
func (s *Server) Checks(ctx context.Context) ([]Check, error) {
	snapshot, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return snapshot.checks(), nil
}

func passes(is bool) Mark {
	if is {
		return Good
	}
	return Bad
}

func ready(checks []Check) bool {
	for _, c := range checks {
		if c.Mark == Bad {
			return false
		}
	}
	return true
}

// checks looks at everything that the gate needs to let a good pass through.
func (s *Snapshot) checks() []Check {
	checks := []Check{
		{"gate", passes(s.Gate.Open), s.Gate.sentence()},
		{"reader", passes(s.Reader.Up), s.Reader.sentence()},
		{"clock", passes(s.Clock.Believed), s.Clock.Explanation},
		s.Trust.check(),
	}
	for i := range s.Trust.Sources {
		source := &s.Trust.Sources[i]
		c := Check{"source " + source.Name, Good, source.sentence(s.Time)}
		if source.State != sourceFresh {
			c.Mark = Notice
		}
		checks = append(checks, c)
	}
	checks = append(checks, loops(s.Stalled))
	for _, fault := range append(append([]string(nil), s.Faults...), s.Trust.Faults...) {
		checks = append(checks, Check{"fault", Notice, fault})
	}
	return checks
}

func loops(stalled []string) Check {
	if len(stalled) > 0 {
		return Check{"loops", Bad, "no progress: " + strings.Join(stalled, ", ")}
	}
	return Check{"loops", Good, "everything goes on"}
}

func (g *Gate) sentence() string {
	switch {
	case g.Why != "":
		return g.Why
	case g.Open:
		return "open for good passes"
	}
	return "nobody is let through (mode " + g.Mode + ")"
}

func (r *Reader) sentence() string {
	switch {
	case r.Fault != "":
		return r.Fault
	case r.Up:
		return "connected"
	}
	return "the barcode module does not answer; look at its cable and power"
}

func (t *Trust) check() Check {
	switch {
	case t.DSCs == 0:
		return Check{"trust", Bad, "no trust data was ever loaded; connect the network, or load a signed list from a stick"}
	case !t.fresh():
		return Check{"trust", Bad, "all trust data is too old; connect the network, or load a newer signed list from a stick"}
	}
	return Check{"trust", Good, plural(t.DSCs, "DSC") + " in force"}
}

func (s *Source) sentence(now time.Time) string {
	var is string
	switch s.State {
	case sourceEmpty:
		is = "nothing came from it yet"
	case sourceStale:
		is = "its list is too old since " + s.FreshUntil.UTC().Format(time.RFC3339)
	default:
		is = "confirmed " + ago(now.Sub(s.Confirmed))
	}
	if s.Failures > 0 {
		is += fmt.Sprintf("; %s failed: %s", plural(s.Failures, "attempt"), s.Error)
	}
	return is
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// ago says how long ago something was, as closely as matters.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in " + strings.TrimSuffix(ago(-d), " ago")
	case d < 2*time.Minute:
		return plural(int(d/time.Second), "second") + " ago"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", d/time.Hour)
	}
	return fmt.Sprintf("%d days ago", d/(24*time.Hour))
}

// livez says whether the daemon should be left alone. A gate that must stay closed is alive.
func (s *Server) livez(w http.ResponseWriter, r *http.Request) {
	report(w, r, "livez", []Check{{"http", Good, "it answers"}, loops(clipAll(s.desk.daemon.Stalled()))})
}

// readyz says whether the gate lets a good pass through.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.snapshot(r.Context())
	if err != nil {
		report(w, r, "readyz", []Check{{"state", Bad, err.Error()}})
		return
	}
	report(w, r, "readyz", snapshot.checks())
}

// report answers as a Kubernetes endpoint does: "ok", or a line for each check if it failed or ?verbose was asked.
func report(w http.ResponseWriter, r *http.Request, name string, checks []Check) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	ok := ready(checks)
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if ok && !r.URL.Query().Has("verbose") {
		_, _ = io.WriteString(w, "ok")
		return
	}
	var lines strings.Builder
	for _, c := range checks {
		fmt.Fprintf(&lines, "[%s]%s: %s\n", c.Mark, c.Name, c.Why)
	}
	verdict := "passed"
	if !ok {
		verdict = "failed"
	}
	fmt.Fprintf(&lines, "%s check %s\n", name, verdict)
	_, _ = io.WriteString(w, lines.String())
}
