package module

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wire is a pseudo terminal that behaves like a serial line.
type wire struct {
	master, slave *os.File // the slave is held so that the line stays up while nobody has opened it
	usb           bool
	trace         func(toHost bool, b []byte)
	tracing       sync.Mutex
	unplugged     chan struct{}
	once          sync.Once
}

var errUnplugged = errors.New("the module was unplugged")

func (w *wire) close() {
	w.once.Do(func() {
		close(w.unplugged)
		_ = w.master.Close()
		_ = w.slave.Close()
	})
}

// pollable takes over a terminal, so that closing it ends a read that is under way.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func (w *wire) termios(change func(*unix.Termios) bool) (t unix.Termios, err error) {
	raw, err := w.slave.SyscallConn()
	if err != nil {
		return t, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		var got *unix.Termios
		if got, err = unix.IoctlGetTermios(int(fd), unix.TCGETS); err != nil {
			return
		}
		if t = *got; change(&t) {
			err = unix.IoctlSetTermios(int(fd), unix.TCSETS, &t)
		}
	})
	return t, errors.Join(controlErr, err)
}

// raw keeps the terminal from echoing to the module, until the host opens it and does the same.
func (w *wire) raw() error {
	_, err := w.termios(func(t *unix.Termios) bool {
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		return true
	})
	return err
}

// bauds are the speeds that modules and hosts have.
var bauds = map[uint32]int{
	unix.B1200: 1200, unix.B2400: 2400, unix.B4800: 4800, unix.B9600: 9600, unix.B19200: 19200, unix.B38400: 38400,
	unix.B57600: 57600, unix.B115200: 115200,
}

// agrees reports whether the host has set the line as the module has. A pseudo terminal keeps no parity; that it is checked does.
func (w *wire) agrees(baud int, parity bool) bool {
	if w.usb {
		return true
	}
	t, err := w.termios(func(*unix.Termios) bool { return false })
	return err == nil && bauds[t.Cflag&unix.CBAUD] == baud && (t.Iflag&unix.INPCK != 0) == parity
}

// garbage is what arrives of a byte at the wrong speed.
func garbage(c byte) byte { return c<<3 ^ 0xF8 ^ c>>4 }

// heard is what the module makes of bytes of the host.
func (w *wire) heard(b []byte, baud int, parity bool) []byte {
	w.tell(false, b)
	if w.agrees(baud, parity) {
		return b
	}
	for i, c := range b {
		b[i] = garbage(c)
	}
	return b
}

// send puts bytes on the wire, each when the one before has crossed it: start bit, 8 bits or 7 and a parity bit, stop bit.
func (w *wire) send(b []byte, baud int, parity bool) error {
	w.tell(true, b)
	perByte := 10 * time.Second / time.Duration(baud)
	if w.usb {
		perByte = 0
	}
	began := time.Now()
	for sent := 0; sent < len(b); {
		due := len(b)
		if perByte > 0 {
			due = min(len(b), int(time.Since(began)/perByte))
		}
		if due == sent {
			select {
			case <-w.unplugged:
				return errUnplugged
			case <-time.After(max(perByte, time.Millisecond)):
			}
			continue
		}
		part := append([]byte(nil), b[sent:due]...)
		if !w.agrees(baud, parity) {
			for i, c := range part {
				part[i] = garbage(c)
			}
		}
		if _, err := w.master.Write(part); err != nil {
			return errUnplugged
		}
		sent = due
	}
	return nil
}

func (w *wire) tell(toHost bool, b []byte) {
	if w.trace == nil {
		return
	}
	w.tracing.Lock()
	defer w.tracing.Unlock()
	w.trace(toHost, b)
}
