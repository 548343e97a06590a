package main

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// progress says whether everything that must not stop still goes on.
type progress struct {
	hearts []*heartbeat
}

// watch adds a loop that must beat at least once within limit, from now on. All loops are added before the first stalled.
func (p *progress) watch(name string, limit time.Duration) *heartbeat {
	h := &heartbeat{name: name, limit: limit, start: time.Now()}
	h.beat()
	p.hearts = append(p.hearts, h)
	return h
}

// stalled names the loops that made no progress within their limits. It may be called from any goroutine.
func (p *progress) stalled() (names []string) {
	for _, h := range p.hearts {
		if since := h.since(); since > h.limit {
			names = append(names, fmt.Sprintf("%s for %v", h.name, since.Round(100*time.Millisecond)))
		}
	}
	return names
}

// heartbeat is the progress of one loop. The loop itself beats, wherever it comes round, or it proves nothing. A nil
// heartbeat is that of a loop nobody watches. Its methods may be called from any goroutine; beat and rest do not allocate.
type heartbeat struct {
	name  string
	limit time.Duration
	start time.Time
	last  atomic.Int64 // nanoseconds since start (monotonic: setting the clock is no progress), or atRest
}

const atRest = math.MaxInt64

// beat says that the loop came round, or that it began something.
func (h *heartbeat) beat() {
	if h != nil {
		h.last.Store(int64(time.Since(h.start)))
	}
}

// rest says that the loop is done, and has nothing to do until it beats again: it cannot stall meanwhile.
func (h *heartbeat) rest() {
	if h != nil {
		h.last.Store(atRest)
	}
}

// since says how long ago the last beat was; not at all if the loop is at rest.
func (h *heartbeat) since() time.Duration {
	last := h.last.Load()
	if last == atRest {
		return 0
	}
	return time.Since(h.start) - time.Duration(last)
}
