package scanner

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// port is what a Reader needs of an open tty. Its Read returns 0, nil when nothing came for the read time-out. One goroutine alone
// uses it, Close included: [serial.Port] closes the descriptor before it wakes the reader, who might then read
// from whatever file was opened under the same number.
type port interface {
	Read(b []byte) (int, error)
	Write(b []byte) (int, error) // never waits: what the port does not take at once is not sent
	SetBaud(baud int) error
	SetReadTimeout(d time.Duration) error
	ResetInputBuffer() error
	Close() error
}

// tty is a serial port under a lock that keeps a second program from reading the same module. The library sets TIOCEXCL, which root
// ignores.
type tty struct {
	serial.Port
	config Config
	own    int // a second descriptor: it holds the lock, and writes without waiting, as the library cannot
}

// openPort opens c.Device in raw mode. The library's listing of ports is never used: it opens and reprograms every tty it finds.
func openPort(c Config) (port, error) {
	own, err := unix.Open(c.Device, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, explain(&fs.PathError{Op: "open", Path: c.Device, Err: err})
	}
	t := &tty{config: c, own: own}
	if err := t.open(); err != nil {
		_ = unix.Close(own)
		return nil, err
	}
	return t, nil
}

func (t *tty) open() (err error) {
	switch err := unix.Flock(t.own, unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return errLocked
	case err != nil:
		return fmt.Errorf("locking %s: %w", t.config.Device, err)
	}
	// By its descriptor, so that it is the port that was locked: a link may lead elsewhere by now.
	if t.Port, err = serial.Open(fmt.Sprintf("/proc/self/fd/%d", t.own), t.config.mode()); err != nil {
		return explain(err)
	}
	if err := t.Port.SetReadTimeout(t.config.IdleGap); err != nil {
		_ = t.Port.Close()
		return err
	}
	return nil
}

var errLocked = errors.New("another program has locked the port: perhaps a second gatescan, or a terminal program")

func (t *tty) Write(b []byte) (int, error) {
	n, err := unix.Write(t.own, b)
	if errors.Is(err, unix.EAGAIN) { // full: the device takes nothing
		err = nil
	}
	return max(n, 0), explain(err)
}

func (t *tty) SetBaud(baud int) error {
	if baud == t.config.Baud {
		return nil
	}
	t.config.Baud = baud
	return explain(t.SetMode(t.config.mode()))
}

func (t *tty) Close() error { return errors.Join(t.Port.Close(), unix.Close(t.own)) }

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

// explain adds what to do to those errors that the kernel and the library word for programmers.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EBUSY):
		return errBusy
	case errors.Is(err, fs.ErrPermission):
		return errPermission
	}
	pe, ok := errors.AsType[*serial.PortError](err)
	if !ok {
		return err
	}
	switch pe.Code() {
	case serial.PortClosed: // nobody but us closes it, and then nobody reads
		return errors.New("the device went away: check cable and power of the module")
	case serial.PortBusy:
		return errBusy
	case serial.PermissionDenied:
		return errPermission
	case serial.InvalidSerialPort, serial.InvalidSpeed:
		return fmt.Errorf("not usable as a serial port: %w", err)
	}
	return err
}

var (
	errBusy       = errors.New("another program uses the port: look for a getty or modem manager on it")
	errPermission = errors.New("no permission: put the user that runs this into the group that owns the device, often dialout")
)
