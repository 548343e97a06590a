// Package progress says which of the daemon's loops have stopped, for the watchdogs and for the status page. It must never know
// what a loop does, nor end one.
package progress

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// Progress says whether every loop that must not stop still goes on. Its zero value watches nothing.
type Progress struct {
	hearts []*Heartbeat
}

// Watch adds a loop that must beat at least once within limit, from now on. Add all loops before the first call of Stalled.
func (p *Progress) Watch(name string, limit time.Duration) *Heartbeat {
	h := &Heartbeat{name: name, limit: limit, start: time.Now()}
	h.Beat()
	p.hearts = append(p.hearts, h)
	return h
}

// Stalled names the loops that made no progress within their limits. It may be called from any goroutine.
func (p *Progress) Stalled() (names []string) {
	for _, h := range p.hearts {
		if since := h.since(); since > h.limit {
			names = append(names, fmt.Sprintf("%s for %v", h.name, since.Round(100*time.Millisecond)))
		}
	}
	return names
}

// Heartbeat is the progress of one loop. The loop itself beats, wherever it comes round, or it proves nothing. A nil
// heartbeat is that of a loop that nothing watches. Its methods may be called from any goroutine; beat and rest do not allocate.
type Heartbeat struct {
	name  string
	limit time.Duration
	start time.Time
	last  atomic.Int64 // nanoseconds since start (monotonic: setting the clock is no progress), or atRest
}

const atRest = math.MaxInt64

// Beat says that the loop came round, or that it began something.
func (h *Heartbeat) Beat() {
	if h != nil {
		h.last.Store(int64(time.Since(h.start)))
	}
}

// Rest says that the loop is done, and has nothing to do until it beats again: it cannot stall meanwhile.
func (h *Heartbeat) Rest() {
	if h != nil {
		h.last.Store(atRest)
	}
}

// since says how long ago the last beat was; not at all if the loop is at rest.
func (h *Heartbeat) since() time.Duration {
	last := h.last.Load()
	if last == atRest {
		return 0
	}
	return time.Since(h.start) - time.Duration(last)
}
