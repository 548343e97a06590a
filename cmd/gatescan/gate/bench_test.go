package gate

import (
	"testing"
	"time"

	"gatescan/cmd/gatescan/passtest"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// While a self-test holds the gate, a good pass opens nothing, and another test has to wait; a technician who goes away
// gives the gate back.
func TestTestbench(t *testing.T) {
	passes, trust := passtest.Published(t, 2)
	g := newTestGate(t, trust, turnstile.Config{})
	other := Exam{Trust: verify.NewTrust([]verify.DSC{passes[1].DSC}), At: passes[1].Now, Codes: []ExamCode{{"good", []byte(passes[1].Text)}}}
	now := passes[0].Now
	token, err := g.bench.Begin(other, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.bench.Begin(other, now.Add(time.Minute)); err != errBenchTaken {
		t.Errorf("a second test: %v", err)
	}
	g.Handle(scanner.Frame{Text: []byte(passes[0].Text)}, now)
	if len(g.became) != 0 || g.relay() {
		t.Errorf("a pass came to %v", g.became)
	}
	if seen, err := g.bench.Read(t.Context()); err != nil || seen.Code != "" || seen.Reason != "unknown_kid" {
		t.Errorf("the test saw %+v, %v", seen, err)
	}
	g.Handle(scanner.Frame{Text: []byte(passes[1].Text)}, now)
	if seen, err := g.bench.Read(t.Context()); err != nil || seen.Code != "good" || seen.Reason != "accepted" || g.relay() {
		t.Errorf("of its own code the test saw %+v, %v", seen, err)
	}
	if err := g.bench.Extend("another", now); err != ErrBenchOver {
		t.Errorf("with another token: %v", err)
	}
	if err := g.bench.Extend(token, now.Add(benchLease-1)); err != nil {
		t.Error(err)
	}
	if err := g.bench.Extend(token, now.Add(2*benchLease)); err != ErrBenchOver {
		t.Errorf("after the lease: %v", err)
	}
	g.Handle(scanner.Frame{Text: []byte(passes[0].Text)}, now.Add(2*benchLease))
	if len(g.became) != 1 || g.became[0] != verify.Accepted {
		t.Errorf("after the test: %v", g.became)
	}
	g.turnstile.Close()
}
