package status

import (
	"net/netip"
	"sync"
	"time"
)

// Limits of guessing.
const (
	maxFailures   = 10 // in a window, of one client
	failureWindow = time.Minute
	maxClients    = 1024
)

// failures counts wrong tokens by the client that sent them. Its zero value is ready. A right token is never refused for
// wrong ones: it has at least 16 characters, and a guess costs a connection.
type failures struct {
	mu       sync.Mutex
	byClient map[netip.Addr]*tally
	// rest is shared by all clients for which there is no room.
	rest tally
}

// tally is how many failed since a window began.
type tally struct {
	since time.Time
	n     int
}

func (t *tally) over(now time.Time) bool { return now.Sub(t.since) >= failureWindow }

// wait returns after what time a client is told again that its token is unknown; 0 for now.
func (f *failures) wait(from netip.Addr, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tally(from)
	if t.over(now) || t.n < maxFailures {
		return 0
	}
	return failureWindow - now.Sub(t.since)
}

// add counts a failure, and says whether it was the last one that is answered in full.
func (f *failures) add(from netip.Addr, now time.Time) (last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byClient == nil {
		f.byClient = map[netip.Addr]*tally{}
	}
	if f.byClient[from] == nil && len(f.byClient) >= maxClients {
		for client, t := range f.byClient {
			if t.over(now) {
				delete(f.byClient, client)
			}
		}
	}
	if f.byClient[from] == nil && len(f.byClient) < maxClients {
		f.byClient[from] = &tally{since: now}
	}
	t := f.tally(from)
	if t.over(now) {
		*t = tally{since: now}
	}
	t.n++
	return t.n == maxFailures
}

// tally returns the failure count of a client, or the shared one. mu is held.
func (f *failures) tally(from netip.Addr) *tally {
	if t := f.byClient[from]; t != nil {
		return t
	}
	return &f.rest
}
