package main

import (
	"log/slog"
	"time"

	"gatescan/cmd/gatescan/clock"
	"gatescan/trustsync"
)

// machine is the clock of this machine. The soak test steps it.
var machine clock.System

// trustClock is what the trust data are told of the time, and tell of it.
type trustClock struct{ *clock.Clock }

func (c trustClock) Moment() (time.Time, bool) { return c.Now(), c.Synced() }

// newTrustClock is a clock for a command that is soon over.
func newTrustClock(c config) trustClock {
	return trustClock{clock.New(c.clock(), machine, slog.New(slog.DiscardHandler))}
}

// openStore opens where trust data survive a restart. A directory needs none: it survives by itself.
func openStore(c config) (*trustsync.Store, error) {
	if c.Trust.Store == "" || len(c.Trust.Sources) == 0 {
		return nil, nil
	}
	return trustsync.OpenStore(c.Trust.Store)
}
