package gpio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

var _ gpio.PinOut = (*LED)(nil)

// LED is an output that the kernel knows as an LED. What it is wired to is another matter.
type LED struct {
	name string
	on   []byte

	mu         sync.Mutex
	brightness io.WriteCloser // nil once closed
}

// ledOff is brightness 0. Whatever trigger drives the LED, this ends it (drivers/leds/led-class.c, brightness_store).
var ledOff = []byte("0\n")

// OpenLED takes an LED from whatever trigger drives it and switches it off. It is not reserved: others can still write to it.
func (b Board) OpenLED(name string) (*LED, error) {
	b = b.withDefaults()
	dir, err := b.ledDir(name)
	if err != nil {
		return nil, err
	}
	full, err := b.maxBrightness(dir)
	if err != nil {
		return nil, b.noLED(name, err)
	}
	if err := b.writeAttribute(filepath.Join(dir, "trigger"), "none\n"); err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without triggers
		return nil, fmt.Errorf("LED %s: trigger: %w", name, explainLED(err))
	}
	brightness, err := b.kernel.OpenAttribute(filepath.Join(dir, "brightness"))
	if err != nil {
		return nil, b.noLED(name, err)
	}
	l := &LED{name: name, on: strconv.AppendInt(nil, int64(full), 10), brightness: brightness}
	l.on = append(l.on, '\n')
	if err := l.Halt(); err != nil {
		_ = brightness.Close()
		return nil, err
	}
	return l, nil
}

// maxBrightness is what the kernel calls LED_FULL for this LED: 1 for one on a GPIO line.
func (b Board) maxBrightness(dir string) (int, error) {
	s, err := b.kernel.ReadAttribute(filepath.Join(dir, "max_brightness"))
	if err != nil {
		return 0, err
	}
	full, err := strconv.Atoi(s)
	if err != nil || full < 1 {
		return 0, fmt.Errorf("max_brightness is %.20q, must be a number above 0", s)
	}
	return full, nil
}

func (b Board) writeAttribute(path, value string) error {
	f, err := b.kernel.OpenAttribute(path)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(value))
	return errors.Join(err, f.Close())
}

// noLED explains why an LED cannot be opened, and lists the LEDs if it is not among them.
func (b Board) noLED(name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("LED %s: %w", name, explainLED(err))
	}
	names, _ := b.kernel.LEDNames(b.LEDDir) // without it the message says "none", which is how it looks from here
	return &causedError{fmt.Errorf("LED %s: not in %s, where there are: %s", name, b.LEDDir, list(names)), err}
}

// Out switches the LED. It does not allocate.
func (l *LED) Out(level gpio.Level) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.brightness == nil {
		return fmt.Errorf("LED %s: %w", l.name, os.ErrClosed)
	}
	value := ledOff
	if level {
		value = l.on
	}
	if _, err := l.brightness.Write(value); err != nil {
		return fmt.Errorf("LED %s: brightness: %w", l.name, explainLED(err))
	}
	return nil
}

// Halt switches the LED off.
func (l *LED) Halt() error { return l.Out(gpio.Low) }

// Close switches the LED off and closes its file.
func (l *LED) Close() error {
	err := l.Out(gpio.Low)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.brightness == nil {
		return nil
	}
	err = errors.Join(err, l.brightness.Close())
	l.brightness = nil
	return err
}

// PWM always fails.
func (l *LED) PWM(gpio.Duty, physic.Frequency) error { return errNoPWM }

// Name is the name in /sys/class/leds.
func (l *LED) Name() string { return l.name }

func (l *LED) String() string { return "LED " + l.name }

// Number is -1: an LED has none.
func (l *LED) Number() int { return -1 }

// Function is always Out.
func (l *LED) Function() string { return "Out" }
