package clock

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Status is what is known of a clock, for the state, the metrics and the technician.
type Status struct {
	State       State       `json:"state"`
	Required    State       `json:"required"`
	Believed    bool        `json:"believed"`
	Time        time.Time   `json:"time"` // of the wall clock
	Floor       time.Time   `json:"floor,omitzero"`
	FloorOf     floorSource `json:"floor_of"`
	LastSynced  time.Time   `json:"last_synced,omitzero"`
	HeldUntil   time.Time   `json:"held_until,omitzero"` // while synchronised or held, if nothing synchronises it again
	MaxError    float64     `json:"max_error_seconds"`
	Offset      float64     `json:"hint_ahead_seconds"` // of a server's Date to the clock
	OffsetWrong bool        `json:"hint_wrong"`
	Jumps       uint64      `json:"jumps"`
	LastJump    Jump        `json:"last_jump,omitzero"`
	RTC         bool        `json:"rtc"` // there is one
	Fault       string      `json:"fault,omitempty"`
	Explanation string      `json:"explanation"` // what to do
}

// Jump is a step of the clock.
type Jump struct {
	Old time.Time `json:"old"` // what the clock would say
	New time.Time `json:"new"` // what it said instead
}

// Status looks at the clock.
func (c *Clock) Status() (s Status) {
	c.locked(func() {
		l := c.look()
		s = Status{
			State: l.state, Required: l.require, Believed: c.Believed(l.at), Time: l.wall, Floor: l.floor, FloorOf: l.floorOf,
			LastSynced: c.lastSynced, MaxError: l.maxError.Seconds(), Offset: c.hinted.Seconds(), OffsetWrong: c.hintWrong,
			Jumps: c.jumps, LastJump: c.lastJump, RTC: c.rtc.name != "", Explanation: c.explain(l),
		}
		if l.state >= Held {
			s.HeldUntil = c.anchor.wall.Add(c.hold)
		}
		if c.fault != nil {
			s.Fault = c.fault.Error()
		}
	})
	return s
}

// explain says in a sentence how it stands with the clock, and what to do about it. mu is held.
func (c *Clock) explain(l *look) string {
	switch l.state {
	case Synced:
		return "the clock is synchronised"
	case Held:
		until := inUTC(c.anchor.wall.Add(c.hold))
		if c.anchor.by == byTechnician {
			return fmt.Sprintf("a technician vouched for the clock on %s; that holds until %s", inUTC(c.anchor.wall), until)
		}
		return fmt.Sprintf("the clock was synchronised on %s; that holds until %s", inUTC(c.anchor.wall), until)
	case RTC:
		return fmt.Sprintf("the real-time clock %s set the clock at boot, and nothing has synchronised it yet", c.rtc.name)
	case Invalid:
		return c.explainInvalid(l)
	}
	return c.explainFloorOnly(l) + "; connect the network and wait for the time server, or let a technician vouch for the time"
}

func (c *Clock) explainInvalid(l *look) string {
	is := fmt.Sprintf("the clock says %s, but ", inUTC(l.wall))
	floor := inUTC(l.floor)
	switch l.floorOf {
	case floorOfBuild:
		is += fmt.Sprintf("this program was built on %s", floor)
	case floorOfSigned:
		is += fmt.Sprintf("trust data was signed on %s", floor)
	case floorOfStored:
		is += fmt.Sprintf("a synchronised clock said %s before", floor)
	}
	switch {
	case !l.disciplined():
		return is + "; connect the network and wait for the time server, or set the clock"
	case l.floorOf == floorOfStored && l.floor.Sub(l.wall) > floorSlack:
		if c.file == "" {
			return is + "; correct the time server, or, if the clock is right by another clock, start the daemon again"
		}
		return is + fmt.Sprintf("; correct the time server, or, if the clock is right by another clock, remove %s and start the daemon again", c.file)
	}
	return is + "; correct the time server"
}

func (c *Clock) explainFloorOnly(l *look) string {
	switch l.cause {
	case causeKernel:
		if errors.Is(l.err, unix.EPERM) || errors.Is(l.err, unix.ENOSYS) {
			return fmt.Sprintf("the kernel does not say whether the clock is synchronised (%v); allow the system call, which "+
				"ProtectClock= and SystemCallFilter= of a unit may forbid", l.err)
		}
		return fmt.Sprintf("the kernel does not say whether the clock is synchronised (%v)", l.err)
	case causeAhead:
		if c.beyond(l.wall) {
			return fmt.Sprintf("the clock says %s, decades after this program was built on %s", inUTC(l.wall), inUTC(c.build))
		}
		return fmt.Sprintf("the clock says %s, which is further ahead of %s than max_forward allows", inUTC(l.wall), inUTC(l.known))
	case causeSet:
		return "the clock was set while nothing synchronised it"
	case causeExpired:
		return fmt.Sprintf("nobody vouched for the clock since %s, which is longer ago than it is held", inUTC(c.anchor.wall))
	}
	switch {
	case c.rtc.name == "":
		return "nothing has vouched for the clock since boot, and there is no real-time clock"
	case c.rtc.err != nil:
		return fmt.Sprintf("nothing has vouched for the clock since boot; the real-time clock %s does not say the time (%v): its battery "+
			"may be empty", c.rtc.name, c.rtc.err)
	case !c.rtc.setClock:
		return fmt.Sprintf("nothing has vouched for the clock since boot; the kernel did not set it by %s (CONFIG_RTC_HCTOSYS_DEVICE)", c.rtc.name)
	}
	return fmt.Sprintf("nothing has vouched for the clock since boot; the real-time clock %s is off by %v: it is wrong, or keeps local time",
		c.rtc.name, c.rtc.off.Round(time.Second))
}

func inUTC(t time.Time) string { return t.UTC().Format(time.RFC3339) }
