package gate

import (
	"sync"
	"time"

	"gatescan/verify"
)

// maxRepeats bounds how many passes are remembered: an hour of one every second. The oldest makes room.
const maxRepeats = 3600

// repeats remembers which passes opened the gate, for a time, by a tag that says nothing about the holder and that no
// other process could compare. It lives in memory only.
type repeats struct {
	mu     sync.Mutex
	window time.Duration // zero remembers nothing
	ring   [maxRepeats]repeat
	next   int // where the next one goes
	n      int // how many are remembered, in the places before next
}

type repeat struct {
	tag verify.Tag
	at  time.Time // with a monotonic reading, so that a step of the clock changes nothing
}

// setWindow says how long passes are remembered from now on.
func (r *repeats) setWindow(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.window = d
}

// seen says whether the pass opened the gate within the window.
func (r *repeats) seen(v verify.Verdict, now time.Time) bool {
	tag, ok := v.Tag()
	if !ok {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	for i := range r.n {
		if r.place(i).tag == tag {
			return true
		}
	}
	return false
}

// remember keeps the tag of a pass that opened the gate.
func (r *repeats) remember(tag verify.Tag, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.window <= 0 {
		return
	}
	r.ring[r.next] = repeat{tag, now}
	r.next = (r.next + 1) % maxRepeats
	r.n = min(r.n+1, maxRepeats)
}

// expire forgets what is older than the window. It is called now and then, so that nothing outlives a quiet night.
func (r *repeats) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
}

func (r *repeats) forget(now time.Time) {
	for r.n > 0 {
		oldest := r.place(r.n - 1)
		if now.Sub(oldest.at) < r.window {
			return
		}
		*oldest = repeat{}
		r.n--
	}
}

// place is the i-th newest.
func (r *repeats) place(i int) *repeat {
	return &r.ring[(r.next-1-i+2*maxRepeats)%maxRepeats]
}
