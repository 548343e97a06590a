package scanner

import "time"

// maxPause is for how long a module may pause within a text whose end it marks: behind a USB hub, or because it decodes while
// it sends.
const maxPause = 500 * time.Millisecond

// flow is when bytes came over an open port.
type flow struct {
	turn time.Time // the last read ended
	last time.Time // the last byte came
	near bool      // it was not silent for maxPause since the last frame
}

// take is told of every read that ended. It returns for how long the line has been silent.
func (f *flow) take(n int, now time.Time) time.Duration {
	silent := now.Sub(f.last)
	f.turn = now
	if n == 0 {
		return silent
	}
	f.near = f.near && silent <= maxPause
	f.last = now
	return 0
}

// stalled reports whether input was read late: the process was held up.
func (f *flow) stalled(now time.Time, gap time.Duration) bool { return now.Sub(f.turn) > gap+maxStall }

// resume is told that nothing was read since from on, for a reason of our own. What came meanwhile is unknown: the line counts as
// going on as it was.
func (f *flow) resume(from, now time.Time) {
	d := now.Sub(from)
	f.turn, f.last = now, f.last.Add(d)
}
