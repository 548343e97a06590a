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
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

var _ gpio.PinOut = (*PWM)(nil)

// Limits of a tone are those of the ear. DefaultTone is where small discs, which resonate at 2 to 4 kHz, are loud already,
// and older ears still hear (ISO 24501:2010, table 1, note b).
const (
	MinTone     = 20 * physic.Hertz
	MaxTone     = 20 * physic.KiloHertz
	DefaultTone = 2500 * physic.Hertz
)

// PWM is a channel of the kernel's PWM class; see the package comment. It is silent, or sounds.
type PWM struct {
	board    Board
	name     string
	dir      string // of the channel
	channel  int
	unexport string // the file that gives the channel back, if it is ours

	mu        sync.Mutex
	enable    io.WriteCloser // nil once closed
	periodNS  io.WriteCloser
	dutyCycle io.WriteCloser
	unset     bool  // it is off and has no period yet
	period    int64 // in nanoseconds, 0 if not known
	buf       [24]byte
}

// OpenPWM exports a channel of a PWM chip, unless it is exported already, and silences it before anything else. The chip is
// the name of a directory in /sys/class/pwm, such as pwmchip0, or better that of the device behind it, such as fe20c000.pwm: the
// numbers change with kernel and probe order. The polarity stays as it is. The channel is not reserved: others can still
// write to it.
func (b Board) OpenPWM(chip string, channel int) (*PWM, error) {
	b = b.withDefaults()
	p := &PWM{board: b, name: fmt.Sprintf("PWM channel %d of %s", channel, chip), channel: channel}
	found, err := b.findPWMChip(chip)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if channel < 0 || channel >= found.Channels {
		return nil, fmt.Errorf("%s: that chip has channels 0 to %d", p.name, found.Channels-1)
	}
	chipDir := filepath.Join(b.PWMDir, found.Name)
	p.dir = filepath.Join(chipDir, "pwm"+strconv.Itoa(channel))
	if err := p.export(chipDir); err != nil {
		return nil, err
	}
	if err := p.open(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// export asks the kernel for the channel, and remembers whether it is ours to give back.
func (p *PWM) export(chipDir string) error {
	if p.exported() {
		return nil
	}
	err := p.board.writeAttribute(filepath.Join(chipDir, "export"), strconv.Itoa(p.channel)+"\n")
	switch {
	case errors.Is(err, unix.EBUSY) && p.exported(): // by somebody else, just now
		return nil
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%s: the kernel uses it itself, as for a fan, a backlight or a pwm-beeper (/sys/kernel/debug/pwm says for what): "+
			"take that out of the device tree, or choose another channel (%w)", p.name, err)
	case err != nil:
		return p.failed("export", err)
	}
	p.unexport = filepath.Join(chipDir, "unexport")
	return nil
}

func (p *PWM) exported() bool {
	_, err := p.board.kernel.ReadAttribute(filepath.Join(p.dir, "enable"))
	return !errors.Is(err, fs.ErrNotExist)
}

// open silences the channel with the first file that it opens.
func (p *PWM) open() error {
	deadline := time.Now().Add(handover)
	for _, a := range []struct {
		file string
		f    *io.WriteCloser
	}{{"enable", &p.enable}, {"period", &p.periodNS}, {"duty_cycle", &p.dutyCycle}} {
		f, err := p.openFile(a.file, deadline)
		if err != nil {
			return err
		}
		*a.f = f
		if a.f == &p.enable {
			if err := p.firstSilence(); err != nil {
				return err
			}
		}
	}
	return nil
}

// openFile opens a file that may have appeared with the export.
func (p *PWM) openFile(file string, deadline time.Time) (io.WriteCloser, error) {
	for ; ; time.Sleep(10 * time.Millisecond) {
		f, err := p.board.kernel.OpenAttribute(filepath.Join(p.dir, file))
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) || !time.Now().Before(deadline) {
			return nil, p.failed(file, err)
		}
	}
}

// firstSilence is silence for a channel that may have no period yet. Linux 5.10 and others after it refuse every write that leaves
// a channel without one, enable 0 included (drivers/pwm/core.c, pwm_apply_state); such a channel is off.
func (p *PWM) firstSilence() error {
	err := p.silenceLocked()
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	if on, readErr := p.board.kernel.ReadAttribute(filepath.Join(p.dir, "enable")); readErr != nil || on != "0" {
		return err
	}
	p.unset = true
	return nil
}

// Out sounds at [DefaultTone], or silences. It does not allocate.
func (p *PWM) Out(level gpio.Level) error {
	if level {
		return p.PWM(gpio.DutyHalf, DefaultTone)
	}
	return p.PWM(0, 0)
}

// PWM sounds at f, which is [MinTone] to [MaxTone]; a duty or a frequency of 0 silences. A tone that cannot be
// made is silence, not the tone before. It does not allocate.
func (p *PWM) PWM(duty gpio.Duty, f physic.Frequency) error {
	if !duty.Valid() {
		return fmt.Errorf("%s: a duty of %d: must be 0 to %d", p.name, duty, gpio.DutyMax)
	}
	if f != 0 && (f < MinTone || f > MaxTone) {
		return fmt.Errorf("%s: a tone of %v: must be %v to %v, or 0 for silence", p.name, f, MinTone, MaxTone)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.enable == nil:
		return fmt.Errorf("%s: %w", p.name, os.ErrClosed)
	case duty == 0 || f == 0:
		return p.silenceLocked()
	}
	period := int64(f.Period())
	if err := p.setLocked(period, period*int64(duty)/int64(gpio.DutyMax)); err != nil {
		p.period = 0
		_ = p.silenceLocked() // rather than the tone before, which says something else
		return err
	}
	return p.write(p.enable, "enable", 1)
}

// setLocked never asks for more on-time than the period has, not even between two writes: the kernel would refuse it.
func (p *PWM) setLocked(period, on int64) error {
	if p.period == 0 && !p.unset {
		if err := p.write(p.dutyCycle, "duty_cycle", 0); err != nil {
			return err
		}
	}
	if period < p.period {
		if err := p.write(p.dutyCycle, "duty_cycle", on); err != nil {
			return err
		}
		if err := p.write(p.periodNS, "period", period); err != nil {
			return err
		}
	} else {
		if err := p.write(p.periodNS, "period", period); err != nil {
			return err
		}
		p.unset = false
		if err := p.write(p.dutyCycle, "duty_cycle", on); err != nil {
			return err
		}
	}
	p.period = period
	return nil
}

func (p *PWM) silenceLocked() error {
	if p.unset {
		return nil
	}
	return p.write(p.enable, "enable", 0)
}

// Halt silences.
func (p *PWM) Halt() error { return p.Out(gpio.Low) }

// Close silences, closes the files, and gives the channel back if OpenPWM took it.
func (p *PWM) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.enable == nil {
		return nil
	}
	return errors.Join(p.silenceLocked(), p.close())
}

// close does all it can, whatever fails on the way.
func (p *PWM) close() error {
	var errs []error
	for _, f := range []*io.WriteCloser{&p.enable, &p.periodNS, &p.dutyCycle} {
		if *f != nil {
			errs = append(errs, (*f).Close())
			*f = nil
		}
	}
	if p.unexport != "" {
		if err := p.board.writeAttribute(p.unexport, strconv.Itoa(p.channel)+"\n"); err != nil {
			errs = append(errs, p.failed("unexport", err))
		}
	}
	return errors.Join(errs...)
}

func (p *PWM) write(f io.Writer, file string, value int64) error {
	if _, err := f.Write(append(strconv.AppendInt(p.buf[:0], value, 10), '\n')); err != nil {
		return p.failed(file, err)
	}
	return nil
}

func (p *PWM) failed(file string, err error) error {
	return fmt.Errorf("%s: %s: %w", p.name, file, explainPWM(err))
}

// Name is how the channel was named when it was opened.
func (p *PWM) Name() string { return p.name }

func (p *PWM) String() string { return p.name }

// Number is the channel on the chip.
func (p *PWM) Number() int { return p.channel }

// Function is always PWM.
func (p *PWM) Function() string { return "PWM" }
