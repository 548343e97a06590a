//go:build soak

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatescan/passtest"
)

const (
	soakHourly  = 12_000                 // scans in an hour
	soakSpacing = 230 * time.Millisecond // of scans that catch up: reader.away, so that each is a showing of its own
	soakWait    = 15 * time.Second       // for what the gate does within 5 s, its longest pause
	soakSlack   = 200 * time.Millisecond // of a pulse, on a loaded machine
	soakStarved = 50 * time.Millisecond  // without a processor
	soakErrors  = 50
)

// soakScan is a scan whose answer is awaited.
type soakScan struct {
	kind *scanKind
	text string
	at   time.Time
	want []string // any of these reasons
	cut  bool     // the module was unplugged behind it, so that there may be no answer
}

func (a *soakScan) String() string {
	if a == nil {
		return "nothing"
	}
	return fmt.Sprintf("a %s scan, want %v; %q", a.kind.name, a.want, a.text)
}

// opening is when a pass opened the gate: between from and to.
type opening struct {
	from, to   time.Time
	remembered bool // for certain
}

// soak is a gate under way, and what is known of it. One goroutine does it all.
type soak struct {
	*soakedGate
	t        *testing.T
	dir      string
	random   *rand.Rand
	kinds    []scanKind
	start    time.Time
	duration time.Duration
	errors   int

	master, slave *os.File // the module's line, nil while it is unplugged
	ready         bool     // the gate reads it
	clock         soakClock
	inForce       soakSettings
	coming        soakSettings // other than inForce only while reloading
	reloading     bool
	refused       bool // what is being read again must be refused
	energised     bool
	pulses        []time.Duration // how long the pulse may be
	asked         *soakScan
	opened        map[string]opening

	nextScan, soonest, nextPlug, nextReload, nextStep, nextSample time.Time
	changed                                                       time.Time // when the module was last plugged in or out

	waited, waitedOn                                                              time.Duration // for a processor, by the last answer; by the one before the pulse
	stretched                                                                     int           // pulses that ended late for that
	sent, starved, cut, cutAnswered, answered, accepted, openings, unplugs, steps int
	reloads                                                                       [3]int
	reasons                                                                       map[string]int
	samples                                                                       []soakSample
}

// TestSoak lets the real daemon work for GATESCAN_SOAK, an hour unless said otherwise, with passes and everything else
// that a module may send, while the module is unplugged, the configuration read again, and the clock stepped. Each scan
// must have the one answer that is right for it, and the process must not grow. GATESCAN_SOAK_SEED repeats the choices.
func TestSoak(t *testing.T) {
	s := newSoak(t)
	for time.Since(s.start) < s.duration {
		s.turn()
	}
	s.await("quiet end", func() bool { return !s.reloading && !s.energised && s.asked == nil })
	s.end()
	s.report()
}

func newSoak(t *testing.T) *soak {
	duration, seed := time.Hour, time.Now().UnixNano()
	if said := os.Getenv("GATESCAN_SOAK"); said != "" {
		var err error
		if duration, err = time.ParseDuration(said); err != nil || duration < 30*time.Second {
			t.Fatalf("GATESCAN_SOAK=%q is no duration of at least 30s", said)
		}
	}
	if said := os.Getenv("GATESCAN_SOAK_SEED"); said != "" {
		if _, err := fmt.Sscan(said, &seed); err != nil {
			t.Fatalf("GATESCAN_SOAK_SEED=%q is no number", said)
		}
	}
	t.Logf("GATESCAN_SOAK=%v GATESCAN_SOAK_SEED=%d", duration, seed)
	r := &rig{t: t, dir: t.TempDir(), lab: filepath.Join(passtest.BuildLab(t), "gatelab")}
	r.run(r.lab, "", "init", "-country", "FR", filepath.Join(r.dir, "lab"))
	now := time.Now()
	s := &soak{
		t: t, dir: r.dir, random: rand.New(rand.NewPCG(uint64(seed), 0)), kinds: soakKinds(r, now), duration: duration,
		inForce: soakUsual, coming: soakUsual, opened: map[string]opening{}, reasons: map[string]int{},
	}
	s.configure(soakUsual, "")
	s.plug()
	s.soakedGate = startSoakedGate(t, filepath.Join(r.dir, "gatescan.toml"), now.Add(-24*time.Hour))
	s.start = time.Now()
	s.nextScan, s.nextSample = s.start, s.start
	s.nextPlug, s.nextReload, s.nextStep = s.about(time.Minute), s.about(30*time.Second), s.about(45*time.Second)
	return s
}

// about is a random moment, that long from now on average.
func (s *soak) about(d time.Duration) time.Time { return s.between(d/2, d+d/2) }

// between is a random moment. A short soak has everything four times as often, and a fourth as long.
func (s *soak) between(least, most time.Duration) time.Time {
	d := least + time.Duration(s.random.Int64N(int64(most-least)))
	if s.duration < 10*time.Minute {
		d /= 4
	}
	return time.Now().Add(d)
}

// turn does one thing that is due, or waits for a moment.
func (s *soak) turn() {
	now := time.Now()
	resting := s.ready && s.asked == nil && !s.energised && !s.reloading
	switch {
	case now.After(s.nextPlug) && s.master == nil:
		s.plug()
		s.nextPlug = s.about(time.Minute)
	case now.After(s.nextPlug) && s.ready:
		s.unplug()
		s.nextPlug = s.between(200*time.Millisecond, 5*time.Second)
	case now.After(s.nextReload) && !s.reloading:
		s.reload()
		s.nextReload = s.about(30 * time.Second)
	case now.After(s.nextStep) && s.clock == clockRight:
		s.stepTo(clockRight + 1 + soakClock(s.steps/2)%(numSoakClocks-1))
		s.nextStep = s.about(10 * time.Second)
	case now.After(s.nextStep):
		s.stepTo(clockRight)
		s.nextStep = s.about(45 * time.Second)
	case now.After(s.nextSample) && resting:
		s.sample()
		s.nextSample = s.nextSample.Add(min(10*time.Second, s.duration/60))
	case now.After(s.nextScan) && now.After(s.soonest) && s.ready && s.asked == nil && !s.energised: // else it might be busy
		s.scan()
	default:
		s.hear(5 * time.Millisecond)
	}
	if !s.ready && s.master != nil && time.Since(s.changed) > soakWait {
		s.t.Fatal("the module that was plugged in is not read")
	}
	if s.reloading && time.Since(s.nextReload) > soakWait {
		s.t.Fatal("a SIGHUP had no effect")
	}
}

// hear takes one thing that the gate says, if it comes in time.
func (s *soak) hear(patience time.Duration) {
	select {
	case e, ok := <-s.events:
		if !ok {
			s.t.Fatalf("the gate ended: %v", s.Wait())
		}
		s.happened(e)
	case line := <-s.said:
		s.logged(line)
	case <-time.After(patience):
	}
}

func (s *soak) await(what string, came func() bool) {
	s.t.Helper()
	for late := time.Now().Add(soakWait); !came(); s.hear(5 * time.Millisecond) {
		if time.Now().After(late) {
			s.t.Fatalf("after %v: no %s", time.Since(s.start), what)
		}
	}
}

// wrong reports an error; the soak goes on, for what it measures later is worth something too.
func (s *soak) wrong(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("after %v, clock %v: %s", time.Since(s.start).Round(time.Millisecond), s.clock, fmt.Sprintf(format, args...))
	if s.errors++; s.errors == soakErrors {
		s.t.Fatal("too many errors")
	}
}

// scan shows something and waits for its answer. What could not be shown while the module was unplugged is made up for.
func (s *soak) scan() {
	s.show(pick(s.kinds, s.random))
	s.sent++
	for late := s.asked.at.Add(soakWait / 3); s.asked != nil; s.hear(5 * time.Millisecond) {
		if time.Now().After(late) {
			s.unanswered()
		}
	}
	s.waited = s.delay()
	s.nextScan, s.soonest = s.nextScan.Add(time.Hour/soakHourly), time.Now().Add(soakSpacing)
}

// unanswered gives a scan up. The gate takes nothing until it has seen the line silent after a decision (idle_gap); if it
// did not get a processor in time to see that, the scan was lost, as it would be at a gate that is so busy.
func (s *soak) unanswered() {
	if delay := s.delay() - s.waited; delay > soakStarved {
		s.starved++
		s.t.Logf("after %v: a scan was lost; since the one before the gate has waited %v for a processor", time.Since(s.start), delay)
	} else {
		s.wrong("no answer to %v; since the one before the gate has waited %v for a processor", s.asked, delay)
	}
	s.asked = nil
}

func (s *soak) show(kind *scanKind) {
	text := kind.make(s.random)
	s.asked = &soakScan{kind: kind, text: text, at: time.Now(), want: s.wanted(kind, text)}
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// wanted is what may become of a text now. Times are bounded on both sides, and while the configuration is being read
// both the old one and the new one may be in force.
func (s *soak) wanted(kind *scanKind, text string) []string {
	want := strings.Fields(kind.want(s.clock))
	o, ok := s.opened[text]
	if !ok || !slices.Contains(want, "accepted") {
		return want
	}
	const answering = time.Second // from now until it is decided, at the most
	seen := func(window time.Duration) (may, must bool) {
		return time.Since(o.to) < window, o.remembered && time.Since(o.from)+answering < window
	}
	may1, must1 := seen(s.inForce.window)
	may2, must2 := seen(s.coming.window)
	if must1 && must2 {
		want = slices.DeleteFunc(want, func(r string) bool { return r == "accepted" })
	}
	if may1 || may2 {
		want = append(want, "repeated")
	}
	return want
}

// happened takes an event of the simulated gate. The relay's comes before the verdict that it belongs to.
func (s *soak) happened(e simEvent) {
	switch e.Event {
	case "verdict":
		s.decided(e)
	case "relay":
		if s.energised = *e.On; s.energised {
			s.openings++
			s.pulses, s.waitedOn = []time.Duration{s.inForce.pulse, s.coming.pulse}, s.waited
			if s.asked == nil || !slices.Contains(s.asked.want, "accepted") {
				s.wrong("opened for %v", s.asked)
			}
			return
		}
		length := time.Duration(e.Pulse * float64(time.Millisecond))
		// The simulated relay is a plain line: software ends its pulse, and needs a processor to do so.
		switch over, delay := length-slices.Max(s.pulses)-soakSlack, s.delay()-s.waitedOn; {
		case length < slices.Min(s.pulses)-time.Millisecond || over > delay:
			s.wrong("a pulse of %v, want %v; meanwhile the gate has waited %v for a processor", length, s.pulses, delay)
		case over > 0:
			s.stretched++
			s.t.Logf("after %v: a pulse of %v; meanwhile the gate has waited %v for a processor", time.Since(s.start), length, delay)
		}
	}
}

func (s *soak) decided(e simEvent) {
	s.reasons[e.Reason]++
	if s.answered++; e.Accepted+e.Refused != uint64(s.answered) {
		s.wrong("%d answers came, but the gate counts %d and %d", s.answered, e.Accepted, e.Refused)
	}
	if e.Reason == "accepted" {
		s.accepted++
	}
	if s.openings != s.accepted {
		s.wrong("%d openings for %d good passes", s.openings, s.accepted)
	}
	a := s.asked
	if s.asked = nil; a == nil {
		s.wrong("an answer to nothing: %+v", e)
		return
	}
	if a.cut {
		s.cutAnswered++
	}
	if !slices.Contains(a.want, e.Reason) {
		s.wrong("%s for %v", e.Reason, a)
	}
	if e.Reason == "accepted" {
		s.opened[a.text] = opening{a.at, time.Now(), s.inForce.window > 0 && s.coming.window > 0}
	}
}

// logged takes a line of the gate's log.
func (s *soak) logged(line string) {
	read, refused := strings.Contains(line, "configuration was read again"), strings.Contains(line, "configuration is refused")
	switch {
	case strings.Contains(line, "barcode module ready"):
		s.ready = true
		if s.asked != nil && s.asked.cut { // lost on the way
			s.asked = nil
		}
	case read || refused:
		if !s.reloading || refused != s.refused {
			s.wrong("reloading %v, to be refused %v, but: %s", s.reloading, s.refused, line)
		}
		s.reloading, s.inForce = false, s.coming
		if s.inForce.window == 0 {
			clear(s.opened) // forgotten
		}
	case strings.Contains(line, "barcode module not readable"), strings.Contains(line, "level=INFO"), strings.Contains(line, `msg="the clock `):
	default:
		s.wrong("the log: %s", line)
	}
}
