package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/gate"
	"gatescan/cmd/gatescan/output"
	"gatescan/verify"
)

// The steps of a self-test, which request.Step names.
const (
	stepChecks = "checks" // what can be checked without anybody; answered with a selfRecord
	stepBegin  = "begin"  // takes the gate; answered with a benchHeld
	stepHeld   = "held"   // says the same again
	stepSignal = "signal" // shows request.Signal
	stepRead   = "read"   // waits for a code; answered with a Seen
	stepPulse  = "pulse"  // opens the turnstile once; answered with a pulsed
	stepSave   = "save"   // has the module keep its settings; answered with a selfReader
	stepEnd    = "end"    // gives the gate back
)

// How long a step may take. The client waits a little longer.
const (
	readStep = 30 * time.Second
	saveStep = 20 * time.Second
)

// benchHeld is what a self-test learns of the gate that it holds.
type benchHeld struct {
	Token   string        `json:"token"`
	Lamps   []string      `json:"lamps"` // that are wired
	Passage bool          `json:"passage"`
	Entry   time.Duration `json:"entry"`
	Pulse   time.Duration `json:"pulse"`
}

// pulsed is what became of a pulse.
type pulsed struct {
	Opened bool   `json:"opened"`
	Passed bool   `json:"passed"` // somebody went through in time
	Why    string `json:"why,omitempty"`
}

// selftest does one step.
func (d *daemon) selftest(ctx context.Context, asked control.Request) (any, error) {
	now := time.Now()
	switch asked.Step {
	case stepChecks:
		return d.selfChecks(ctx)
	case stepBegin:
		return d.beginBench(now)
	case stepEnd:
		d.bench.End(asked.Token)
		d.awake()
		return nil, nil
	}
	if err := d.bench.Extend(asked.Token, now); err != nil {
		return nil, err
	}
	switch asked.Step {
	case stepHeld:
		return d.benchHeld(asked.Token), nil
	case stepSignal:
		signal, ok := gate.Signal(asked.Signal)
		if !ok {
			return nil, fmt.Errorf("there is no signal %.40q", asked.Signal)
		}
		d.bench.Show(signal)
		d.awake()
		return nil, nil
	case stepRead:
		ctx, cancel := context.WithTimeout(ctx, readStep)
		defer cancel()
		return d.bench.Read(ctx)
	case stepPulse:
		return d.pulseOnce(ctx), nil
	case stepSave:
		reader := d.scanner.Load()
		if reader == nil {
			return nil, errors.New("no reader")
		}
		ctx, cancel := context.WithTimeout(ctx, saveStep)
		defer cancel()
		s, err := reader.Save(ctx)
		return selfReaderOf(s), err
	}
	return nil, fmt.Errorf("a self-test has no step %.40q", asked.Step)
}

func (d *daemon) beginBench(now time.Time) (any, error) {
	token, err := d.bench.Begin(testExam(), now)
	if err != nil {
		return nil, err
	}
	d.awake()
	return d.benchHeld(token), nil
}

func (d *daemon) benchHeld(token string) benchHeld {
	held := benchHeld{Token: token}
	c := d.settings()
	for _, lamp := range c.Outputs.lamps() {
		if lamp.spec.wired() || c.Outputs.Relay.Kind == output.Simulated {
			held.Lamps = append(held.Lamps, lamp.key)
		}
	}
	t := c.turnstile()
	_, passage := c.granted()
	held.Passage, held.Entry, held.Pulse = passage.spec.wired, t.Entry, t.Pulse
	return held
}

// pulseOnce opens the turnstile as a good pass would: with the verdict on the self-test's own good code. It waits for the
// passage, if that is wired.
func (d *daemon) pulseOnce(ctx context.Context) (p pulsed) {
	before := d.turnstile.Counts()
	if d.gate.TestPulse() != verify.Accepted {
		p.Why = d.turnstile.Trouble()
		if p.Why == "" {
			p.Why = "the turnstile is busy, released, or its relay does not obey; see the log"
		}
		return p
	}
	p.Opened = true
	c := d.settings()
	awaited := c.turnstile().Entry > 0
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		now := d.turnstile.Counts()
		switch {
		case now.Passages > before.Passages:
			p.Passed = true
			return p
		case now.NotEntered > before.NotEntered, !awaited:
			return p
		}
		select {
		case <-ctx.Done():
			return p
		case <-ticker.C:
		}
	}
}

// awake has the lamps follow at once.
func (d *daemon) awake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
