// Package clock says how far the wall clock may be believed: it has a floor, and above it something must vouch for the time.
//
// It must never know what a wrong clock costs (passes, trust data), nor ask the network for the time itself.
package clock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// firstBuild is before any build of this program.
var firstBuild = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Config is what an operator decides about the clock. Its zero value asks for a synchronised clock, and holds it for
// no time at all.
type Config struct {
	Require    State         // the least that opens the gate; Invalid asks for Synced
	Hold       time.Duration // how long a clock is believed after it was synchronised or vouched for
	MaxForward time.Duration // how far ahead of what is known a clock may be before nothing but a technician can vouch for it; 0: any
	File       string        // where the floor is kept over a restart; "": nowhere
	Build      time.Time     // the first floor; zero if it is not known
}

const (
	DefaultRequire = RTC
	DefaultHold    = 30 * 24 * time.Hour
)

const (
	// syncedError is the maximum error below which a clock is synchronised, the criterion of systemd. STA_UNSYNC would be
	// no better: chrony without rtcsync never clears it. The kernel adds 500 ppm to the error while nobody disciplines the
	// clock, so that an offline gate crosses this after 8.9 hours (adjtimex(2), kernel/time/ntp.c).
	// BusyBox ntpd leaves the error at its limit (ADJ_MAXERROR in networking/ntpd.c): its clock is never synchronised here.
	syncedError = 16 * time.Second

	maxStep     = 2 * time.Second // what a clock may be off its course before it was set; leap seconds are below
	floorSlack  = time.Hour       // what signed data may be ahead of a synchronised clock
	hintSlack   = 5 * time.Minute // what the Date of a response may be off
	horizon     = 30 * 365 * 24 * time.Hour
	lookEvery   = time.Second
	maxLookAge  = 10 * time.Second // of a look that is still worth something
	rtcEvery    = time.Minute      // a real-time clock sits on a slow bus
	storeEvery  = time.Hour
	dueEvery    = time.Minute      // between looks whether there is something to store
	settleTime  = 10 * time.Minute // how long a clock must stay synchronised, without a step, before it raises the floor
	readTime    = 100 * time.Millisecond
	rtcDrift    = 5000 // one second in so many may a real-time clock and an undisciplined clock drift apart: 200 ppm
	readRetries = 3
)

// Clock says how far the wall clock may be believed. A wrong clock lets expired passes through, or refuses good ones.
//
// Its floor is the newest of three times: when the program was built, when the newest authenticated data was signed, and
// what the clock said when it was last stored while synchronised. A clock below it is wrong, whoever set it: time servers
// are not authenticated, and one that sets a clock back is what an attacker with the network has. For the same reason
// a synchronised clock does not win against the stored time. Should that be wrong, because a time server once was, then
// a technician removes the file and starts the daemon again.
//
// Above the floor a time server, a real-time clock or a technician must vouch for the clock; State says which. A clock that
// is set while nothing synchronises it is not held any longer.
//
// Its methods may be called from any goroutine. The zero value, and a nil one, believe nothing; make it with New.
type Clock struct {
	kernel kernel
	log    *slog.Logger
	build  time.Time
	file   string

	last atomic.Pointer[look]

	mu         sync.Mutex // guards what follows
	require    State
	hold       time.Duration
	maxForward time.Duration
	signed     time.Time // the newest signed time
	stored     time.Time // the newest time that was synchronised for certain; the file has it as well, if there is one
	anchor     anchor
	bootID     string
	lastSynced time.Time
	steady     time.Duration // boot time since when the clock is synchronised without a step
	rtc        rtcLook
	jumps      uint64
	lastJump   Jump
	hinted     time.Duration
	hintWrong  bool
	refused    time.Time // the newest signed time that was too far ahead
	fault      error     // of the file
	notes      []note    // for the log, once mu is free: a log may block

	saving  sync.Mutex // held while the file is written, before mu
	written record
}

type note struct {
	level slog.Level
	text  string
	args  []any
}

// New makes a clock, and looks at it. What is wrong with the file is logged and stands in the status: without it the
// clock still has its other floors.
func New(c Config, k kernel, log *slog.Logger) *Clock {
	made := &Clock{kernel: k, log: log, build: c.Build, file: c.File}
	made.locked(func() {
		var err error
		if made.bootID, err = k.bootID(); err != nil {
			made.note(slog.LevelWarn, "a restart of the daemon will not know that the clock was synchronised before", "err", err)
		}
		made.load()
		made.configure(c.Require, c.Hold, c.MaxForward)
		made.look()
	})
	return made
}

// Believed says whether the clock can be right at now, which has a monotonic reading. It is called for every frame: it
// allocates nothing, locks nothing, and makes no system call. It also sees a step since the last look, and after a long
// suspension takes one for such until the next look.
func (c *Clock) Believed(now time.Time) bool {
	if c == nil {
		return false
	}
	l := c.last.Load()
	if l == nil {
		return false
	}
	wall := c.kernel.wall(now).Round(0)
	if wall.Before(l.floor) {
		return false
	}
	if l.require == FloorOnly {
		return true
	}
	since := now.Sub(l.at)
	return l.state >= l.require && since.Abs() <= maxLookAge && (wall.Sub(l.wall)-since).Abs() <= maxStep
}

// Wall returns what the wall clock shows at now. It allocates nothing and makes no system call.
func (c *Clock) Wall(now time.Time) time.Time { return c.kernel.wall(now) }

// Now returns the later of wall clock and floor: for dates of certificates while nothing better is known.
func (c *Clock) Now() time.Time {
	l := c.last.Load()
	if l == nil {
		return time.Now()
	}
	wall := c.kernel.wall(time.Now()).Round(0)
	if wall.Before(l.floor) {
		return l.floor
	}
	return wall
}

// Synced says whether the kernel's clock is disciplined now, and believed.
func (c *Clock) Synced() bool {
	l := c.last.Load()
	return l != nil && l.state == Synced && time.Since(l.at) <= maxLookAge
}

// Raise lifts the floor to the time at which authenticated data was signed. While the clock is synchronised, a time more
// than an hour ahead of it does not count, and one less ahead counts as far as the clock has come: a future-dated list
// must not close every gate. Nor does what is decades ahead count.
func (c *Clock) Raise(signed time.Time) {
	c.locked(func() {
		signed = signed.Round(0)
		if !signed.After(c.signed) {
			return
		}
		l := c.look()
		if l.state == Synced && signed.Sub(l.wall) > floorSlack || c.beyond(signed) {
			if signed.After(c.refused) {
				c.refused = signed
				c.note(slog.LevelWarn, "data was signed in the future; its time does not count", "signed", signed, "clock", l.wall)
			}
			return
		}
		if certain := l.certain(); l.state == Synced && signed.After(certain) {
			signed = certain
		}
		if signed.After(c.signed) {
			c.signed = signed
			c.look()
		}
	})
}

// Hint compares the clock with the Date of a response. That is not authenticated, so it can only cause a warning. A zero date
// is ignored.
func (c *Clock) Hint(date time.Time) {
	if date.IsZero() {
		return
	}
	c.locked(func() {
		c.hinted = date.Sub(c.kernel.wall(time.Now()).Round(0)).Round(time.Second)
		wrong := c.hinted.Abs() > hintSlack
		if wrong && !c.hintWrong {
			c.note(slog.LevelWarn, "a server has another time than the clock", "server", date, "ahead", c.hinted)
		}
		c.hintWrong = wrong
	})
}

// Vouch takes the word of a technician that the time shown is right. That holds as long as a synchronisation would, over a restart
// of the daemon as well, but not over a restart of the board.
func (c *Clock) Vouch() (err error) {
	c.locked(func() {
		l := c.look()
		switch {
		case l.err != nil:
			err = fmt.Errorf("clock: %w", l.err)
		case l.state == Invalid:
			err = errors.New("clock: " + c.explain(l))
		case c.beyond(l.wall):
			err = fmt.Errorf("clock: %s is too far ahead of the build of this program; set the clock first", l.wall.UTC().Format(time.RFC3339))
		default:
			c.anchor = anchor{by: byTechnician, wall: l.wall, boot: l.boot}
			c.note(slog.LevelWarn, "a technician vouches for the clock", "time", l.wall)
			c.look()
		}
	})
	if err != nil {
		return err
	}
	c.save(true)
	return nil
}

// Reconfigure puts other settings into force.
func (c *Clock) Reconfigure(require State, hold, maxForward time.Duration) {
	c.locked(func() {
		c.configure(require, hold, maxForward)
		c.look()
	})
}

func (c *Clock) configure(require State, hold, maxForward time.Duration) {
	if require == Invalid {
		require = Synced
	}
	c.require, c.hold, c.maxForward = require, hold, maxForward
}

// Run looks at the clock once per second, and stores the floor: once an hour while synchronised, and at the end. Without
// it the clock is not believed for long. It calls looked after every look. Call run once.
func (c *Clock) Run(ctx context.Context, looked func()) {
	var storing sync.WaitGroup
	storing.Go(func() { // by itself: a worn medium may take its time
		each(ctx, dueEvery, func() { c.save(false) })
	})
	each(ctx, lookEvery, func() {
		c.locked(func() { c.look() })
		looked()
	})
	storing.Wait()
	c.locked(func() { c.look() })
	c.save(true)
}

// each does something again and again until ctx ends.
func each(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// locked does something while mu is held, and then says what came of it.
func (c *Clock) locked(do func()) {
	c.mu.Lock()
	do()
	notes := c.notes
	c.notes = nil
	c.mu.Unlock()
	for _, n := range notes {
		c.log.Log(context.Background(), n.level, n.text, n.args...)
	}
}

func (c *Clock) note(level slog.Level, text string, args ...any) {
	c.notes = append(c.notes, note{level, text, args})
}
