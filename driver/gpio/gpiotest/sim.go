// Package gpiotest simulates a board for tests: a GPIO chip, LEDs and PWM chips, which behave as Linux' do. It never ships.
//
//	sim := gpiotest.New("pinctrl-bcm2711", 54, nil)
//	relay, err := gpio.On(sim.Kernel()).OpenOutput(gpio.Line{Chip: "pinctrl-bcm2711", Offset: 17})
package gpiotest

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Change is a change of the physical level of a simulated output, or of what a PWM channel makes of it.
type Change struct {
	At     time.Time
	Offset int              // of the line; -1 for an LED or a PWM channel
	LED    string           // its name; empty for anything else
	PWM    string           // chip and channel, such as pwmchip0/1; empty for anything else
	Level  gpio.Level       // of a PWM channel: whether it sounds
	Tone   physic.Frequency // of a PWM channel that sounds
}

// Sim pretends to be a kernel with one GPIO chip, with LEDs whose trigger "oneshot" works like Linux', and with PWM
// chips. Its lines are physical, as a meter would see them. It does not debounce.
type Sim struct {
	label string
	tell  func(Change)
	start time.Time
	gone  chan struct{}

	mu    sync.Mutex
	lines []line
	leds  map[string]*led
	pwms  map[string]*pwmChip
}

type line struct {
	name     string
	consumer string // "" if free
	level    gpio.Level
	driven   bool // from outside
	request  *request
}

// New makes a chip with that many lines, all low. If tell is not nil, it is told every change of an output, at the moment
// it happens; it must neither wait nor call back.
func New(label string, lines int, tell func(Change)) *Sim {
	if tell == nil {
		tell = func(Change) {}
	}
	return &Sim{
		label: label, tell: tell, start: time.Now(), gone: make(chan struct{}),
		lines: make([]line, lines), leds: map[string]*led{}, pwms: map[string]*pwmChip{},
	}
}

// Kernel is for gpio.On: a board with this chip, these LEDs and these PWM chips.
func (s *Sim) Kernel() kernel.Kernel { return pretended{s} }

// pretended is a Sim as a kernel.
type pretended struct{ *Sim }

// NameLine gives a line a name.
func (s *Sim) NameLine(offset int, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[offset].name = name
}

// Take lets somebody else use a line; with an empty consumer it is free again.
func (s *Sim) Take(offset int, consumer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines[offset].consumer = consumer
}

// Set drives a line from outside. On an input whose level changes that is an edge; an output is stronger.
func (s *Sim) Set(offset int, level gpio.Level) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lines[offset]
	if l.request != nil && l.request.flags&kernel.FlagOutput != 0 {
		return
	}
	changed := l.level != level
	l.level, l.driven = level, true
	if l.request != nil && changed {
		l.request.edge(offset, l.request.logical(level), time.Since(s.start))
	}
}

// Level is the level of a line.
func (s *Sim) Level(offset int) gpio.Level {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[offset].level
}

// Unplug takes the chip, the LEDs and the PWM chips away, for good.
func (s *Sim) Unplug() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.unplugged() {
		close(s.gone)
	}
}

func (s *Sim) unplugged() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

const chipName = "gpiochip0"

func (s pretended) ChipPaths(dir string) ([]string, error) {
	if s.unplugged() {
		return nil, nil
	}
	return []string{filepath.Join(dir, chipName)}, nil
}

func (s pretended) OpenChip(path string) (kernel.Chip, error) {
	if filepath.Base(path) != chipName {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	return &openedChip{Sim: s.Sim}, nil
}

// openedChip is a descriptor of the chip. Like every other here it fails once it is closed, and as the kernel does: with
// os.ErrClosed, as an os.File says it.
type openedChip struct {
	*Sim
	closed bool
}

func (c *openedChip) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return os.ErrClosed
	}
	c.closed = true
	return nil
}

// usable is what every operation asks first. mu is held.
func (c *openedChip) usable() error {
	switch {
	case c.closed:
		return os.ErrClosed
	case c.unplugged():
		return unix.ENODEV
	}
	return nil
}

func (c *openedChip) Info(info *unix.GPIOChipInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	copy(info.Name[:], chipName)
	copy(info.Label[:len(info.Label)-1], c.label)
	info.Lines = uint32(len(c.lines))
	return nil
}

func (c *openedChip) LineInfo(info *unix.GPIOV2LineInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	if info.Offset >= uint32(len(c.lines)) {
		return unix.EINVAL
	}
	l := &c.lines[info.Offset]
	copy(info.Name[:len(info.Name)-1], l.name)
	copy(info.Consumer[:len(info.Consumer)-1], l.consumer)
	info.Flags = kernel.FlagInput
	if l.request != nil {
		info.Flags = l.request.flags
	}
	if l.consumer != "" {
		info.Flags |= kernel.FlagUsed
	}
	return nil
}

func (c *openedChip) Request(r *unix.GPIOV2LineRequest) (kernel.Handle, error) {
	s := c.Sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.usable(); err != nil {
		return nil, err
	}
	offset := r.Offsets[0]
	switch {
	case r.Num_lines != 1 || offset >= uint32(len(s.lines)):
		return nil, unix.EINVAL
	case s.lines[offset].consumer != "":
		return nil, unix.EBUSY
	}
	l := &s.lines[offset]
	h := &request{
		board: s, offset: int(offset), flags: r.Config.Flags, closed: make(chan struct{}),
		events: make(chan unix.GPIOV2LineEvent, max(r.Event_buffer_size, 1)),
	}
	l.consumer, l.request = unix.ByteSliceToString(r.Consumer[:]), h
	if h.flags&kernel.FlagOutput != 0 {
		var values uint64
		for _, a := range r.Config.Attrs[:r.Config.Num_attrs] {
			if a.Attr.Id == unix.GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES && a.Mask&1 != 0 {
				values = a.Attr.Flags
			}
		}
		h.drive(values&1 != 0)
	} else if !l.driven {
		l.level = h.flags&kernel.FlagBiasPullUp != 0
	}
	return h, nil
}

// request is a requested line. Its lines are guarded by the board's lock.
type request struct {
	board  *Sim
	offset int
	flags  uint64
	seqno  uint32
	events chan unix.GPIOV2LineEvent
	closed chan struct{}
}

// logical turns a physical level into a logical one, or back.
func (h *request) logical(l gpio.Level) gpio.Level {
	return l != (h.flags&kernel.FlagActiveLow != 0)
}

func (h *request) drive(logical gpio.Level) {
	l, level := &h.board.lines[h.offset], h.logical(logical)
	if l.level != level {
		l.level = level
		h.board.tell(Change{At: time.Now(), Offset: h.offset, Level: level})
	}
}

// edge queues an event. A full queue loses the oldest, as in the kernel.
func (h *request) edge(offset int, level gpio.Level, at time.Duration) {
	h.seqno++
	e := unix.GPIOV2LineEvent{
		Timestamp_ns: uint64(at), Id: unix.GPIO_V2_LINE_EVENT_FALLING_EDGE,
		Offset: uint32(offset), Seqno: h.seqno, Line_seqno: h.seqno,
	}
	if level {
		e.Id = unix.GPIO_V2_LINE_EVENT_RISING_EDGE
	}
	for {
		select {
		case h.events <- e:
			return
		default:
		}
		select {
		case <-h.events:
		default:
		}
	}
}

// usable is what every operation asks first. The board's lock is held.
func (h *request) usable() error {
	switch {
	case h.board.lines[h.offset].request != h:
		return os.ErrClosed
	case h.board.unplugged():
		return unix.ENODEV
	}
	return nil
}

func (h *request) Get(v *unix.GPIOV2LineValues) error {
	h.board.mu.Lock()
	defer h.board.mu.Unlock()
	if err := h.usable(); err != nil {
		return err
	}
	if v.Bits = 0; h.logical(h.board.lines[h.offset].level) {
		v.Bits = 1
	}
	return nil
}

func (h *request) Set(v *unix.GPIOV2LineValues) error {
	h.board.mu.Lock()
	defer h.board.mu.Unlock()
	if err := h.usable(); err != nil {
		return err
	}
	if h.flags&kernel.FlagOutput == 0 {
		return unix.EPERM
	}
	if v.Mask&1 != 0 {
		h.drive(v.Bits&1 != 0)
	}
	return nil
}

func (h *request) Read(b []byte) (int, error) {
	if len(b) < binary.Size(unix.GPIOV2LineEvent{}) {
		return 0, unix.EINVAL
	}
	select {
	case e := <-h.events:
		return binary.Encode(b, binary.NativeEndian, e)
	case <-h.closed:
		return 0, os.ErrClosed
	case <-h.board.gone:
		return 0, unix.ENODEV
	}
}

// Close leaves the level as it is, as most chips do.
func (h *request) Close() error {
	h.board.mu.Lock()
	defer h.board.mu.Unlock()
	l := &h.board.lines[h.offset]
	if l.request != h {
		return fmt.Errorf("line %d: %w", h.offset, os.ErrClosed)
	}
	l.request, l.consumer = nil, ""
	close(h.closed)
	return nil
}
