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

	headline string // the same without details, and with what to do; empty for Why
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
	checks := []Check{s.Gate.check(), s.Reader.check(), s.Clock.check(), s.Trust.check()}
	for i := range s.Trust.Sources {
		source := &s.Trust.Sources[i]
		c := Check{Name: "source " + source.Name, Mark: Good, Why: source.sentence(s.Time)}
		if source.State != sourceFresh {
			c.Mark = Notice
		}
		checks = append(checks, c)
	}
	checks = append(checks, loops(s.Stalled))
	for _, fault := range append(append([]string(nil), s.Faults...), s.Trust.Faults...) {
		checks = append(checks, Check{Name: "fault", Mark: Notice, Why: fault})
	}
	return checks
}

// causes are the checks that keep the gate from letting anybody through. The gate itself is none if it is held by another.
func (s *Snapshot) causes() (causes []Check) {
	for _, c := range s.checks() {
		if c.Mark == Bad && (c.Name != gateCheck || !s.Gate.held) {
			causes = append(causes, c)
		}
	}
	return causes
}

func loops(stalled []string) Check {
	if len(stalled) > 0 {
		return Check{
			Name: "loops", Mark: Bad, Why: "no progress: " + strings.Join(stalled, ", "),
			headline: "a part of the program hangs; if the watchdog does not start it again, restart the gate",
		}
	}
	return Check{Name: "loops", Mark: Good, Why: "everything goes on"}
}

const gateCheck = "gate"

func (g *Gate) check() Check { return Check{Name: gateCheck, Mark: passes(g.Open), Why: g.sentence()} }

// hold says that nobody is let through, although the mode of the gate is open.
func (g *Gate) hold(cause *Check) {
	g.Open, g.held, g.Why = false, true, "nobody is let through: see "+cause.Name
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

func (r *Reader) check() Check {
	c := Check{Name: "reader", Mark: passes(r.Up), Why: "connected"}
	switch {
	case !r.Up:
		c.Why = "the barcode module does not answer; look at its cable and power"
		if c.headline = c.Why; r.Fault != "" {
			c.headline = "the barcode module cannot be read; look at its cable, its power and reader.device"
			c.Why = c.headline + " (" + r.Fault + ")"
		}
	case r.Fault != "":
		c.Mark, c.Why = Notice, r.Fault
	case r.Note != "":
		c.Why += "; " + r.Note
	}
	return c
}

// vouched says whether something vouches for the clock, and not the configuration alone.
func (c *Clock) vouched() bool {
	return c.Believed && c.State != ClockStates[0] && c.State != ClockStates[1]
}

func (c *Clock) check() Check {
	check := Check{Name: "clock", Mark: passes(c.Believed), Why: c.Explanation}
	if c.Believed && !c.vouched() {
		check.Mark = Notice
	}
	return check
}

// The kinds of sources that need no network.
const (
	directoryKind      = "directory"
	rulesDirectoryKind = "rules_directory"
)

// remedy is how trust data comes to the gate.
func (t *Trust) remedy(newer string) string {
	directory := ""
	for i := range t.Sources {
		switch t.Sources[i].Kind {
		case directoryKind:
			directory = t.Sources[i].Name
		case rulesDirectoryKind:
		default:
			return "connect the network, or load a " + newer + "signed list from a stick"
		}
	}
	if directory == "" {
		return "connect the network, or load a " + newer + "signed list from a stick"
	}
	return "put certificates of signers into the directory of the source " + directory
}

func (t *Trust) check() Check {
	switch {
	case t.DSCs == 0:
		return Check{Name: "trust", Mark: Bad, Why: "no trust data was ever loaded; " + t.remedy("")}
	case !t.fresh():
		return Check{Name: "trust", Mark: Bad, Why: "all trust data is too old; " + t.remedy("newer ")}
	}
	return Check{Name: "trust", Mark: Good, Why: plural(t.DSCs, "DSC") + " in force"}
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
	report(w, r, "livez", []Check{{Name: "http", Mark: Good, Why: "it answers"}, loops(clipAll(s.desk.daemon.Stalled()))})
}

// readyz says whether the gate lets a good pass through.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.snapshot(r.Context())
	if err != nil {
		report(w, r, "readyz", []Check{{Name: "state", Mark: Bad, Why: err.Error()}})
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
