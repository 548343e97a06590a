package p256

import (
	"sync/atomic"
	"time"
)

// heat is how often a key was seen lately: in how many minutes, halved twice a day. So a pass that is shown again and again
// counts once a minute, and never more than a key that all come with. The high word is the minute of the last sight, in
// minutes since 1970, the low one the sum up to it.
type heat struct{ word atomic.Uint64 }

const (
	perMinute = 16
	halfLife  = 12 * 60 // minutes
	maxHeat   = 1 << 30
)

func minuteOf(now time.Time) uint32 { return uint32(max(0, now.Unix()/60)) }

// at is the heat at a minute. A clock that was set back leaves it as it is.
func (h *heat) at(minute uint32) uint32 {
	word := h.word.Load()
	sum, last := uint32(word), uint32(word>>32)
	if halvings := int64(minute/halfLife) - int64(last/halfLife); halvings > 0 {
		sum >>= min(halvings, 31)
	}
	return sum
}

// see counts a sight and returns the heat. Two at once may count as one.
func (h *heat) see(minute uint32) uint32 {
	if word := h.word.Load(); word != 0 && uint32(word>>32) == minute {
		return uint32(word)
	}
	sum := min(h.at(minute)+perMinute, maxHeat)
	h.set(minute, sum)
	return sum
}

func (h *heat) set(minute, sum uint32) { h.word.Store(uint64(minute)<<32 | uint64(sum)) }
