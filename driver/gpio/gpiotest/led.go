package gpiotest

import (
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

// tick is a jiffy at 250 Hz.
const tick = 4 * time.Millisecond

// led follows drivers/leds/led-core.c and trigger/ledtrig-oneshot.c, but for lateness, which it has none of.
type led struct {
	board  *Sim
	name   string
	level  gpio.Level
	epoch  int  // counts changes of the trigger
	armed  bool // the trigger is oneshot
	delay  map[string]time.Duration
	invert bool
	stop   bool // the next tick ends the pulse
	timer  *time.Timer
	timing int // counts starts and stops of the timer; odd while it is pending
}

// AddLED adds an LED, off and without trigger.
func (s *Sim) AddLED(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leds[name] = &led{board: s, name: name}
}

// LED is whether an LED is on.
func (s *Sim) LED(name string) gpio.Level {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leds[name].level
}

func (l *led) set(level gpio.Level) {
	if l.level != level {
		l.level = level
		l.board.tell(Change{At: time.Now(), Offset: -1, LED: l.name, Level: level})
	}
}

func (l *led) setTrigger(oneshot bool) {
	l.stopTimer()
	l.set(gpio.Low)
	l.epoch++
	l.armed, l.invert, l.stop = oneshot, false, false
	l.delay = map[string]time.Duration{"delay_on": 100 * time.Millisecond, "delay_off": 100 * time.Millisecond}
}

func (l *led) pending() bool { return l.timing%2 == 1 }

func (l *led) stopTimer() {
	if l.pending() {
		l.timing++
		l.timer.Stop()
	}
}

func (l *led) startTimer(after time.Duration) {
	l.timing++
	mine := l.timing
	l.timer = time.AfterFunc(after, func() {
		l.board.mu.Lock()
		defer l.board.mu.Unlock()
		if l.timing == mine && !l.board.unplugged() {
			l.timing++
			l.tick()
		}
	})
}

// shoot is led_blink_set_oneshot.
func (l *led) shoot() {
	if l.pending() {
		return
	}
	l.stop = false
	switch {
	case l.delay["delay_on"] == 0 && l.delay["delay_off"] == 0:
		l.delay["delay_on"], l.delay["delay_off"] = 500*time.Millisecond, 500*time.Millisecond
	case l.delay["delay_on"] == 0:
		l.set(gpio.Low)
		return
	case l.delay["delay_off"] == 0:
		l.set(gpio.High)
		return
	}
	l.startTimer(tick)
}

// tick is led_timer_function.
func (l *led) tick() {
	switch {
	case l.delay["delay_on"] == 0 || l.delay["delay_off"] == 0:
		l.set(gpio.Low)
	case l.stop:
		l.stop = false
	case l.level == gpio.Low:
		l.set(gpio.High)
		l.stop = l.invert
		l.startTimer(l.delay["delay_on"])
	default:
		l.set(gpio.Low)
		l.stop = !l.invert
		l.startTimer(l.delay["delay_off"])
	}
}

// write is a write(2) to an attribute that was opened in the given epoch.
func (l *led) write(file, value string, epoch int) error {
	if file == "trigger" {
		if value != "none" && value != "oneshot" {
			return unix.EINVAL
		}
		l.setTrigger(value == "oneshot")
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	switch {
	case err != nil:
		return unix.EINVAL
	case file == "brightness":
		if n == 0 {
			l.setTrigger(false)
		} else if !l.pending() {
			l.set(gpio.High)
		}
	case !l.armed || l.epoch != epoch:
		return unix.ENODEV
	case file == "shot":
		l.shoot()
	case file == "invert":
		l.invert = n != 0
		l.set(gpio.Level(l.invert))
	default:
		l.delay[file] = time.Duration(n) * time.Millisecond
	}
	return nil
}

func (s pretended) LEDNames(string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.leds)), nil
}

// attribute is an open attribute of an LED.
type attribute struct {
	led   *led
	file  string
	epoch int
}

// attribute finds the LED and the file of a path.
func (s *Sim) attribute(path string, files ...string) (attribute, error) {
	led, file := s.leds[filepath.Base(filepath.Dir(path))], filepath.Base(path)
	if s.unplugged() || led == nil || !slices.Contains(files, file) {
		return attribute{}, &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	return attribute{led, file, led.epoch}, nil
}

func (s pretended) OpenAttribute(path string) (io.WriteCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok, err := s.pwmFile(path); ok {
		return s.opened(f.store), err
	}
	a, err := s.attribute(path, "brightness", "trigger", "delay_on", "delay_off", "invert", "shot")
	if err == nil && !a.led.armed && a.file != "brightness" && a.file != "trigger" {
		err = &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	return s.opened(a.store), err
}

func (s pretended) ReadAttribute(path string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok, err := s.pwmFile(path); err != nil {
		return "", err
	} else if ok {
		return f.read(), nil
	}
	_, err := s.attribute(path, "max_brightness")
	return "1", err
}

func (a attribute) store(b []byte) error {
	return a.led.write(a.file, strings.TrimSuffix(string(b), "\n"), a.epoch)
}

// attributeFile is a descriptor of an attribute.
type attributeFile struct {
	sim    *Sim
	store  func(b []byte) error // called with the lock
	closed bool
}

func (s *Sim) opened(store func(b []byte) error) *attributeFile {
	return &attributeFile{sim: s, store: store}
}

func (f *attributeFile) Write(b []byte) (int, error) {
	f.sim.mu.Lock()
	defer f.sim.mu.Unlock()
	switch {
	case f.closed:
		return 0, os.ErrClosed
	case f.sim.unplugged():
		return 0, unix.ENODEV
	}
	if err := f.store(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *attributeFile) Close() error {
	f.sim.mu.Lock()
	defer f.sim.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	f.closed = true
	return nil
}
