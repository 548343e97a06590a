// Package counters counts what became of each frame. It keeps no time, no text and nothing of a holder.
package counters

import (
	"sync/atomic"

	"gatescan/verify"
)

// Counters counts frames since the process began. Its zero value is ready; any goroutine may add and read.
type Counters struct {
	n [verify.NumKinds][verify.NumReasons]atomic.Uint64
}

// Add counts one frame of that kind, for that reason.
func (c *Counters) Add(k verify.Kind, r verify.Reason) {
	if int(k) >= verify.NumKinds {
		k = verify.NoKind
	}
	if int(r) >= verify.NumReasons {
		r = verify.Internal
	}
	c.n[k][r].Add(1)
}

// Of is how many frames of that kind came to that reason.
func (c *Counters) Of(k verify.Kind, r verify.Reason) uint64 { return c.n[k][r].Load() }

// Totals is how many frames were accepted and how many were refused.
func (c *Counters) Totals() (accepted, refused uint64) {
	for k := range c.n {
		for r := range c.n[k] {
			if n := c.n[k][r].Load(); verify.Reason(r) == verify.Accepted {
				accepted += n
			} else {
				refused += n
			}
		}
	}
	return accepted, refused
}
