package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/cmd/gatescan/counters"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/trustsync"
	"gatescan/verify"
)

// realPass is a published test pass with the moment at which it is good.
type realPass struct {
	id   string
	text string
	now  time.Time
}

// realPasses returns passes of dgc-testdata that a verifier accepts, and the trust that they need.
func realPasses(t testing.TB, n int) ([]realPass, *verify.Trust) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "verify", "testdata", "dgc-testdata.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var passes []realPass
	var dscs []verify.DSC
	v := verify.New(verify.Policy{})
	for line := range bytes.Lines(data) {
		var c struct {
			ID          string `json:"id"`
			Text        string `json:"text"`
			Certificate []byte `json:"certificate"`
			Clock       int64  `json:"clock"`
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		d, err := trustsync.ParseCertificate(c.Certificate)
		if err != nil {
			continue
		}
		now := time.Unix(c.Clock, 0)
		if v.Verify([]byte(c.Text), verify.NewTrust([]verify.DSC{d}), now).Accepted() {
			passes, dscs = append(passes, realPass{c.ID, c.Text, now}), append(dscs, d)
		}
		if len(passes) == n {
			return passes, verify.NewTrust(dscs)
		}
	}
	t.Fatalf("only %d passes", len(passes))
	return nil, nil
}

// testGate is a gate with a simulated turnstile, and what was seen of it.
type testGate struct {
	*gate
	last   atomic.Pointer[turnstile.Event]
	became []verify.Reason
}

func (g *testGate) relay() bool              { return g.last.Load().Relay }
func (g *testGate) signal() turnstile.Signal { return g.last.Load().Signal }

func newTestGate(t testing.TB, trust *verify.Trust, c turnstile.Config) *testGate {
	t.Helper()
	g := &testGate{gate: &gate{verifier: verify.New(verify.Policy{}), trust: func() *verify.Trust { return trust }, counts: &counters.Counters{}}}
	g.clock = clockFrom(time.Time{})
	g.policy.Store(&verify.Policy{})
	g.observe = func(_ verify.Verdict, became verify.Reason, _ time.Duration) { g.became = append(g.became, became) }
	sim := turnstile.NewSimulated(func(e turnstile.Event) { g.last.Store(&e) })
	g.turnstile = turnstile.New(c, sim.Relay(), sim, slog.New(slog.DiscardHandler))
	return g
}

func (p realPass) frame() scanner.Frame { return scanner.Frame{Text: []byte(p.text)} }

func TestGate(t *testing.T) {
	passes, trust := realPasses(t, 3)
	type step struct {
		frame  string
		after  time.Duration // sleep before it
		want   verify.Reason
		signal turnstile.Signal
		relay  bool
	}
	good := func(i int) string { return passes[i].text }
	for name, tc := range map[string]struct {
		window time.Duration
		trust  *verify.Trust
		floor  time.Time
		policy verify.Policy
		mode   mode
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
		"clock below its floor": {trust: trust, floor: passes[0].now.Add(time.Hour), steps: []step{
			{good(0), 0, verify.ClockUntrusted, turnstile.Closed, false},
			{"garbage", 0, verify.NotHCERT, turnstile.TryAgain, false},
		}},
		"closed by the operator": {trust: trust, mode: modeClosed, steps: []step{
			{good(0), 0, verify.GateClosed, turnstile.Closed, false},
			{"garbage", 0, verify.NotHCERT, turnstile.TryAgain, false},
		}},
		"maintenance": {trust: trust, mode: modeMaintenance, steps: []step{{good(0), 0, verify.GateClosed, turnstile.Closed, false}}},
		"kind not admitted": {trust: trust, policy: verify.Policy{Kinds: verify.SignsTest}, steps: []step{
			{good(0), 0, verify.KindNotAllowed, turnstile.Refused, false},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newTestGate(t, tc.trust, turnstile.Config{})
				g.clock = clockFrom(tc.floor)
				g.policy.Store(&tc.policy)
				g.mode.Store(int32(tc.mode))
				g.repeats.setWindow(tc.window)
				begin := time.Now()
				var want []verify.Reason
				for i, s := range tc.steps {
					time.Sleep(s.after)
					synctest.Wait()
					g.handle(scanner.Frame{Text: []byte(s.frame)}, passes[0].now.Add(time.Since(begin)))
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
	_, trust := realPasses(t, 1)
	stale := verify.NewTrust([]verify.DSC{oneDSC(t, time.Unix(1_900_000_000, 0))})
	floor := time.Unix(1000, 0)
	for _, tc := range []struct {
		trust    *verify.Trust
		up       bool
		now      int64
		mode     mode
		released bool
		fault    bool
		want     turnstile.Signal
	}{
		{trust, true, 1000, modeOpen, false, false, turnstile.Idle},
		{trust, false, 1000, modeOpen, false, false, turnstile.Fault},
		{nil, true, 1000, modeOpen, false, false, turnstile.Closed},
		{trust, true, 999, modeOpen, false, false, turnstile.Closed},
		{nil, false, 999, modeOpen, false, false, turnstile.Fault},
		{trust, true, 1000, modeClosed, false, false, turnstile.Closed},
		{trust, true, 1000, modeMaintenance, false, false, turnstile.Fault},
		{trust, true, 1000, modeOpen, true, false, turnstile.Closed},
		{trust, true, 1000, modeOpen, false, true, turnstile.Fault},
		{trust, true, 1000, modeClosed, false, true, turnstile.Closed}, // that nobody passes matters more
		{nil, true, 1000, modeOpen, false, true, turnstile.Closed},
		{stale, true, 2_000_000_000, modeOpen, false, false, turnstile.Closed},
		{stale, true, 1000, modeOpen, false, false, turnstile.Idle},
	} {
		g := gate{trust: func() *verify.Trust { return tc.trust }, clock: clockFrom(floor)}
		g.policy.Store(&verify.Policy{})
		g.mode.Store(int32(tc.mode))
		g.released.Store(tc.released)
		if got := g.resting(tc.up, tc.fault, time.Unix(tc.now, 0)); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

func TestRepeats(t *testing.T) {
	passes, trust := realPasses(t, 40)
	v := verify.New(verify.Policy{})
	verdict := func(i int) verify.Verdict {
		got := v.Verify([]byte(passes[i].text), trust, passes[i].now)
		if !got.Accepted() {
			t.Fatal(passes[i].id, got.Reason())
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
	passes, trust := realPasses(t, 1)
	g := newTestGate(t, trust, turnstile.Config{Pulse: time.Hour, Show: time.Hour})
	g.observe = nil
	g.repeats.setWindow(time.Hour)
	frames := []scanner.Frame{passes[0].frame(), {Text: []byte("garbage")}, {Text: []byte(passes[0].text[:300])}}
	i := 0
	if n := testing.AllocsPerRun(300, func() { g.handle(frames[i%len(frames)], passes[0].now); i++ }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	g.turnstile.Close()
}

// oneDSC is a DSC that somebody vouches for until then.
func oneDSC(t *testing.T, until time.Time) verify.DSC {
	t.Helper()
	block, _ := pem.Decode(selftestFile("dsc.pem"))
	d, err := trustsync.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
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
		g := gate{trust: func() *verify.Trust { return tc.trust }, clock: clockFrom(time.Unix(1000, 0))}
		g.policy.Store(&verify.Policy{Arrival: tc.country, RulesRequire: tc.require})
		if got := g.lacksRules(now); !strings.HasPrefix(got, tc.says) || (got == "") != (tc.says == "") {
			t.Errorf("%s: %q", name, got)
		}
		want := turnstile.Idle
		if tc.says != "" {
			want = turnstile.Closed
		}
		if got := g.resting(true, false, now); got != want {
			t.Errorf("%s: shows %v", name, got)
		}
	}
}
