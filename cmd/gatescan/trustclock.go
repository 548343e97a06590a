package main

import (
	"log/slog"
	"time"

	"gatescan/trustsync"
)

// machine is the clock of this machine. The soak test steps it.
var machine systemClock

// trustClock is what the trust data are told of the time, and tell of it.
type trustClock struct{ *clock }

func (c trustClock) Moment() (time.Time, bool) { return c.now(), c.synced() }
func (c trustClock) Raise(signed time.Time)    { c.raise(signed) }
func (c trustClock) Hint(date time.Time)       { c.hint(date) }

// newTrustClock is a clock for a command that is soon over.
func newTrustClock(c config) trustClock {
	return trustClock{newClock(c.clock(), machine, slog.New(slog.DiscardHandler))}
}

// openStore opens where trust data survive a restart. A directory needs none: it survives by itself.
func openStore(c config) (*trustsync.Store, error) {
	if c.Trust.Store == "" || len(c.Trust.Sources) == 0 {
		return nil, nil
	}
	return trustsync.OpenStore(c.Trust.Store)
}
