// Package turnstile drives a turnstile: the relay that lets one person through, and the lamps that say why or why not.
// It knows nothing of certificates. Whatever happens, one call of Open gives one pulse of the configured length: a
// pulse in progress is neither stretched nor repeated.
//
//	           Open                  pulse over
//	resting ----------> open, pulse ------------> open, lamp only --> resting
//	   |  Refuse, TryAgain             Show over
//	   +-----------------------------------------------------------> resting
//
// What it rests in is idle, closed or fault, as Rest says.
package turnstile

import (
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Signal is what the lamps show. The zero Signal is Closed.
type Signal uint8

const (
	Closed   Signal = iota // the gate cannot judge
	Idle                   // ready for the next pass
	Open                   // go
	Refused                // this pass does not open
	TryAgain               // not readable as a pass
	Fault                  // something needs a technician
	Held                   // a code that has its verdict is still before the module; dark, it neither invites nor refuses

	numSignals
)

var signalText = [numSignals]string{"closed", "idle", "open", "refused", "try_again", "fault", "held"}

// String is the word for the signal in logs and JSON.
func (s Signal) String() string {
	if s >= numSignals {
		s = Closed
	}
	return signalText[s]
}

// Lamps shows signals until the next one.
type Lamps interface {
	Show(s Signal)
}

// Limits of the pulse (hardware.md §4: tripods act on the edge of a pulse of at least 100 ms) and how long a verdict
// stays on the lamps.
const (
	MinPulse     = 100 * time.Millisecond
	MaxPulse     = 2 * time.Second
	DefaultPulse = 400 * time.Millisecond

	MinShow     = 200 * time.Millisecond
	MaxShow     = 10 * time.Second
	DefaultShow = 1500 * time.Millisecond

	// MaxEntry bounds how long somebody who was granted the passage may take, and with Hold how long the arm is free.
	MaxEntry = 30 * time.Second
)

// Config sets the times of a turnstile. A zero field stands for its default.
type Config struct {
	Pulse time.Duration // how long the relay is energised; MaxPulse at the most, whatever is asked for
	Show  time.Duration // how long the lamps show a verdict; not shorter than the pulse
	Entry time.Duration // how long a passage is awaited, MaxEntry at the most; zero if no passage input is wired
	Hold  bool          // the relay stays energised until the passage, Entry at the most, instead of Pulse
}

// holds says whether the relay stays energised until the passage: only if there is an input to tell of one.
func (c Config) holds() bool { return c.Hold && c.Entry > 0 }

// energised is how long the relay may be energised for one passage.
func (c Config) energised() time.Duration {
	if c.holds() {
		return c.Entry
	}
	return c.Pulse
}

func (c Config) withDefaults() Config {
	if c.Pulse <= 0 {
		c.Pulse = DefaultPulse
	}
	if c.Show <= 0 {
		c.Show = DefaultShow
	}
	c.Pulse, c.Entry = min(c.Pulse, MaxPulse), min(c.Entry, MaxEntry)
	c.Show = max(c.Show, c.Pulse)
	return c
}

// Turnstile is one gate. Its methods may be called from any goroutine; none waits for a pulse, and none allocates. If the
// driver of the relay or of a lamp hangs, the call that it hangs in does not return, and others may not either; the relay is
// made inert all the same, in time.
type Turnstile struct {
	relay Relay
	lamps Lamps
	log   *slog.Logger
	pulse *pulse

	mu       sync.Mutex // never held while the relay works
	config   Config
	rest     Signal
	shown    Signal
	showing  bool // a verdict is on the lamps
	released bool // Close was called
	show     *time.Timer
	until    time.Time // when the verdict leaves the lamps

	opening bool   // the relay has not answered yet
	early   int    // passages since then
	holding bool   // the relay stays energised until the passage, as was configured when this pulse began
	number  uint64 // of this pulse

	awaiting bool // somebody was granted a passage and has not passed
	blocked  bool // an input says that the turnstile is not ready, or is tampered with
	entry    *time.Timer
	entryBy  time.Time
	counts   Counts
}

// New makes a turnstile at rest in Closed. The relay must have been opened at its inert level.
func New(c Config, relay Relay, lamps Lamps, log *slog.Logger) *Turnstile {
	t := &Turnstile{relay: relay, lamps: lamps, log: log, config: c.withDefaults(), rest: Closed, shown: Closed}
	t.pulse = newPulse(relay, t.pulseFailed)
	t.show = stoppedTimer(t.endShow)
	t.entry = stoppedTimer(t.endEntry)
	lamps.Show(Closed)
	return t
}

func stoppedTimer(f func()) *time.Timer {
	timer := time.AfterFunc(time.Hour, f)
	timer.Stop()
	return timer
}

// Configure changes the times for the pulses to come.
func (t *Turnstile) Configure(c Config) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.config = c.withDefaults()
}

// Watch has h told from now on whether the relay can be made inert.
func (t *Turnstile) Watch(h Health) {
	t.pulse.mu.Lock()
	defer t.pulse.mu.Unlock()
	t.pulse.health = h
	h.Rest()
}

// Open lets one person through. It says false, and does nothing, while the relay is energised for somebody else or
// somebody else is still to pass, while the turnstile is blocked, and when the relay does not obey.
func (t *Turnstile) Open() bool {
	length, begun := t.begin()
	if !begun {
		return false
	}
	opened, cut := t.obeyed(t.pulse.asked(t.relay.Pulse(length)))
	t.cut(cut)
	return opened
}

// begin arranges for the end of a pulse before there is one.
func (t *Turnstile) begin() (length time.Duration, begun bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.opening || t.awaiting || t.blocked || t.released {
		return 0, false
	}
	length = t.config.energised()
	number, begun := t.pulse.begin(length)
	if begun {
		t.opening, t.holding, t.number = true, t.config.holds(), number
	}
	return length, begun
}

// obeyed concludes Open. cut is the number of the pulse if it is over already, since its passage was made; 0 otherwise.
func (t *Turnstile) obeyed(err error) (opened bool, cut uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	early := t.early
	t.opening, t.early = false, 0
	if err != nil || t.released {
		t.counts.Unexpected += uint64(early)
		if err != nil && !errors.Is(err, errPulsing) && !t.released {
			t.log.Error("the relay does not obey; check its wiring and its line", "err", err)
			t.showLocked(Fault)
		}
		return false, 0
	}
	t.counts.Granted++
	if t.config.Entry > 0 {
		t.awaiting = true
		t.entryBy = time.Now().Add(t.config.Entry)
		t.entry.Reset(t.config.Entry)
	}
	t.showLocked(Open)
	for range early {
		cut = max(cut, t.passedLocked())
	}
	return true, cut
}

// Passed says that somebody has passed in the direction that the reader serves: an edge of a passage input, debounced.
func (t *Turnstile) Passed() {
	t.mu.Lock()
	cut := uint64(0)
	if t.opening {
		t.early++
	} else {
		cut = t.passedLocked()
	}
	t.mu.Unlock()
	t.cut(cut)
}

// passedLocked counts a passage. It returns the number of the pulse that this ends, 0 for none.
func (t *Turnstile) passedLocked() (cut uint64) {
	if !t.awaiting {
		t.counts.Unexpected++
		return 0
	}
	t.awaiting = false
	t.entry.Stop()
	t.counts.Passages++
	if !t.holding {
		return 0
	}
	return t.number
}

func (t *Turnstile) cut(number uint64) {
	if number == 0 {
		return
	}
	if err := t.pulse.cut(number); err != nil { // the end of the pulse is still to come
		t.log.Error("the relay does not let go after the passage", "err", err)
	}
}

// PassedBack says that somebody has passed in the other direction: an edge of that direction's passage input, debounced. It
// is counted and nothing else: whoever was let through in the direction of the reader is still to pass.
func (t *Turnstile) PassedBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Back++
}

// endEntry gives up waiting for somebody who was let through and did not pass.
func (t *Turnstile) endEntry() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.awaiting && !t.released && !time.Now().Before(t.entryBy) {
		t.awaiting = false
		t.counts.NotEntered++
	}
}

// Block says whether an input reports that the turnstile is not ready, or is tampered with. While it does, nobody is let
// through and the lamps show a fault. A pulse in progress goes on: somebody may be on the way.
func (t *Turnstile) Block(blocked bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blocked = blocked; !t.showing && !t.released {
		t.setLamps(t.resting())
	}
}

// Trouble says why the turnstile itself lets nobody through, in a sentence; it is empty while it would.
func (t *Turnstile) Trouble() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.pulse.stuck():
		return "the relay does not go back to its inert level; the turnstile may stand open"
	case t.blocked:
		return "the turnstile reports that it is not ready, or is tampered with"
	}
	return ""
}

// Counts says what became of everybody so far.
func (t *Turnstile) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Refuse shows that this pass does not open.
func (t *Turnstile) Refuse() { t.verdict(Refused) }

// TryAgain shows that nothing could be read as a pass.
func (t *Turnstile) TryAgain() { t.verdict(TryAgain) }

// Deny shows that the gate cannot judge.
func (t *Turnstile) Deny() { t.verdict(Closed) }

// verdict puts a refusal on the lamps, unless they belong to somebody who is just being let through.
func (t *Turnstile) verdict(s Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.pulse.busy() && !t.released {
		t.showLocked(s)
	}
}

// Rest says what the turnstile shows between verdicts: Idle, Held, Closed or Fault.
func (t *Turnstile) Rest(s Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rest = s; !t.showing && !t.released {
		t.setLamps(t.resting())
	}
}

// Occupy has the turnstile rest in Held instead of Idle until Rest is called: a code that has its verdict is still there.
func (t *Turnstile) Occupy() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rest == Idle {
		t.rest = Held
	}
}

// Close makes the relay inert and ends everything; the turnstile stays closed. The relay comes first, whatever hangs.
func (t *Turnstile) Close() error {
	err := t.pulse.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.released = true
	t.show.Stop()
	t.entry.Stop()
	t.showing, t.awaiting = false, false
	t.setLamps(Closed)
	return err
}

func (t *Turnstile) showLocked(s Signal) {
	t.showing = true
	t.setLamps(s)
	t.until = time.Now().Add(t.config.Show)
	t.show.Reset(t.config.Show)
}

func (t *Turnstile) setLamps(s Signal) {
	if s != t.shown {
		t.shown = s
		t.lamps.Show(s)
	}
}

// resting is Fault while the relay is stuck or the turnstile blocked, whatever the gate thinks of itself.
func (t *Turnstile) resting() Signal {
	if t.pulse.stuck() || t.blocked {
		return Fault
	}
	return t.rest
}

// pulseFailed is told that the relay does not go back to its inert level, and nil when it does again.
func (t *Turnstile) pulseFailed(err error) {
	if err != nil {
		t.log.Error("the relay does not go back to its inert level; the turnstile may stand open", "err", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.released:
	case err != nil:
		t.showLocked(Fault)
	case !t.showing:
		t.setLamps(t.resting())
	}
}

func (t *Turnstile) endShow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.showing && !t.released && !time.Now().Before(t.until) { // not a late call for the verdict before
		t.showing = false
		t.setLamps(t.resting())
	}
}
