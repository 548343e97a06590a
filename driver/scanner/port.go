package scanner

import (
	"errors"
	"fmt"

	"go.bug.st/serial"
)

// port is what a Reader needs of an open tty. Its Read returns 0, nil when nothing came for one idle gap. One goroutine alone
// uses it, Close included: [serial.Port] closes the descriptor before it wakes the reader, who might then read
// from whatever file was opened under the same number.
type port interface {
	Read(b []byte) (int, error)
	ResetInputBuffer() error
	Close() error
}

// openPort opens c.Device in raw mode. The library's listing of ports is never used: it opens and reprograms every tty it finds.
func openPort(c Config) (port, error) {
	p, err := serial.Open(c.Device, c.mode())
	if err != nil {
		return nil, explain(err)
	}
	if err := p.SetReadTimeout(c.IdleGap); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// mode expects the defaults to be filled in.
func (c Config) mode() *serial.Mode {
	m := &serial.Mode{BaudRate: c.Baud, DataBits: c.DataBits}
	switch c.Parity {
	case ParityEven:
		m.Parity = serial.EvenParity
	case ParityOdd:
		m.Parity = serial.OddParity
	}
	if c.StopBits == 2 {
		m.StopBits = serial.TwoStopBits
	}
	return m
}

// read is p.Read, which panics on a descriptor of 1024 or more because it waits with select(2). That many can be
// open when a flood of network clients meets a replugged module, and both will pass.
func read(p port, b []byte) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, fmt.Errorf("reading failed, perhaps because 1024 or more files are open: %v", v)
		}
	}()
	n, err = p.Read(b)
	return n, explain(err)
}

// explain adds what to do to those errors that the library words for programmers.
func explain(err error) error {
	pe, ok := errors.AsType[*serial.PortError](err)
	if !ok {
		return err
	}
	switch pe.Code() {
	case serial.PortClosed: // nobody but us closes it, and then nobody reads
		return errors.New("the device went away: check cable and power of the module")
	case serial.PortBusy:
		return errors.New("another program uses the port: look for a getty or modem manager on it")
	case serial.PermissionDenied:
		return errors.New("no permission: put the user that runs this into the group that owns the device, often dialout")
	case serial.InvalidSerialPort, serial.InvalidSpeed:
		return fmt.Errorf("not usable as a serial port: %w", err)
	}
	return err
}
