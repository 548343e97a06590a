package clock

import (
	"fmt"
	"slices"
	"strings"
)

// State is how far a clock is believed, the least first. Its text is the word of the configuration, of the state and
// of the metrics.
type State uint8

const (
	Invalid   State = iota // below its floor, or not looked at
	FloorOnly              // not below its floor, but nobody vouches for it
	RTC                    // nothing synchronised it since boot, but a real-time clock set it, and still agrees
	Held                   // synchronised earlier in this boot, or vouched for by a technician, and not set since
	Synced                 // the kernel's clock is disciplined now
)

var States = [...]string{
	Invalid: "invalid", FloorOnly: "floor_only", RTC: "rtc", Held: "held", Synced: "synced",
}

func (s State) String() string {
	if int(s) >= len(States) {
		return fmt.Sprintf("clockState(%d)", uint8(s))
	}
	return States[s]
}

func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state that may be required. An invalid clock cannot be.
func (s *State) UnmarshalText(text []byte) error {
	i := slices.Index(States[:], string(text))
	if i <= int(Invalid) {
		return fmt.Errorf("%q is nothing that a clock can be required to be; write one of %q", text,
			strings.Join(States[Invalid+1:], ", "))
	}
	*s = State(i)
	return nil
}

// cause is why a clock that is not below its floor has nobody who vouches for it.
type cause uint8

const (
	causeNone    cause = iota // nobody did in this boot
	causeKernel               // the kernel does not say
	causeAhead                // it is too far ahead of what is known
	causeSet                  // it was set while nothing synchronised it
	causeExpired              // that was too long ago
)

// floorSource is where a floor came from. Its text is a value of the state.
type floorSource string

const (
	floorOfBuild  floorSource = "build"
	floorOfSigned floorSource = "signed"
	floorOfStored floorSource = "stored"
)

// voucher is who vouched for a clock. Its text is a word of the clock's file.
type voucher string

const (
	byNobody     voucher = ""
	bySync       voucher = "sync"
	byTechnician voucher = "technician"
)
