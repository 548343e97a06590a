package module

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
)

// Options say which module, and what is wrong with it.
type Options struct {
	Type string // one of Types
	// Link is a symbolic link to the pseudo terminal, for as long as the module is plugged in. It stays the same when that does
	// not. None if empty.
	Link string
	// Ready has its flash say at the beginning that it reads by itself, as a technician may have set it up with the maker's
	// codes. From the factory most modules read only when they are told to.
	Ready bool
	Baud  int  // that its flash says at the beginning; 0: the factory's, 9600
	USB   bool // no speed: its bytes arrive at once, whatever the host has set

	Prefix string // what it sends in front of each text: an AIM identifier, an ECI escape, a code-id
	Dead   bool   // it has no power at the beginning; see SetPower

	Silent bool // it never answers: nobody has connected its input
	Lose   int  // of so many answers one gets lost; 0: none

	// Trace, if not nil, is told what crosses the wire, by several goroutines but one at a time.
	Trace func(toHost bool, b []byte)
}

// personality is what a type of module does. Its methods are called one at a time.
type personality interface {
	factory()    // flash and settings are as the factory left them
	powerOn()    // settings are as flash says
	ready()      // flash says that it reads by itself
	baud() int   // that it has now
	setBaud(int) // in flash
	parity() bool
	// hear takes a byte from the host.
	hear(c byte, now time.Time) response
	// reads reports whether it would read a code now; obeys whether the code text is a setup code that it has obeyed.
	reads(text string, now time.Time) bool
	obeys(text string) bool
	// message is what it sends for a text.
	message(text string) [][]byte
}

// response is what a module does about a byte.
type response struct {
	answer []byte
	after  func() // once the answer has been sent: a change of speed, a reboot
	reboot bool
}

// acknowledges is a personality that waits for the host after each part of a message.
type acknowledges interface {
	// sent is told that part is under way. The channel tells true for an acknowledgement, false for a wish to have it again; nil
	// if none is awaited.
	sent(part []byte) <-chan bool
	again(part []byte) []byte
}

var personalities = map[string]func() personality{
	"gm65":         func() personality { return new(gm65) },
	"newland":      func() personality { return newNewland() },
	"honeywell":    func() personality { return newHoneywell() },
	"ssi":          func() personality { return new(ssi) },
	"accessis":     func() personality { return new(accessis) },
	"accessis-raw": func() personality { return &accessis{raw: true} },
}

// Types lists the types of modules.
func Types() []string {
	var types []string
	for t := range personalities {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}

// Module is a simulated module. Its methods may be called by any goroutine.
type Module struct {
	o Options

	mu      sync.Mutex // of all below but wire
	is      personality
	wire    *wire // nil while unplugged
	frozen  bool
	dead    bool
	booting time.Time // until when it does nothing
	answers int

	sending sync.Mutex // one message or answer at a time
}

const (
	// thinking is how long a module takes for an answer, bootTime for a reboot.
	thinking = 5 * time.Millisecond
	bootTime = 300 * time.Millisecond
)

// New makes a module that is plugged in and has power.
func New(o Options) (*Module, error) {
	make, ok := personalities[o.Type]
	if !ok {
		return nil, fmt.Errorf("no module %q; there are %s", o.Type, strings.Join(Types(), ", "))
	}
	m := &Module{o: o, is: make(), dead: o.Dead}
	m.is.factory()
	if o.Ready {
		m.is.ready()
	}
	if o.Baud != 0 {
		m.is.setBaud(o.Baud)
	}
	m.is.powerOn()
	if err := m.Plug(); err != nil {
		return nil, err
	}
	return m, nil
}

// Plug plugs it in again, on another pseudo terminal, and gives it power.
func (m *Module) Plug() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wire != nil {
		return errors.New("it is plugged in")
	}
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("opening a pseudo terminal: %w", err)
	}
	if master, err = pollable(master); err != nil {
		_ = slave.Close()
		return err
	}
	w := &wire{master: master, slave: slave, usb: m.o.USB, trace: m.o.Trace, unplugged: make(chan struct{})}
	if err = w.raw(); err == nil && m.o.Link != "" {
		err = link(slave.Name(), m.o.Link)
	}
	if err != nil {
		w.close()
		return err
	}
	m.is.powerOn()
	m.wire = w
	go m.listen(w)
	return nil
}

// link makes a symbolic link, in place of one that is there.
func link(to, name string) error {
	if info, err := os.Lstat(name); err == nil {
		if info.Mode()&os.ModeSymlink == 0 {
			return fmt.Errorf("%s is there, and is no symbolic link", name)
		}
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return os.Symlink(to, name)
}

// Unplug pulls it out, in the middle of whatever it sends. Without power it forgets what is not in its flash.
func (m *Module) Unplug() {
	m.mu.Lock()
	w := m.wire
	m.wire = nil
	m.mu.Unlock()
	if w == nil {
		return
	}
	if m.o.Link != "" {
		_ = os.Remove(m.o.Link)
	}
	w.close()
}

// Close is Unplug, for good.
func (m *Module) Close() { m.Unplug() }

// Device is the path of the pseudo terminal that it is plugged into; empty if it is not.
func (m *Module) Device() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wire == nil {
		return ""
	}
	return m.wire.slave.Name()
}

// Restart takes its power for a moment, without unplugging it: so does a module on a UART.
func (m *Module) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.is.powerOn()
	m.booting = time.Now().Add(bootTime)
}

// FactoryReset makes it forget everything, as somebody does who presents the maker's code for that to a module that obeys.
func (m *Module) FactoryReset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.is.factory()
	m.is.powerOn()
	m.booting = time.Now().Add(bootTime)
}

// Baud is the speed that it has now.
func (m *Module) Baud() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.is.baud()
}

// works reports whether it does anything at all. The caller holds mu.
func (m *Module) works() bool {
	return m.wire != nil && !m.frozen && !m.dead && !time.Now().Before(m.booting)
}

// ErrNotRead is why nothing was sent for a code.
var ErrNotRead = errors.New("the module does not read: it is off, waits to be triggered, or has just read this code")

// Present holds a code before it, and returns when all has been sent. ErrNotRead says that the module did not look; a setup code
// that it obeyed sends nothing and is no error.
func (m *Module) Present(text string) error {
	m.mu.Lock()
	now := time.Now()
	if !m.works() || !m.is.reads(text, now) {
		m.mu.Unlock()
		return ErrNotRead
	}
	if m.is.obeys(text) {
		m.booting = now.Add(bootTime)
		m.mu.Unlock()
		return nil
	}
	parts, w := m.is.message(m.o.Prefix+text), m.wire
	m.mu.Unlock()
	return m.transmitAll(w, parts)
}

func (m *Module) transmitAll(w *wire, parts [][]byte) error {
	for _, part := range parts {
		if err := m.transmit(w, part); err != nil {
			return err
		}
	}
	return nil
}

const (
	ackWait  = 2 * time.Second
	ackTries = 3
)

// transmit sends a part of a message, again if the host wishes so or says nothing.
func (m *Module) transmit(w *wire, part []byte) error {
	for range ackTries {
		m.mu.Lock()
		var acked <-chan bool
		if a, ok := m.is.(acknowledges); ok {
			acked = a.sent(part)
		}
		m.mu.Unlock()
		if err := m.send(w, part); err != nil {
			return err
		}
		if acked == nil {
			return nil
		}
		select {
		case ok := <-acked:
			if ok {
				return nil
			}
		case <-w.unplugged:
			return errUnplugged
		case <-time.After(ackWait):
		}
		m.mu.Lock()
		part = m.is.(acknowledges).again(part)
		m.mu.Unlock()
	}
	return errors.New("the host does not acknowledge")
}

func (m *Module) send(w *wire, b []byte) error {
	m.sending.Lock()
	defer m.sending.Unlock()
	m.mu.Lock()
	baud, parity := m.is.baud(), m.is.parity()
	m.mu.Unlock()
	return w.send(b, baud, parity)
}

// listen takes what the host sends, until the plug is pulled.
func (m *Module) listen(w *wire) {
	buf := make([]byte, 256)
	for {
		n, err := w.master.Read(buf)
		if err != nil {
			return
		}
		m.mu.Lock()
		heard := w.heard(buf[:n], m.is.baud(), m.is.parity())
		m.mu.Unlock()
		for _, c := range heard {
			m.hear(w, c)
		}
	}
}

func (m *Module) hear(w *wire, c byte) {
	m.mu.Lock()
	if !m.works() || m.o.Silent {
		m.mu.Unlock()
		return
	}
	r := m.is.hear(c, time.Now())
	lost := false
	if r.answer != nil {
		m.answers++
		lost = m.o.Lose > 0 && m.answers%m.o.Lose == 0
	}
	m.mu.Unlock()
	if r.answer != nil && !lost {
		time.Sleep(thinking)
		_ = m.send(w, r.answer) // it was unplugged
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.after != nil {
		r.after()
	}
	if r.reboot {
		m.booting = time.Now().Add(bootTime)
	}
}
