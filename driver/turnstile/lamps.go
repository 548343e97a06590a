package turnstile

import (
	"log/slog"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Lines are the outputs of a lamp head. One that is not wired is nil.
type Lines struct {
	Green, Red, Yellow gpio.PinOut
	Buzzer             gpio.PinOut // an active buzzer, which has one tone: signals differ by rhythm only
	Speaker            gpio.PinOut // a passive one, such as a gpio.PWM, whose tones are made with PWM
}

// step is a moment of a pattern: what is lit, what sounds, and for how long.
type step struct {
	lit  lamp
	tone physic.Frequency // a speaker's; an active buzzer sounds unless it is silence
	last time.Duration
}

// Tones of a speaker. Piezo discs are loudest where they resonate, at 2 to 4 kHz, while hearing fades from the high end with
// age, so that a signal's fundamental should not be above 2500 Hz (ISO 24501:2010, table 1, note b). The highest tone is there;
// each other one is about eight semitones from its neighbour, far beyond what anybody confuses. The lowest is the third part
// of a resonance, so that a small disc still has the harmonics of a square wave to give: it buzzes rather than beeps.
const (
	silence      physic.Frequency = 0
	goTone                        = 2500 * physic.Hertz
	tryAgainTone                  = 1600 * physic.Hertz
	refusedTone                   = 1000 * physic.Hertz
)

type lamp uint8

const (
	green lamp = 1 << iota
	red
	yellow
	buzzer  // only in LampHead.failed
	speaker // likewise

	dark lamp = 0
)

// pattern is what the lamps do for a signal: once, then again and again. Signals differ by rhythm, and verdicts by tone
// too, so that colour alone never has to tell them apart.
type pattern struct {
	once  []step
	again []step
}

const ms = time.Millisecond

var patterns = [numSignals]pattern{
	Closed: {again: []step{{red, silence, time.Hour}}},
	Idle:   {again: []step{{green, silence, 60 * ms}, {dark, silence, 1940 * ms}}},
	Open:   {once: []step{{green, goTone, 150 * ms}}, again: []step{{green, silence, time.Hour}}},
	Refused: {
		once:  []step{{red, refusedTone, 600 * ms}, {dark, silence, 400 * ms}},
		again: []step{{red, silence, 500 * ms}, {dark, silence, 500 * ms}},
	},
	TryAgain: {
		once: []step{
			{yellow, tryAgainTone, 80 * ms}, {dark, silence, 80 * ms}, {yellow, tryAgainTone, 80 * ms}, {dark, silence, 460 * ms},
		},
		again: []step{{yellow, silence, 80 * ms}, {dark, silence, 80 * ms}, {yellow, silence, 80 * ms}, {dark, silence, 460 * ms}},
	},
	Fault: {again: []step{{red, silence, 250 * ms}, {yellow, silence, 250 * ms}}},
	Held:  {again: []step{{dark, silence, time.Hour}}},
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

	failedTone physic.Frequency // which failed last, if the speaker did
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
	h.showLocked(step{})
}

func (h *LampHead) tick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed && !time.Now().Before(h.due) { // not a late call for the signal before
		h.playLocked()
	}
}

// playLocked shows the next step and arranges for the one after it.
func (h *LampHead) playLocked() {
	if h.i == len(h.steps) {
		h.steps, h.i = h.again, 0
	}
	s := h.steps[h.i]
	h.i++
	h.showLocked(s)
	h.due = time.Now().Add(s.last)
	h.timer.Reset(s.last)
}

func (h *LampHead) showLocked(s step) {
	h.set(green, h.lines.Green, s.lit&green != 0)
	h.set(red, h.lines.Red, s.lit&red != 0)
	h.set(yellow, h.lines.Yellow, s.lit&yellow != 0)
	h.set(buzzer, h.lines.Buzzer, s.tone != silence)
	h.sound(s.tone)
}

func (h *LampHead) set(which lamp, line gpio.PinOut, on bool) {
	if line != nil {
		h.obeyed(which, line, line.Out(gpio.Level(on)))
	}
}

// sound plays a tone on the speaker. A chip may refuse one tone and make another: what failed last must succeed before an error
// is logged again, or each refused tone would be.
func (h *LampHead) sound(tone physic.Frequency) {
	line := h.lines.Speaker
	if line == nil {
		return
	}
	var err error
	if tone == silence {
		err = line.Out(gpio.Low)
	} else {
		err = line.PWM(gpio.DutyHalf, tone)
	}
	if err != nil {
		h.failedTone = tone
	}
	if tone == h.failedTone {
		h.obeyed(speaker, line, err)
	}
}

// obeyed logs the first error of a line since it last obeyed.
func (h *LampHead) obeyed(which lamp, line gpio.PinOut, err error) {
	if err != nil && h.failed&which == 0 {
		h.log.Error("a lamp does not obey", "line", line.Name(), "err", err)
		h.failed |= which
	} else if err == nil {
		h.failed &^= which
	}
}
