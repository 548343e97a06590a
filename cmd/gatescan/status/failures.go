package status

import (
	"net/netip"
	"sync"
	"time"
)

// Limits of guessing.
const (
	maxFailures   = 10 // in a window, of one address
	failureWindow = time.Minute
	maxAddresses  = 1024
)

// failures counts wrong tokens by the address they came from. Its zero value is ready.
type failures struct {
	mu sync.Mutex
	of map[netip.Addr]*tally
	// rest is what all those share for whom there is no room: with more addresses one guesses no faster.
	rest tally
}

// tally is how many failed since a window began.
type tally struct {
	since time.Time
	n     int
}

func (t *tally) over(now time.Time) bool { return now.Sub(t.since) >= failureWindow }

// wait is how long an address may not try again; 0 if it may.
func (f *failures) wait(from netip.Addr, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tally(from)
	if t.over(now) || t.n < maxFailures {
		return 0
	}
	return failureWindow - now.Sub(t.since)
}

// add counts a failure, and says whether it was the last that is borne.
func (f *failures) add(from netip.Addr, now time.Time) (last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[netip.Addr]*tally{}
	}
	if f.of[from] == nil && len(f.of) >= maxAddresses {
		for address, t := range f.of {
			if t.over(now) {
				delete(f.of, address)
			}
		}
	}
	if f.of[from] == nil && len(f.of) < maxAddresses {
		f.of[from] = &tally{since: now}
	}
	t := f.tally(from)
	if t.over(now) {
		*t = tally{since: now}
	}
	t.n++
	return t.n == maxFailures
}

// tally is that of an address, or what it shares. mu is held.
func (f *failures) tally(from netip.Addr) *tally {
	if t := f.of[from]; t != nil {
		return t
	}
	return &f.rest
}

// neighbours is the address by which failures and connections are counted: of IPv6 the /64, which one host may have whole
// (RFC 8981). It is the zero Addr for a unix socket.
func neighbours(remote string) netip.Addr {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	address := at.Addr().Unmap().WithZone("")
	if address.Is4() {
		return address
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return prefix.Addr()
}
