// Package gate decides about each frame of the reader and acts on it: frame -> verdict -> doubts -> pulse, lamp, count. It
// alone may call turnstile.Open.
//
// It must never know where trust data, rules and settings come from, who reads the counts, or how a lamp is wired; it never
// reaches the network, and it keeps nothing of a pass but keyed tags in memory.
package gate

import (
	"sync/atomic"
	"time"

	"gatescan/cmd/gatescan/counters"
	"gatescan/cmd/gatescan/progress"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// Gate turns frames into verdicts, and verdicts into pulses, lamps and counts. The reader's goroutine alone calls Handle; any
// goroutine may call the other methods. Make it with New.
type Gate struct {
	verifier  *verify.Verifier
	policy    atomic.Pointer[verify.Policy] // for the next frames; never nil
	trust     func() *verify.Trust
	clock     Clock
	turnstile *turnstile.Turnstile
	counts    *counters.Counters
	bench     *Bench
	working   *progress.Heartbeat
	observe   func(v verify.Verdict, became verify.Reason, took time.Duration)

	showings showings
	session  uint64 // of the bench, when the last frame came
	repeats  repeats
	waiting  secondPasses
	mode     atomic.Int32 // a Mode
	released atomic.Bool  // the outputs were released; the gate stays closed until the daemon is started again
}

// Parts are what a gate works with. All but Working and Observe must be there.
type Parts struct {
	Trust     func() *verify.Trust // returns the trust data in force, nil while there are none
	Clock     Clock
	Turnstile *turnstile.Turnstile
	Counts    *counters.Counters
	Bench     *Bench
	Working   *progress.Heartbeat // beats while a frame is handled, rests between frames; nil if nothing watches it

	// Observe is called once for every showing, on the goroutine of Handle or Tend; nil calls nothing. took is the time from frame
	// to verdict.
	Observe func(v verify.Verdict, became verify.Reason, took time.Duration)
}

// Clock says what the wall clock shows at a time with a monotonic reading, and whether that can be right. Its methods
// must not allocate: they are called for every frame.
type Clock interface {
	Wall(now time.Time) time.Time
	Believed(now time.Time) bool
}

// New makes an open gate with an empty policy. It remembers no pass until SetWindows.
func New(p Parts) *Gate {
	g := &Gate{
		verifier: verify.New(verify.Policy{}), trust: p.Trust, clock: p.Clock, turnstile: p.Turnstile, counts: p.Counts,
		bench: p.Bench, working: p.Working, observe: p.Observe,
	}
	g.policy.Store(&verify.Policy{})
	g.showings.ended = g.over
	g.working.Rest()
	return g
}

// SetPolicy puts a policy into force from the next frame on.
func (g *Gate) SetPolicy(p verify.Policy) { g.policy.Store(&p) }

// SetMode opens or closes the gate from the next frame on.
func (g *Gate) SetMode(m Mode) { g.mode.Store(int32(m)) }

// SetWindows sets for how long a code must be away before it is shown anew (zero for DefaultAway), for how long after its showing
// a pass that opened the gate is refused as repeated (zero for not at all), and how long the gate waits for a second pass.
func (g *Gate) SetWindows(away, repeat, second time.Duration) {
	g.showings.setAway(away)
	g.repeats.setWindow(repeat)
	g.waiting.setWindow(second)
}

// Tend keeps what the turnstile shows between passes up to date, and drops remembered passes whose time is over. It is called
// every half second or so.
func (g *Gate) Tend(readerUp, fault bool, now time.Time) {
	g.showings.expire(now)
	g.repeats.expire(now)
	g.waiting.expire(now)
	g.turnstile.Rest(g.Resting(readerUp, fault, now))
}

// Release closes the gate until the daemon is started again.
func (g *Gate) Release() { g.released.Store(true) }

// Closed says whether the gate refuses every pass, however good.
func (g *Gate) Closed() bool { return g.released.Load() || Mode(g.mode.Load()) != Open }

// Status says whether the gate admits good passes, and if not, why.
type Status struct {
	Mode Mode
	Open bool
	Why  string // a sentence for people; empty while the gate is open
}

// Status says whether the gate admits good passes, as far as its mode decides.
func (g *Gate) Status() Status {
	s := Status{Mode: Mode(g.mode.Load()), Open: !g.Closed()}
	switch {
	case g.released.Load():
		s.Why = "the outputs were released; start the daemon again to open the gate"
	case s.Mode == Maintenance:
		s.Why = "the gate is under maintenance (turnstile.mode)"
	case s.Mode == Closed:
		s.Why = "the gate is closed (turnstile.mode)"
	}
	return s
}

// Handle is the whole life of one frame. It allocates nothing.
func (g *Gate) Handle(f scanner.Frame, now time.Time) {
	g.working.Beat()
	defer g.working.Rest()
	if session := g.bench.session(now); session != g.session {
		g.session = session
		g.showings.endAll(now) // a self-test sees a code that was there before it began
	}
	if g.showings.continues(f.Text, now) {
		return
	}
	if v, judged := g.bench.judge(f.Text, now); judged {
		if !g.showings.belongs(f, v, now) {
			g.bench.report(f.Text, v)
			g.showings.decide(false)
		}
		return
	}
	g.verifier.SetPolicy(*g.policy.Load())
	v := g.verifier.Verify(f.Text, g.trust(), g.clock.Wall(now))
	if f.Whole {
		v = v.Whole(f.Text)
	}
	if g.showings.belongs(f, v, now) {
		return
	}
	v = g.doubt(v, now)
	became := g.admit(v)
	if became == verify.GateBusy {
		g.showings.wait(time.Since(now)) // the person is still there: the next frame tries again
		return
	}
	g.showings.decide(became == verify.Accepted)
	g.turnstile.Occupy()
	if became == verify.Accepted {
		g.waiting.passed(v)
	}
	g.count(v, became, time.Since(now))
}

// over counts a showing that went away before the turnstile was free, and remembers a pass that opened the gate from the end of its
// showing on.
func (g *Gate) over(s showing, at time.Time) {
	if s.opened {
		g.repeats.remember(s.pass, at)
	}
	if !s.decided {
		g.count(verify.Refused(verify.GateBusy), verify.GateBusy, s.took)
	}
}

// count counts a showing.
func (g *Gate) count(v verify.Verdict, became verify.Reason, took time.Duration) {
	g.counts.Add(v.Kind(), became)
	g.counts.AddTolerated(v.Tolerated())
	g.counts.AddRule(v.Rule())
	g.counts.AddFamily(v.Family())
	if g.observe != nil {
		g.observe(v, became, took)
	}
}

// doubt refuses for what only this gate can know. It can never accept.
func (g *Gate) doubt(v verify.Verdict, now time.Time) verify.Verdict {
	if v.Reason() >= verify.DSCNotValid && !g.clock.Believed(now) {
		return v.Refuse(verify.ClockUntrusted) // from there on every finding depends on the time
	}
	if v.Accepted() && g.Closed() {
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

// TestPulse opens the turnstile as a good pass would: with the verdict on the good code of the self-test that holds the gate.
// Nothing is counted.
func (g *Gate) TestPulse() verify.Reason { return g.admit(g.bench.goodVerdict()) }

// admit is the only caller of Open. It takes the Verdict, not a bool.
func (g *Gate) admit(v verify.Verdict) verify.Reason {
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
func (g *Gate) refuse(r verify.Reason) {
	switch {
	case unreadable(r), r == verify.SecondPass:
		g.turnstile.TryAgain()
		return
	}
	switch r {
	case verify.Internal, verify.NoTrust, verify.TrustStale, verify.RevocationUnavailable, verify.RulesUnavailable,
		verify.ClockUntrusted, verify.GateClosed:
		g.turnstile.Deny()
	default:
		g.turnstile.Refuse()
	}
}

// lacksTrust says whether there are no trust data, or all of them are too old, so that every pass is refused.
func (g *Gate) lacksTrust(now time.Time) bool {
	return g.trust() == nil || g.trust().Stale(g.clock.Wall(now))
}

// LacksRules says in a sentence why every pass is refused because rules are missing or too old; it returns "" if that is not so.
func (g *Gate) LacksRules(now time.Time) string {
	trust, policy := g.trust(), g.policy.Load()
	switch {
	case trust == nil || !policy.RulesRequire:
		return ""
	case trust.Rules().Stale(g.clock.Wall(now)):
		return "the rules are too old, or a source of rules has never answered, and rules.require is set"
	case trust.Rules().Count(verify.Acceptance, policy.Arrival) == 0:
		return "there are no acceptance rules of " + policy.Arrival + ", and rules.require is set"
	}
	return ""
}

// UnusableRules says in a sentence each which acceptance rules of the country of arrival cannot be judged by, and why; where
// they apply every pass is refused.
func (g *Gate) UnusableRules(now time.Time) (sentences []string) {
	policy := g.policy.Load()
	for _, fault := range g.trust().Rules().Unusable(verify.Acceptance, policy.Arrival, policy.Region, g.clock.Wall(now)) {
		sentences = append(sentences, fault.Error())
	}
	return sentences
}

// Resting returns the signal that the turnstile shows between passes. A fault that does not keep the gate from judging is
// shown while passes are read all the same.
func (g *Gate) Resting(readerUp, fault bool, now time.Time) turnstile.Signal {
	if signal, held := g.bench.shows(now); held {
		return signal
	}
	switch {
	case !readerUp:
		return turnstile.Fault
	case Mode(g.mode.Load()) == Maintenance:
		return turnstile.Fault
	case g.Closed() || !g.clock.Believed(now) || g.lacksTrust(now) || g.LacksRules(now) != "":
		return turnstile.Closed
	case fault:
		return turnstile.Fault
	}
	if g.showings.expire(now) {
		return turnstile.Held
	}
	return turnstile.Idle
}
