package gate

import (
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/cmd/gatescan/counters"
	"gatescan/cmd/gatescan/passtest"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// testGate is a gate with a simulated turnstile, and what was seen of it.
type testGate struct {
	*Gate
	last   atomic.Pointer[turnstile.Event]
	became []verify.Reason
}

func (g *testGate) relay() bool              { return g.last.Load().Relay }
func (g *testGate) signal() turnstile.Signal { return g.last.Load().Signal }

// floorClock is believed from a time on.
type floorClock time.Time

func (c floorClock) Wall(now time.Time) time.Time { return now }
func (c floorClock) Believed(now time.Time) bool  { return !now.Before(time.Time(c)) }

func newTestGate(t testing.TB, trust *verify.Trust, c turnstile.Config) *testGate {
	t.Helper()
	g := &testGate{}
	sim := turnstile.NewSimulated(func(e turnstile.Event) { g.last.Store(&e) })
	g.Gate = New(Parts{
		Trust: func() *verify.Trust { return trust }, Clock: floorClock{}, Counts: &counters.Counters{}, Bench: &Bench{},
		Turnstile: turnstile.New(c, sim.Relay(), sim, slog.New(slog.DiscardHandler)),
		Observe:   func(_ verify.Verdict, became verify.Reason, _ time.Duration) { g.became = append(g.became, became) },
	})
	return g
}

func TestGate(t *testing.T) {
	passes, trust := passtest.Published(t, 3)
	type step struct {
		frame  string
		after  time.Duration // sleep before it
		want   verify.Reason
		signal turnstile.Signal
		relay  bool
	}
	good := func(i int) string { return passes[i].Text }
	for name, tc := range map[string]struct {
		window time.Duration
		trust  *verify.Trust
		floor  time.Time
		policy verify.Policy
		mode   Mode
		steps  []step
	}{
		"good": {trust: trust, steps: []step{{good(0), 0, verify.Accepted, turnstile.Open, true}}},
		"garbage, then good": {trust: trust, steps: []step{
			{"garbage", 0, verify.NotHCERT, turnstile.TryAgain, false},
			{"HC1:000", 0, verify.BadDeflate, turnstile.TryAgain, false},
			{"HC2:ABC", 0, verify.UnsupportedVersion, turnstile.Refused, false},
			{good(0), 0, verify.Accepted, turnstile.Open, true},
		}},
		"busy": {trust: trust, steps: []step{
			{good(0), 0, verify.Accepted, turnstile.Open, true},
			{good(1), 100 * time.Millisecond, verify.GateBusy, turnstile.Open, true},
			{good(1), 400 * time.Millisecond, verify.Accepted, turnstile.Open, true},
		}},
		"again, without a window": {trust: trust, steps: []step{
			{good(0), 0, verify.Accepted, turnstile.Open, true},
			{good(0), time.Second, verify.Accepted, turnstile.Open, true},
		}},
		"again, within the window": {window: 10 * time.Second, trust: trust, steps: []step{
			{good(0), 0, verify.Accepted, turnstile.Open, true},
			{good(0), 9 * time.Second, verify.Repeated, turnstile.Refused, false},
			{good(1), 0, verify.Accepted, turnstile.Open, true},
			{good(0), time.Second, verify.Accepted, turnstile.Open, true}, // a refusal does not begin the window anew
		}},
		"busy is not remembered": {window: time.Hour, trust: trust, steps: []step{
			{good(0), 0, verify.Accepted, turnstile.Open, true},
			{good(1), 0, verify.GateBusy, turnstile.Open, true},
			{good(1), time.Second, verify.Accepted, turnstile.Open, true},
		}},
		"no trust": {steps: []step{
			{good(0), 0, verify.NoTrust, turnstile.Closed, false},
			{"garbage", 0, verify.NotHCERT, turnstile.TryAgain, false},
		}},
		"clock below its floor": {trust: trust, floor: passes[0].Now.Add(time.Hour), steps: []step{
			{good(0), 0, verify.ClockUntrusted, turnstile.Closed, false},
			{"garbage", 0, verify.NotHCERT, turnstile.TryAgain, false},
		}},
		"closed by the operator": {trust: trust, mode: Closed, steps: []step{
			{good(0), 0, verify.GateClosed, turnstile.Closed, false},
			{"garbage", 0, verify.NotHCERT, turnstile.TryAgain, false},
		}},
		"maintenance": {trust: trust, mode: Maintenance, steps: []step{{good(0), 0, verify.GateClosed, turnstile.Closed, false}}},
		"kind not admitted": {trust: trust, policy: verify.Policy{Kinds: verify.SignsTest}, steps: []step{
			{good(0), 0, verify.KindNotAllowed, turnstile.Refused, false},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newTestGate(t, tc.trust, turnstile.Config{})
				g.clock = floorClock(tc.floor)
				g.SetPolicy(tc.policy)
				g.SetMode(tc.mode)
				g.SetWindows(tc.window, 0)
				begin := time.Now()
				var want []verify.Reason
				for i, s := range tc.steps {
					time.Sleep(s.after)
					synctest.Wait()
					g.Handle(scanner.Frame{Text: []byte(s.frame)}, passes[0].Now.Add(time.Since(begin)))
					want = append(want, s.want)
					if g.signal() != s.signal || g.relay() != s.relay {
						t.Errorf("step %d: lamps %v, relay %v; want %v, %v", i, g.signal(), g.relay(), s.signal, s.relay)
					}
				}
				if !slices.Equal(g.became, want) {
					t.Errorf("became %v, want %v", g.became, want)
				}
				if accepted, refused := g.counts.Totals(); int(accepted+refused) != len(want) {
					t.Errorf("%d frames were counted of %d", accepted+refused, len(want))
				}
				g.turnstile.Close()
			})
		})
	}
}

// No verdict that refuses, whatever its reason, reaches the relay.
func TestNoRefusalOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newTestGate(t, nil, turnstile.Config{})
		signals := map[turnstile.Signal]int{}
		for r := range verify.Reason(255) {
			if became := g.admit(verify.Refused(r)); became == verify.Accepted || g.relay() {
				t.Errorf("%v opened the gate", r)
			}
			if int(r) < verify.NumReasons {
				signals[g.signal()]++
			}
			time.Sleep(turnstile.DefaultShow)
			synctest.Wait()
		}
		if signals[turnstile.Idle]+signals[turnstile.Open]+signals[turnstile.Fault] > 0 || len(signals) != 3 {
			t.Errorf("refusals show %v", signals)
		}
		g.turnstile.Close()
	})
}

func TestResting(t *testing.T) {
	_, trust := passtest.Published(t, 1)
	stale := verify.NewTrust([]verify.DSC{oneDSC(t, time.Unix(1_900_000_000, 0))})
	floor := time.Unix(1000, 0)
	for _, tc := range []struct {
		trust    *verify.Trust
		up       bool
		now      int64
		mode     Mode
		released bool
		fault    bool
		want     turnstile.Signal
	}{
		{trust, true, 1000, Open, false, false, turnstile.Idle},
		{trust, false, 1000, Open, false, false, turnstile.Fault},
		{nil, true, 1000, Open, false, false, turnstile.Closed},
		{trust, true, 999, Open, false, false, turnstile.Closed},
		{nil, false, 999, Open, false, false, turnstile.Fault},
		{trust, true, 1000, Closed, false, false, turnstile.Closed},
		{trust, true, 1000, Maintenance, false, false, turnstile.Fault},
		{trust, true, 1000, Open, true, false, turnstile.Closed},
		{trust, true, 1000, Open, false, true, turnstile.Fault},
		{trust, true, 1000, Closed, false, true, turnstile.Closed}, // that nobody passes matters more
		{nil, true, 1000, Open, false, true, turnstile.Closed},
		{stale, true, 2_000_000_000, Open, false, false, turnstile.Closed},
		{stale, true, 1000, Open, false, false, turnstile.Idle},
	} {
		g := New(Parts{Trust: func() *verify.Trust { return tc.trust }, Clock: floorClock(floor), Bench: &Bench{}})
		g.SetMode(tc.mode)
		g.released.Store(tc.released)
		if got := g.Resting(tc.up, tc.fault, time.Unix(tc.now, 0)); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

func TestRepeats(t *testing.T) {
	passes, trust := passtest.Published(t, 40)
	v := verify.New(verify.Policy{})
	verdict := func(i int) verify.Verdict {
		got := v.Verify([]byte(passes[i].Text), trust, passes[i].Now)
		if !got.Accepted() {
			t.Fatal(passes[i].ID, got.Reason())
		}
		return got
	}
	var r repeats
	r.setWindow(time.Minute)
	now := time.Now()
	for i := range 20 {
		r.remember(verdict(i), now.Add(time.Duration(i)*time.Second))
	}
	r.remember(verify.Refused(verify.Expired), now)
	for i := range 40 {
		if got := r.seen(verdict(i), now.Add(19*time.Second)); got != (i < 20) {
			t.Errorf("pass %d: seen %v", i, got)
		}
	}
	if r.seen(verify.Refused(verify.Expired), now) {
		t.Error("a refusal was remembered")
	}
	r.expire(now.Add(70 * time.Second)) // those of second 0 to 10 are a minute old
	if r.n != 9 {
		t.Errorf("%d remembered, want 9", r.n)
	}
	r.expire(now.Add(time.Hour))
	if r.ring != [maxRepeats]repeat{} {
		t.Error("a tag outlived its window")
	}
	// More than there is room for: the newest stay.
	for i := range maxRepeats + 5 {
		r.remember(verdict(i%3), now.Add(time.Hour))
	}
	if !r.seen(verdict(2), now.Add(time.Hour)) || r.n != maxRepeats {
		t.Errorf("%d remembered", r.n)
	}
	r.setWindow(0)
	if r.seen(verdict(2), now.Add(time.Hour)) || r.n != 0 {
		t.Error("remembered without a window")
	}
}

// The life of a frame allocates nothing, whatever it becomes.
func TestHandleAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: the race detector allocates; run without -race to count allocations")
	}
	passes, trust := passtest.Published(t, 1)
	g := newTestGate(t, trust, turnstile.Config{Pulse: time.Hour, Show: time.Hour})
	g.observe = nil
	g.SetWindows(time.Hour, 0)
	frames := []scanner.Frame{{Text: []byte(passes[0].Text)}, {Text: []byte("garbage")}, {Text: []byte(passes[0].Text[:300])}}
	i := 0
	if n := testing.AllocsPerRun(300, func() { g.Handle(frames[i%len(frames)], passes[0].Now); i++ }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	g.turnstile.Close()
}

// oneDSC is a DSC that somebody vouches for until then.
func oneDSC(t *testing.T, until time.Time) verify.DSC {
	t.Helper()
	passes, _ := passtest.Published(t, 1)
	d := passes[0].DSC
	d.FreshUntil = until
	return d
}

// A gate that requires rules is closed, and says why, while there are none or they are too old.
func TestLacksRules(t *testing.T) {
	rule := verify.Rule{Identifier: "GR-DE-0001", Type: verify.Acceptance, Country: "DE", Engine: "CERTLOGIC", Logic: []byte(`{"===":[1,1]}`)}
	rules, faults := verify.NewRules([]verify.Rule{rule}, nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	now := time.Unix(1_800_000_000, 0)
	trust := verify.NewTrust([]verify.DSC{oneDSC(t, time.Time{})})
	for name, tc := range map[string]struct {
		trust   *verify.Trust
		require bool
		country string
		says    string
	}{
		"not required":       {trust, false, "DE", ""},
		"none":               {trust, true, "DE", "there are no acceptance rules of DE"},
		"of another country": {trust.WithRules(rules), true, "FR", "there are no acceptance rules of FR"},
		"there are":          {trust.WithRules(rules), true, "DE", ""},
		"too old":            {trust.WithRules(rules.Until(now.Add(-1))), true, "DE", "the rules are too old"},
	} {
		g := New(Parts{Trust: func() *verify.Trust { return tc.trust }, Clock: floorClock(time.Unix(1000, 0)), Bench: &Bench{}})
		g.SetPolicy(verify.Policy{Arrival: tc.country, RulesRequire: tc.require})
		if got := g.LacksRules(now); !strings.HasPrefix(got, tc.says) || (got == "") != (tc.says == "") {
			t.Errorf("%s: %q", name, got)
		}
		want := turnstile.Idle
		if tc.says != "" {
			want = turnstile.Closed
		}
		if got := g.Resting(true, false, now); got != want {
			t.Errorf("%s: shows %v", name, got)
		}
	}
}
