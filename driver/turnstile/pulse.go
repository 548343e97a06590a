package turnstile

import (
	"errors"
	"sync"
	"time"
)

const (
	// retryRelease is how soon a relay that would not go back to its inert level is told again.
	retryRelease = 10 * time.Millisecond

	// maxObey is how long a relay may take to obey before its pulse is counted from then on no more: a relay that hangs is inert
	// this much after its pulse at the latest.
	maxObey = 400 * time.Millisecond

	// maxRelease is how long a relay may take to let go before it counts as one that does not.
	maxRelease = 100 * time.Millisecond
)

var (
	errHangs    = errors.New("its driver does not answer")
	errReleased = errors.New("turnstile: it was closed meanwhile")
)

// Health hears whether the relay can be made inert. It must not wait. A watchdog that hears a Beat and no Rest within a
// second must end the process: another one may still be able to release the line.
type Health interface {
	Beat() // the relay should be inert from now on
	Rest() // it is, or it is to be energised
}

type unwatched struct{}

func (unwatched) Beat() {}
func (unwatched) Rest() {}

// pulse ends what Open began, whatever becomes of the rest of the turnstile: it waits for no other lock, and holds its own
// never while a driver works. So the relay is told to let go in time even if the call that energised it has not returned,
// or if a lamp hangs.
type pulse struct {
	relay   Relay
	changed func(failed error) // tells the turnstile that the relay does not let go, or that it did after all (nil)
	timer   *time.Timer

	mu        sync.Mutex
	health    Health
	n         uint64 // counts pulses
	energised bool   // from before Pulse is called until a release after that succeeded
	asking    bool   // Pulse has not returned
	releasing bool   // Release has not returned
	overdue   bool   // its time is over
	failing   bool   // it does not let go
	closed    bool
	began     time.Time
	length    time.Duration
	by        time.Time // when the relay is told to let go
}

func newPulse(relay Relay, changed func(error)) *pulse {
	p := &pulse{relay: relay, changed: changed, health: unwatched{}}
	p.timer = stoppedTimer(p.end)
	return p
}

// begin is called before Pulse: whatever the relay does from then on, it is told to let go. It returns false if it is
// energised already, or closed; otherwise the number of the pulse.
func (p *pulse) begin(length time.Duration) (n uint64, begun bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.energised || p.closed {
		return 0, false
	}
	p.n++
	p.energised, p.asking, p.length, p.began = true, true, length, time.Now()
	p.arm(length)
	return p.n, true
}

// arm sets the time at which the relay is told to let go. mu is held.
func (p *pulse) arm(d time.Duration) {
	p.by = time.Now().Add(d)
	p.timer.Reset(d)
}

// asked is called with what Pulse returned. It returns an error if nobody is let through.
func (p *pulse) asked(err error) error {
	p.mu.Lock()
	p.asking = false
	closed := p.closed
	switch {
	case closed:
	case errors.Is(err, errPulsing):
		p.over()
	case err != nil:
		p.arm(retryRelease) // it may have been energised all the same
	case p.overdue || !time.Now().Before(p.by): // it was told to let go before it obeyed, so it is told again
		err = errHangs
		p.arm(0)
	default: // anew: until the relay has obeyed, the pulse had not begun
		p.arm(min(p.length, time.Until(p.began.Add(p.length+maxObey))))
	}
	p.mu.Unlock()
	if closed {
		return errors.Join(errReleased, p.relay.Halt())
	}
	return err
}

// over notes that the relay is inert. mu is held.
func (p *pulse) over() {
	p.energised, p.overdue, p.failing = false, false, false
	p.timer.Stop()
	p.health.Rest()
}

// end makes the relay inert, and keeps trying if it does not obey. The timer calls it, in a goroutine of its own.
func (p *pulse) end() {
	p.mu.Lock()
	if !p.energised || p.closed || time.Now().Before(p.by) { // a late call for a pulse that was cut
		p.mu.Unlock()
		return
	}
	if !p.overdue {
		p.overdue = true
		p.health.Beat()
	}
	if p.releasing { // a second call would hang as the first one does
		first := !p.failing
		p.failing = true
		p.mu.Unlock()
		if first {
			p.changed(errHangs)
		}
		return
	}
	n := p.n
	p.releasing = true
	p.timer.Reset(maxRelease)
	p.mu.Unlock()

	err := p.relay.Release()

	p.mu.Lock()
	p.releasing = false
	if p.n != n || !p.energised || p.closed {
		p.mu.Unlock()
		return
	}
	if err == nil && p.asking { // it may be energised yet
		err = errHangs
	}
	was := p.failing
	if err == nil {
		p.over()
	} else {
		p.failing = true
		p.arm(retryRelease)
	}
	p.mu.Unlock()
	if was != (err != nil) { // once: there may be many of these calls, and it may wait
		p.changed(err)
	}
}

// cut ends a pulse early. If it fails, end is still to come.
func (p *pulse) cut(n uint64) error {
	p.mu.Lock()
	wanted := p.energised && p.n == n && !p.asking && !p.overdue && !p.closed
	p.mu.Unlock()
	if !wanted {
		return nil
	}
	err := p.relay.Cut()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.energised && p.n == n && !p.closed {
		p.over()
	}
	return err
}

// close makes the relay inert, for good. If Pulse has not returned it waits a little: the relay is made inert again after it.
func (p *pulse) close() error {
	p.mu.Lock()
	p.closed = true
	p.timer.Stop()
	p.mu.Unlock()
	err := p.relay.Halt()
	for wait := maxObey; p.isAsking(); wait -= time.Millisecond {
		if wait <= 0 {
			return errors.Join(err, errHangs)
		}
		time.Sleep(time.Millisecond)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.over()
	}
	return err
}

func (p *pulse) isAsking() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asking
}

// busy says whether the relay is energised, or may be.
func (p *pulse) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.energised
}

// stuck says whether the relay does not go back to its inert level.
func (p *pulse) stuck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failing
}
