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

// nothing is what becomes of a frame that belongs to a showing.
const nothing = verify.Reason(verify.NumReasons)

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
			{"HC1:000", 0, nothing, turnstile.TryAgain, false}, // another piece of it
			{"HC1:000", DefaultAway, verify.BadDeflate, turnstile.TryAgain, false},
			{"HC2:ABC", 0, verify.UnsupportedVersion, turnstile.Refused, false},
			{good(0), 0, verify.Accepted, turnstile.Open, true},
		}},
		"busy": {trust: trust, steps: []step{
			{good(0), 0, verify.Accepted, turnstile.Open, true},
			{good(1), 100 * time.Millisecond, nothing, turnstile.Open, true},
			{good(1), 400 * time.Millisecond, verify.Accepted, turnstile.Open, true},
		}},
		"busy until it went away": {trust: trust, steps: []step{
			{good(0), 0, verify.Accepted, turnstile.Open, true},
			{good(1), 100 * time.Millisecond, nothing, turnstile.Open, true},
			{good(2), 3 * time.Second, verify.GateBusy, turnstile.Open, true},
			{good(2), 0, verify.Accepted, turnstile.Open, true},
		}},
		"again, without a window": {trust: trust, steps: []step{
			{good(0), 0, verify.Accepted, turnstile.Open, true},
			{good(0), DefaultAway, verify.Accepted, turnstile.Open, true},
		}},
		"again, within the window": {window: 10 * time.Second, trust: trust, steps: []step{
			{good(0), 0, verify.Accepted, turnstile.Open, true},
			{good(0), 9 * time.Second, verify.Repeated, turnstile.Refused, false},
			{good(1), 0, verify.Accepted, turnstile.Open, true},
			{good(0), DefaultAway + time.Second, verify.Accepted, turnstile.Open, true}, // a refusal does not begin the window anew
		}},
		"busy is not remembered": {window: time.Hour, trust: trust, steps: []step{
			{good(0), 0, verify.Accepted, turnstile.Open, true},
			{good(1), 0, nothing, turnstile.Open, true},
			{good(1), time.Second, verify.Accepted, turnstile.Open, true},
		}},
		"no trust": {steps: []step{
			{good(0), 0, verify.NoTrust, turnstile.Closed, false},
			{"garbage", DefaultAway, verify.NotHCERT, turnstile.TryAgain, false},
		}},
		"clock below its floor": {trust: trust, floor: passes[0].Now.Add(time.Hour), steps: []step{
			{good(0), 0, verify.ClockUntrusted, turnstile.Closed, false},
			{"garbage", DefaultAway, verify.NotHCERT, turnstile.TryAgain, false},
		}},
		"closed by the operator": {trust: trust, mode: Closed, steps: []step{
			{good(0), 0, verify.GateClosed, turnstile.Closed, false},
			{"garbage", DefaultAway, verify.NotHCERT, turnstile.TryAgain, false},
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
				g.SetWindows(0, tc.window, 0)
				begin := time.Now()
				var want []verify.Reason
				for i, s := range tc.steps {
					time.Sleep(s.after)
					synctest.Wait()
					g.Handle(scanner.Frame{Text: []byte(s.frame)}, passes[0].Now.Add(time.Since(begin)))
					if s.want != nothing {
						want = append(want, s.want)
					}
					if s.want == verify.GateBusy {
						continue // it ended; what came next is the next step's
					}
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

// A code of another kind is refused once it came whole; before that it may be a piece of a pass, to be held closer. Only its
// family is counted.
func TestOtherCodes(t *testing.T) {
	for name, tc := range map[string]struct {
		frame  scanner.Frame
		want   verify.Reason
		signal turnstile.Signal
		family verify.Family
	}{
		"web address":          {scanner.Frame{Text: []byte("https://example.org/t"), Whole: true}, verify.OtherCode, turnstile.Refused, verify.WebAddress},
		"rail ticket":          {scanner.Frame{Text: []byte("#UT01\x00\xff"), Whole: true}, verify.OtherCode, turnstile.Refused, verify.RailTicket},
		"anything else":        {scanner.Frame{Text: []byte("4006381333931"), Whole: true}, verify.OtherCode, turnstile.Refused, verify.UnknownFamily},
		"web address, perhaps": {scanner.Frame{Text: []byte("https://example.org/t")}, verify.NotHCERT, turnstile.TryAgain, verify.NoFamily},
		"noise":                {scanner.Frame{Text: []byte("\x00\xff"), Whole: true}, verify.NotHCERT, turnstile.TryAgain, verify.NoFamily},
		"a damaged pass":       {scanner.Frame{Text: []byte("HC1:NCF"), Whole: true}, verify.BadDeflate, turnstile.TryAgain, verify.NoFamily},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newTestGate(t, nil, turnstile.Config{})
				g.Handle(tc.frame, time.Now())
				if !slices.Equal(g.became, []verify.Reason{tc.want}) || g.signal() != tc.signal || g.relay() {
					t.Errorf("became %v, shows %v", g.became, g.signal())
				}
				var want [verify.NumFamilies]uint64
				if tc.family != verify.NoFamily {
					want[tc.family] = 1
				}
				if got := g.counts.Families(); got != want {
					t.Errorf("families %v, want %v", got, want)
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
	tag := func(i int) verify.Tag {
		v := verdict(i)
		tag, _ := v.Tag()
		return tag
	}
	var r repeats
	r.setWindow(time.Minute)
	now := time.Now()
	for i := range 20 {
		r.remember(tag(i), now.Add(time.Duration(i)*time.Second))
	}
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
		r.remember(tag(i%3), now.Add(time.Hour))
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
	g.SetWindows(0, time.Hour, 0)
	frames := []scanner.Frame{{Text: []byte(passes[0].Text)}, {Text: []byte("garbage")}, {Text: []byte(passes[0].Text[:300])}}
	for _, pause := range []time.Duration{100 * time.Millisecond, 2 * DefaultAway} { // one showing of many frames, then one of each
		now, i := passes[0].Now, 0
		if n := testing.AllocsPerRun(300, func() { g.Handle(frames[i%len(frames)], now); now, i = now.Add(pause), i+1 }); n != 0 {
			t.Errorf("%v allocations with a pause of %v", n, pause)
		}
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

// A rule of the country of arrival that cannot be judged by is named, while it is in force.
func TestUnusableRules(t *testing.T) {
	rule := verify.Rule{
		Identifier: "GR-DE-0001", Type: verify.Acceptance, Country: "DE", Logic: []byte(`{"===":[1,1]}`),
		Engine: "CERTLOGIC", EngineVersion: verify.Version{Major: 2}, SchemaVersion: verify.Version{Major: 1},
	}
	rules, _ := verify.NewRules([]verify.Rule{rule}, nil)
	trust := verify.NewTrust([]verify.DSC{oneDSC(t, time.Time{})})
	for name, tc := range map[string]struct {
		trust   *verify.Trust
		country string
		n       int
	}{
		"no trust":           {nil, "DE", 0},
		"no rules":           {trust, "DE", 0},
		"no country":         {trust.WithRules(rules), "", 0},
		"of another country": {trust.WithRules(rules), "FR", 0},
		"of the country":     {trust.WithRules(rules), "DE", 1},
	} {
		g := New(Parts{Trust: func() *verify.Trust { return tc.trust }, Clock: floorClock(time.Unix(1000, 0)), Bench: &Bench{}})
		g.SetPolicy(verify.Policy{Arrival: tc.country})
		if got := g.UnusableRules(time.Unix(1_800_000_000, 0)); len(got) != tc.n || tc.n > 0 && !strings.Contains(got[0], "GR-DE-0001 of DE: is for engine") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A gate that requires rules is closed, and says why, while there are none or they are too old.
func TestLacksRules(t *testing.T) {
	rule := verify.Rule{Identifier: "GR-DE-0001", Type: verify.Acceptance, Country: "DE", Engine: "CERTLOGIC", SchemaVersion: verify.Version{Major: 1}, Logic: []byte(`{"===":[1,1]}`)}
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

// While the clock is not believed, every finding that depends on the time, from the validity of the DSC on, says so instead.
// What was found without the time stays.
func TestClockInDoubt(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	g := New(Parts{Clock: floorClock(now.Add(1)), Bench: &Bench{}})
	for _, r := range []verify.Reason{
		verify.DSCNotValid, verify.BadSignature, verify.BadCWT, verify.NotYetValid, verify.Expired, verify.BadDCC, verify.Revoked, verify.RuleFailed,
	} {
		if got := g.doubt(verify.Refused(r), now).Reason(); got != verify.ClockUntrusted {
			t.Errorf("%v becomes %v", r, got)
		}
	}
	for _, r := range []verify.Reason{
		verify.Internal, verify.NotHCERT, verify.BadAlg, verify.NoTrust, verify.TrustStale, verify.UnknownKID, verify.Barred,
	} {
		if got := g.doubt(verify.Refused(r), now).Reason(); got != r {
			t.Errorf("%v becomes %v", r, got)
		}
	}
}
