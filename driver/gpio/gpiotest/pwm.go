package gpiotest

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/physic"
)

// pwmChip follows drivers/pwm/core.c and its sysfs part as of Linux 5.10, which refuses more than later kernels do.
type pwmChip struct {
	device   string
	channels []pwmChannel
}

type pwmChannel struct {
	exported bool
	epoch    int    // counts exports
	user     string // in the kernel; "" if there is none
	enabled  bool
	period   uint64 // ns
	duty     uint64 // ns
	tone     physic.Frequency
}

// AddPWM adds a PWM chip, such as pwmchip0, of a device, such as fe20c000.pwm. Its channels are silent and not exported.
func (s *Sim) AddPWM(chip, device string, channels int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pwms[chip] = &pwmChip{device: device, channels: make([]pwmChannel, channels)}
}

// TakePWM lets the kernel use a channel itself; with an empty user it is free again.
func (s *Sim) TakePWM(chip string, channel int, user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pwms[chip].channels[channel].user = user
}

// Tone is at which frequency a PWM channel sounds, 0 if it is silent.
func (s *Sim) Tone(chip string, channel int) physic.Frequency {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pwms[chip].channels[channel].tone
}

// apply makes a state the channel's, as pwm_apply_state does.
func (c *pwmChannel) apply(state pwmChannel) error {
	if state.period == 0 || state.duty > state.period {
		return unix.EINVAL
	}
	if state.tone = 0; state.enabled && state.duty > 0 && state.duty < state.period {
		state.tone = physic.PeriodToFrequency(time.Duration(state.period))
	}
	*c = state
	return nil
}

func (s pretended) PWMChips(dir string) ([]kernel.PWMChip, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unplugged() {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: unix.ENOENT}
	}
	var chips []kernel.PWMChip
	for _, name := range slices.SortedFunc(maps.Keys(s.pwms), kernel.ByNumber) {
		chips = append(chips, kernel.PWMChip{Name: name, Device: s.pwms[name].device})
	}
	return chips, nil
}

// pwmFile is an open attribute of a chip, or of a channel of it.
type pwmFile struct {
	board   *Sim
	chip    string
	channel int // -1 for the chip
	file    string
	epoch   int
}

// pwmFile finds the chip, the channel and the file of a path. It is false for paths that are not those of a PWM chip.
func (s *Sim) pwmFile(path string) (pwmFile, bool, error) {
	dir, file := filepath.Split(path)
	f := pwmFile{board: s, chip: filepath.Base(dir), channel: -1, file: file}
	ok := true
	switch file {
	case "npwm", "export", "unexport":
	case "enable", "period", "duty_cycle":
		number, isChannel := strings.CutPrefix(f.chip, "pwm")
		n, err := strconv.Atoi(number)
		ok = isChannel && err == nil && n >= 0
		f.chip, f.channel = filepath.Base(filepath.Dir(filepath.Clean(dir))), n
	default:
		return f, false, nil
	}
	chip := s.pwms[f.chip]
	if ok && chip != nil && f.channel < len(chip.channels) && !s.unplugged() {
		if f.channel < 0 {
			return f, true, nil
		}
		if c := chip.channels[f.channel]; c.exported {
			f.epoch = c.epoch
			return f, true, nil
		}
	}
	return f, true, &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
}

func (f pwmFile) read() string {
	chip := f.board.pwms[f.chip]
	if f.file == "npwm" {
		return strconv.Itoa(len(chip.channels))
	}
	switch c := chip.channels[f.channel]; {
	case f.file == "period":
		return strconv.FormatUint(c.period, 10)
	case f.file == "duty_cycle":
		return strconv.FormatUint(c.duty, 10)
	case c.enabled:
		return "1"
	}
	return "0"
}

func (f pwmFile) store(b []byte) error {
	s := f.board
	n, err := strconv.ParseUint(strings.TrimSuffix(string(b), "\n"), 10, 64)
	if err != nil {
		return unix.EINVAL
	}
	chip := s.pwms[f.chip]
	if f.channel < 0 {
		err = chip.handOut(f.file, n)
	} else if c := &chip.channels[f.channel]; !c.exported || c.epoch != f.epoch {
		err = unix.ENODEV
	} else {
		before := c.tone
		if err = c.write(f.file, n); c.tone != before {
			s.tell(Change{At: time.Now(), Offset: -1, PWM: fmt.Sprintf("%s/%d", f.chip, f.channel), Level: c.tone != 0, Tone: c.tone})
		}
	}
	return err
}

// handOut exports a channel, or takes it back. It goes on sounding if it does.
func (chip *pwmChip) handOut(file string, n uint64) error {
	if file == "npwm" {
		return unix.EACCES
	}
	if n >= uint64(len(chip.channels)) {
		return unix.ENODEV
	}
	c := &chip.channels[n]
	switch {
	case file == "export" && (c.exported || c.user != ""):
		return unix.EBUSY
	case file == "unexport" && !c.exported:
		return unix.ENODEV
	}
	if c.exported = file == "export"; c.exported {
		c.epoch++
	}
	return nil
}

func (c *pwmChannel) write(file string, n uint64) error {
	state := *c
	switch {
	case file == "period":
		state.period = n
	case file == "duty_cycle":
		state.duty = n
	case n > 1:
		return unix.EINVAL
	default:
		state.enabled = n == 1
	}
	return c.apply(state)
}
