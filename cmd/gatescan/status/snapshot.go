package status

import (
	"strings"
	"time"
	"unicode"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// Schema is the version of every JSON document; it grows when a member changes its meaning or goes.
const Schema = 1

// Bounds of what a Snapshot may hold; the rest is cut off.
const (
	maxSources = 64
	maxFaults  = 32
	maxText    = 512 // bytes
)

// Snapshot is how it stands with the daemon at one time. It has no room for anything of a holder: besides counts and times
// it says what the device, its configuration and its sources say of themselves.
type Snapshot struct {
	Version   string    `json:"version"`
	Time      time.Time `json:"time"`    // of the wall clock; "today" and every age are by it
	Started   time.Time `json:"started"` // when the daemon began
	Gate      Gate      `json:"gate"`
	Reader    Reader    `json:"reader"`
	Clock     Clock     `json:"clock"`
	Trust     Trust     `json:"trust"`
	Totals    Counts    `json:"-"`                       // since the daemon began
	Tolerated uint64    `json:"-"`                       // deviations that were let through since then
	ByRule    []ByRule  `json:"-"`                       // refusals since then, by the rule that refused
	Watchdogs Watchdogs `json:"watchdogs"`               //
	Selftest  Selftest  `json:"selftest,omitzero"`       // the last daily one
	Faults    []string  `json:"faults,omitempty"`        // that somebody should look after, a sentence each
	Stalled   []string  `json:"stalled_loops,omitempty"` // what makes no progress; the server fills it in
	Name      string    `json:"name,omitempty"`          // of the gate; the server fills it in
	Ready     bool      `json:"ready"`                   // the gate lets a good pass through; the server fills it in

	Families [verify.NumFamilies]uint64 `json:"-"` // codes of other kinds since the daemon began
}

// ByRule is how often a rule refused. An empty Rule stands for all that are not counted by themselves.
type ByRule struct {
	Rule string // Identifier
	N    uint64
}

// Gate is what the operator wants of the gate, and whether it lets anybody through at all.
type Gate struct {
	Mode string `json:"mode"` // "open", "closed" or "maintenance"
	Open bool   `json:"open"` // a good pass is let through; from the daemon, whether the mode is open and the outputs are not released
	Why  string `json:"why"`  // a sentence without full stop; it may be empty while Open
	// PassageInput says whether an input tells of passages; without one only the pulses are known.
	PassageInput bool `json:"passage_input"`

	held bool // Open is false for a cause other than mode and outputs; the server fills it in
}

// Reader is the barcode module.
type Reader struct {
	Up    bool      `json:"up"`
	Since time.Time `json:"since,omitzero"` // that it has been so
	Fault string    `json:"fault,omitempty"`

	// What comes from it, although it is Up: nothing_read, wrong_speed, wrong_parity or inverted; the likely setting of the module and the
	// keys of the configuration to look at. Fault says the same in words, and Note what is no fault.
	Problem string   `json:"problem,omitempty"`
	Likely  string   `json:"likely,omitempty"`
	Keys    []string `json:"keys,omitempty"`
	Note    string   `json:"note,omitempty"`

	// Line is in the metrics alone: a venue that reads the state must not see single frames.
	Line []LineCount `json:"-"`
}

// LineCount is one counter of the line of the barcode module since the daemon began.
type LineCount struct {
	Event string // a word of the program, never of a text that was read
	N     uint64
}

// Clock is how far the wall clock is believed.
type Clock struct {
	State       string    `json:"state"` // "invalid", "floor_only", "rtc", "held" or "synced"
	Required    string    `json:"required"`
	Believed    bool      `json:"believed"`
	Time        time.Time `json:"time"`
	Floor       time.Time `json:"floor,omitzero"`
	LastSynced  time.Time `json:"last_synced,omitzero"`
	HeldUntil   time.Time `json:"held_until,omitzero"`
	MaxError    float64   `json:"max_error_seconds"`
	Ahead       float64   `json:"hint_ahead_seconds"`
	Jumps       uint64    `json:"jumps"`
	Fault       string    `json:"fault,omitempty"`
	Explanation string    `json:"explanation"` // and what to do
}

// ClockStates are those that a Clock may be in, the best last.
var ClockStates = [...]string{"invalid", "floor_only", "rtc", "held", "synced"}

// Trust is the trust data in force and where it comes from.
type Trust struct {
	Generation uint64   `json:"generation"`
	DSCs       int      `json:"dscs"`
	Faults     []string `json:"faults,omitempty"`
	Sources    []Source `json:"sources"`
}

// Source is one source of trust data.
type Source struct {
	Name        string    `json:"name"`
	Kind        string    `json:"kind"`
	State       string    `json:"state"` // "empty", "stale", "failing" or "fresh"; the server fills it in
	Active      bool      `json:"active"`
	Attempts    uint64    `json:"attempts"`
	Failures    int       `json:"failures"` // in a row
	Error       string    `json:"error,omitempty"`
	LastAttempt time.Time `json:"last_attempt,omitzero"`
	NextAttempt time.Time `json:"next_attempt,omitzero"`
	Confirmed   time.Time `json:"confirmed,omitzero"`
	Age         float64   `json:"age_seconds,omitzero"` // since Confirmed; the server fills it in
	Signed      time.Time `json:"signed,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	FreshUntil  time.Time `json:"fresh_until,omitzero"` // zero for ever
	DSCs        int       `json:"dscs"`                 // it vouches for
	Rules       int       `json:"rules"`                // likewise
	Skipped     int       `json:"skipped"`
}

// The states of a source, the worst first.
const (
	sourceEmpty   = "empty"   // it never brought anything
	sourceStale   = "stale"   // what it brought is too old
	sourceFailing = "failing" // what it brought is good, and the last attempt failed
	sourceFresh   = "fresh"
)

// Selftest is what came of a self-test.
type Selftest struct {
	Time   time.Time `json:"time"`
	Usable bool      `json:"usable"`           // nothing spoke against using the gate
	Failed []string  `json:"failed,omitempty"` // the checks that did
}

// Watchdogs is within what time the daemon must make progress, or be ended; 0 for never.
type Watchdogs struct {
	Manager float64 `json:"service_manager_seconds"`
	Board   float64 `json:"board_seconds"`
}

// Counts is what became of frames, and of the passages that were granted.
type Counts struct {
	Accepted uint64
	Refused  uint64
	ByReason [verify.NumReasons]uint64 // [verify.Accepted] too
	ByKind   [verify.NumKinds]uint64   // of the accepted
	turnstile.Counts
}

// Add sums up.
func (c *Counts) Add(d *Counts) {
	c.Accepted += d.Accepted
	c.Refused += d.Refused
	for i := range c.ByReason {
		c.ByReason[i] += d.ByReason[i]
	}
	for i := range c.ByKind {
		c.ByKind[i] += d.ByKind[i]
	}
	sums := c.All()
	for i, n := range d.All() {
		*sums[i] += *n
	}
}

// state says how it stands with a source.
func (s *Source) state(now time.Time) string {
	switch {
	case s.DSCs == 0 && s.Confirmed.IsZero():
		return sourceEmpty
	case !s.FreshUntil.IsZero() && now.After(s.FreshUntil):
		return sourceStale
	case s.Failures > 0:
		return sourceFailing
	}
	return sourceFresh
}

// fresh says whether some list that vouches for a DSC is not too old.
func (t *Trust) fresh() bool {
	for i := range t.Sources {
		if s := &t.Sources[i]; s.DSCs > 0 && s.State != sourceStale {
			return true
		}
	}
	return len(t.Sources) == 0 // the DSCs came without a source, and so without an age
}

// complete bounds a Snapshot and fills in what the server knows.
func (s *Snapshot) complete(name string, stalled []string) {
	s.Name, s.Stalled = clip(name), clipAll(stalled)
	s.Selftest.Failed = clipAll(s.Selftest.Failed)
	s.Faults, s.Trust.Faults = clipAll(s.Faults), clipAll(s.Trust.Faults)
	for _, text := range []*string{
		&s.Version, &s.Gate.Mode, &s.Gate.Why, &s.Reader.Fault, &s.Reader.Note, &s.Clock.State, &s.Clock.Required, &s.Clock.Fault, &s.Clock.Explanation,
	} {
		*text = clip(*text)
	}
	s.Reader.Problem, s.Reader.Likely, s.Reader.Keys = clip(s.Reader.Problem), clip(s.Reader.Likely), clipAll(s.Reader.Keys)
	sources := make([]Source, 0, min(len(s.Trust.Sources), maxSources)) // the daemon's may be shared
	for _, source := range s.Trust.Sources[:cap(sources)] {
		source.Name, source.Kind, source.Error = clip(source.Name), clip(source.Kind), clip(source.Error)
		source.State = source.state(s.Time)
		if !source.Confirmed.IsZero() {
			source.Age = s.Time.Sub(source.Confirmed).Seconds()
		}
		sources = append(sources, source)
	}
	s.Trust.Sources = sources
	if causes := s.causes(); len(causes) > 0 && s.Gate.Open {
		s.Gate.hold(&causes[0])
	}
	s.Ready = ready(s.checks())
}

func clipAll(texts []string) []string {
	var clipped []string
	for _, text := range texts[:min(len(texts), maxFaults)] {
		clipped = append(clipped, clip(text))
	}
	return clipped
}

// clip makes one bounded line of a text: an error may quote what a server sent.
func clip(text string) string {
	cut := text
	if len(text) > maxText {
		cut = text[:maxText]
	}
	cut = strings.ToValidUTF8(cut, "")
	cut = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, cut)
	if len(text) > maxText {
		cut += "…"
	}
	return cut
}
