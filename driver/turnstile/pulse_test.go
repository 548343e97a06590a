package turnstile

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever happens during a pulse, it takes as long as it was to take when it began.
func TestNothingStretchesAPulse(t *testing.T) {
	long := Config{Pulse: MaxPulse, Show: MaxShow}
	for name, during := range map[string]func(g *gate){
		"nothing":            func(*gate) {},
		"Open":               func(g *gate) { g.opened(t, false) },
		"Configure":          func(g *gate) { g.Configure(long) },
		"Configure to hold":  func(g *gate) { g.Configure(Config{Entry: MaxEntry, Hold: true}) },
		"Configure and Open": func(g *gate) { g.Configure(long); g.opened(t, false) },
		"Block":              func(g *gate) { g.Block(true); g.Block(false) },
		"blocked from there": func(g *gate) { g.Block(true) },
		"Rest":               func(g *gate) { g.Rest(Fault); g.Rest(Idle) },
		"verdicts":           func(g *gate) { g.Refuse(); g.TryAgain(); g.Deny() },
		"Passed":             func(g *gate) { g.Passed() },
		"PassedBack":         func(g *gate) { g.PassedBack() },
		"a late end":         func(g *gate) { g.pulse.end(); g.endShow(); g.endEntry() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, Config{})
				g.opened(t, true)
				for range 7 {
					wait(50)
					during(g)
				}
				wait(49)
				g.mu.Lock()
				energised := g.pulse.busy() && relayIs(g.seen) == "0 relay true"
				g.mu.Unlock()
				if !energised {
					t.Error("ended early:", g.seen)
				}
				during(g)
				wait(60_000)
				g.mu.Lock()
				defer g.mu.Unlock()
				if got := relayIs(g.seen); got != "400 relay false" {
					t.Errorf("the relay's last change is %q", got)
				}
			})
		})
	}
}

// relayIs is the last that was seen of the relay.
func relayIs(seen []string) (last string) {
	for _, s := range seen {
		if len(s) > 5 && (s[len(s)-5:] == " true" || s[len(s)-5:] == "false") {
			last = s
		}
	}
	return last
}

// The limits of the specification hold here too, not only where a configuration is read.
func TestPulseIsCapped(t *testing.T) {
	for _, tc := range []struct {
		pulse, want time.Duration
	}{
		{0, 400 * time.Millisecond},
		{-time.Second, 400 * time.Millisecond},
		{100 * time.Millisecond, 100 * time.Millisecond},
		{2 * time.Second, 2 * time.Second},
		{2*time.Second + 1, 2 * time.Second},
		{time.Hour, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t, Config{})
			g.Configure(Config{Pulse: tc.pulse})
			start := time.Now()
			g.opened(t, true)
			for !g.Open() {
				time.Sleep(time.Millisecond)
				if time.Since(start) > time.Minute {
					t.Fatal("busy for ever")
				}
			}
			if got := time.Since(start).Truncate(2 * time.Millisecond); got != tc.want {
				t.Errorf("a pulse of %v took %v, want %v", tc.pulse, got, tc.want)
			}
		})
	}
}

// A verdict stays for its own time: the end of the one before may come late.
func TestLateEndOfAVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, Config{Show: time.Second})
		g.Rest(Idle)
		g.Refuse()
		wait(999)
		g.TryAgain()
		g.endShow() // of the refusal
		wait(998)
		g.endShow()
		wait(5000)
		g.endShow() // of nothing
		g.saw(t, []string{"0 idle", "0 refused", "999 try_again", "1999 idle"})
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		g.endShow()
		g.pulse.end()
		g.endEntry()
		g.saw(t, []string{"0 idle", "0 refused", "999 try_again", "1999 idle", "6997 closed"})
	})
}

// The end of a pulse that is over already tells the relay nothing.
func TestLateEndOfAPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay := &badRelay{}
		g := New(Config{}, LineRelay(relay), NewSimulated(func(Event) {}), slog.New(slog.DiscardHandler))
		if !g.Open() {
			t.Fatal("did not open")
		}
		wait(1000)
		g.pulse.end()
		if relay.tries != 2 {
			t.Errorf("the relay was told %d times, want on and off", relay.tries)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		g.pulse.end()
		if relay.tries != 3 {
			t.Errorf("the relay was told %d times, want on, off and the halt", relay.tries)
		}
	})
}

// slowRelay takes its time to obey, as a line does to a process that waits for a processor.
type slowRelay struct {
	energised, released time.Time
	err                 error
}

func (r *slowRelay) Pulse(time.Duration) error {
	time.Sleep(60 * time.Millisecond)
	r.energised = time.Now()
	return r.err
}

func (r *slowRelay) Release() error {
	r.released = time.Now()
	return nil
}

func (r *slowRelay) Cut() error  { return r.Release() }
func (r *slowRelay) Halt() error { return nil }

// A pulse is as long as it was configured from when the relay obeyed: a tripod ignores a shorter one.
func TestSlowRelay(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		err    error
		want   time.Duration
	}{
		"pulse":                           {Config{Pulse: MinPulse}, nil, MinPulse},
		"hold":                            {Config{Hold: true, Entry: time.Second}, nil, time.Second},
		"hold, obeys and says it did not": {Config{Hold: true, Entry: time.Second}, errors.New("broken"), retryRelease},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &slowRelay{err: test.err}
				g := New(test.config, r, NewSimulated(func(Event) {}), slog.New(slog.DiscardHandler))
				if opened := g.Open(); opened != (test.err == nil) {
					t.Errorf("opened: %v", opened)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if got := r.released.Sub(r.energised); got != test.want {
					t.Errorf("a pulse of %v, want %v", got, test.want)
				}
				if err := g.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
