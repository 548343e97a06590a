package gpio

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

var (
	_ gpio.PinOut = (*Output)(nil)

	errNoPWM = errors.New("gpio: a line has no PWM; it is on or off")
)

// Output is one line as an output. Its levels are logical: High is energised, Low is inert.
type Output struct {
	name   string
	offset int

	mu        sync.RWMutex  // for writing only by Close
	line      kernel.Handle // nil once closed
	high, low unix.GPIOV2LineValues
}

// OpenOutput requests a line as an output that is inert from the first moment. If it is one already, at the
// inert level, nothing moves. It stays reserved until Close.
func (b Board) OpenOutput(l Line) (*Output, error) {
	if l.Debounce != 0 {
		return nil, fmt.Errorf("%v: only an input can be debounced", l)
	}
	line, offset, err := b.open(l, Line.outputRequest)
	if err != nil {
		return nil, err
	}
	return &Output{name: l.String(), offset: offset, line: line, high: unix.GPIOV2LineValues{Mask: 1, Bits: 1}, low: unix.GPIOV2LineValues{Mask: 1}}, nil
}

// open finds l and requests it.
func (b Board) open(l Line, request func(Line, int) unix.GPIOV2LineRequest) (kernel.Handle, int, error) {
	if err := l.Validate(); err != nil {
		return nil, 0, err
	}
	b = b.withDefaults()
	info, offset, err := b.find(l)
	if err != nil {
		return nil, 0, err
	}
	c, err := b.kernel.OpenChip(info.Path)
	if err != nil {
		return nil, 0, fmt.Errorf("%v: %w", l, explainChip(err))
	}
	defer c.Close() // a requested line outlives the descriptor of its chip
	r := request(l, offset)
	line, err := c.Request(&r)
	if err != nil {
		return nil, 0, fmt.Errorf("%v: %w", l, explainLine(c, offset, err))
	}
	return line, offset, nil
}

// Out sets the logical level. It does not allocate, and does not wait for another Out: one that hangs in a driver must not keep
// the line from being made inert.
func (o *Output) Out(l gpio.Level) error {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.outLocked(l)
}

func (o *Output) outLocked(l gpio.Level) error {
	if o.line == nil {
		return fmt.Errorf("%s: %w", o.name, os.ErrClosed)
	}
	values := &o.low
	if l {
		values = &o.high
	}
	if err := o.line.Set(values); err != nil {
		return fmt.Errorf("%s: %w", o.name, explainChip(err))
	}
	return nil
}

// Close makes the line inert, then releases it. What the level is from then on is up to the chip.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.line == nil {
		return nil
	}
	err := errors.Join(o.outLocked(gpio.Low), o.line.Close())
	o.line = nil
	return err
}

// Halt makes the line inert.
func (o *Output) Halt() error { return o.Out(gpio.Low) }

// PWM always fails.
func (o *Output) PWM(gpio.Duty, physic.Frequency) error { return errNoPWM }

// Name is how the line was named when it was opened.
func (o *Output) Name() string { return o.name }

func (o *Output) String() string { return o.name }

// Number is the offset on the chip.
func (o *Output) Number() int { return o.offset }

// Function never asks the chip: reading an output disturbs it with some drivers.
func (o *Output) Function() string { return "Out" }
