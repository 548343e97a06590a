package gpiotest

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"gatescan/driver/gpio/internal/kernel"
)

// What is closed does nothing more, and says so: with a kernel it would be another file by then, or none.
func TestClosed(t *testing.T) {
	sim := New("soc", 2, nil)
	sim.AddLED("relay")
	sim.AddPWM("pwmchip0", "", 1)
	k := sim.Kernel()
	chip, err := k.OpenChip("/dev/gpiochip0")
	if err != nil {
		t.Fatal(err)
	}
	wanted := unix.GPIOV2LineRequest{Num_lines: 1, Config: unix.GPIOV2LineConfig{Flags: kernel.FlagOutput}}
	line, err := chip.Request(&wanted)
	if err != nil {
		t.Fatal(err)
	}
	attribute := func(path string) io.WriteCloser {
		f, err := k.OpenAttribute(path)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	brightness, export := attribute("/sys/class/leds/relay/brightness"), attribute("/sys/class/pwm/pwmchip0/export")
	if err := line.Set(&unix.GPIOV2LineValues{Mask: 1, Bits: 1}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []io.Closer{line, chip, brightness, export} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	written := func(f io.Writer) error { _, err := f.Write([]byte("0\n")); return err }
	_, requestErr := chip.Request(&wanted)
	_, readErr := line.Read(make([]byte, 48))
	for name, err := range map[string]error{
		"set":         line.Set(&unix.GPIOV2LineValues{Mask: 1}),
		"get":         line.Get(&unix.GPIOV2LineValues{Mask: 1}),
		"read":        readErr,
		"close":       line.Close(),
		"chip info":   chip.Info(new(unix.GPIOChipInfo)),
		"line info":   chip.LineInfo(new(unix.GPIOV2LineInfo)),
		"request":     requestErr,
		"chip close":  chip.Close(),
		"brightness":  written(brightness),
		"export":      written(export),
		"file close":  brightness.Close(),
		"export, too": export.Close(),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if !sim.Level(0) {
		t.Error("the line moved after it was closed")
	}
}
