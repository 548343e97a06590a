package turnstile

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
)

func wait(n int) { time.Sleep(time.Duration(n) * time.Millisecond) }

// Two turnstiles are led through the same, one of which is also passed in the other direction, again and again. But for that
// count nothing may tell them apart.
func TestPassedBackTouchesNothing(t *testing.T) {
	pulse := Config{Pulse: 400 * time.Millisecond, Show: time.Second, Entry: 5 * time.Second}
	hold := pulse
	hold.Hold = true
	noInput := pulse
	noInput.Entry = 0
	for name, tc := range map[string]struct {
		config Config
		do     func(g *gate, back func())
		want   Counts
	}{
		"closed":  {pulse, func(_ *gate, back func()) { back(); wait(5000); back() }, Counts{}},
		"resting": {pulse, func(g *gate, back func()) { g.Rest(Idle); back(); wait(5000); back() }, Counts{}},
		"refused": {pulse, func(g *gate, back func()) { g.Refuse(); back(); wait(500); back() }, Counts{}},
		"pulsing": {pulse, func(g *gate, back func()) {
			g.opened(t, true)
			back()
			wait(399)
			back()
			g.opened(t, false)
			g.Passed()
		}, Counts{Granted: 1, Passages: 1}},
		"pulsing, without a passage input": {noInput, func(g *gate, back func()) {
			g.opened(t, true)
			wait(399)
			back()
			g.opened(t, false)
			wait(2)
			back()
			g.opened(t, true)
		}, Counts{Granted: 2}},
		"awaiting a passage": {pulse, func(g *gate, back func()) {
			g.opened(t, true)
			wait(1100)
			back() // somebody leaves through the arm that was freed for somebody else
			g.opened(t, false)
			g.Passed()
			g.opened(t, true)
		}, Counts{Granted: 2, Passages: 1, NotEntered: 1}},
		"awaiting a passage in vain": {pulse, func(g *gate, back func()) {
			g.opened(t, true)
			wait(4999)
			back()
			wait(2)
			back()
			g.Passed()
		}, Counts{Granted: 1, NotEntered: 1, Unexpected: 1}},
		"held": {hold, func(g *gate, back func()) {
			g.opened(t, true)
			wait(1000)
			back()
			wait(1000)
			g.opened(t, false)
			g.Passed()
			back()
		}, Counts{Granted: 1, Passages: 1}},
		"held in vain": {hold, func(g *gate, back func()) {
			g.opened(t, true)
			wait(4999)
			back()
			g.opened(t, false)
		}, Counts{Granted: 1, NotEntered: 1}},
		"blocked": {pulse, func(g *gate, back func()) {
			g.Block(true)
			back()
			g.opened(t, false)
			wait(100)
			g.Block(false)
			g.opened(t, true)
			g.Block(true)
			back()
			g.Passed()
		}, Counts{Granted: 1, Passages: 1}},
		"closed for good": {hold, func(g *gate, back func()) {
			g.opened(t, true)
			if err := g.Close(); err != nil {
				t.Error(err)
			}
			back()
			g.opened(t, false)
		}, Counts{Granted: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen [2][]string
			for i := range seen {
				synctest.Test(t, func(t *testing.T) {
					g := newGate(t, tc.config)
					calls := uint64(0)
					tc.do(g, func() {
						if i == 1 {
							g.PassedBack()
							g.PassedBack()
							calls += 2
						}
					})
					wait(10_000)
					want := tc.want
					want.Back = calls
					g.counted(t, want)
					if i == 1 && calls == 0 {
						t.Fatal("nobody passed back")
					}
					g.mu.Lock()
					defer g.mu.Unlock()
					seen[i] = slices.Sorted(slices.Values(g.seen)) // what happens in the same millisecond has no order
				})
			}
			if !slices.Equal(seen[0], seen[1]) {
				t.Errorf("saw\n\t%s\nwithout anybody passing back\n\t%s", strings.Join(seen[1], "\n\t"), strings.Join(seen[0], "\n\t"))
			}
		})
	}
}

// One verdict is one passage, whichever way the arm is freed, and whoever pushes.
func TestOnePassageEach(t *testing.T) {
	for name, tc := range map[string]struct {
		config Config
		do     func(g *gate)
		want   Counts
		seen   []string
	}{
		"two pass on one pulse": {Config{Show: time.Second, Entry: 5 * time.Second}, func(g *gate) {
			g.opened(t, true)
			wait(200)
			g.Passed()
			g.opened(t, false) // the pulse is not over
			g.Passed()
			wait(199)
			g.opened(t, false)
			wait(2)
			g.opened(t, true)
			g.Passed()
		}, Counts{Granted: 2, Passages: 2, Unexpected: 1}, []string{
			"0 relay true", "0 open", "400 relay false", "401 relay true", "801 relay false", "1401 closed",
		}},
		"two pass while it is held": {Config{Show: time.Second, Entry: 5 * time.Second, Hold: true}, func(g *gate) {
			g.opened(t, true)
			wait(3000)
			g.opened(t, false)
			g.Passed()
			g.Passed()
		}, Counts{Granted: 1, Passages: 1, Unexpected: 1}, []string{"0 relay true", "0 open", "1000 closed", "3000 relay false"}},
		"a passage ends a hold, whatever is configured meanwhile": {Config{Show: time.Second, Entry: 5 * time.Second, Hold: true}, func(g *gate) {
			g.opened(t, true)
			wait(1500)
			g.Configure(Config{})
			wait(500)
			g.Passed()
			g.Passed()
		}, Counts{Granted: 1, Passages: 1, Unexpected: 1}, []string{"0 relay true", "0 open", "1000 closed", "2000 relay false"}},
		"a passage does not cut a pulse, whatever is configured meanwhile": {Config{Show: time.Second, Entry: 5 * time.Second}, func(g *gate) {
			g.opened(t, true)
			g.Configure(Config{Show: time.Second, Entry: 5 * time.Second, Hold: true})
			wait(100)
			g.Passed()
		}, Counts{Granted: 1, Passages: 1}, []string{"0 relay true", "0 open", "400 relay false", "1000 closed"}},
		"a hold that is blocked goes on, and ends": {Config{Show: time.Second, Entry: 5 * time.Second, Hold: true}, func(g *gate) {
			g.opened(t, true)
			wait(2000)
			g.Block(true)
			wait(10)
			g.Block(false)
			wait(10)
			g.Block(true)
			g.opened(t, false)
		}, Counts{Granted: 1, NotEntered: 1}, []string{
			"0 relay true", "0 open", "1000 closed", "2000 fault", "2010 closed", "2020 fault", "5000 relay false",
		}},
		"held no longer than MaxEntry": {Config{Show: time.Second, Entry: time.Hour, Hold: true}, func(g *gate) {
			g.opened(t, true)
			wait(29_999)
			g.opened(t, false)
		}, Counts{Granted: 1, NotEntered: 1}, []string{"0 relay true", "0 open", "1000 closed", "30000 relay false"}},
		"hold without a passage input is a pulse": {Config{Show: time.Second, Hold: true}, func(g *gate) {
			g.opened(t, true)
		}, Counts{Granted: 1}, []string{"0 relay true", "0 open", "400 relay false", "1000 closed"}},
		"a late end of an entry": {Config{Show: time.Second, Entry: 5 * time.Second}, func(g *gate) {
			g.opened(t, true)
			wait(4999)
			g.Passed()
			g.opened(t, true)
			g.endEntry() // of the one before
			wait(4999)
			g.opened(t, false)
			g.Passed()
			g.endEntry() // of nobody
		}, Counts{Granted: 2, Passages: 2}, []string{
			"0 relay true", "0 open", "400 relay false", "1000 closed", "4999 relay true", "4999 open", "5399 relay false", "5999 closed",
		}},
		"a late end of a hold": {Config{Show: time.Second, Entry: 5 * time.Second, Hold: true}, func(g *gate) {
			g.opened(t, true)
			wait(4999)
			g.Passed()
			g.pulse.end() // of the pulse that was cut
			g.opened(t, true)
			g.pulse.end() // likewise: this one has just begun
			wait(3000)
			g.opened(t, false)
		}, Counts{Granted: 2, Passages: 1, NotEntered: 1}, []string{
			"0 relay true", "0 open", "1000 closed", "4999 relay false", "4999 relay true", "4999 open", "5999 closed", "9999 relay false",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, tc.config)
				tc.do(g)
				wait(60_000)
				g.counted(t, tc.want)
				g.saw(t, tc.seen)
			})
		})
	}
}

// A relay that does not let go when somebody has passed is told again once its time is over, until it does.
func TestHoldThatIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay := &badRelay{}
		var log strings.Builder
		g := New(Config{Entry: 5 * time.Second, Hold: true}, LineRelay(relay), NewSimulated(func(Event) {}), slog.New(slog.NewTextHandler(&log, nil)))
		if !g.Open() {
			t.Fatal("did not open")
		}
		set := func(err error) gpio.Level {
			relay.mu.Lock()
			defer relay.mu.Unlock()
			relay.low = err
			return relay.level
		}
		set(errors.New("broken"))
		wait(1000)
		g.Passed()
		if g.Open() || !strings.Contains(log.String(), "does not let go after the passage") {
			t.Errorf("granted while the relay is energised, or nothing said: %s", &log)
		}
		wait(3999)
		set(nil)
		wait(2)
		if set(nil) != gpio.Low || !g.Open() {
			t.Error("still energised after its time")
		}
		if got, want := g.Counts(), (Counts{Granted: 2, Passages: 1}); got != want {
			t.Errorf("counts %+v, want %+v", got, want)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A hold that the kernel would end is cut by taking the trigger away, and armed again for the next one.
func TestHoldByTheKernel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay := &kernelPulse{}
		g := New(Config{Entry: 5 * time.Second, Hold: true}, KernelRelay(relay), NewSimulated(func(Event) {}), slog.New(slog.DiscardHandler))
		opened := g.Open()
		wait(1000)
		g.PassedBack()
		busy := relay.Busy()
		g.Passed()
		if !opened || !busy || relay.Busy() || relay.halted {
			t.Errorf("opened %v, held until the passage %v, then held %v, halted %v", opened, busy, relay.Busy(), relay.halted)
		}
		if !g.Open() || !slices.Equal(relay.pulses, []time.Duration{5 * time.Second, 5 * time.Second}) {
			t.Errorf("no second pulse: %v", relay.pulses)
		}
		if err := g.Close(); err != nil || !relay.halted {
			t.Error("not halted", err)
		}
	})
}
