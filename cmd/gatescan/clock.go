package main

import (
	"strconv"
	"time"
)

// builtAt is SOURCE_DATE_EPOCH of the build, in Unix seconds; the linker sets it. It is empty in a development build.
var builtAt string

// clock says how far the wall clock may be believed. So far its only floor is the moment of the build: a board whose
// battery is empty wakes up in 1970, when every pass was still to be issued and none had expired.
//
// TODO(issue 4): floors from signed times and the last synchronised time, and states of synchronisation.
type clock struct {
	floor time.Time
}

// buildClock is the clock with the floor of this build.
func buildClock() clock {
	seconds, err := strconv.ParseInt(builtAt, 10, 64)
	if err != nil {
		return clock{}
	}
	return clock{floor: time.Unix(seconds, 0)}
}

// believed says whether now can be right.
func (c clock) believed(now time.Time) bool { return !now.Before(c.floor) }
