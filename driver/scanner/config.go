package scanner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Parity of the serial line. The zero value is none.
type Parity string

// The parities that barcode modules know.
const (
	ParityNone Parity = "none"
	ParityEven Parity = "even"
	ParityOdd  Parity = "odd"
)

const (
	defaultBaud  = 115200 // at the factory setting of 9600 the wire alone costs 0.7 s per certificate
	accessISBaud = 9600
	minBaud      = 1200
	maxBaud      = 4_000_000

	// minGap is both the default gap at the usual speeds and a compromise: a USB module sends in bursts with pauses of some
	// milliseconds, and a text without terminator waits for the whole gap.
	minGap = 40 * time.Millisecond
	// gapChars is the default gap at low speeds, in characters: no module pauses that long within a text.
	gapChars = 30
	// leastGap is where the kernel's timers begin to cut frames, mostGap where a visitor notices the wait.
	leastGap = 5 * time.Millisecond
	mostGap  = time.Second
)

// Config says where the barcode module is and how it sends. A zero field, Device apart, stands for its default.
// There is no flow control.
type Config struct {
	// Device is the absolute path of the tty, a symbolic link being followed at every opening, or how its USB module is known:
	// "usb:VVVV:PPPP" (vendor and product), "usb-serial:SERIAL" or "usb-port:1-1.2" (where it is plugged in).
	Device string
	// Module is the family of the module, which says how it is set up after each opening and how it is understood.
	// Default: ModuleLine, which sends nothing.
	Module Module

	Baud     int    // bits per second, 1200 to 4000000; default 115200, Access-IS 9600; a USB (CDC-ACM) module ignores it
	DataBits int    // 7 or 8; default 8, ModuleAccessIS 7
	Parity   Parity // default none, ModuleAccessIS even
	StopBits int    // 1 or 2; default 1

	// known is the family that ModuleAuto has found on this port before, ModuleLine if only texts were read; empty if nothing was.
	known Module

	// SameCodeDelay is for how long a module that can be set up does not send the same code again: 100 ms to 12.7 s, default 1 s.
	SameCodeDelay time.Duration

	// NoRead are the messages that the module sends when it has read nothing, which are no frames: up to 32 of 1 to 64 printable
	// characters, in capitals or not. Default: [NoReads]; an empty list that is not nil stands for none.
	NoRead []string

	// Ports is where USB modules are looked for. The zero value is this machine.
	Ports Ports

	// IdleGap is the silence that ends a frame and, after a decision, lets the next one begin: 5 ms to 1 s and at least three
	// characters. Default: 30 characters, at least 40 ms. It is also how long Run may take to return.
	IdleGap time.Duration

	// OnState, if not nil, is called when Up has changed, and once with false if the port cannot be opened at the start. It
	// is called by the goroutine of Run, which reads nothing meanwhile. It is not called because Run ends.
	OnState func(up bool)

	// OnTurn, if not nil, is called whenever the loop of Run comes round: after every idle gap or read, and before every
	// attempt to open the port, which is at most 5 s apart. It proves that Run makes progress.
	OnTurn func()
}

// Validate names every mistake in c and what would be right.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := parseDevice(c.Device); err != nil {
		bad("device %q: %v", c.Device, err)
	}
	if c.Module != "" && !slices.Contains(Modules(), c.Module) {
		bad("module %q: must be one of %s; if you do not know, %q asks the module, and %q suits all that send lines", c.Module,
			quoted(Modules()), ModuleAuto, ModuleLine)
	}
	if c.Baud != 0 && (c.Baud < minBaud || c.Baud > maxBaud) {
		bad("baud %d: must be %d to %d, as the module is set up; 115200 is recommended", c.Baud, minBaud, maxBaud)
	}
	if familyOf(c.Module) != nil && c.Baud != 0 && !slices.Contains(moduleBauds, c.Baud) {
		bad("baud %d: a module %q can be set to 9600, 19200, 38400, 57600 or 115200", c.Baud, c.Module)
	}
	if c.DataBits != 0 && c.DataBits != 7 && c.DataBits != 8 {
		bad("data bits %d: must be 7 or 8", c.DataBits)
	}
	if c.DataBits == 7 && (c.Module == ModuleGM65 || c.Module == ModuleSSI || c.Module == ModuleAuto) {
		bad("data bits 7: module %q sends bytes that need 8", c.Module)
	}
	if c.SameCodeDelay != 0 && (c.SameCodeDelay < leastSameCode || c.SameCodeDelay > mostSameCode) {
		bad("same code delay %v: must be %v to %v", c.SameCodeDelay, leastSameCode, mostSameCode)
	}
	if len(c.NoRead) > maxNoReads {
		bad("no read: %d messages; must be %d at most", len(c.NoRead), maxNoReads)
	}
	for _, message := range c.NoRead {
		if why := validNoRead(message); why != "" {
			bad("no read %q: %s", message, why)
		}
	}
	switch c.Parity {
	case "", ParityNone, ParityEven, ParityOdd:
	default:
		bad("parity %q: must be %q, %q or %q", c.Parity, ParityNone, ParityEven, ParityOdd)
	}
	if c.StopBits != 0 && c.StopBits != 1 && c.StopBits != 2 {
		bad("stop bits %d: must be 1 or 2", c.StopBits)
	}
	if c.IdleGap != 0 && (c.IdleGap < leastGap || c.IdleGap > mostGap) {
		bad("idle gap %v: must be %v to %v", c.IdleGap, leastGap, mostGap)
	} else if d := c.WithDefaults(); len(errs) == 0 && d.IdleGap < d.chars(3) {
		bad("idle gap %v: shorter than three characters at %d baud, it would cut texts; must be at least %v", d.IdleGap, d.Baud,
			d.chars(3).Round(time.Millisecond))
	}
	return errors.Join(errs...)
}

// moduleBauds are the speeds that every family which can be set up knows.
var moduleBauds = []int{9600, 19200, 38400, 57600, 115200}

func quoted(modules []Module) string {
	var words []string
	for _, m := range modules {
		words = append(words, fmt.Sprintf("%q", m))
	}
	return strings.Join(words, ", ")
}

// WithDefaults returns c with every zero field that has a default replaced by it.
func (c Config) WithDefaults() Config {
	if c.Module == "" {
		c.Module = ModuleLine
	}
	if c.Module == ModuleAccessIS {
		if c.DataBits == 0 {
			c.DataBits = 7
		}
		if c.Parity == "" {
			c.Parity = ParityEven
		}
	}
	if c.Baud == 0 {
		c.Baud = defaultBaud
		if c.Module == ModuleAccessIS || c.Module == ModuleAccessISRaw {
			c.Baud = accessISBaud
		}
	}
	if c.NoRead == nil {
		c.NoRead = NoReads()
	}
	if c.SameCodeDelay == 0 {
		c.SameCodeDelay = defaultSameCode
	}
	if c.DataBits == 0 {
		c.DataBits = 8
	}
	if c.Parity == "" {
		c.Parity = ParityNone
	}
	if c.StopBits == 0 {
		c.StopBits = 1
	}
	if c.IdleGap == 0 {
		c.IdleGap = max(minGap, c.chars(gapChars))
	}
	return c
}

// chars returns how long n characters take on the wire: start bit, data, parity, stop bits.
func (c Config) chars(n int) time.Duration {
	bits := 1 + c.DataBits + c.StopBits
	if c.Parity != ParityNone {
		bits++
	}
	return time.Duration(n*bits) * time.Second / time.Duration(c.Baud)
}
