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
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3"
)

var _ conn.Resource = (*Oneshot)(nil)

var (
	// ErrPulsing means that the pulse before is not over, so the kernel would ignore this one.
	ErrPulsing = errors.New("gpio: the pulse before is not over")

	// ErrReleased means that Halt or Close was called.
	ErrReleased = errors.New("gpio: the output was released and gives no pulses until it is armed again")
)

// Limits of a pulse.
const (
	MinPulse = time.Millisecond
	MaxPulse = 10 * time.Second
)

const (
	// slack is what a pulse takes beyond its time and an eighth of it: up to a tick before it, the rounding of
	// both delays, and delay_off. That is 4 ticks, 40 ms at 100 Hz.
	slack = 50 * time.Millisecond

	// handover is how long udev may take to hand over the files of a trigger that was just set. It may be busy with the
	// devices of the whole board.
	handover = 5 * time.Second
)

// Oneshot is an LED whose pulses the kernel ends; see the package comment.
type Oneshot struct {
	board     Board
	name, dir string

	mu         sync.Mutex
	brightness io.WriteCloser // nil once closed
	trigger    io.WriteCloser
	delayOn    io.WriteCloser // nil unless armed
	shot       io.WriteCloser // nil unless armed
	ms         int64          // what delay_on is, 0 if not known
	until      time.Time      // no pulse is in progress from then on
	buf        [24]byte
}

// OpenOneshot makes an LED inert, ending any pulse in progress, and sets its trigger. It is not reserved: others can
// still write to it.
func (b Board) OpenOneshot(name string) (*Oneshot, error) {
	b = b.withDefaults()
	dir, err := b.ledDir(name)
	if err != nil {
		return nil, err
	}
	o := &Oneshot{board: b, name: name, dir: dir}
	if o.brightness, err = b.kernel.OpenAttribute(filepath.Join(dir, "brightness")); err != nil {
		return nil, b.noLED(name, err)
	}
	if o.trigger, err = b.kernel.OpenAttribute(filepath.Join(dir, "trigger")); err != nil {
		_ = o.brightness.Close()
		return nil, o.failed("trigger", err)
	}
	if err := o.Arm(); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// Arm makes the output inert and ready for pulses, also after Halt or when somebody else took the trigger away.
func (o *Oneshot) Arm() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.brightness == nil {
		return fmt.Errorf("LED %s: %w", o.name, os.ErrClosed)
	}
	if err := o.disarmLocked(); err != nil {
		return err
	}
	if err := o.write(o.trigger, "trigger", []byte("oneshot\n")); err != nil {
		if errors.Is(err, unix.EINVAL) {
			return &causedError{fmt.Errorf("LED %s: the kernel has no trigger \"oneshot\": load the module ledtrig-oneshot", o.name), err}
		}
		return err
	}
	for _, a := range []struct{ file, value string }{
		{"invert", "0\n"}, // switches off at once; nothing is pending now
		{"delay_off", "1\n"},
	} {
		f, err := o.openTriggerFile(a.file)
		if err != nil {
			return err
		}
		err = errors.Join(o.write(f, a.file, []byte(a.value)), f.Close())
		if err != nil {
			return err
		}
	}
	delayOn, err := o.openTriggerFile("delay_on")
	if err != nil {
		return err
	}
	shot, err := o.openTriggerFile("shot")
	if err != nil {
		return errors.Join(err, delayOn.Close())
	}
	o.delayOn, o.shot = delayOn, shot
	return nil
}

// openTriggerFile opens a file that appeared with the trigger.
func (o *Oneshot) openTriggerFile(file string) (io.WriteCloser, error) {
	for deadline := time.Now().Add(handover); ; time.Sleep(10 * time.Millisecond) {
		f, err := o.board.kernel.OpenAttribute(filepath.Join(o.dir, file))
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrPermission) || !time.Now().Before(deadline) {
			return nil, o.failed(file, err)
		}
	}
}

// Pulse switches the output on and lets the kernel switch it off after length, which is rounded up to milliseconds. It returns
// at once, with [ErrPulsing] if nothing happens because a pulse is in progress. It does not allocate.
func (o *Oneshot) Pulse(length time.Duration) error {
	if length < MinPulse || length > MaxPulse {
		return fmt.Errorf("LED %s: a pulse of %v: must be %v to %v", o.name, length, MinPulse, MaxPulse)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.shot == nil:
		return ErrReleased
	case time.Now().Before(o.until):
		return ErrPulsing
	}
	if ms := int64((length + time.Millisecond - 1) / time.Millisecond); ms != o.ms {
		o.ms = 0
		if err := o.write(o.delayOn, "delay_on", append(strconv.AppendInt(o.buf[:0], ms, 10), '\n')); err != nil {
			return err
		}
		o.ms = ms
	}
	err := o.write(o.shot, "shot", shoot)
	o.until = time.Now().Add(length + length/8 + slack) // whatever the error: the kernel may have understood
	return err
}

var shoot = []byte("1\n")

// Busy says that a pulse may be in progress. It is reckoned from above, an eighth of the length and 50 ms longer than the
// pulse should be: within that the kernel might still ignore another one.
func (o *Oneshot) Busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Now().Before(o.until)
}

// Halt makes the output inert at once, also during a pulse. There are no more pulses until Arm. It may be called again.
func (o *Oneshot) Halt() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.brightness == nil {
		return nil
	}
	return o.disarmLocked()
}

// disarmLocked does all it can, whatever fails on the way.
func (o *Oneshot) disarmLocked() error {
	off := o.write(o.brightness, "brightness", ledOff)
	none := o.write(o.trigger, "trigger", []byte("none\n"))
	if o.shot != nil { // these files are gone with the trigger
		_, _ = o.delayOn.Close(), o.shot.Close()
	}
	o.delayOn, o.shot, o.ms, o.until = nil, nil, 0, time.Time{}
	return errors.Join(off, none)
}

// Close is Halt, and closes the files.
func (o *Oneshot) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.brightness == nil {
		return nil
	}
	err := errors.Join(o.disarmLocked(), o.brightness.Close(), o.trigger.Close())
	o.brightness, o.trigger = nil, nil
	return err
}

func (o *Oneshot) write(f io.Writer, file string, value []byte) error {
	if _, err := f.Write(value); err != nil {
		return o.failed(file, err)
	}
	return nil
}

func (o *Oneshot) failed(file string, err error) error {
	return fmt.Errorf("LED %s: %s: %w", o.name, file, explainLED(err))
}

// Name is the name in /sys/class/leds.
func (o *Oneshot) Name() string { return o.name }

func (o *Oneshot) String() string { return "LED " + o.name }
