package main

import (
	"time"

	"gatescan/trustsync"
)

// trustClock is what the trust data are told of the time.
type trustClock struct{}

func newTrustClock(config) trustClock { return trustClock{} }

func (trustClock) Moment() (time.Time, bool) { return time.Now(), true }
func (trustClock) Raise(time.Time)           {}

// openStore opens where trust data survive a restart. A directory needs none: it survives by itself.
func openStore(c config) (*trustsync.Store, error) {
	if c.Trust.Store == "" || len(c.Trust.Sources) == 0 {
		return nil, nil
	}
	return trustsync.OpenStore(c.Trust.Store)
}
