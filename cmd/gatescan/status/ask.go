package status

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Daemon is what the server asks of the daemon. Every function may be called from any goroutine, and while the daemon lives.
type Daemon struct {
	// State is how it stands now. It is called once at a time.
	State func() Snapshot
	// Counts are the hourly buckets that begin at or after from and before to, and all that are undated. The server may
	// keep what it gets, but does not change it.
	Counts func(from, to time.Time) ([]Bucket, error)
	// Stalled names the loops that make no progress. It must not wait for anything.
	Stalled func() []string
}

// Limits of asking the daemon: a loop that hangs, or a flash card that does, must not take the server with it.
const (
	stateTimeout  = 2 * time.Second
	countsTimeout = 10 * time.Second
	maxCounting   = 2
	maxBuckets    = 24*401 + 1000 // of maxSpan, with room for undated ones
)

var (
	errNoState  = errors.New("the daemon does not say how it stands; see its journal")
	errNoCounts = errors.New("the counters cannot be read in time; ask again, or for less")
)

// flight is a call of Daemon.State that all those wait for who ask meanwhile.
type flight struct {
	done     chan struct{}
	snapshot Snapshot
	err      error
}

// desk asks the daemon.
type desk struct {
	daemon   Daemon
	mu       sync.Mutex
	flight   *flight // nil for none
	counting chan struct{}
}

// snapshot is how it stands with the daemon, not yet complete.
func (d *desk) snapshot(ctx context.Context) (Snapshot, error) {
	d.mu.Lock()
	f := d.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		d.flight = f
		go d.fly(f)
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	select {
	case <-f.done:
		return f.snapshot, f.err
	case <-ctx.Done():
		return Snapshot{}, errNoState
	}
}

func (d *desk) fly(f *flight) {
	defer close(f.done)
	defer func() {
		d.mu.Lock()
		d.flight = nil
		d.mu.Unlock()
	}()
	defer recovered(&f.err)
	f.snapshot = d.daemon.State()
}

// counts are the buckets of a span.
func (d *desk) counts(ctx context.Context, s *span) ([]Bucket, error) {
	ctx, cancel := context.WithTimeout(ctx, countsTimeout)
	defer cancel()
	select {
	case d.counting <- struct{}{}:
	case <-ctx.Done():
		return nil, errNoCounts
	}
	var buckets []Bucket
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { <-d.counting }()
		defer recovered(&err)
		buckets, err = d.daemon.Counts(s.from, s.to)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return nil, errNoCounts
	}
	if err != nil {
		return nil, fmt.Errorf("the counters cannot be read: %s", clip(err.Error()))
	}
	if len(buckets) > maxBuckets {
		return nil, fmt.Errorf("the counters of this time are %d buckets; ask for less", len(buckets))
	}
	return buckets, nil
}

// recovered makes an error of a panic: the gate outlives what looks at it.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("internal error: %v", p)
	}
}
