package clock

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// scene is something that happens to a board, and what its clock is then.
type scene struct {
	do   func(b *board)
	want State
	says string // a part of the explanation
}

const month = 30 * 24 * time.Hour

func boot(wall time.Time) func(*board)  { return func(b *board) { b.boot(wall) } }
func bootRTC(at time.Time) func(*board) { return func(b *board) { b.bootRTC(at) } }
func pass(d time.Duration) func(*board) { return func(b *board) { b.pass(d) } }
func serve(b *board)                    { b.serve() }
func serveOff(d time.Duration) func(*board) {
	return func(b *board) { b.kernel.serve(b.truth().Add(d)); b.pass(lookEvery) }
}
func offline(d time.Duration) func(*board) { return func(b *board) { b.offline(); b.pass(d) } }
func stepBy(d time.Duration) func(*board) {
	return func(b *board) { b.kernel.set(b.kernel.wall(time.Now()).Add(d)); b.pass(lookEvery) }
}

var clockStories = map[string]struct {
	maxForward time.Duration
	scenes     []scene
}{
	"months in a box, then a network": {scenes: []scene{
		{boot(built.Add(time.Minute)), FloorOnly, "no real-time clock; connect the network"}, // systemd starts at its own floor
		{pass(time.Hour), FloorOnly, "connect the network"},
		{serve, Synced, "is synchronised"},
	}},
	"months in a box, no network": {scenes: []scene{
		{boot(built.Add(time.Minute)), FloorOnly, "let a technician vouch"},
		{pass(3 * month), FloorOnly, "nothing has vouched"},
	}},
	"months in a box, then a technician": {scenes: []scene{
		{boot(built.Add(time.Minute)), FloorOnly, ""},
		{stepBy(2 * month), FloorOnly, ""},
		{func(b *board) { b.vouched(nil) }, Held, "a technician vouched for the clock on 2026-10-31"},
		{pass(month - time.Minute), Held, ""},
		{pass(2 * time.Minute), FloorOnly, "longer ago than it is held"},
	}},
	"months in a box with a real-time clock": {scenes: []scene{
		{bootRTC(day), RTC, "the real-time clock rtc0 set the clock"},
		{pass(3 * month), RTC, ""},
		{serve, Synced, ""},
		{offline(10 * time.Hour), Held, ""},
		{pass(month), RTC, ""}, // held no longer, but the other witness still agrees
	}},
	"real-time clock drifts": {scenes: []scene{
		{bootRTC(day), RTC, ""},
		{func(b *board) { time.Sleep(10 * 24 * time.Hour); b.drift(100 * time.Second); b.look() }, RTC, ""},
		{func(b *board) { b.drift(100 * time.Second); b.pass(rtcEvery) }, FloorOnly, "rtc0 is off by 3m20s"},
	}},
	"empty battery, clock at 1970": {scenes: []scene{
		{bootRTC(time.Unix(100, 0)), Invalid, "says 1970-01-01T00:01:40Z, but this program was built on 2026-09-01"},
		{serve, Synced, ""},
	}},
	"empty battery, real-time clock does not answer": {scenes: []scene{
		{func(b *board) {
			b.rtc = rtcReading{name: "rtc0", err: errors.New("invalid argument")}
			b.boot(built)
		}, FloorOnly, "battery may be empty"},
	}},
	"real-time clock of the factory, never in use": {scenes: []scene{
		{func(b *board) {
			b.rtc = rtcReading{name: "rtc0", at: day}
			b.boot(day)
		}, FloorOnly, "CONFIG_RTC_HCTOSYS_DEVICE"},
	}},
	"real-time clock keeps local time": {scenes: []scene{
		{bootRTC(day.Add(time.Hour)), RTC, ""}, // nobody can know yet
		{stepBy(-time.Hour), FloorOnly, "rtc0 is off by 1h0m0s: it is wrong, or keeps local time"},
	}},
	"real-time clock runs decades ahead": {scenes: []scene{
		{bootRTC(built.Add(31 * 365 * 24 * time.Hour)), FloorOnly, "decades after this program was built"},
		{serve, Synced, ""},
	}},
	"time server comes late": {scenes: []scene{
		{boot(built), FloorOnly, ""},
		{pass(20 * time.Minute), FloorOnly, ""},
		{serve, Synced, ""},
		{pass(time.Hour), Synced, ""},
	}},
	"offline overnight, and for a month": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{offline(8 * time.Hour), Synced, ""}, // the kernel's error is still below 16 s
		{pass(2 * time.Hour), Held, "synchronised on 2026-11-22T20:00:01Z; that holds until 2026-12-22T20:00:01Z"},
		{pass(29 * 24 * time.Hour), Held, ""},
		{pass(2 * 24 * time.Hour), FloorOnly, "longer ago than it is held"},
		{serve, Synced, ""},
	}},
	"suspended for a month": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{offline(10 * time.Hour), Held, ""},
		{func(b *board) { b.suspend(24 * time.Hour); b.look() }, Held, ""}, // no step
		{func(b *board) { b.suspend(month); b.look() }, FloorOnly, "longer ago"},
	}},
	"set by hand while held": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{offline(10 * time.Hour), Held, ""},
		{stepBy(-10 * time.Minute), FloorOnly, "set while nothing synchronised it"},
		{stepBy(10 * time.Minute), FloorOnly, ""}, // not held again: nobody vouches for this either
		{func(b *board) { b.clock.save(true); b.restart() }, FloorOnly, ""},
		{func(b *board) { b.vouched(nil) }, Held, ""},
		{stepBy(time.Minute), FloorOnly, ""},
		{serve, Synced, ""},
	}},
	"set by hand in many small steps": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{func(b *board) { b.vouched(nil) }, Held, ""},
		{stepBy(1500 * time.Millisecond), Held, ""},
		{stepBy(1500 * time.Millisecond), FloorOnly, "set while"},
	}},
	"set by hand while synchronised": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{stepBy(-10 * time.Minute), FloorOnly, "set while nothing"}, // the kernel drops the synchronisation
	}},
	"time server corrects": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{serveOff(-10 * time.Minute), Synced, ""},
		{serve, Synced, ""},
	}},
	"time server goes back below the build": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{serveOff(-4 * month), Invalid, "this program was built on 2026-09-01T00:00:00Z; correct the time server"},
		{offline(10 * time.Hour), Invalid, "; connect the network"},
		{serve, Synced, ""},
	}},
	"time server goes back below what was signed": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{func(b *board) { b.clock.Raise(day.Add(-24 * time.Hour)); b.serve() }, Synced, ""},
		{serveOff(-48 * time.Hour), Invalid, "trust data was signed on 2026-11-21T12:00:00Z; correct the time server"},
	}},
	"time server goes back below what was stored": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{func(b *board) { b.pass(2 * time.Hour); b.clock.save(false) }, Synced, ""},
		{serveOff(-30 * time.Minute), Invalid, "a synchronised clock said 2026-11-22T14:00:00Z before; correct the time server"},
		{serveOff(-48 * time.Hour), Invalid, "or, if the clock is right by another clock, remove "},
		{func(b *board) { b.boot(built); b.kernel.serve(b.truth().Add(-48 * time.Hour)); b.pass(lookEvery) }, Invalid, "remove "},
		{func(b *board) { b.remove(); b.clock.save(true); b.restart() }, Synced, ""}, // the end of a wrong clock does not bring it back
	}},
	"time server jumps a year ahead, and that is believed": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{serveOff(12 * month), Synced, ""},
		{serve, Synced, ""}, // it has not settled, so that it did not raise the floor
	}},
	"time server jumps a year ahead": {maxForward: 6 * month, scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{serveOff(12 * month), FloorOnly, "further ahead of 2026-11-22T12:00:02Z than max_forward allows"},
		{pass(12 * month), FloorOnly, ""}, // still as far ahead
		{serve, Synced, ""},
	}},
	"time server jumps a year ahead, and into the real-time clock": {maxForward: 6 * month, scenes: []scene{
		{bootRTC(day), RTC, ""},
		{func(b *board) {
			b.kernel.serve(b.truth().Add(12 * month))
			b.drift(12 * month)
			b.offline()
			b.pass(10 * time.Hour)
		}, FloorOnly, "max_forward"},
	}},
	"longer in a box than max_forward": {maxForward: month, scenes: []scene{
		{boot(built), FloorOnly, ""},
		{serve, FloorOnly, "further ahead of 2026-09-01T00:00:00Z than max_forward"},
		{func(b *board) { b.vouched(nil) }, Synced, ""},
		{pass(time.Hour), Synced, ""},
	}},
	"daemon starts again": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{pass(time.Hour), Synced, ""},
		{offline(10 * time.Hour), Held, ""},
		{func(b *board) { b.clock.save(true); b.restart() }, Held, "synchronised on 2026-11-22"},
		{pass(month), FloorOnly, "longer ago"},
	}},
	"daemon starts again, the clock was set meanwhile": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{func(b *board) { b.vouched(nil); b.restart() }, Held, ""},
		{func(b *board) { b.kernel.set(b.truth().Add(-time.Hour)); b.restart() }, FloorOnly, "set while"},
	}},
	"board starts again": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{func(b *board) { b.vouched(nil) }, Held, ""},
		{func(b *board) { b.boot(b.truth()) }, FloorOnly, "nothing has vouched for the clock since boot"},
	}},
	"sandbox forbids to ask": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{serve, Synced, ""},
		{func(b *board) { b.forbid(); b.look() }, FloorOnly, "ProtectClock="},
		{func(b *board) { b.kernel.set(built.Add(-time.Hour)); b.look() }, Invalid, "built on"},
	}},
	"kernel says nothing for a moment": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{func(b *board) { b.vouched(nil) }, Held, ""},
		{func(b *board) { b.kernel.bootErr = errors.New("broken"); b.pass(time.Hour) }, FloorOnly, "(broken); connect"},
		{func(b *board) { b.kernel.bootErr = nil; b.pass(time.Hour) }, Held, ""},
		{func(b *board) { b.noJumps() }, Held, ""},
	}},
	"kept waiting while reading": {scenes: []scene{
		{boot(day), FloorOnly, ""},
		{func(b *board) { b.vouched(nil) }, Held, ""},
		{func(b *board) { b.kernel.slow = 20 * time.Second; b.look() }, Held, ""},
		{func(b *board) { b.noJumps() }, Held, ""},
	}},
}

// vouched lets a technician vouch.
func (b *board) vouched(want error) {
	b.t.Helper()
	if err := b.clock.Vouch(); !errors.Is(err, want) {
		b.t.Errorf("vouch: %v, want %v", err, want)
	}
}

// remove is a technician who removes the file.
func (b *board) remove() {
	b.t.Helper()
	if err := os.Remove(b.config.File); err != nil {
		b.t.Error(err)
	}
}

func (b *board) noJumps() {
	b.t.Helper()
	if s := b.clock.Status(); s.Jumps != 0 {
		b.t.Errorf("%d jumps: %+v", s.Jumps, s.LastJump)
	}
}

// drift puts the real-time clock ahead.
func (b *board) drift(d time.Duration) {
	b.kernel.mu.Lock()
	defer b.kernel.mu.Unlock()
	b.kernel.clockRTC.at = b.kernel.clockRTC.at.Add(d)
}

func TestClockStories(t *testing.T) {
	seen := map[State]int{}
	for name, story := range clockStories {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBoard(t, Config{
					Require: RTC, Hold: month, MaxForward: story.maxForward, Build: built,
				})
				b.config.File = filepath.Join(t.TempDir(), "clock")
				for i, s := range story.scenes {
					s.do(b)
					got := b.clock.Status()
					seen[got.State]++
					if got.State != s.want || !strings.Contains(got.Explanation, s.says) {
						t.Fatalf("scene %d: %v (%s), want %v (%s)", i, got.State, got.Explanation, s.want, s.says)
					}
					if want := s.want >= RTC; b.clock.Believed(time.Now()) != want || got.Believed != want {
						t.Errorf("scene %d: %v, believed is not %v", i, got.State, want)
					}
					if b.clock.Synced() != (s.want == Synced) {
						t.Errorf("scene %d: %v, synced %v", i, got.State, b.clock.Synced())
					}
				}
			})
		})
	}
	for s := range States {
		if seen[State(s)] == 0 {
			t.Errorf("no story comes to %v", State(s))
		}
	}
}

// Every word of the configuration opens the gate for the states it names, and for no other.
func TestClockRequired(t *testing.T) {
	states := map[State]func(*board){
		Invalid:   boot(built.Add(-time.Hour)),
		FloorOnly: boot(day),
		RTC:       bootRTC(day),
		Held:      func(b *board) { b.boot(day); b.vouched(nil) },
		Synced:    func(b *board) { b.boot(day); b.serve() },
	}
	opens := map[State]string{
		FloorOnly: "floor_only rtc held synced",
		RTC:       "rtc held synced",
		Held:      "held synced",
		Synced:    "synced",
		Invalid:   "synced", // nothing is required: the most
	}
	if len(states) != len(States) || len(opens) != len(States) {
		t.Fatal("not every state is tried")
	}
	for state, come := range states {
		for required, words := range opens {
			synctest.Test(t, func(t *testing.T) {
				b := newBoard(t, Config{Require: required, Hold: month, Build: built})
				come(b)
				want := strings.Contains(" "+words+" ", " "+state.String()+" ")
				if got := b.clock.Status(); got.State != state || b.clock.Believed(time.Now()) != want {
					t.Errorf("%v while %v is required: %v, believed is not %v", state, required, got.State, want)
				}
				b.clock.Reconfigure(FloorOnly, month, 0)
				if want := state != Invalid; b.clock.Believed(time.Now()) != want {
					t.Errorf("%v while floor_only is required from now on: believed is not %v", state, want)
				}
			})
		}
	}
}

func TestZeroClock(t *testing.T) {
	var none *Clock
	var zero Clock
	if none.Believed(time.Now()) || zero.Believed(time.Now()) || zero.Synced() {
		t.Error("a clock that nobody made is believed")
	}
	if zero.Now().IsZero() {
		t.Error("it has no time")
	}
}

func TestHoldIsReconfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, Config{Require: Held, Build: built})
		b.boot(day)
		b.serve()
		b.offline()
		b.pass(10 * time.Hour)
		if got := b.clock.Status().State; got != FloorOnly {
			t.Errorf("without a time to hold: %v", got)
		}
		b.clock.Reconfigure(Held, month, 0)
		if got := b.clock.Status().State; got != Held {
			t.Errorf("with one: %v", got)
		}
		b.clock.Reconfigure(Held, 9*time.Hour, 0)
		if got := b.clock.Status().State; got != FloorOnly {
			t.Errorf("with a shorter one: %v", got)
		}
	})
}

// A frame sees a step before the next look does, and does not see one where there is none.
func TestBelievedBetweenLooks(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(b *board)
		want bool
	}{
		"nothing":          {func(*board) {}, true},
		"a second later":   {func(*board) { time.Sleep(time.Second) }, true},
		"a little back":    {func(b *board) { b.kernel.set(b.truth().Add(-1500 * time.Millisecond)) }, true},
		"back":             {func(b *board) { b.kernel.set(b.truth().Add(-3 * time.Second)) }, false},
		"ahead":            {func(b *board) { b.kernel.set(b.truth().Add(3 * time.Second)) }, false},
		"below the floor":  {func(b *board) { b.kernel.set(built.Add(-time.Second)) }, false},
		"nobody looks":     {func(*board) { time.Sleep(maxLookAge + time.Second) }, false},
		"floor was raised": {func(b *board) { b.clock.Raise(b.truth().Add(time.Hour)) }, false},
		"woken up":         {func(b *board) { b.suspend(time.Hour) }, false},
		"woken up, looked": {func(b *board) { b.suspend(time.Hour); b.look() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBoard(t, Config{Require: Held, Hold: month, Build: built})
				b.boot(day)
				b.vouched(nil)
				tc.do(b)
				now := time.Now()
				for _, zone := range []*time.Location{time.UTC, time.FixedZone("west", -12*3600), time.FixedZone("east", 14*3600)} {
					if got := b.clock.Believed(now.In(zone)); got != tc.want {
						t.Errorf("believed %v in %v", got, zone)
					}
				}
			})
		})
	}
}

func TestBelievedAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: the race detector allocates; run without -race to count allocations")
	}
	held := New(Config{Require: Held, Hold: time.Hour, Build: built}, &fakeKernel{id: "1", born: time.Now()}, slog.New(slog.DiscardHandler))
	machine := New(Config{Require: FloorOnly, Build: built}, System{}, slog.New(slog.DiscardHandler))
	held.kernel.(*fakeKernel).set(day)
	if err := held.Vouch(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Clock{"held": held, "of this machine": machine} {
		now := time.Now()
		if !c.Believed(now) {
			t.Errorf("%s: not believed", name)
		}
		if n := testing.AllocsPerRun(1000, func() { c.Believed(now) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestRaise(t *testing.T) {
	for name, tc := range map[string]struct {
		come   func(*board)
		signed time.Time
		want   time.Time
		of     floorSource
	}{
		"older than the build":           {boot(day), built.Add(-time.Hour), built, floorOfBuild},
		"newer":                          {boot(day), day.Add(-time.Hour), day.Add(-time.Hour), floorOfSigned},
		"ahead of a clock nobody trusts": {boot(built), day, day, floorOfSigned},
		"decades ahead":                  {boot(built), built.Add(horizon + time.Hour), built, floorOfBuild},
		"zero":                           {boot(day), time.Time{}, built, floorOfBuild},
		"synchronised":                   {func(b *board) { b.boot(day); b.serve() }, day.Add(-time.Hour), day.Add(-time.Hour), floorOfSigned},
		"a little ahead of a synchronised clock": {
			func(b *board) { b.boot(day); b.serve() }, day.Add(30 * time.Minute), day.Add(lookEvery - 30*time.Millisecond), floorOfSigned,
		},
		"far ahead of a synchronised clock": {func(b *board) { b.boot(day); b.serve() }, day.Add(floorSlack + time.Minute), built, floorOfBuild},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBoard(t, Config{Require: FloorOnly, Build: built})
				tc.come(b)
				for range 3 { // a list is read again and again
					b.clock.Raise(tc.signed)
				}
				b.clock.Raise(built.Add(-2 * time.Hour)) // an older one never lowers it
				s := b.clock.Status()
				if !s.Floor.Equal(tc.want) || s.FloorOf != tc.of {
					t.Errorf("floor %v of %s, want %v of %s", s.Floor, s.FloorOf, tc.want, tc.of)
				}
				later := b.kernel.wall(time.Now())
				if later.Before(tc.want) {
					later = tc.want
				}
				if got := b.clock.Now(); !got.Equal(later) {
					t.Errorf("now is %v, want %v", got, later)
				}
				if said, far := b.said("signed in the future"), strings.Contains(name, "far") || strings.Contains(name, "decades"); far != (said == 1) {
					t.Errorf("the log says %d times that data was signed in the future", said)
				}
			})
		})
	}
}

func TestHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, Config{Require: RTC, Hold: month, Build: built})
		b.boot(day)
		b.serve()
		b.clock.Hint(time.Time{}) // a response without a Date
		for _, tc := range []struct {
			ahead time.Duration
			wrong bool
			said  int
		}{
			{0, false, 0},
			{-hintSlack, false, 0},
			{hintSlack + time.Second, true, 1},
			{-400 * 24 * time.Hour, true, 0}, // said already
			{time.Minute, false, 0},
			{-hintSlack - time.Second, true, 1},
		} {
			b.said("")
			b.clock.Hint(b.truth().Add(tc.ahead))
			s := b.clock.Status()
			if s.Offset != tc.ahead.Seconds() || s.OffsetWrong != tc.wrong || b.said("another time") != tc.said {
				t.Errorf("%v: %+v", tc.ahead, s)
			}
			if s.State != Synced || !b.clock.Believed(time.Now()) || !s.Floor.Equal(built) {
				t.Errorf("%v: a hint made the clock %v, with a floor of %v", tc.ahead, s.State, s.Floor)
			}
		}
	})
}

func TestVouchIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		come func(*board)
		want string
	}{
		"below the floor":     {boot(built.Add(-time.Second)), "but this program was built on 2026-09-01"},
		"decades ahead":       {boot(built.Add(horizon + time.Hour)), "set the clock first"},
		"kernel says nothing": {func(b *board) { b.boot(day); b.forbid() }, "adjtimex"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBoard(t, Config{Require: Held, Hold: month, Build: built})
				tc.come(b)
				if err := b.clock.Vouch(); err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%v, want %q", err, tc.want)
				}
				if b.clock.Believed(time.Now()) {
					t.Error("believed all the same")
				}
			})
		})
	}
}

func TestJumpsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, Config{Require: RTC, Hold: month, Build: built})
		b.boot(day)
		b.pass(time.Hour)
		b.suspend(time.Hour)
		b.pass(time.Hour)
		if s := b.clock.Status(); s.Jumps != 0 || s.LastJump != (Jump{}) || b.said("was set") != 0 {
			t.Fatalf("%+v", s)
		}
		b.kernel.serve(b.truth().Add(-time.Hour))
		b.pass(lookEvery)
		s := b.clock.Status()
		if s.Jumps != 1 || !s.LastJump.Old.Equal(b.truth()) || !s.LastJump.New.Equal(b.truth().Add(-time.Hour)) {
			t.Errorf("%+v", s)
		}
		if n := b.said("synchronised=true"); n != 1 {
			t.Errorf("it was said %d times", n)
		}
		if !b.clock.lastSynced.Equal(b.truth().Add(-time.Hour)) || !s.LastSynced.Equal(b.clock.lastSynced) {
			t.Errorf("last synchronised %v", s.LastSynced)
		}
		b.pass(time.Hour)
		if s := b.clock.Status(); s.Jumps != 1 {
			t.Errorf("%d jumps", s.Jumps)
		}
	})
}

// What run stores, and when.
func TestClockRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, Config{Require: RTC, Hold: month, Build: built, File: filepath.Join(t.TempDir(), "clock")})
		b.boot(day)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		looks := 0
		go func() { b.clock.Run(ctx, func() { looks++ }); close(ended) }()
		sleep := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		stored := func() time.Time {
			t.Helper()
			r, err := readFile(b.config.File)
			if err != nil {
				t.Fatal(err)
			}
			return r.floor
		}
		sleep(2 * time.Hour)
		if !stored().IsZero() {
			t.Error("a time was stored of which nobody knows whether it is right")
		}
		b.kernel.serve(b.truth())
		sleep(settleTime - time.Minute)
		if s := b.clock.Status(); s.State != Synced || !stored().IsZero() {
			t.Errorf("%v, stored %v before it settled", s.State, stored())
		}
		var times []time.Time
		for range 4 * 60 { // minutes
			sleep(time.Minute)
			if at := stored(); !at.IsZero() && (len(times) == 0 || !times[len(times)-1].Equal(at)) {
				times = append(times, at)
				if late := b.truth().Sub(at); late < 0 || late > 2*time.Second+dueEvery {
					t.Errorf("stored %v at %v", at, b.truth())
				}
			}
			if !b.clock.Believed(time.Now()) {
				t.Error("not believed")
			}
		}
		if len(times) != 4 {
			t.Errorf("stored %d times in four hours: %v", len(times), times)
		}
		for i := range len(times) - 1 {
			if d := times[i+1].Sub(times[i]); d < storeEvery || d > storeEvery+2*dueEvery {
				t.Errorf("%v between two times", d)
			}
		}
		if s := b.clock.Status(); s.FloorOf != floorOfStored || !s.Floor.Equal(times[3]) {
			t.Errorf("floor %v of %s", s.Floor, s.FloorOf)
		}
		sleep(20 * time.Minute)
		cancel()
		<-ended
		if at := stored(); b.truth().Sub(at) > 2*time.Second {
			t.Errorf("the end stored %v at %v", at, b.truth())
		}
		if want := int(6 * time.Hour / lookEvery); looks < want {
			t.Errorf("%d looks were told, want %d", looks, want)
		}
		b.restart()
		if s := b.clock.Status(); !s.Floor.Equal(stored()) || s.FloorOf != floorOfStored {
			t.Errorf("after a restart: floor %v of %s", s.Floor, s.FloorOf)
		}
	})
}

// A step of a synchronised clock must last before it raises the floor: a time server that is wrong for a moment would
// close the gate for good.
func TestFloorWaitsForSteadyClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, Config{Require: RTC, Hold: month, Build: built})
		b.boot(day)
		b.serve()
		b.pass(2 * storeEvery)
		b.kernel.serve(b.truth().Add(12 * month))
		for range int(settleTime/dueEvery) - 1 {
			b.pass(dueEvery)
			b.clock.save(false)
		}
		b.clock.save(true)
		b.serve()
		if s := b.clock.Status(); s.State != Synced || !s.Floor.Equal(built) {
			t.Errorf("%v, floor %v", s.State, s.Floor)
		}
	})
}

// A clock that becomes less certain does not lower the floor.
func TestFloorNeverGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, Config{Require: RTC, Hold: month, Build: built, File: filepath.Join(t.TempDir(), "clock")})
		b.boot(day)
		b.serve()
		b.pass(2 * settleTime)
		b.clock.save(true)
		before := b.clock.Status()
		b.kernel.worse = 15 * time.Second
		b.pass(lookEvery)
		b.clock.save(true)
		after := b.clock.Status()
		r, err := readFile(b.config.File)
		if before.FloorOf != floorOfStored || !after.Floor.Equal(before.Floor) || !r.floor.Equal(before.Floor) || err != nil {
			t.Errorf("floor %v of %s, then %v, stored %v, %v", before.Floor, before.FloorOf, after.Floor, r.floor, err)
		}
	})
}

// Everybody asks at once, while the clock is set to and fro. It is never believed below its floor.
func TestClockConcurrently(t *testing.T) {
	b := newBoard(t, Config{Require: FloorOnly, Hold: month, Build: built, File: filepath.Join(t.TempDir(), "clock")})
	b.boot(day)
	b.clock.log = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	parts.Go(func() { b.clock.Run(ctx, func() {}) })
	parts.Go(func() {
		for ctx.Err() == nil {
			b.kernel.set(built.Add(-time.Hour))
			b.look()
			b.kernel.serve(day)
			b.look()
		}
	})
	parts.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			b.clock.Raise(built.Add(time.Duration(i) * time.Millisecond))
			b.clock.Hint(day)
			b.clock.Reconfigure(FloorOnly, month, month)
			_ = b.clock.Vouch()
			b.clock.Status()
			b.clock.Synced()
		}
	})
	begin, believed := time.Now(), 0
	for time.Since(begin) < 300*time.Millisecond || believed == 0 && time.Since(begin) < 10*time.Second {
		floor := b.clock.last.Load().floor
		if b.clock.Believed(time.Now()) {
			believed++
		}
		if b.clock.Now().Before(floor) {
			t.Error("now is before the floor")
		}
	}
	cancel()
	parts.Wait()
	if believed == 0 {
		t.Error("never believed")
	}
	b.kernel.set(built.Add(-time.Second))
	if b.clock.Believed(time.Now()) {
		t.Error("believed below the floor")
	}
}

func TestClockStateText(t *testing.T) {
	for s, word := range map[State]string{
		Invalid: "invalid", FloorOnly: "floor_only", RTC: "rtc", Held: "held", Synced: "synced", 9: "clockState(9)",
	} {
		if s.String() != word {
			t.Errorf("%d is %q", s, s)
		}
		var got State
		err := got.UnmarshalText([]byte(word))
		if valid := s > Invalid && s <= Synced; (err == nil) != valid || valid && got != s {
			t.Errorf("%q: %v, %v", word, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "floor_only, rtc, held, synced") {
			t.Errorf("%v does not say what to write", err)
		}
	}
}

func TestClockStatusText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, Config{Require: RTC, Hold: month, Build: built})
		b.boot(day)
		text, err := json.Marshal(b.clock.Status())
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"state":"floor_only","required":"rtc","believed":false,"time":"2026-11-22T12:00:00Z",` +
			`"floor":"2026-09-01T00:00:00Z","floor_of":"build","max_error_seconds":16,"hint_ahead_seconds":0,"hint_wrong":false,` +
			`"jumps":0,"rtc":false,"explanation":"nothing has vouched for the clock since boot, and there is no real-time clock; ` +
			`connect the network and wait for the time server, or let a technician vouch for the time"}`
		if string(text) != want {
			t.Errorf("%s\nwant\n%s", text, want)
		}
	})
}
