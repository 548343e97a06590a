package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"gatescan/cmd/gatescan/passtest"
	"gatescan/cmd/gatescan/rules"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// twoPasses is the policy of the mode 2g+.
func twoPasses() verify.Policy {
	return verify.Policy{Arrival: "DE", Holder: true, Parts: []*verify.Rules{rules.Compile("2g", "DE", ""), rules.Compile("test", "DE", "")}}
}

// In the mode 2g+ two passes of one person open the gate once, in whatever order, and those of two people never do.
func TestSecondPass(t *testing.T) {
	m := passtest.NewMinter(t)
	at := time.Date(2022, 6, 1, 12, 0, 0, 0, time.UTC)
	vaccination, test := passtest.Vaccinated(2, 2, "2022-03-01"), passtest.Tested(passtest.Antigen, passtest.NotDetected, "2022-06-01T10:00:00Z")
	texts := m.Mint(
		passtest.DCC("ANNA", vaccination), passtest.DCC("ANNA", test), passtest.DCC("BERT", vaccination), passtest.DCC("BERT", test),
		passtest.DCC("ANNA", passtest.Recovered("2022-03-01")), `{"ver":"1.3.0","nam":{},"dob":"1980-01-01",`+vaccination+`}`, `{"ver":"1.3.0","nam":{},"dob":"1980-01-01",`+test+`}`,
		passtest.DCC("DR<ANNA<MARIA", test),
	)
	const (
		annaV = iota
		annaT
		bertV
		bertT
		annaR
		nobodyV
		nobodyT
		doctorT
	)
	type step struct {
		pass  int
		after time.Duration
		want  verify.Reason
	}
	policy := twoPasses()
	const busy = 10 * time.Millisecond // while the turnstile serves another person
	for name, steps := range map[string][]step{
		"vaccination, then test":     {{annaV, 0, verify.SecondPass}, {annaT, time.Second, verify.Accepted}},
		"test, then vaccination":     {{annaT, 0, verify.SecondPass}, {annaV, time.Second, verify.Accepted}},
		"test, then recovery":        {{annaT, 0, verify.SecondPass}, {annaR, time.Second, verify.Accepted}},
		"the same twice":             {{annaV, 0, verify.SecondPass}, {annaV, 3 * time.Second, verify.SecondPass}, {annaR, time.Second, verify.SecondPass}},
		"written otherwise":          {{annaV, 0, verify.SecondPass}, {bertV, 0, verify.SecondPass}, {doctorT, time.Second, verify.Accepted}},
		"of two people":              {{annaV, 0, verify.SecondPass}, {bertT, time.Second, verify.SecondPass}},
		"of two people, interleaved": {{annaV, 0, verify.SecondPass}, {bertT, 0, verify.SecondPass}, {annaT, time.Second, verify.Accepted}, {bertV, 2 * time.Second, verify.Accepted}},
		"of nobody":                  {{nobodyV, 0, verify.SecondPass}, {nobodyT, time.Second, verify.SecondPass}},
		"just in time":               {{annaV, 0, verify.SecondPass}, {annaT, 30*time.Second - 1, verify.Accepted}},
		"too late":                   {{annaV, 0, verify.SecondPass}, {annaT, 30 * time.Second, verify.SecondPass}},
		"used up":                    {{annaV, 0, verify.SecondPass}, {annaT, time.Second, verify.Accepted}, {annaT, 3 * time.Second, verify.SecondPass}},
		"busy takes nothing":         {{bertV, 0, verify.SecondPass}, {annaV, 0, verify.SecondPass}, {annaT, 0, verify.Accepted}, {bertT, busy, nothing}, {bertT, time.Second, verify.Accepted}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newTestGate(t, m.Trust, turnstile.Config{})
				g.SetPolicy(policy)
				g.SetWindows(0, 0, 30*time.Second)
				begin := time.Now()
				for i, s := range steps {
					time.Sleep(s.after)
					synctest.Wait()
					g.Handle(scanner.Frame{Text: []byte(texts[s.pass])}, at.Add(time.Since(begin)))
					if became := g.became[len(g.became)-1]; s.want != nothing && became != s.want {
						t.Errorf("step %d came to %v, want %v", i, became, s.want)
					}
					if s.want == verify.SecondPass && (g.signal() != turnstile.TryAgain && g.signal() != turnstile.Open) {
						t.Errorf("step %d shows %v", i, g.signal())
					}
				}
				g.turnstile.Close()
			})
		})
	}
}

// Nothing of those who wait outlives the window, a reload, or more people than there is room for.
func TestSecondPassForgets(t *testing.T) {
	m := passtest.NewMinter(t)
	at := time.Date(2022, 6, 1, 12, 0, 0, 0, time.UTC)
	policy := twoPasses()
	verifier := verify.New(policy)
	var payloads []string
	for i := range maxSecondPasses + 2 {
		payloads = append(payloads, passtest.DCC(string(rune('A'+i/26))+string(rune('A'+i%26)), passtest.Vaccinated(2, 2, "2022-03-01")))
	}
	var s secondPasses
	s.setWindow(time.Minute)
	now := time.Now()
	waiting := func() (n int) {
		for i := range s.of {
			if s.of[i] != (firstPass{}) {
				n++
			}
		}
		return n
	}
	for i, text := range m.Mint(payloads...) {
		if s.complete(verifier.Verify([]byte(text), m.Trust, at), now.Add(time.Duration(i)*time.Second)) {
			t.Fatal("complete at once")
		}
		if want := min(i+1, maxSecondPasses); waiting() != want {
			t.Fatalf("%d wait after %d", waiting(), i+1)
		}
	}
	s.expire(now.Add(70 * time.Second)) // those of second 2 to 10 waited a minute
	if n := waiting(); n != maxSecondPasses-9 {
		t.Errorf("%d wait after a minute", n)
	}
	s.setWindow(time.Minute)
	if n := waiting(); n != 0 {
		t.Errorf("%d wait after a reload", n)
	}
}
