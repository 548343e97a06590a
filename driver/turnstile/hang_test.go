package turnstile

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// hangingRelay is energised at once by Pulse, and hangs in what it is told to hang in until it is freed.
type hangingRelay struct {
	pulse, release, late bool          // where it hangs; late: it is energised only when Pulse returns
	free                 chan struct{} // closed when it goes on

	mu        sync.Mutex
	energised bool
	since     time.Time
	releases  int
}

func (r *hangingRelay) set(energised bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.energised != energised {
		r.energised, r.since = energised, time.Now()
	}
}

func (r *hangingRelay) is() (energised bool, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.energised, r.since
}

// told is how often it was told to let go.
func (r *hangingRelay) told() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.releases
}

func (r *hangingRelay) Pulse(time.Duration) error {
	r.set(!r.late)
	if r.pulse {
		<-r.free
	}
	if r.late {
		r.set(true)
	}
	return nil
}

func (r *hangingRelay) Release() error {
	r.mu.Lock()
	r.releases++
	r.mu.Unlock()
	if r.release {
		<-r.free
	}
	r.set(false)
	return nil
}

func (r *hangingRelay) Cut() error  { return r.Release() }
func (r *hangingRelay) Halt() error { r.set(false); return nil }

// hangingLamps hang when they show that somebody may go.
type hangingLamps struct{ free chan struct{} }

func (l hangingLamps) Show(s Signal) {
	if s == Open {
		<-l.free
	}
}

// watched is a heartbeat as a watchdog sees it.
type watched struct {
	mu   sync.Mutex
	beat time.Time // zero at rest
}

func (w *watched) Beat() { w.mu.Lock(); defer w.mu.Unlock(); w.beat = time.Now() }
func (w *watched) Rest() { w.mu.Lock(); defer w.mu.Unlock(); w.beat = time.Time{} }

// stalled says whether a watchdog that allows a second would not be fed.
func (w *watched) stalled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.beat.IsZero() && time.Since(w.beat) > time.Second
}

// Whatever hangs, the relay is inert half a second after its pulse; if it cannot be, or if nobody can be let through any more,
// the watchdog is not fed.
func TestHanging(t *testing.T) {
	const never = time.Duration(-1)
	for name, test := range map[string]struct {
		config  Config
		relay   *hangingRelay
		lamps   bool
		inert   time.Duration // since Open was called
		stalled bool
	}{
		"nothing":              {Config{}, &hangingRelay{}, false, DefaultPulse, false},
		"the call that opens":  {Config{}, &hangingRelay{pulse: true}, false, DefaultPulse, true},
		"the longest pulse":    {Config{Pulse: MaxPulse}, &hangingRelay{pulse: true}, false, MaxPulse, true},
		"a hold":               {Config{Hold: true, Entry: MaxEntry}, &hangingRelay{pulse: true}, false, MaxEntry, true},
		"the release":          {Config{}, &hangingRelay{release: true}, false, never, true},
		"both":                 {Config{}, &hangingRelay{pulse: true, release: true}, false, never, true},
		"a lamp":               {Config{}, &hangingRelay{}, true, DefaultPulse, false},
		"a lamp and the relay": {Config{}, &hangingRelay{pulse: true}, true, DefaultPulse, true},
		"before it is even on": {Config{}, &hangingRelay{pulse: true, late: true}, false, never, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := test.relay
				r.free = make(chan struct{})
				var lamps Lamps = NewSimulated(func(Event) {})
				if test.lamps {
					lamps = hangingLamps{r.free}
				}
				g := New(test.config, r, lamps, slog.New(slog.DiscardHandler))
				var w watched
				g.Watch(&w)
				start, opened := time.Now(), make(chan bool, 1)
				go func() { opened <- g.Open() }()
				time.Sleep(35 * time.Second)
				energised, since := r.is()
				switch {
				case r.late: // nothing to release yet
				case test.inert == never && !energised:
					t.Error("the fake does not hang")
				case test.inert != never && (energised || since.Sub(start) > test.inert+10*time.Millisecond):
					t.Errorf("energised %v, since %v; it should be inert after %v", energised, since.Sub(start), test.inert)
				}
				if w.stalled() != test.stalled {
					t.Errorf("the watchdog is fed: %v", !w.stalled())
				}
				close(r.free)
				time.Sleep(time.Second)
				if energised, _ := r.is(); energised || w.stalled() {
					t.Errorf("after the driver went on: energised %v, the watchdog is fed: %v", energised, !w.stalled())
				}
				if got, want := <-opened, !r.pulse; got != want {
					t.Errorf("Open said %v", got)
				}
				time.Sleep(5 * time.Second)
				if g.Block(false); test.config.Entry == 0 && !g.Open() {
					t.Error("nobody is let through any more")
				}
				if err := g.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A relay that obeys late, but obeys, is inert half a second after its pulse.
func TestObeysLate(t *testing.T) {
	for _, late := range []time.Duration{0, 60, 200, 399, 401, 1000, 1999, 2001, 5000} {
		late *= time.Millisecond
		for _, pulse := range []time.Duration{MinPulse, DefaultPulse, MaxPulse} {
			synctest.Test(t, func(t *testing.T) {
				r := &hangingRelay{pulse: true, free: make(chan struct{})}
				g := New(Config{Pulse: pulse}, r, NewSimulated(func(Event) {}), slog.New(slog.DiscardHandler))
				start := time.Now()
				time.AfterFunc(late, func() { close(r.free) })
				opened := g.Open()
				time.Sleep(10 * time.Second)
				energised, since := r.is()
				if took := since.Sub(start); energised || took < pulse || took > pulse+500*time.Millisecond {
					t.Errorf("%v late: a pulse of %v took %v", late, pulse, took)
				}
				if opened != (late < pulse) {
					t.Errorf("%v late, pulse %v: opened %v", late, pulse, opened)
				}
				if err := g.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A turnstile that is closed while its relay hangs is inert, and stays so when the relay goes on.
func TestCloseWhileHanging(t *testing.T) {
	for name, r := range map[string]*hangingRelay{"the pulse": {pulse: true}, "a pulse that comes late": {pulse: true, late: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r.free = make(chan struct{})
				g := New(Config{Hold: true, Entry: MaxEntry}, r, NewSimulated(func(Event) {}), slog.New(slog.DiscardHandler))
				opened := make(chan bool, 1)
				go func() { opened <- g.Open() }()
				time.Sleep(time.Second)
				start := time.Now()
				if err := g.Close(); !errors.Is(err, errHangs) || time.Since(start) > 500*time.Millisecond {
					t.Errorf("closed after %v: %v", time.Since(start), err)
				}
				if energised, _ := r.is(); energised {
					t.Error("it is still energised")
				}
				close(r.free)
				if <-opened {
					t.Error("opened, after it was closed")
				}
				if energised, _ := r.is(); energised || g.Open() {
					t.Error("energised, or open again, after Close")
				}
			})
		})
	}
}

// A lamp that hangs does not keep the relay energised when the turnstile is closed. In real time: synctest does not advance
// its own while a goroutine waits for a mutex.
func TestCloseWhileALampHangs(t *testing.T) {
	r := &hangingRelay{free: make(chan struct{})}
	g := New(Config{Hold: true, Entry: MaxEntry}, r, hangingLamps{r.free}, slog.New(slog.DiscardHandler))
	var calls sync.WaitGroup
	await := func(want bool) {
		t.Helper()
		for start := time.Now(); ; time.Sleep(time.Millisecond) {
			if energised, _ := r.is(); energised == want {
				return
			}
			if time.Since(start) > MaxEntry/2 { // far longer than any load takes, and before the hold ends by itself
				t.Fatalf("energised %v is awaited in vain", want)
			}
		}
	}
	calls.Go(func() { g.Open() })
	await(true)
	calls.Go(func() { _ = g.Close() })
	await(false)
	close(r.free)
	calls.Wait()
}

// What hangs is said once, with the lamps and in words.
func TestHangingIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &hangingRelay{release: true, free: make(chan struct{})}
		var log strings.Builder
		var shown Signal
		g := New(Config{}, r, NewSimulated(func(e Event) { shown = e.Signal }), slog.New(slog.NewTextHandler(&log, nil)))
		g.Rest(Idle)
		g.Open()
		time.Sleep(5 * time.Second)
		g.Counts() // after which nothing is written any more
		if g.Trouble() == "" || shown != Fault || strings.Count(log.String(), "does not go back") != 1 || r.told() != 1 {
			t.Errorf("trouble %q, lamps %v, %d releases, said: %s", g.Trouble(), shown, r.told(), &log)
		}
		close(r.free)
		time.Sleep(time.Second)
		g.Counts()
		if g.Trouble() != "" || shown != Idle || !g.Open() {
			t.Errorf("after it went on: trouble %q, lamps %v", g.Trouble(), shown)
		}
		time.Sleep(time.Second)
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Somebody who passes while the relay still obeys was let through, and a hold is over then.
func TestPassedWhileOpening(t *testing.T) {
	for _, hold := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := &hangingRelay{pulse: true, free: make(chan struct{})}
			g := New(Config{Pulse: time.Second, Hold: hold, Entry: 5 * time.Second}, r, NewSimulated(func(Event) {}), slog.New(slog.DiscardHandler))
			time.AfterFunc(50*time.Millisecond, g.Passed)
			time.AfterFunc(60*time.Millisecond, func() { close(r.free) })
			start := time.Now()
			if !g.Open() {
				t.Error("not opened")
			}
			time.Sleep(3 * time.Second)
			_, since := r.is()
			if took := since.Sub(start); hold != (took == 60*time.Millisecond) {
				t.Errorf("hold %v: energised for %v", hold, took)
			}
			if got, want := g.Counts(), (Counts{Granted: 1, Passages: 1}); got != want {
				t.Errorf("%+v", got)
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
