package gpio

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"gatescan/driver/gpio/internal/kernel"

	"periph.io/x/conn/v3/gpio"
)

// Bias is the resistor of a line. The zero value leaves it as it is. A chip without such resistors ignores the wish, and
// the kernel does not tell.
type Bias uint8

// The biases that the kernel knows.
const (
	BiasAsIs Bias = iota
	BiasDisabled
	BiasPullUp
	BiasPullDown

	numBiases
)

var biases = [numBiases]struct {
	text string
	flag uint64
	pull gpio.Pull
}{
	BiasAsIs:     {"as-is", 0, gpio.PullNoChange},
	BiasDisabled: {"disabled", kernel.FlagBiasDisabled, gpio.Float},
	BiasPullUp:   {"pull-up", kernel.FlagBiasPullUp, gpio.PullUp},
	BiasPullDown: {"pull-down", kernel.FlagBiasPullDown, gpio.PullDown},
}

// String is the word for b in configuration files.
func (b Bias) String() string {
	if b >= numBiases {
		return fmt.Sprintf("bias %d", uint8(b))
	}
	return biases[b].text
}

// MarshalText is String, for encoders.
func (b Bias) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads as-is, disabled, pull-up or pull-down.
func (b *Bias) UnmarshalText(text []byte) error {
	for i := range numBiases {
		if biases[i].text == string(text) {
			*b = i
			return nil
		}
	}
	return fmt.Errorf("bias %q: must be as-is, disabled, pull-up or pull-down", text)
}

// maxDebounce is far beyond any contact, and within the kernel's 32 bits of microseconds.
const maxDebounce = 10 * time.Second

// Line names one line of a board and says how it is wired.
type Line struct {
	Chip      string        // label of the chip, such as 9030000.pl061, or the absolute path of its device
	Offset    int           // of the line on the chip
	Name      string        // of the line, instead of an offset; unique on Chip, or on the whole board if Chip is empty
	ActiveLow bool          // the physical low level is the active one
	Bias      Bias          // resistor
	Debounce  time.Duration // for inputs: how long a level must hold, up to 10 s, in steps of 1 µs; 0 for not at all
}

// Validate names every mistake in l and what would be right.
func (l Line) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case l.Name == "" && l.Chip == "":
		bad("no line given: name a chip and an offset, or a line")
	case l.Name != "" && l.Offset != 0:
		bad("line %q: give a name or an offset (%d), not both", l.Name, l.Offset)
	case l.Offset < 0:
		bad("%v: an offset begins at 0", l)
	}
	if l.Bias >= numBiases {
		bad("%v: %v is unknown", l, l.Bias)
	}
	if l.Debounce < 0 || l.Debounce > maxDebounce || l.Debounce%time.Microsecond != 0 {
		bad("%v: debounce %v: must be 0 to %v in whole microseconds", l, l.Debounce, maxDebounce)
	}
	return errors.Join(errs...)
}

// String names the line for a message.
func (l Line) String() string {
	var b strings.Builder
	if l.Name != "" {
		fmt.Fprintf(&b, "line %q", l.Name)
	} else {
		fmt.Fprintf(&b, "line %d", l.Offset)
	}
	if l.Chip != "" {
		fmt.Fprintf(&b, " of %s", l.Chip)
	}
	return b.String()
}

// isPath tells the path of a chip from its label. A label may hold a slash, but does not begin with one.
func (l Line) isPath() bool { return filepath.IsAbs(l.Chip) }
