package clock

import (
	"log/slog"
	"time"
)

// look is what was found at one moment. It does not change.
type look struct {
	at       time.Time     // with the monotonic reading
	wall     time.Time     // without
	boot     time.Duration // CLOCK_BOOTTIME
	maxError time.Duration
	err      error // the kernel did not say all of this
	floor    time.Time
	floorOf  floorSource
	require  State
	state    State
	cause    cause
	known    time.Time // what the clock should not be too far ahead of
}

func (l *look) disciplined() bool { return l.err == nil && l.maxError < syncedError }

// certain is what a disciplined clock has left behind for certain.
func (l *look) certain() time.Time { return l.wall.Add(-l.maxError) }

// anchor is the last moment at which somebody vouched for the clock in this boot.
type anchor struct {
	by     voucher
	wall   time.Time
	boot   time.Duration
	broken bool // the clock was set since
}

// expected is what the clock should say at a boot time.
func (a anchor) expected(boot time.Duration) time.Time { return a.wall.Add(boot - a.boot) }

// holds says whether somebody still vouches for the clock.
func (a anchor) holds(boot, hold time.Duration) bool {
	return a.by != byNobody && !a.broken && boot >= a.boot && boot-a.boot <= hold
}

// rtcLook is what the real-time clock said last.
type rtcLook struct {
	rtcReading
	boot time.Duration
	off  time.Duration // ahead of the wall clock
}

// look reads the clock, judges it, and publishes what it found. mu is held.
func (c *Clock) look() *look {
	l := c.read()
	l.require = c.require
	l.floor, l.floorOf = c.floor()
	before := c.last.Load()
	stepped := c.stepped(before, l)
	if before == nil {
		c.askRTC(l)
	}
	c.judge(l, stepped)
	if l.state == Synced && (stepped || before == nil || before.state != Synced) {
		c.steady = l.boot
	}
	c.last.Store(l)
	if before == nil || before.state != l.state {
		level := slog.LevelInfo
		if l.state < l.require {
			level = slog.LevelWarn
		}
		c.note(level, "the clock is "+l.state.String(), "clock", l.wall, "floor", l.floor, "why", c.explain(l))
	}
	return l
}

// read reads the clocks close together: whoever is kept waiting between two of them sees a step where there was none.
func (c *Clock) read() *look {
	l := &look{}
	for range readRetries {
		var before time.Duration
		if before, l.err = c.kernel.boottime(); l.err != nil {
			break
		}
		l.at = time.Now()
		if l.boot, l.err = c.kernel.boottime(); l.err != nil || l.boot-before < readTime {
			break
		}
	}
	if l.at.IsZero() {
		l.at = time.Now()
	}
	l.wall = c.kernel.wall(l.at).Round(0)
	if l.err == nil {
		l.maxError, l.err = c.kernel.maxError()
	}
	return l
}

// floor is the newest of the floors. Of equal ones, the one that is least easily removed.
func (c *Clock) floor() (floor time.Time, of floorSource) {
	floor, of = c.build, floorOfBuild
	if c.signed.After(floor) {
		floor, of = c.signed, floorOfSigned
	}
	if c.stored.After(floor) {
		floor, of = c.stored, floorOfStored
	}
	return floor, of
}

// beyond says whether a time is further ahead than this program will ever be used. It bounds what a wrong clock can do.
func (c *Clock) beyond(t time.Time) bool {
	built := c.build
	if built.IsZero() {
		built = firstBuild
	}
	return t.Sub(built) > horizon
}

// stepped says whether the clock was set between two looks, and reports it.
func (c *Clock) stepped(before, l *look) bool {
	if before == nil || before.err != nil || l.err != nil {
		return false
	}
	old := before.wall.Add(l.boot - before.boot)
	if l.wall.Sub(old).Abs() <= maxStep {
		return false
	}
	c.jumps++
	c.lastJump = Jump{Old: old, New: l.wall}
	c.note(slog.LevelWarn, "the clock was set", "old", old, "new", l.wall, "synchronised", l.disciplined())
	return true
}

// judge finds the state.
func (c *Clock) judge(l *look, stepped bool) {
	below := l.wall.Before(l.floor)
	if l.err != nil {
		l.state, l.cause = FloorOnly, causeKernel
		if below {
			l.state = Invalid
		}
		return
	}
	l.known = l.floor
	if c.anchor.by != byNobody && c.anchor.expected(l.boot).After(l.known) {
		l.known = c.anchor.expected(l.boot)
	}
	ahead := c.beyond(l.wall) || c.maxForward > 0 && !l.known.IsZero() && l.wall.Sub(l.known) > c.maxForward
	if l.disciplined() && !below && !ahead {
		l.state = Synced
		c.anchor = anchor{by: bySync, wall: l.wall, boot: l.boot}
		c.lastSynced = l.wall
		return
	}
	// Not only what happened since the last look: many small steps are a large one.
	if c.anchor.by != byNobody && l.wall.Sub(c.anchor.expected(l.boot)).Abs() > maxStep {
		c.anchor.broken = true
	}
	switch {
	case below:
		l.state = Invalid
	case ahead:
		l.state, l.cause = FloorOnly, causeAhead
	case c.anchor.holds(l.boot, c.hold):
		l.state = Held
	case c.rtcAgrees(l, stepped):
		l.state = RTC
	case c.anchor.broken:
		l.state, l.cause = FloorOnly, causeSet
	case c.anchor.by != byNobody:
		l.state, l.cause = FloorOnly, causeExpired
	default:
		l.state = FloorOnly
	}
}

// rtcAgrees says whether a real-time clock that set the clock at boot still says the same. One with an empty battery does
// not answer, or says something below the floor. One that keeps local time is off by the zone once the clock is right.
//
// It counts only if the kernel itself read it (CONFIG_RTC_HCTOSYS): boards whose real-time clock was never in use, and
// whose time it is that of their factory, have another one first (Documentation/ABI/testing/sysfs-class-rtc).
func (c *Clock) rtcAgrees(l *look, stepped bool) bool {
	if stepped || l.boot-c.rtc.boot >= rtcEvery {
		c.askRTC(l)
	}
	return c.rtc.err == nil && c.rtc.setClock && c.rtc.off.Abs() <= maxStep+l.boot/rtcDrift
}

func (c *Clock) askRTC(l *look) {
	c.rtc = rtcLook{rtcReading: c.kernel.rtc(), boot: l.boot}
	c.rtc.off = c.rtc.at.Sub(l.wall)
}
