// Package output names what the gate drives, and records it for the command that makes it inert.
//
// It must never know the configuration: the record outlives a configuration that is broken. It decides nothing: an
// output is inert once it is open.
package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gatescan/driver/flash"
	"gatescan/driver/gpio"

	"golang.org/x/sys/unix"
)

// recordFile is the record of the outputs in the runtime directory.
const recordFile = "outputs.json"

// Limits of it.
const (
	maxOutputs    = 64
	maxRecord     = 32 << 10
	maxLineName   = 31 // GPIO_MAX_NAME_SIZE of linux/gpio.h, less the final NUL
	maxPWMChannel = 255
	maxLEDName    = 63 // LED_MAX_NAME_SIZE of linux/uleds.h, less the final NUL
)

// Output is one thing that the gate drives, as far as one must know it to make it inert.
type Output struct {
	Kind      Kind   `json:"kind"`
	Chip      string `json:"chip,omitempty"`       // line: label of the chip, or its path; pwm: its name, or that of its device
	Offset    int    `json:"offset"`               // line: on the chip; pwm: the channel
	ActiveLow bool   `json:"active_low,omitempty"` // line
	Name      string `json:"name,omitempty"`       // led, oneshot: in /sys/class/leds; line: instead of the offset
}

// Kind says how an output is driven.
type Kind string

const (
	Line      Kind = "line"      // of a GPIO chip
	LED       Kind = "led"       // of the LED class
	Oneshot   Kind = "oneshot"   // of the LED class, with pulses that the kernel ends
	PWM       Kind = "pwm"       // a channel of the PWM class, for a buzzer of two tones
	Simulated Kind = "simulated" // nothing
)

func (o Output) String() string {
	switch o.Kind {
	case Line:
		return o.Line().String()
	case LED, Oneshot:
		return string(o.Kind) + " " + o.Name
	case PWM:
		return string(o.Kind) + " " + o.Chip + " " + strconv.Itoa(o.Offset)
	}
	return string(o.Kind)
}

func (o Output) Line() gpio.Line {
	return gpio.Line{Chip: o.Chip, Offset: o.Offset, Name: o.Name, ActiveLow: o.ActiveLow}
}

// Validate refuses what no output can be; above all names that lead to other files, which root may be about to open.
func (o Output) Validate() error {
	switch o.Kind {
	case Line:
		if len(o.Chip) > maxLineName || len(o.Name) > maxLineName {
			return fmt.Errorf("no chip and no line has a name of more than %d bytes", maxLineName)
		}
		if strings.Contains(o.Chip, "/") && (!strings.HasPrefix(o.Chip, "/dev/gpiochip") || strings.Count(o.Chip, "/") > 2) {
			return fmt.Errorf("%.40q is no GPIO chip; there are labels, and /dev/gpiochipN", o.Chip)
		}
		return o.Line().Validate()
	case LED, Oneshot:
		if o != (Output{Kind: o.Kind, Name: o.Name}) {
			return fmt.Errorf("a %s has a name and nothing else", o.Kind)
		}
		if o.Name == "" || len(o.Name) > maxLEDName || o.Name == "." || o.Name == ".." || strings.ContainsAny(o.Name, "/\x00") {
			return fmt.Errorf("%.40q cannot be the name of a LED", o.Name)
		}
		return nil
	case PWM:
		if o != (Output{Kind: o.Kind, Chip: o.Chip, Offset: o.Offset}) {
			return errors.New("a pwm has a chip, a channel and nothing else")
		}
		if o.Chip == "" || len(o.Chip) > maxLEDName || o.Chip == "." || o.Chip == ".." || strings.ContainsAny(o.Chip, "/\x00") {
			return fmt.Errorf("%.40q cannot be the name of a PWM chip", o.Chip)
		}
		if o.Offset < 0 || o.Offset > maxPWMChannel {
			return fmt.Errorf("%d cannot be a channel of a PWM chip", o.Offset)
		}
		return nil
	case Simulated:
		if o != (Output{Kind: o.Kind}) {
			return fmt.Errorf("a %s output has nothing else", o.Kind)
		}
		return nil
	}
	return fmt.Errorf("%.40q is no kind of output", string(o.Kind))
}

// Open takes the output, which makes it inert. Closing it leaves it inert.
func (o Output) Open(board gpio.Board) (io.Closer, error) {
	switch o.Kind {
	case Line:
		return board.OpenOutput(o.Line())
	case LED:
		return board.OpenLED(o.Name)
	case Oneshot:
		return board.OpenOneshot(o.Name)
	case PWM:
		return board.OpenPWM(o.Chip, o.Offset)
	case Simulated:
		return io.NopCloser(nil), nil
	}
	return nil, o.Validate()
}

// Write records what the daemon is about to drive, before it does: so that it can be made inert whatever becomes
// of the daemon and of its configuration. The record is whole or the old one.
func Write(dir flash.Disk, outputs []Output) error {
	if err := validateAll(outputs); err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	data, err := json.Marshal(outputs)
	if err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	if err := (flash.Writer{Disk: dir, Access: flash.Public}).Replace(recordFile, append(data, '\n')); err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	return nil
}

// Read reads what the daemon that last ran on this runtime directory drives.
func Read(dir string) ([]Output, error) {
	path := filepath.Join(dir, recordFile)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("outputs: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return nil, fmt.Errorf("outputs: %w", err)
	}
	if len(data) > maxRecord {
		return nil, fmt.Errorf("outputs: %s is larger than %d bytes", path, maxRecord)
	}
	outputs, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("outputs: %s: %w", path, err)
	}
	return outputs, nil
}

func parse(data []byte) (outputs []Output, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&outputs); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the list")
	}
	return outputs, validateAll(outputs)
}

func validateAll(outputs []Output) error {
	if len(outputs) == 0 || len(outputs) > maxOutputs {
		return fmt.Errorf("%d outputs; there must be 1 to %d", len(outputs), maxOutputs)
	}
	for i, o := range outputs {
		if err := o.Validate(); err != nil {
			return fmt.Errorf("output %d: %w", i+1, err)
		}
	}
	return nil
}
