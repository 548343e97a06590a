package gate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/cmd/gatescan/passtest"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// rhythm is how a module sends codes: at each moment, counted from the first, one text.
type rhythm []struct {
	at   time.Duration
	text string
}

// held sends texts in turn, one every period, for a time.
func held(period, length time.Duration, texts ...string) (r rhythm) {
	for at := time.Duration(0); at < length; at += period {
		r = append(r, struct {
			at   time.Duration
			text string
		}{at, texts[len(r)%len(texts)]})
	}
	return r
}

// A person holds a code before the module, which sends it again and again: one pulse, one count, one lamp for its time, and then
// nothing that invites or refuses until the code has gone.
func TestShowing(t *testing.T) {
	passes, trust := passtest.Published(t, 2)
	good, other := passes[0].Text, passes[1].Text
	expired := passtest.NewMinter(t).Mint(passtest.DCC("ANNA", passtest.Vaccinated(2, 2, "2022-03-01")))[0] // of a key that is not trusted
	torn := []string{good[:200], good[:201], good[:202], good[150:400], "\x80\xff\x00"}
	foreign := "https://example.org/ticket/42"
	for _, code := range []struct {
		name   string
		texts  []string
		reason verify.Reason
		lamp   turnstile.Signal
		pulses int
	}{
		{"accepted", []string{good}, verify.Accepted, turnstile.Open, 1},
		{"refused", []string{expired}, verify.UnknownKID, turnstile.Refused, 0},
		{"torn", torn, verify.BadBase45, turnstile.TryAgain, 0},
		{"accepted, torn in between", slices.Concat([]string{good}, torn), verify.Accepted, turnstile.Open, 1},
		{"foreign", []string{foreign}, verify.OtherCode, turnstile.Refused, 0},
	} {
		for _, period := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second} {
			if len(code.texts) > 1 && code.pulses > 0 && period*time.Duration(len(code.texts)) >= DefaultAway {
				continue // the pass is away for longer than reader.away in between
			}
			t.Run(fmt.Sprintf("%s every %v", code.name, period), func(t *testing.T) {
				play(t, trust, passes[0].Now, held(period, 5*time.Second, code.texts...), func(t *testing.T, g *playedGate) {
					if g.became[0] != code.reason && !(code.lamp == turnstile.TryAgain && unreadable(g.became[0])) || len(g.became) != 1 {
						t.Errorf("became %v, want %v once", g.became, code.reason)
					}
					if g.pulses != code.pulses {
						t.Errorf("%d pulses, want %d", g.pulses, code.pulses)
					}
					want := []turnstile.Signal{code.lamp, turnstile.Held, turnstile.Idle}
					if !slices.Equal(g.signals, want) {
						t.Errorf("lamps %v, want %v", g.signals, want)
					}
					if show := g.changes[1].Sub(g.changes[0]); show != turnstile.DefaultShow {
						t.Errorf("the lamp was shown for %v, want %v", show, turnstile.DefaultShow)
					}
					// Idle invites the next person, so it waits for the end of the showing, and half a second of Tend at most.
					if idle := g.changes[2].Sub(g.last); idle < DefaultAway || idle > DefaultAway+tendEvery {
						t.Errorf("idle %v after the code was seen last", idle)
					}
				})
			})
		}
	}
	t.Run("two phones in turn", func(t *testing.T) {
		play(t, trust, passes[0].Now, held(200*time.Millisecond, 5*time.Second, good, other), func(t *testing.T, g *playedGate) {
			if g.pulses != 2 || !slices.Equal(g.became, []verify.Reason{verify.Accepted, verify.Accepted}) {
				t.Errorf("%d pulses, became %v", g.pulses, g.became)
			}
		})
	})
	t.Run("gone and back", func(t *testing.T) {
		visit := held(200*time.Millisecond, time.Second, good)
		for _, back := range []time.Duration{DefaultAway + 800*time.Millisecond - step, DefaultAway + 800*time.Millisecond} { // 800 ms: seen last
			again := slices.Concat(visit, held(200*time.Millisecond, time.Second, good))
			for i := range again[len(visit):] {
				again[len(visit)+i].at += back
			}
			play(t, trust, passes[0].Now, again, func(t *testing.T, g *playedGate) {
				if want := 1 + int((back-800*time.Millisecond)/DefaultAway); g.pulses != want || len(g.became) != want {
					t.Errorf("back after %v: %d pulses, became %v; want %d", back-800*time.Millisecond, g.pulses, g.became, want)
				}
			})
		}
	})
	t.Run("binary ticket in pieces", func(t *testing.T) {
		pieces := held(step, 3*time.Second, "#UT01\x8f\x10\x00", "\xa0\x01K", "0080AB", "\x7f\xe2")
		play(t, trust, passes[0].Now, pieces, func(t *testing.T, g *playedGate) {
			if !slices.Equal(g.became, []verify.Reason{verify.OtherCode}) {
				t.Errorf("became %v", g.became)
			}
		})
	})
	t.Run("nine codes", func(t *testing.T) {
		var texts []string
		for i := range maxShowings + 1 {
			texts = append(texts, fmt.Sprintf("%s/%d", foreign, i))
		}
		r := held(step, time.Duration(len(texts)+1)*step, texts...) // the first again at the end
		play(t, trust, passes[0].Now, r, func(t *testing.T, g *playedGate) {
			if len(g.became) != maxShowings+2 {
				t.Errorf("became %v: the oldest showing must have gone, and no other", g.became)
			}
		})
	})
}

// playedGate is a gate to which a rhythm was played, and what was seen.
type playedGate struct {
	*testGate
	pulses  int
	signals []turnstile.Signal // from the first verdict on, without repetitions
	changes []time.Time        // of each signal
	last    time.Time          // when a code was sent last
}

const (
	tendEvery = 500 * time.Millisecond
	step      = 50 * time.Millisecond // of the play; rhythms are multiples of it
)

// play plays a rhythm to a gate in virtual time, waits until all is over, and calls check.
func play(t *testing.T, trust *verify.Trust, wall time.Time, r rhythm, check func(*testing.T, *playedGate)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &playedGate{testGate: newTestGate(t, trust, turnstile.Config{})}
		g.clock = shiftedClock(time.Until(wall))
		relay := false
		seen := func() {
			e := g.testGate.last.Load()
			if e.Relay && !relay {
				g.pulses++
			}
			relay = e.Relay
			if n := len(g.signals); len(g.became) > 0 && (n == 0 || g.signals[n-1] != e.Signal) {
				g.signals, g.changes = append(g.signals, e.Signal), append(g.changes, time.Now())
			}
		}
		begin, next := time.Now(), 0
		g.Tend(true, false, begin)
		for at := time.Duration(0); at < r[len(r)-1].at+10*time.Second; at += step {
			for ; next < len(r) && r[next].at <= at; next++ {
				g.last = time.Now()
				g.Handle(scanner.Frame{Text: []byte(r[next].text), Whole: true, Continued: next > 0 && r[next].at-r[next-1].at < 500*time.Millisecond}, g.last)
				seen()
			}
			if at%tendEvery == tendEvery-step {
				g.Tend(true, false, time.Now())
			}
			seen()
			time.Sleep(time.Until(begin.Add(at + step)))
			synctest.Wait()
			seen()
		}
		check(t, g)
		g.turnstile.Close()
	})
}

// shiftedClock shows a time that is off by a constant, and is believed.
type shiftedClock time.Duration

func (c shiftedClock) Wall(now time.Time) time.Time { return now.Add(time.Duration(c)) }
func (c shiftedClock) Believed(time.Time) bool      { return true }

// As many people are counted as came, whatever they show, however long and in whatever rhythm.
func TestShowingsArePeople(t *testing.T) {
	people := 10_000
	if testing.Short() {
		people = 1_000
	}
	passes, trust := passtest.Published(t, 40)
	random := rand.New(rand.NewPCG(16, 1))
	synctest.Test(t, func(t *testing.T) {
		g := newTestGate(t, trust, turnstile.Config{})
		g.observe = nil
		g.clock = shiftedClock(time.Until(passes[0].Now))
		good := 0
		for i := range people {
			text, isGood := passes[0].Text, false
			switch kind := random.IntN(4); kind {
			case 0:
				text = passes[0].Text
				isGood = true
			case 1:
				text = fmt.Sprintf("https://example.org/ticket/%d", i)
			case 2:
				text = passes[i%40].Text[:100+random.IntN(200)]
			case 3:
				text = "HC2:" + passes[i%40].Text[4:]
			}
			if isGood {
				good++
			}
			period := time.Duration(50+random.IntN(900)) * time.Millisecond
			for range 1 + random.IntN(8) {
				g.Handle(scanner.Frame{Text: []byte(text), Whole: true}, time.Now())
				time.Sleep(period)
			}
			time.Sleep(DefaultAway)
		}
		if accepted, refused := g.counts.Totals(); int(accepted) != good || int(accepted+refused) != people {
			t.Errorf("%d accepted and %d refused of %d people, %d of them with a good pass", accepted, refused, people, good)
		}
		g.turnstile.Close()
	})
}
