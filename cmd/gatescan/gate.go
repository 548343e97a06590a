package main

import (
	"sync/atomic"
	"time"

	"gatescan/cmd/gatescan/counters"
	"gatescan/cmd/gatescan/status"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// gate turns frames into verdicts, and verdicts into pulses, lamps and counts. Its handle is called by the reader's
// goroutine alone.
type gate struct {
	verifier  *verify.Verifier
	policy    atomic.Pointer[verify.Policy] // of the frames to come; never nil
	trust     func() *verify.Trust
	clock     *clock
	repeats   repeats
	waiting   secondPasses
	bench     testbench
	turnstile *turnstile.Turnstile
	counts    *counters.Counters
	working   *heartbeat // of a verdict in progress

	mode     atomic.Int32 // a mode
	released atomic.Bool  // somebody released the outputs; nobody is let through until the daemon is started again

	// observe is told of every frame; it may be nil.
	observe func(v verify.Verdict, became verify.Reason, took time.Duration)
}

// mode is what the operator wants of the gate.
type mode int32

const (
	modeOpen        mode = iota // let through who shows a good pass
	modeClosed                  // let nobody through
	modeMaintenance             // let nobody through, and show a fault
)

var modes = map[string]mode{"open": modeOpen, "closed": modeClosed, "maintenance": modeMaintenance}

func (m mode) String() string {
	for word, is := range modes {
		if is == m {
			return word
		}
	}
	return ""
}

// closed says whether nobody is let through, whatever the pass.
func (g *gate) closed() bool { return g.released.Load() || mode(g.mode.Load()) != modeOpen }

// standing says in words whether anybody is let through.
func (g *gate) standing() (s status.Gate) {
	m := mode(g.mode.Load())
	s.Mode, s.Open = m.String(), !g.closed()
	switch {
	case g.released.Load():
		s.Why = "the outputs were released; start the daemon again to open the gate"
	case m == modeMaintenance:
		s.Why = "the gate is under maintenance (turnstile.mode)"
	case m == modeClosed:
		s.Why = "the gate is closed (turnstile.mode)"
	}
	return s
}

// handle is the whole life of one frame. It allocates nothing.
func (g *gate) handle(f scanner.Frame, now time.Time) {
	g.working.beat()
	defer g.working.rest()
	if g.bench.take(f.Text, now) {
		return
	}
	g.verifier.SetPolicy(*g.policy.Load())
	v := g.verifier.Verify(f.Text, g.trust(), wallAt(now))
	v = g.doubt(v, now)
	became := g.admit(v)
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
		return v.Refuse(verify.ClockUntrusted) // all that was found out from there on may be for the wrong time
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

// refuse shows one of three refusals. Those who wait behind do not learn more. Who has to show a second pass is asked
// for another try.
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

// lacksTrust says whether nobody can be judged for want of trust data, or because all of them are too old.
func (g *gate) lacksTrust(now time.Time) bool {
	return g.trust() == nil || g.trust().Stale(wallAt(now))
}

// lacksRules says, in a sentence, why nobody can be judged for want of rules; it is empty if somebody can.
func (g *gate) lacksRules(now time.Time) string {
	trust, policy := g.trust(), g.policy.Load()
	switch {
	case trust == nil || !policy.RulesRequire:
		return ""
	case trust.Rules().Stale(wallAt(now)):
		return "the rules are too old, or a source of rules has never answered, and rules.require is set"
	case trust.Rules().Count(verify.Acceptance, policy.Arrival) == 0:
		return "there are no acceptance rules of " + policy.Arrival + ", and rules.require is set"
	}
	return ""
}

// resting is what the turnstile shows between passes. A fault that does not keep the gate from judging is shown while
// passes are read all the same.
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
