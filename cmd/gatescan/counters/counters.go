// Package counters counts what became of each frame. It keeps no time, no text and nothing of a holder.
package counters

import (
	"sync/atomic"

	"gatescan/verify"
)

// Counters counts frames since the process began. Its zero value is ready; any goroutine may add and read.
type Counters struct {
	n         [verify.NumKinds][verify.NumReasons]atomic.Uint64
	tolerated [8]atomic.Uint64 // by the bit of the tolerance
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

// AddTolerated counts what had to be tolerated in one frame, each deviation by itself.
func (c *Counters) AddTolerated(set verify.Tolerance) {
	for bit := range c.tolerated {
		if set>>bit&1 != 0 {
			c.tolerated[bit].Add(1)
		}
	}
}

// Tolerated is in how many frames a deviation was tolerated; of several in a set, the sum.
func (c *Counters) Tolerated(set verify.Tolerance) (n uint64) {
	for bit := range c.tolerated {
		if set>>bit&1 != 0 {
			n += c.tolerated[bit].Load()
		}
	}
	return n
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
