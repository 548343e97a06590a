package turnstile

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// gate records what a person at a simulated gate would see, in milliseconds since the beginning.
type gate struct {
	*Turnstile
	start time.Time

	mu   sync.Mutex
	seen []string
}

func newGate(t *testing.T, c Config) *gate {
	t.Helper()
	g := &gate{start: time.Now()}
	var last Event
	sim := NewSimulated(func(e Event) {
		g.mu.Lock()
		defer g.mu.Unlock()
		at := e.At.Sub(g.start).Milliseconds()
		if e.Relay != last.Relay {
			g.seen = append(g.seen, fmt.Sprintf("%d relay %v", at, e.Relay))
		}
		if e.Signal != last.Signal {
			g.seen = append(g.seen, fmt.Sprintf("%d %v", at, e.Signal))
		}
		last = e
	})
	g.Turnstile = New(c, sim.Relay(), sim, slog.New(slog.DiscardHandler))
	return g
}

func (g *gate) opened(t *testing.T, want bool) {
	t.Helper()
	if got := g.Open(); got != want {
		t.Errorf("Open says %v at %v", got, time.Since(g.start))
	}
}

func (g *gate) counted(t *testing.T, want Counts) {
	t.Helper()
	if got := g.Counts(); got != want {
		t.Errorf("counts %+v at %v, want %+v", got, time.Since(g.start), want)
	}
}

// saw compares what was seen. What happens in the same millisecond has no order.
func (g *gate) saw(t *testing.T, want []string) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	got, want := slices.Sorted(slices.Values(g.seen)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("saw\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestTurnstile(t *testing.T) {
	ms := func(n int) { time.Sleep(time.Duration(n) * time.Millisecond) }
	short := Config{Pulse: 400 * time.Millisecond, Show: time.Second}
	for name, tc := range map[string]struct {
		config Config
		do     func(g *gate)
		want   []string
	}{
		"closed until told otherwise": {short, func(g *gate) { ms(5000) }, nil},
		"a pass": {short, func(g *gate) { g.Rest(Idle); ms(100); g.Open(); ms(5000) }, []string{
			"0 idle", "100 relay true", "100 open", "500 relay false", "1100 idle",
		}},
		"defaults": {Config{}, func(g *gate) { g.Open(); ms(5000) }, []string{
			"0 relay true", "0 open", "400 relay false", "1500 closed",
		}},
		"a pulse is not stretched": {short, func(g *gate) {
			g.Rest(Idle)
			for range 4 {
				g.Open()
				ms(90)
			}
			ms(5000)
		}, []string{"0 idle", "0 relay true", "0 open", "400 relay false", "1000 idle"}},
		"the next one, as soon as the pulse is over": {short, func(g *gate) { g.Rest(Idle); g.Open(); ms(401); g.Open(); ms(5000) }, []string{
			"0 idle", "0 relay true", "0 open", "400 relay false", "401 relay true", "801 relay false", "1401 idle",
		}},
		"a refusal": {short, func(g *gate) { g.Rest(Idle); g.Refuse(); ms(5000) }, []string{"0 idle", "0 refused", "1000 idle"}},
		"a refusal, then a pass": {short, func(g *gate) { g.Rest(Idle); g.Refuse(); ms(900); g.Open(); ms(5000) }, []string{
			"0 idle", "0 refused", "900 relay true", "900 open", "1300 relay false", "1900 idle",
		}},
		"a refusal during somebody else's pulse": {short, func(g *gate) { g.Rest(Idle); g.Open(); ms(100); g.Refuse(); ms(5000) }, []string{
			"0 idle", "0 relay true", "0 open", "400 relay false", "1000 idle",
		}},
		"two things unreadable": {short, func(g *gate) { g.Rest(Idle); g.TryAgain(); ms(999); g.TryAgain(); ms(5000) }, []string{
			"0 idle", "0 try_again", "1999 idle",
		}},
		"a denial at rest in closed": {short, func(g *gate) { g.Deny(); ms(5000) }, nil},
		"the reader is lost during a pulse": {short, func(g *gate) {
			g.Rest(Idle)
			g.Open()
			ms(10)
			g.Rest(Fault)
			ms(5000)
			g.Rest(Idle)
		}, []string{
			"0 idle", "0 relay true", "0 open", "400 relay false", "1000 fault", "5010 idle",
		}},
		"a pulse longer than the show": {Config{Pulse: 2 * time.Second, Show: time.Second}, func(g *gate) { g.Open(); ms(5000) }, []string{
			"0 relay true", "0 open", "2000 relay false", "2000 closed",
		}},
		"other times from the next pulse on": {short, func(g *gate) {
			g.Open()
			ms(100)
			g.Configure(Config{Pulse: 200 * time.Millisecond, Show: 300 * time.Millisecond})
			ms(1000)
			g.Open()
			ms(5000)
		}, []string{"0 relay true", "0 open", "400 relay false", "1000 closed", "1100 relay true", "1100 open", "1300 relay false", "1400 closed"}},
		"somebody passes": {Config{Pulse: 400 * time.Millisecond, Show: time.Second, Entry: 5 * time.Second}, func(g *gate) {
			g.Open()
			ms(700)
			g.opened(t, false) // still to pass
			g.Passed()
			g.opened(t, true)
			ms(10_000)
			g.Passed()
			g.counted(t, Counts{Granted: 2, Passages: 1, NotEntered: 1, Unexpected: 1})
		}, []string{
			"0 relay true", "0 open", "400 relay false", "700 relay true", "1100 relay false", "1700 closed",
		}},
		"nobody passes": {Config{Pulse: 400 * time.Millisecond, Show: time.Second, Entry: 5 * time.Second}, func(g *gate) {
			g.Open()
			ms(4999)
			g.opened(t, false)
			ms(2)
			g.opened(t, true)
			g.Passed()
			g.counted(t, Counts{Granted: 2, Passages: 1, NotEntered: 1})
			ms(5000)
		}, []string{
			"0 relay true", "0 open", "400 relay false", "1000 closed", "5001 relay true", "5001 open", "5401 relay false", "6001 closed",
		}},
		"held until the passage": {Config{Show: time.Second, Entry: 5 * time.Second, Hold: true}, func(g *gate) {
			g.Open()
			ms(2000)
			g.Passed()
			g.counted(t, Counts{Granted: 1, Passages: 1})
			g.opened(t, true)
			ms(1000)
			g.Passed()
			ms(10_000)
		}, []string{
			"0 relay true", "0 open", "1000 closed", "2000 relay false", "2000 relay true", "2000 open", "3000 relay false", "3000 closed",
		}},
		"held, and nobody passes": {Config{Show: time.Second, Entry: 5 * time.Second, Hold: true}, func(g *gate) {
			g.Open()
			ms(20_000)
			g.counted(t, Counts{Granted: 1, NotEntered: 1})
		}, []string{"0 relay true", "0 open", "1000 closed", "5000 relay false"}},
		"blocked": {short, func(g *gate) {
			g.Rest(Idle)
			g.Block(true)
			g.opened(t, false)
			ms(1000)
			g.Block(false)
			g.opened(t, true)
			ms(100)
			g.Block(true) // the pulse goes on
			ms(5000)
		}, []string{"0 idle", "0 fault", "1000 idle", "1000 relay true", "1000 open", "1400 relay false", "2000 fault"}},
		"closed for good": {short, func(g *gate) {
			g.Rest(Idle)
			g.Open()
			ms(100)
			if err := g.Close(); err != nil {
				panic(err)
			}
			g.Refuse()
			g.Rest(Idle)
			g.Block(true)
			g.opened(t, false)
			ms(5000)
		}, []string{"0 idle", "0 relay true", "0 open", "100 relay false", "100 closed"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, tc.config)
				tc.do(g)
				g.saw(t, tc.want)
			})
		})
	}
}

func TestOpenSaysBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Config{})
		if !g.Open() || g.Open() {
			t.Error("the second of two got through on one pulse")
		}
		time.Sleep(DefaultPulse - 1)
		if g.Open() {
			t.Error("got through before the pulse was over")
		}
		time.Sleep(2 * time.Nanosecond)
		if !g.Open() {
			t.Error("did not get through after the pulse")
		}
	})
}

// badRelay fails as told.
type badRelay struct {
	gpio.PinOut

	mu        sync.Mutex
	high, low error
	level     gpio.Level
	tries     int
}

func (r *badRelay) Out(l gpio.Level) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries++
	if l && r.high != nil {
		return r.high
	}
	if !l && r.low != nil {
		return r.low
	}
	r.level = l
	return nil
}

func TestRelayThatDoesNotObey(t *testing.T) {
	broken := errors.New("broken")
	synctest.Test(t, func(t *testing.T) {
		var signal atomic.Uint32
		sim := NewSimulated(func(e Event) { signal.Store(uint32(e.Signal)) })
		relay := &badRelay{}
		g := New(Config{}, LineRelay(relay), sim, slog.New(slog.DiscardHandler))
		fail := func(high, low error) {
			relay.mu.Lock()
			defer relay.mu.Unlock()
			relay.high, relay.low = high, low
		}
		state := func() (gpio.Level, Signal, int) {
			relay.mu.Lock()
			defer relay.mu.Unlock()
			return relay.level, Signal(signal.Load()), relay.tries
		}
		g.Rest(Idle)

		fail(broken, nil)
		opened := g.Open()
		if _, lamp, _ := state(); opened || lamp != Fault {
			t.Errorf("says it opened: %v; lamps show %v", opened, lamp)
		}
		time.Sleep(time.Second)
		fail(nil, nil)
		opened = g.Open()
		if level, _, _ := state(); !opened || level != gpio.High {
			t.Error("does not open once the relay obeys")
		}
		fail(nil, broken)
		time.Sleep(5 * time.Second)
		opened = g.Open()
		if _, lamp, tries := state(); opened || lamp != Fault || tries < 100 {
			t.Errorf("relay stuck: opened %v, lamps show %v after %d tries", opened, lamp, tries)
		}
		fail(nil, nil)
		time.Sleep(DefaultShow + time.Second)
		if level, lamp, _ := state(); level != gpio.Low || lamp != Idle || !g.Open() {
			t.Errorf("relay free again: %v, lamps show %v", level, lamp)
		}
		err := g.Close()
		if level, _, _ := state(); err != nil || level != gpio.Low {
			t.Error(err, level)
		}
	})
}

// kernelPulse is a relay whose pulse the kernel ends, 20 ms late.
type kernelPulse struct {
	until  time.Time
	pulses []time.Duration
	halted bool
}

func (k *kernelPulse) Busy() bool  { return time.Now().Before(k.until) }
func (k *kernelPulse) Halt() error { k.halted, k.until = true, time.Time{}; return nil }
func (k *kernelPulse) Arm() error  { k.halted = false; return nil }
func (k *kernelPulse) Pulse(d time.Duration) error {
	k.until = time.Now().Add(d + 20*time.Millisecond)
	k.pulses = append(k.pulses, d)
	return nil
}

func TestKernelEndsThePulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var signal Signal
		relay := &kernelPulse{}
		g := New(Config{}, KernelRelay(relay), NewSimulated(func(e Event) { signal = e.Signal }), slog.New(slog.DiscardHandler))
		if !g.Open() {
			t.Fatal("did not open")
		}
		time.Sleep(DefaultPulse + time.Millisecond)
		if g.Open() || signal != Open {
			t.Errorf("opened while the kernel was still pulsing; lamps show %v", signal)
		}
		time.Sleep(DefaultPulse + time.Millisecond)
		if !g.Open() {
			t.Error("did not open after the pulse")
		}
		if err := g.Close(); err != nil || !relay.halted {
			t.Error("not halted", err)
		}
		if !slices.Equal(relay.pulses, []time.Duration{DefaultPulse, DefaultPulse}) {
			t.Errorf("pulses %v", relay.pulses)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	g := newGate(t, Config{Pulse: time.Hour, Show: time.Hour})
	g.seen = make([]string, 0, 4)
	g.Open() // from here on busy: what is left is locks, timers and lamps
	if n := testing.AllocsPerRun(100, func() { g.Open(); g.Refuse(); g.Rest(Idle) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
