package turnstile

import (
	"log/slog"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Lines are the outputs of a lamp head. One that is not wired is nil.
type Lines struct {
	Green, Red, Yellow gpio.PinOut
	Buzzer             gpio.PinOut // an active buzzer
}

// step is a moment of a pattern: what is lit and sounds, and for how long.
type step struct {
	lit  lamp
	last time.Duration
}

type lamp uint8

const (
	green lamp = 1 << iota
	red
	yellow
	buzzer

	dark lamp = 0
)

// pattern is what the lamps do for a signal: once, then again and again. Signals differ by rhythm and by sound, so
// that colour alone never has to tell them apart.
type pattern struct {
	once  []step
	again []step
}

const ms = time.Millisecond

var patterns = [numSignals]pattern{
	Closed:  {again: []step{{red, time.Hour}}},
	Idle:    {again: []step{{green, 60 * ms}, {dark, 1940 * ms}}},
	Open:    {once: []step{{green | buzzer, 150 * ms}}, again: []step{{green, time.Hour}}},
	Refused: {once: []step{{red | buzzer, 600 * ms}, {dark, 400 * ms}}, again: []step{{red, 500 * ms}, {dark, 500 * ms}}},
	TryAgain: {
		once:  []step{{yellow | buzzer, 80 * ms}, {dark, 80 * ms}, {yellow | buzzer, 80 * ms}, {dark, 460 * ms}},
		again: []step{{yellow, 80 * ms}, {dark, 80 * ms}, {yellow, 80 * ms}, {dark, 460 * ms}},
	},
	Fault: {again: []step{{red, 250 * ms}, {yellow, 250 * ms}}},
}

// LampHead plays the pattern of a signal on lines until it is shown another one. A line that fails is logged once and
// tried again with every step: a lamp that is out must not stop a gate.
type LampHead struct {
	lines Lines
	log   *slog.Logger

	mu     sync.Mutex
	steps  []step // of what is being played
	again  []step
	i      int
	timer  *time.Timer
	due    time.Time
	failed lamp
	closed bool
}

// NewLampHead makes a lamp head that shows nothing yet.
func NewLampHead(lines Lines, log *slog.Logger) *LampHead {
	h := &LampHead{lines: lines, log: log}
	h.timer = stoppedTimer(h.tick)
	return h
}

// Show begins the pattern of a signal. It allocates nothing.
func (h *LampHead) Show(s Signal) {
	if s >= numSignals {
		s = Closed
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.steps, h.again, h.i = patterns[s].once, patterns[s].again, 0
	h.playLocked()
}

// Close turns everything off.
func (h *LampHead) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.timer.Stop()
	h.lightLocked(dark)
}

func (h *LampHead) tick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed && !time.Now().Before(h.due) { // not a late call for the signal before
		h.playLocked()
	}
}

// playLocked lights the next step and arranges for the one after it.
func (h *LampHead) playLocked() {
	if h.i == len(h.steps) {
		h.steps, h.i = h.again, 0
	}
	s := h.steps[h.i]
	h.i++
	h.lightLocked(s.lit)
	h.due = time.Now().Add(s.last)
	h.timer.Reset(s.last)
}

func (h *LampHead) lightLocked(lit lamp) {
	h.set(green, h.lines.Green, lit)
	h.set(red, h.lines.Red, lit)
	h.set(yellow, h.lines.Yellow, lit)
	h.set(buzzer, h.lines.Buzzer, lit)
}

func (h *LampHead) set(which lamp, line gpio.PinOut, lit lamp) {
	if line == nil {
		return
	}
	err := line.Out(lit&which != 0)
	if err != nil && h.failed&which == 0 {
		h.log.Error("a lamp does not obey", "line", line.Name(), "err", err)
		h.failed |= which
	} else if err == nil {
		h.failed &^= which
	}
}
