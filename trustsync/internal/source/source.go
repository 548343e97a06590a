// Package source says what a source of trust is and what it gives: holdings of signers or rules, reports, traits, bounds, the window of signed
// times. Every room of trustsync may use it. It must never know how a source is reached, read or stored.
package source

import (
	"context"
	"errors"
	"time"
)

// Source is one place that vouches for signers. It is asked by one goroutine at a time.
type Source interface {
	// Fetch asks what the place vouches for now. Everything it returns is authentic as far as the place can prove
	// that (Traits); the holding it returns is its own, what it got in now is not changed.
	//
	// ErrUnchanged says that the place still vouches for what it did last; Fetch then returns no holding. Any other
	// error means that nothing can be said, and what it gave last stays in force. What could not be used of an otherwise
	// good answer stands in the report.
	Fetch(ctx context.Context, now Moment) (*Holding, Report, error)
	// Traits says what is known about places of this kind.
	Traits() Traits
}

// Moment is what a source may know of the world when it is asked.
type Moment struct {
	Time     time.Time             // the later of wall clock and floor
	Synced   bool                  // the wall clock is known to be right
	Last     *Holding              // what the source gave last, nil if nothing; not to be changed
	Progress func(done, total int) // of a long fetch; total is 0 if it is not known. May be nil
	Date     func(time.Time)       // told what a server says that the time is, which proves nothing. May be nil
}

// ReportProgress tells how far a long fetch has come.
func (m Moment) ReportProgress(done, total int) {
	if m.Progress != nil {
		m.Progress(done, total)
	}
}

// Traits is what is known about a kind of source; package documentation has the table.
type Traits struct {
	Kind     string // the word in the configuration
	Signs    string // what is signed, and by whom
	Age      Age    // what its age is counted from
	Rollback bool   // an older list can be told from a newer one
	Absence  string // what it means that a key, or a rule, is gone
	Rules    bool   // it gives rules and value sets and no keys; otherwise keys and no rules
}

// Age is what the age of a holding is counted from.
type Age uint8

const (
	AgeObserved Age = iota // the time when the source last said it: a replay looks fresh
	AgeSigned              // the time in what is signed: a replay does not renew it
	AgeNone                // it does not age: somebody put it there by hand
)

// Errors of a source. They say what happened to an answer as a whole.
var (
	ErrUnchanged = errors.New("unchanged since the last time")

	// ErrNotAuthentic says that an answer is not signed by whom it should be, or was changed.
	ErrNotAuthentic = errors.New("not authentic")
	// ErrMalformed says that an answer cannot be read, or is cut short.
	ErrMalformed = errors.New("malformed")
	// ErrTooLarge says that an answer exceeds a bound.
	ErrTooLarge = errors.New("too large")
	// ErrRollback says that an answer is older than one that was accepted before.
	ErrRollback = errors.New("older than what was accepted before")
	// ErrFuture says that an answer was signed later than can be.
	ErrFuture = errors.New("signed in the future")
	// ErrExpired says that the signed end of an answer has passed.
	ErrExpired = errors.New("expired")
	// ErrImplausible says that an answer is authentic as far as one can tell, and yet cannot be meant.
	ErrImplausible = errors.New("implausible")
)

// Report is what a source found.
type Report struct {
	Loaded     int       // signers, or rules, that can be used
	Duplicates int       // certificates, or rules, that were there once more
	Skipped    []Skipped // what cannot be used
}

// Skipped is a file, or a certificate or rule in it, that cannot be used.
type Skipped struct {
	Name string // of the file, as the file system has it, or of the entry, as the list has it: it may hold any byte
	Err  error
}
