package main

import (
	"fmt"
	"slices"
	"strings"
)

// clockState is how far a clock is believed, the least first. Its text is the word of the configuration, of the state and
// of the metrics.
type clockState uint8

const (
	clockInvalid   clockState = iota // below its floor, or not looked at
	clockFloorOnly                   // not below its floor, but nobody vouches for it
	clockRTC                         // nothing synchronised it since boot, but a real-time clock set it, and still agrees
	clockHeld                        // synchronised earlier in this boot, or vouched for by a technician, and not set since
	clockSynced                      // the kernel's clock is disciplined now
)

var clockStateText = [...]string{
	clockInvalid: "invalid", clockFloorOnly: "floor_only", clockRTC: "rtc", clockHeld: "held", clockSynced: "synced",
}

func (s clockState) String() string {
	if int(s) >= len(clockStateText) {
		return fmt.Sprintf("clockState(%d)", uint8(s))
	}
	return clockStateText[s]
}

func (s clockState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state that may be required. An invalid clock cannot be.
func (s *clockState) UnmarshalText(text []byte) error {
	i := slices.Index(clockStateText[:], string(text))
	if i <= int(clockInvalid) {
		return fmt.Errorf("%q is nothing that a clock can be required to be; write one of %q", text,
			strings.Join(clockStateText[clockInvalid+1:], ", "))
	}
	*s = clockState(i)
	return nil
}

// clockCause is why a clock that is not below its floor has nobody who vouches for it.
type clockCause uint8

const (
	causeNone    clockCause = iota // nobody did in this boot
	causeKernel                    // the kernel does not say
	causeAhead                     // it is too far ahead of what is known
	causeSet                       // it was set while nothing synchronised it
	causeExpired                   // that was too long ago
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
