package trustsync

import (
	"slices"
	"time"
)

// State is what is known about all attempts.
type State struct {
	Generation uint64   `json:"generation"`       // in the store; 0 for none
	DSCs       int      `json:"dscs"`             // in the snapshot in force
	Faults     []string `json:"faults,omitempty"` // of the store, the last ones

	Rules           int       `json:"rules"`      // in the snapshot in force, or waiting for a key
	ValueSets       int       `json:"value_sets"` // that they refer to
	RulesFreshUntil time.Time `json:"rules_fresh_until,omitzero"`
	RuleFaults      []string  `json:"rule_faults,omitempty"` // what cannot be used as it is, the first of them

	Sources []SourceState `json:"sources"` // in the order of the configuration
}

// SourceState is what is known about one source.
type SourceState struct {
	Name string `json:"name"`
	Kind string `json:"kind"`

	Attempts    uint64    `json:"attempts"`        // that have ended
	Active      bool      `json:"active"`          // one is under way
	Done        int       `json:"done,omitempty"`  // of the one under way
	Total       int       `json:"total,omitempty"` // 0 if it is not known
	LastAttempt time.Time `json:"last_attempt,omitzero"`
	NextAttempt time.Time `json:"next_attempt,omitzero"`
	Failures    int       `json:"failures"`        // in a row
	Error       string    `json:"error,omitempty"` // of the last attempt
	Unchanged   bool      `json:"unchanged"`       // the last attempt found what was there

	Confirmed  time.Time `json:"confirmed,omitzero"`   // when the source last said what is in force
	Signed     time.Time `json:"signed,omitzero"`      // when that was signed
	Expires    time.Time `json:"expires,omitzero"`     // its signed end
	FreshUntil time.Time `json:"fresh_until,omitzero"` // when it is too old

	Signers    int      `json:"signers"` // it vouches for
	Withdrawn  int      `json:"withdrawn"`
	Added      int      `json:"added"` // by the last attempt that changed something
	Removed    int      `json:"removed"`
	Duplicates int      `json:"duplicates"`
	Skipped    int      `json:"skipped"`           // of the last answer
	Reasons    []Unused `json:"reasons,omitempty"` // of the first of them

	Rules     int      `json:"rules,omitempty"`      // it gives
	ValueSets int      `json:"value_sets,omitempty"` // it gives
	Changed   int      `json:"changed,omitempty"`    // rules and value sets, by the last attempt; those that came and went are in Added and Removed
	Changes   []string `json:"changes,omitempty"`    // names the first of all of them
}

// Unused is something that was skipped, and why.
type Unused struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// maxReasons bounds how many of the skipped are named.
const maxReasons = 100

// State says how the attempts went.
func (s *Syncer) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{
		Generation: s.generation, DSCs: s.Current().Len(), Faults: slices.Clone(s.faults),
		Rules: s.book.rules.Len(), ValueSets: s.book.sets, RulesFreshUntil: s.rulesUntil,
		RuleFaults: slices.Clone(s.book.faults[:min(len(s.book.faults), maxReasons)]),
	}
	for _, source := range s.config.Sources {
		k := s.kept[source.Name]
		one := k.state
		if k.has {
			one.Confirmed, one.Signed, one.Expires = k.Confirmed, k.Holding.Signed, k.Holding.Expires
			one.Signers, one.Withdrawn = len(k.Holding.Signers), len(k.Holding.Withdrawn)
			one.Rules, one.ValueSets = len(k.Holding.Rules), len(k.Holding.ValueSets)
		}
		st.Sources = append(st.Sources, one)
	}
	return st
}

func (s *Syncer) schedule(name string, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[name].state.NextAttempt = next
}

func (s *Syncer) progress(name string, done, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[name].state.Done, s.kept[name].state.Total = done, total
}

func (s *Syncer) abandon(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[name].state.Active = false
}

// finishLocked notes how an attempt ended, before what it brought is taken over.
func (s *Syncer) finishLocked(k *kept, got *Holding, report Report, unchanged bool, now time.Time, err error) {
	st := &k.state
	st.Active, st.LastAttempt, st.Unchanged = false, now, unchanged && err == nil
	st.Attempts++
	if !unchanged {
		st.Skipped, st.Duplicates, st.Reasons = len(report.Skipped), report.Duplicates, nil
		for _, skipped := range report.Skipped[:min(len(report.Skipped), maxReasons)] {
			st.Reasons = append(st.Reasons, Unused{printable(skipped.Name), skipped.Err.Error()})
		}
	}
	if err != nil {
		st.Failures++
		st.Error = err.Error()
	} else {
		st.Failures, st.Error = 0, ""
		if !unchanged {
			var before []Signer
			if k.has {
				before = k.Holding.Signers
			}
			st.Added, st.Removed = diff(before, got.Signers)
			st.Changed, st.Changes = 0, nil
		}
	}
}
