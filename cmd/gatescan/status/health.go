package status

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// check is one thing that must be so for the gate to let a good pass through.
type check struct {
	name string
	mark mark
	why  string
}

// mark is how a check ended.
type mark string

const (
	good   mark = "+"
	bad    mark = "-"
	notice mark = "!" // somebody should look after it, and the gate goes on
)

func passes(is bool) mark {
	if is {
		return good
	}
	return bad
}

func ready(checks []check) bool {
	for _, c := range checks {
		if c.mark == bad {
			return false
		}
	}
	return true
}

// checks looks at everything that the gate needs to let a good pass through.
func (s *Snapshot) checks() []check {
	checks := []check{
		{"gate", passes(s.Gate.Open), s.Gate.sentence()},
		{"reader", passes(s.Reader.Up), s.Reader.sentence()},
		{"clock", passes(s.Clock.Believed), s.Clock.Explanation},
		s.Trust.check(),
	}
	for i := range s.Trust.Sources {
		source := &s.Trust.Sources[i]
		c := check{"source " + source.Name, good, source.sentence(s.Time)}
		if source.State != sourceFresh {
			c.mark = notice
		}
		checks = append(checks, c)
	}
	checks = append(checks, loops(s.Stalled))
	for _, fault := range append(append([]string(nil), s.Faults...), s.Trust.Faults...) {
		checks = append(checks, check{"fault", notice, fault})
	}
	return checks
}

func loops(stalled []string) check {
	if len(stalled) > 0 {
		return check{"loops", bad, "no progress: " + strings.Join(stalled, ", ")}
	}
	return check{"loops", good, "everything goes on"}
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

func (t *Trust) check() check {
	switch {
	case t.DSCs == 0:
		return check{"trust", bad, "no trust data was ever loaded; connect the network, or load a signed list from a stick"}
	case !t.fresh():
		return check{"trust", bad, "all trust data is too old; connect the network, or load a newer signed list from a stick"}
	}
	return check{"trust", good, plural(t.DSCs, "DSC") + " in force"}
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
	report(w, r, "livez", []check{{"http", good, "it answers"}, loops(clipAll(s.desk.daemon.Stalled()))})
}

// readyz says whether the gate lets a good pass through.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.snapshot(r.Context())
	if err != nil {
		report(w, r, "readyz", []check{{"state", bad, err.Error()}})
		return
	}
	report(w, r, "readyz", snapshot.checks())
}

// report answers as a Kubernetes endpoint does: "ok", or a line for each check if it failed or ?verbose was asked.
func report(w http.ResponseWriter, r *http.Request, name string, checks []check) {
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
		fmt.Fprintf(&lines, "[%s]%s: %s\n", c.mark, c.name, c.why)
	}
	verdict := "passed"
	if !ok {
		verdict = "failed"
	}
	fmt.Fprintf(&lines, "%s check %s\n", name, verdict)
	_, _ = io.WriteString(w, lines.String())
}
