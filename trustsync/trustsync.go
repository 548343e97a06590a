// Package trustsync keeps the trust data of a gate up to date: it reads them from a source, and publishes each state as
// one immutable snapshot. It is the only package that knows X.509 and speaks to the network; it knows nothing of hardware.
//
//	trustsync.go          the loop: attempt, publish, wait or back off
//	certificate.go        one certificate -> DSC
//	certificate_asn1.go   the same for certificates that crypto/x509 refuses
//	spki.go               their public keys
//	source_directory.go   source: a directory of certificates
//	pem.go                what a file of it holds
package trustsync

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gatescan/verify"
)

const (
	// DefaultInterval is the time between attempts while they succeed.
	DefaultInterval = 10 * time.Minute

	firstBackoff = time.Second // after the first failure; doubled after each further one, up to the interval
	maxNamed     = 100         // skipped certificates that the log names at once
)

// readFunc reads all DSCs that one place has to offer. An error means that it could not be read; what in it could not be used
// stands in the report.
type readFunc func(ctx context.Context) ([]verify.DSC, Report, error)

// Report is what a source found.
type Report struct {
	Loaded     int       // DSCs that can be used
	Duplicates int       // certificates that were there once more
	Skipped    []Skipped // what cannot be used
}

// Skipped is a file, or a certificate in it, that cannot be used.
type Skipped struct {
	Name string // of the file, as the file system has it: it may hold any byte
	Err  error
}

// State is what a Syncer knows about its attempts.
type State struct {
	LastSuccess time.Time // zero if there was none
	LastError   error     // why the last attempt failed, nil if it did not
	NextAttempt time.Time // zero while one is under way, and before Run
	Loaded      int       // DSCs in the snapshot in force
	Skipped     int       // what the last attempt could not use
}

// Syncer refreshes a snapshot from a source. Its methods may be called from any goroutine; make it with New.
type Syncer struct {
	log  *slog.Logger
	wake chan struct{}

	mu       sync.Mutex // guards source and interval
	source   readFunc
	interval time.Duration

	current atomic.Pointer[verify.Trust]
	state   atomic.Pointer[State]

	// What the log said last, so that it is not said again. Only Run touches it.
	saidOutcome, saidSkipped [sha256.Size]byte
}

// New makes a Syncer that attempts a refresh once per interval, DefaultInterval if that is not positive. Run starts it.
func New(source readFunc, interval time.Duration, log *slog.Logger) *Syncer {
	s := &Syncer{log: log, wake: make(chan struct{}, 1)}
	s.set(source, interval)
	s.state.Store(&State{})
	return s
}

// Configure changes the source and the interval, and asks for an attempt now. The snapshot in force stays until the new
// source has given a better one.
func (s *Syncer) Configure(source readFunc, interval time.Duration) {
	s.set(source, interval)
	s.Refresh()
}

func (s *Syncer) set(source readFunc, interval time.Duration) {
	if interval <= 0 {
		interval = DefaultInterval
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source, s.interval = source, interval
}

func (s *Syncer) settings() (readFunc, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source, s.interval
}

// Current is the snapshot in force, nil if none was ever loaded. It never blocks.
func (s *Syncer) Current() *verify.Trust { return s.current.Load() }

// State says how the attempts went.
func (s *Syncer) State() State { return *s.state.Load() }

// Refresh asks Run for an attempt now. It does not wait for it. One that is under way is followed by another, because
// it may have read already what has changed since.
func (s *Syncer) Refresh() {
	select {
	case s.wake <- struct{}{}:
	default: // asked for already
	}
}

// Run attempts a refresh now, then once per interval and whenever Refresh asks, until ctx ends. After a failure it tries
// again sooner. Call it once.
func (s *Syncer) Run(ctx context.Context) {
	for failures := 0; ; {
		source, interval := s.settings()
		got, err := s.refresh1(ctx, source)
		if ctx.Err() != nil {
			return
		}
		s.say(got, err)

		wait := interval
		if err != nil {
			failures++
			wait = backoff(failures, interval)
		} else {
			failures = 0
		}
		s.note(func(st *State) { st.NextAttempt = time.Now().Add(wait) })
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.wake:
			timer.Stop()
		}
		s.note(func(st *State) { st.NextAttempt = time.Time{} })
	}
}

// found is what one attempt found.
type found struct {
	report Report
	kids   [sha256.Size]byte // hash over the kids, to tell whether the DSCs changed
}

// refresh1 is one attempt. If it fails, the snapshot in force stays: nothing is given up before something better is there.
func (s *Syncer) refresh1(ctx context.Context, source readFunc) (found, error) {
	dscs, report, err := source(ctx)
	trust := verify.NewTrust(dscs)
	if err == nil && trust.Len() == 0 {
		err = errNoCertificate
	}
	if err != nil {
		s.note(func(st *State) { st.LastError, st.Skipped = err, len(report.Skipped) })
		return found{report: report}, err
	}
	s.current.Store(trust)
	s.note(func(st *State) {
		*st = State{LastSuccess: time.Now(), Loaded: trust.Len(), Skipped: len(report.Skipped)}
	})
	kids := sha256.New()
	for _, d := range dscs {
		kids.Write(d.KID[:])
	}
	return found{report, [sha256.Size]byte(kids.Sum(nil))}, nil
}

var errNoCertificate = errors.New("not one usable certificate")

// say logs how an attempt went, unless the one before went just so.
func (s *Syncer) say(f found, err error) {
	list := sha256.New()
	for _, skipped := range f.report.Skipped {
		io.WriteString(list, skipped.Name+"\x00"+skipped.Err.Error()+"\x00")
	}
	skipped := [sha256.Size]byte(list.Sum(nil))
	if skipped != s.saidSkipped && (err == nil || len(f.report.Skipped) > 0) { // a source that failed says nothing of them
		s.saidSkipped = skipped
		s.nameSkipped(f.report.Skipped)
	}

	text := ""
	if err != nil {
		text = err.Error()
	}
	outcome := sha256.Sum256(append(append(f.kids[:], skipped[:]...), text...))
	if outcome == s.saidOutcome {
		return
	}
	s.saidOutcome = outcome
	if err == nil {
		s.log.Info("trust data loaded", "loaded", s.State().Loaded, "skipped", len(f.report.Skipped), "duplicates", f.report.Duplicates)
	} else if n := s.State().Loaded; n > 0 {
		s.log.Warn("trust data not refreshed, the last good ones stay in force", "err", err, "loaded", n)
	} else {
		s.log.Error("no trust data: the gate cannot judge", "err", err)
	}
}

func (s *Syncer) nameSkipped(list []Skipped) {
	for _, skipped := range list[:min(len(list), maxNamed)] {
		s.log.Warn("certificate skipped", "name", skipped.Name, "reason", skipped.Err)
	}
	if more := len(list) - maxNamed; more > 0 {
		s.log.Warn("more certificates skipped", "count", more)
	}
}

// note changes the state. Only Run's goroutine writes it.
func (s *Syncer) note(change func(*State)) {
	st := s.State()
	change(&st)
	s.state.Store(&st)
}

// backoff is how long to wait after that many failures in a row: twice as long each time up to interval, less up to a half
// of it at random, so that gates that lost the same source do not all come back at once.
func backoff(failures int, interval time.Duration) time.Duration {
	d := firstBackoff
	for ; failures > 1 && d < interval; failures-- {
		d *= 2
	}
	d = min(d, interval)
	return d - rand.N(d/2+1)
}
