package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"gatescan/cmd/gatescan/output"
	"gatescan/driver/gpio"
	"gatescan/driver/turnstile"

	pgpio "periph.io/x/conn/v3/gpio"
)

// hardware is everything that the gate drives.
type hardware struct {
	relay turnstile.Relay
	lamps turnstile.Lamps

	head       *turnstile.LampHead // nil if the gate is simulated
	simulation *simulation         // nil if it is not
	opened     []openedOutput      // the relay first
}

// openedOutput is an output that was opened, and left inert by that.
type openedOutput struct {
	output.Output
	haltCloser
}

type haltCloser interface {
	Halt() error // inert, and still ours
	io.Closer
}

// openHardware opens the outputs of a configuration, each already inert, the relay first. On an error nothing stays open.
func openHardware(c config, board gpio.Board, stdout io.Writer, totals func() (accepted, refused uint64), log *slog.Logger) (_ *hardware, err error) {
	h := &hardware{}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if c.Outputs.Relay.Kind == output.Simulated {
		h.simulation = newSimulation(stdout, totals)
		sim := turnstile.NewSimulated(h.simulation.changed)
		h.relay, h.lamps = sim.Relay(), sim
		return h, nil
	}
	relays := c.relays()
	relay, err := h.open(board, relays[0])
	if err != nil {
		return nil, err
	}
	if relays[1].spec.wired() { // of the other direction: kept inert, and that is all
		if _, err := h.open(board, relays[1]); err != nil {
			return nil, err
		}
	}
	switch relay := relay.(type) {
	case *gpio.Oneshot:
		h.relay = turnstile.KernelRelay(relay)
	case pgpio.PinOut:
		h.relay = turnstile.LineRelay(relay)
	}
	var lamps [4]pgpio.PinOut
	for i, o := range c.Outputs.lamps() {
		if !o.spec.wired() {
			continue
		}
		opened, err := h.open(board, o)
		if err != nil {
			return nil, err
		}
		lamps[i] = opened.(pgpio.PinOut) // config.check lets no oneshot be a lamp
	}
	lines := turnstile.Lines{Green: lamps[0], Red: lamps[1], Yellow: lamps[2], Buzzer: lamps[3]}
	if c.Outputs.Buzzer.Kind == output.PWM {
		lines.Buzzer, lines.Speaker = nil, lamps[3]
	}
	h.head = turnstile.NewLampHead(lines, log)
	h.lamps = h.head
	return h, nil
}

func (h *hardware) open(board gpio.Board, o keyedOutput) (io.Closer, error) {
	opened, err := o.spec.Open(board)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.key, err)
	}
	h.opened = append(h.opened, openedOutput{o.spec.Output, opened.(haltCloser)}) // all of driver/gpio's are
	return opened, nil
}

// halt makes one output inert and keeps it: some chips make an input of a line that is let go.
func (h *hardware) halt(o output.Output) error {
	for _, opened := range h.opened {
		if opened.Output == o {
			return opened.Halt()
		}
	}
	return nil // simulated
}

// close leaves every output inert. The relay, which the turnstile has let go, is closed last.
func (h *hardware) close() error {
	if h.head != nil {
		h.head.Close()
	}
	var errs []error
	for i := len(h.opened) - 1; i >= 0; i-- {
		if err := h.opened[i].Close(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", h.opened[i].Output, err))
		}
	}
	return errors.Join(errs...)
}

// inputs listens to the turnstile.
type inputs struct {
	turnstile *turnstile.Turnstile
	log       *slog.Logger

	mu      sync.Mutex
	blocked map[string]bool // by which inputs
}

// reopenInput is how soon an input that failed is opened again.
const reopenInput = time.Second

// listen opens the inputs of a configuration and follows them until ctx ends. An input that cannot be opened, or
// fails, blocks the turnstile if it is there to block it, and is tried again.
func listen(ctx context.Context, c config, board gpio.Board, t *turnstile.Turnstile, log *slog.Logger, parts *sync.WaitGroup) {
	in := &inputs{turnstile: t, log: log, blocked: map[string]bool{}}
	passages := c.passages()
	for _, input := range []struct {
		key     string
		spec    inputSpec
		state   bool // it is a state, so that its level at the beginning says something, and not an event
		blocks  bool
		changed func(active bool)
	}{
		{passages[0].key, passages[0].spec, false, false, in.passage},
		{passages[1].key, passages[1].spec, false, false, in.passageBack},
		{"inputs.not_ready", c.Inputs.NotReady, true, true, in.block("not_ready")},
		{"inputs.tamper", c.Inputs.Tamper, true, true, in.block("tamper")},
		{"inputs.fire", c.Inputs.Fire, true, false, in.fire},
	} {
		if !input.spec.wired {
			continue
		}
		line := input.spec.line
		line.Debounce = time.Duration(c.Inputs.Debounce)
		parts.Go(func() {
			for ctx.Err() == nil {
				err := follow(ctx, board, line, input.state, input.changed)
				if ctx.Err() != nil {
					return
				}
				if input.blocks {
					input.changed(true)
				}
				log.Error("an input is lost, trying again", "input", input.key, "err", err)
				select {
				case <-ctx.Done():
				case <-time.After(reopenInput):
				}
			}
		})
	}
}

// follow tells every change of an input, until it fails or ctx ends; of a state it also tells the beginning.
func follow(ctx context.Context, board gpio.Board, line gpio.Line, state bool, changed func(active bool)) error {
	in, err := board.OpenInput(line)
	if err != nil {
		return err
	}
	defer in.Close()
	level, err := in.Level()
	if err != nil {
		return err
	}
	if state {
		changed(bool(level))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-in.Edges():
			if !ok {
				return in.Err()
			}
			changed(bool(e.Level))
		}
	}
}

func (in *inputs) passage(active bool) {
	if active {
		in.turnstile.Passed()
	}
}

func (in *inputs) passageBack(active bool) {
	if active {
		in.turnstile.PassedBack()
	}
}

// block returns what follows an input that blocks the turnstile while it is active.
func (in *inputs) block(name string) func(active bool) {
	return func(active bool) {
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.blocked[name] == active {
			return
		}
		in.blocked[name] = active
		in.log.Warn("the turnstile reports", "input", name, "active", active)
		in.turnstile.Block(in.blocked["not_ready"] || in.blocked["tamper"])
	}
}

// fire only tells: the alarm is wired to the turnstile itself, which lets everybody out.
func (in *inputs) fire(active bool) {
	if active {
		in.log.Warn("fire alarm")
	} else {
		in.log.Info("no fire alarm")
	}
}
