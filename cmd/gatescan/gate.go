package main

import (
	"sync/atomic"
	"time"

	"gatescan/cmd/gatescan/counters"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// gate turns frames into verdicts, and verdicts into pulses, lamps and counts. The reader's goroutine alone calls handle; any
// goroutine may call the other methods. Make it with newGate.
type gate struct {
	gateParts
	verifier *verify.Verifier
	policy   atomic.Pointer[verify.Policy] // for the next frames; never nil
	repeats  repeats
	waiting  secondPasses
	mode     atomic.Int32 // a mode
	released atomic.Bool  // the outputs were released; the gate stays closed until the daemon is started again
}

// gateParts are what a gate works with. All but working and observe must be there.
type gateParts struct {
	trust     func() *verify.Trust // returns the trust data in force, nil while there are none
	clock     wallClock
	turnstile *turnstile.Turnstile
	counts    *counters.Counters
	bench     *testbench
	working   *heartbeat // beats while a frame is handled, rests between frames; nil if nothing watches it

	// observe is called for every frame, on the goroutine of handle; nil calls nothing.
	observe func(v verify.Verdict, became verify.Reason, took time.Duration)
}

// wallClock says what the wall clock shows at a time with a monotonic reading, and whether that can be right. Its methods
// must not allocate: they are called for every frame.
type wallClock interface {
	wall(now time.Time) time.Time
	believed(now time.Time) bool
}

// newGate makes an open gate with an empty policy. It remembers no pass until setWindows.
func newGate(p gateParts) *gate {
	g := &gate{gateParts: p, verifier: verify.New(verify.Policy{})}
	g.policy.Store(&verify.Policy{})
	g.working.rest()
	return g
}

// setPolicy puts a policy into force from the next frame on.
func (g *gate) setPolicy(p verify.Policy) { g.policy.Store(&p) }

// setMode opens or closes the gate from the next frame on.
func (g *gate) setMode(m mode) { g.mode.Store(int32(m)) }

// setWindows sets for how long a pass that opened the gate is refused as repeated (zero for not at all), and how long the
// gate waits for a second pass.
func (g *gate) setWindows(repeat, second time.Duration) {
	g.repeats.setWindow(repeat)
	g.waiting.setWindow(second)
}

// forget drops remembered passes whose time is over. It is called now and then, so that none outlives a quiet night.
func (g *gate) forget(now time.Time) {
	g.repeats.expire(now)
	g.waiting.expire(now)
}

// release closes the gate until the daemon is started again.
func (g *gate) release() { g.released.Store(true) }

// closed says whether the gate refuses every pass, however good.
func (g *gate) closed() bool { return g.released.Load() || mode(g.mode.Load()) != modeOpen }

// gateStatus says whether the gate admits good passes, and if not, why.
type gateStatus struct {
	mode mode
	open bool
	why  string // a sentence for people; empty while the gate is open
}

// status says whether the gate admits good passes, as far as its mode decides.
func (g *gate) status() gateStatus {
	s := gateStatus{mode: mode(g.mode.Load()), open: !g.closed()}
	switch {
	case g.released.Load():
		s.why = "the outputs were released; start the daemon again to open the gate"
	case s.mode == modeMaintenance:
		s.why = "the gate is under maintenance (turnstile.mode)"
	case s.mode == modeClosed:
		s.why = "the gate is closed (turnstile.mode)"
	}
	return s
}

// handle is the whole life of one frame. It allocates nothing.
func (g *gate) handle(f scanner.Frame, now time.Time) {
	g.working.beat()
	defer g.working.rest()
	if g.bench.judge(f, now) {
		return
	}
	g.verifier.SetPolicy(*g.policy.Load())
	v := g.verifier.Verify(f, g.trust(), g.clock.wall(now))
	v = g.doubt(v, now)
	g.count(v, g.admit(v), now)
}

// count remembers and counts what became of a frame.
func (g *gate) count(v verify.Verdict, became verify.Reason, now time.Time) {
	if became == verify.Accepted {
		g.repeats.remember(v, now)
		g.waiting.passed(v)
	}
	g.counts.Add(v.Kind(), became)
	g.counts.AddTolerated(v.Tolerated())
	g.counts.AddRule(v.Rule())
	if g.observe != nil {
		g.observe(v, became, time.Since(now))
	}
}

// doubt refuses for what only this gate can know. It can never accept.
func (g *gate) doubt(v verify.Verdict, now time.Time) verify.Verdict {
	if v.Reason() >= verify.DSCNotValid && !g.clock.believed(now) {
		return v.Refuse(verify.ClockUntrusted) // from there on every finding depends on the time
	}
	if v.Accepted() && g.closed() {
		return v.Refuse(verify.GateClosed)
	}
	if g.repeats.seen(v, now) {
		return v.Refuse(verify.Repeated)
	}
	if v.Accepted() && !g.waiting.complete(v, now) {
		return v.Refuse(verify.SecondPass)
	}
	return v
}

// testPulse opens the turnstile as a good pass would: with the verdict on the good code of the self-test that holds the gate.
// Nothing is counted.
func (g *gate) testPulse() verify.Reason { return g.admit(g.bench.goodVerdict()) }

// admit is the only caller of Open. It takes the Verdict, not a bool.
func (g *gate) admit(v verify.Verdict) verify.Reason {
	if !v.Accepted() {
		g.refuse(v.Reason())
		return v.Reason()
	}
	if !g.turnstile.Open() {
		return verify.GateBusy
	}
	return verify.Accepted
}

// refuse shows one of three refusals: the people behind do not learn more. A person who has to show a second pass sees "try
// again".
func (g *gate) refuse(r verify.Reason) {
	switch r {
	case verify.NotHCERT, verify.TooLarge, verify.BadBase45, verify.BadDeflate, verify.BadCBOR, verify.SecondPass:
		g.turnstile.TryAgain()
	case verify.Internal, verify.NoTrust, verify.TrustStale, verify.RevocationUnavailable, verify.RulesUnavailable,
		verify.ClockUntrusted, verify.GateClosed:
		g.turnstile.Deny()
	default:
		g.turnstile.Refuse()
	}
}

// lacksTrust says whether there are no trust data, or all of them are too old, so that every pass is refused.
func (g *gate) lacksTrust(now time.Time) bool {
	return g.trust() == nil || g.trust().Stale(g.clock.wall(now))
}

// lacksRules says in a sentence why every pass is refused because rules are missing or too old; it returns "" if that is not so.
func (g *gate) lacksRules(now time.Time) string {
	trust, policy := g.trust(), g.policy.Load()
	switch {
	case trust == nil || !policy.RulesRequire:
		return ""
	case trust.Rules().Stale(g.clock.wall(now)):
		return "the rules are too old, or a source of rules has never answered, and rules.require is set"
	case trust.Rules().Count(verify.Acceptance, policy.Arrival) == 0:
		return "there are no acceptance rules of " + policy.Arrival + ", and rules.require is set"
	}
	return ""
}

// resting returns the signal that the turnstile shows between passes. A fault that does not keep the gate from judging is
// shown while passes are read all the same.
func (g *gate) resting(readerUp, fault bool, now time.Time) turnstile.Signal {
	if signal, held := g.bench.shows(now); held {
		return signal
	}
	switch {
	case !readerUp:
		return turnstile.Fault
	case mode(g.mode.Load()) == modeMaintenance:
		return turnstile.Fault
	case g.closed() || !g.clock.believed(now) || g.lacksTrust(now) || g.lacksRules(now) != "":
		return turnstile.Closed
	case fault:
		return turnstile.Fault
	}
	return turnstile.Idle
}
