package drivertest

import (
	"fmt"
	"slices"
	"time"
)

// dataRegister is PL061 GPIODATA with every line unmasked (ARM DDI 0190B, 3.3.1).
const dataRegister = 0x09030000 + 0xff<<2

// Set drives a line from outside. If the guest listens for the edge it gets it.
func (b *Board) Set(line int, high bool) error {
	level := 0
	if high {
		level = 1
	}
	_, err := b.qtest.ask("set_irq_in %s unnamed-gpio-in %d %d", b.pins, line, level)
	return err
}

// Level reads what a line is now, input or output.
func (b *Board) Level(line int) (high bool, err error) {
	data, err := b.qtest.read32(dataRegister)
	return data>>line&1 == 1, err
}

// Mark is the number of changes so far: where a test begins to look.
func (b *Board) Mark() int { return b.changes.len() }

// Changes returns every change of a line from a mark on. If the recording has ended, as it does with the board, there is an
// error too, since nothing can be said of what did not happen.
func (b *Board) Changes(from, line int) ([]Change, error) {
	all, err := b.changes.since(from)
	return slices.DeleteFunc(all, func(c Change) bool { return c.Line != line }), err
}

// Next waits for the first change of a line to that level, from a mark on.
func (b *Board) Next(from, line int, high bool, timeout time.Duration) (Change, error) {
	c, err := b.changes.await(from, timeout, func(c Change) bool { return c.Line == line && c.High == high })
	if err != nil {
		seen, _ := b.changes.since(from)
		err = fmt.Errorf("line %d high=%t: %w; seen: %v", line, high, err, seen)
	}
	return c, err
}
