package gate

import (
	"sync"
	"time"

	"gatescan/verify"
)

// maxSecondPasses bounds how many people may be between their two passes. The oldest makes room.
const maxSecondPasses = 32

// secondPasses remembers of whom a pass was good and another one is wanted, for some seconds: by keyed hashes of the
// holder that no other process could compare, and the parts of the mode that were met. It lives in memory only, and the hashes
// of somebody who was let through are forgotten at once.
type secondPasses struct {
	mu     sync.Mutex
	window time.Duration
	of     [maxSecondPasses]firstPass
}

type firstPass struct {
	holder verify.Holder
	met    uint8     // parts; 0 for an empty place
	at     time.Time // of the last pass, with a monotonic reading
}

// setWindow says how long a second pass is waited for. Those who wait begin anew: another mode may have other parts.
func (s *secondPasses) setWindow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.window, s.of = d, [maxSecondPasses]firstPass{}
}

// complete says whether a pass that was accepted meets, with those that its holder showed before, all that is wanted. If
// not, it is remembered.
func (s *secondPasses) complete(v verify.Verdict, now time.Time) bool {
	met, of := v.Parts()
	if met == of {
		return true
	}
	holder, ok := v.Holder()
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	place := &s.of[0]
	for i := range s.of {
		if p := &s.of[i]; p.met != 0 && p.holder.SamePerson(&holder) {
			place = p
			break
		} else if p.at.Before(place.at) { // an empty place is older than any
			place = p
		}
	}
	if place.met != 0 && place.holder.SamePerson(&holder) {
		met |= place.met
	}
	if met == of {
		return true // forgotten by passed
	}
	*place = firstPass{holder, met, now}
	return false
}

// passed forgets somebody who was let through.
func (s *secondPasses) passed(v verify.Verdict) {
	holder, ok := v.Holder()
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.of {
		if s.of[i].met != 0 && s.of[i].holder.SamePerson(&holder) {
			s.of[i] = firstPass{}
		}
	}
}

// expire forgets who was waited for long enough.
func (s *secondPasses) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
}

func (s *secondPasses) forget(now time.Time) {
	for i := range s.of {
		if s.of[i].met != 0 && now.Sub(s.of[i].at) >= s.window {
			s.of[i] = firstPass{}
		}
	}
}
