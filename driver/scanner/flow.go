package scanner

import "time"

const (
	// maxPause is for how long a module may pause within a text whose end it marks: behind a USB hub, or because it decodes while
	// it sends.
	maxPause = 500 * time.Millisecond
	// maxBusy is for how long a module may send without one silence. A text takes 0.7 s at 9600 baud.
	maxBusy = 10 * time.Second
)

// flow is when bytes came over an open port.
type flow struct {
	turn time.Time // the last read ended
	last time.Time // the last byte came
	busy time.Time // since when the line was not silent; zero: it is
	near bool      // it was not silent for maxPause since the last frame
}

// take is told of every read that ended. It returns for how long the line has been silent.
func (f *flow) take(n int, now time.Time) time.Duration {
	silent := now.Sub(f.last)
	f.turn = now
	if n == 0 {
		f.busy = time.Time{}
		return silent
	}
	f.near = f.near && silent <= maxPause
	f.last = now
	if f.busy.IsZero() {
		f.busy = now
	}
	return 0
}

// stalled reports whether input was read late: the process was held up.
func (f *flow) stalled(now time.Time, gap time.Duration) bool { return now.Sub(f.turn) > gap+maxStall }

// resume is told that nothing was read since from on, for a reason of our own. What came meanwhile is unknown: the line counts as
// going on as it was.
func (f *flow) resume(from, now time.Time) {
	d := now.Sub(from)
	f.turn, f.last = now, f.last.Add(d)
	if !f.busy.IsZero() {
		f.busy = f.busy.Add(d)
	}
}

// endless reports whether the line has not been silent for too long.
func (f *flow) endless(now time.Time) bool { return !f.busy.IsZero() && now.Sub(f.busy) > maxBusy }
