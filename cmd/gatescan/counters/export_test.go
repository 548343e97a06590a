package counters

import "gatescan/verify"

// Tests read these; the program reads buckets.

// Accepted is how many frames were accepted.
func (b *Bucket) Accepted() (n uint64) {
	for _, f := range b.Frames {
		if f.Reason == verify.Accepted {
			n += f.N
		}
	}
	return n
}

// Refused is how many frames were refused, for whatever reason.
func (b *Bucket) Refused() (n uint64) {
	for _, f := range b.Frames {
		if f.Reason != verify.Accepted {
			n += f.N
		}
	}
	return n
}

// Totals is what was ever counted. It never shrinks, but for what a power cut takes.
func (b *Book) Totals() Tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.collect()
	return b.totals
}

// Lasting is what was ever counted and flushed: behind Totals by at most Config.Flush, and no power cut makes it shrink.
// Without a directory it stays at zero.
func (b *Book) Lasting() Tally {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lasting
}
