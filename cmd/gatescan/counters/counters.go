// Package counters counts what became of each frame and of each passage: live in memory, and by the hour of the venue on
// flash. It holds no text, no time finer than its buckets, and nothing of a holder.
package counters

import (
	"sync/atomic"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// Counters counts since the process began. Its zero value is ready; any goroutine may add and read.
type Counters struct {
	n         [verify.NumKinds][verify.NumReasons]atomic.Uint64
	tolerated [8]atomic.Uint64 // by the bit of the tolerance
	families  [verify.NumFamilies]atomic.Uint64
	passages  turnstile.Each[atomic.Uint64]
	rules     rules
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

// AddFamily counts one frame that was another code; NoFamily counts nothing.
func (c *Counters) AddFamily(f verify.Family) {
	if f != verify.NoFamily && int(f) < verify.NumFamilies {
		c.families[f].Add(1)
	}
}

// Families returns how many frames were other codes, by family.
func (c *Counters) Families() (n [verify.NumFamilies]uint64) {
	for f := range c.families {
		n[f] = c.families[f].Load()
	}
	return n
}

// Passages stores what the turnstile has counted since the process began. Several goroutines may poll the turnstile and call
// it: the higher one of two values stays.
func (c *Counters) Passages(now turnstile.Counts) {
	stored := c.passages.All()
	for i, n := range now.All() {
		for old := stored[i].Load(); *n > old && !stored[i].CompareAndSwap(old, *n); {
			old = stored[i].Load()
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

// Totals returns how many frames were accepted and how many were refused.
func (c *Counters) Totals() (accepted, refused uint64) {
	t := c.Tally()
	return t.Accepted(), t.Refused()
}

// Tally reads every counter once.
func (c *Counters) Tally() (t Tally) {
	for k := range c.n {
		for r := range c.n[k] {
			t.Frames[k][r] = c.n[k][r].Load()
		}
	}
	stored := c.passages.All()
	for i, n := range t.All() {
		*n = stored[i].Load()
	}
	return t
}
