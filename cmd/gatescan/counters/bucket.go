package counters

import (
	"slices"
	"time"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// Frames is how many frames of one kind came to one reason.
type Frames struct {
	Kind   verify.Kind
	Reason verify.Reason
	N      uint64 // never 0
}

// Bucket is what was counted from Start to Start+Length. Nobody knows more about when something happened.
type Bucket struct {
	Start  time.Time // UTC; zero for what was counted while the clock was not believed
	Length time.Duration
	Frames []Frames // those that are not zero, by kind and then by reason
	turnstile.Counts

	// Lost says that the file which held this time was damaged or cannot be read: there may have been more.
	Lost bool
}

// Tally is the same, with its zeros.
func (b *Bucket) Tally() (t Tally) {
	for _, f := range b.Frames {
		t.Frames[f.Kind][f.Reason] += f.N
	}
	t.Counts = b.Counts
	return t
}

func newBucket(start time.Time, length time.Duration, t *Tally) Bucket {
	return Bucket{Start: start, Length: length, Frames: slices.Collect(t.frames()), Counts: t.Counts}
}
