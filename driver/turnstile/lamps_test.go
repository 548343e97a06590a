package turnstile

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// board records five lines as letters over time: G, R, Y, B while high, S with its tone in Hz while it sounds.
type board struct {
	mu    sync.Mutex
	start time.Time
	level map[byte]gpio.Level
	tone  physic.Frequency
	fail  error
	tape  []string
}

type boardLine struct {
	gpio.PinOut
	letter byte
	board  *board
}

func (l boardLine) Name() string { return string(l.letter) }

func (l boardLine) Out(level gpio.Level) error {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	if l.board.fail != nil {
		return l.board.fail
	}
	if l.board.level[l.letter] != level {
		l.board.level[l.letter] = level
		l.board.tell(level, string(l.letter))
	}
	l.board.tone = 0
	return nil
}

// PWM is only for the speaker: all others are switched.
func (l boardLine) PWM(duty gpio.Duty, f physic.Frequency) error {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	if l.board.fail != nil {
		return l.board.fail
	}
	if l.letter != 'S' || duty != gpio.DutyHalf || f == 0 {
		return fmt.Errorf("PWM %v %v on %c", duty, f, l.letter)
	}
	if !l.board.level['S'] || l.board.tone != f {
		l.board.level['S'], l.board.tone = gpio.High, f
		l.board.tell(gpio.High, fmt.Sprintf("S%d", f/physic.Hertz))
	}
	return nil
}

func (b *board) tell(level gpio.Level, what string) {
	sign := map[gpio.Level]string{gpio.High: "+", gpio.Low: "-"}[level]
	b.tape = append(b.tape, fmt.Sprintf("%d%s%s", time.Since(b.start).Milliseconds(), sign, what))
}

func (b *board) line(letter byte) gpio.PinOut { return boardLine{letter: letter, board: b} }

func (b *board) lines() Lines {
	return Lines{Green: b.line('G'), Red: b.line('R'), Yellow: b.line('Y'), Buzzer: b.line('B'), Speaker: b.line('S')}
}

func (b *board) played() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.tape, " ")
}

// What each signal looks and sounds like for two seconds.
func TestPatterns(t *testing.T) {
	tapes := map[string]Signal{}
	for signal, want := range map[Signal]string{
		Closed:   "0+R",
		Idle:     "0+G 60-G 2000+G",
		Open:     "0+G 0+B 0+S2500 150-B 150-S",
		Refused:  "0+R 0+B 0+S1000 600-R 600-B 600-S 1000+R 1500-R 2000+R",
		TryAgain: "0+Y 0+B 0+S1600 80-Y 80-B 80-S 160+Y 160+B 160+S1600 240-Y 240-B 240-S 700+Y 780-Y 860+Y 940-Y 1400+Y 1480-Y 1560+Y 1640-Y",
		Fault:    "0+R 250-R 250+Y 500+R 500-Y 750-R 750+Y 1000+R 1000-Y 1250-R 1250+Y 1500+R 1500-Y 1750-R 1750+Y 2000+R 2000-Y",
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &board{start: time.Now(), level: map[byte]gpio.Level{}}
			h := NewLampHead(b.lines(), slog.New(slog.DiscardHandler))
			h.Show(signal)
			time.Sleep(2050 * time.Millisecond)
			got := b.played()
			if got != want {
				t.Errorf("%v:\n\t%s\nwant\n\t%s", signal, got, want)
			}
			if other, same := tapes[strings.Map(withoutColour, got)]; same {
				t.Errorf("%v and %v differ by colour alone", signal, other)
			}
			tapes[strings.Map(withoutColour, got)] = signal
			h.Close()
			for letter, level := range b.level {
				if level {
					t.Errorf("%c is left on", letter)
				}
			}
			before := b.played()
			h.Show(signal)
			time.Sleep(2 * time.Second)
			if b.played() != before {
				t.Error("shows something after Close")
			}
		})
	}
}

// withoutColour makes all lamps the same, so that only rhythm and sound are left.
func withoutColour(r rune) rune {
	if r == 'R' || r == 'Y' || r == 'G' {
		return 'L'
	}
	return r
}

// What a pass is told can be told by each of these alone: the colour of a lamp, the rhythm of lamps, the rhythm of an active
// buzzer, and the tone of a speaker.
func TestVerdictsDifferInEachWay(t *testing.T) {
	words := func(tape, letters string) (kept []string) {
		for word := range strings.FieldsSeq(tape) {
			if strings.ContainsAny(word, letters) {
				kept = append(kept, word)
			}
		}
		return kept
	}
	for name, project := range map[string]func(tape string) string{
		"colour":      func(tape string) string { return strings.Join(strings.FieldsFunc(tape, notIn("GRY")), "") },
		"lamp rhythm": func(tape string) string { return strings.Map(withoutColour, strings.Join(words(tape, "GRY"), " ")) },
		"beeps":       func(tape string) string { return strings.Join(words(tape, "B"), " ") },
		"tone": func(tape string) string {
			_, tone, _ := strings.Cut(tape, "+S")
			tone, _, _ = strings.Cut(tone, " ")
			return tone
		},
	} {
		seen := map[string]Signal{}
		for _, signal := range []Signal{Open, Refused, TryAgain} {
			synctest.Test(t, func(t *testing.T) {
				b := &board{start: time.Now(), level: map[byte]gpio.Level{}}
				h := NewLampHead(b.lines(), slog.New(slog.DiscardHandler))
				defer h.Close()
				h.Show(signal)
				time.Sleep(2050 * time.Millisecond)
				got := project(b.played())
				if other, same := seen[got]; same || got == "" {
					t.Errorf("by %s, %v and %v are both %q", name, signal, other, got)
				}
				seen[got] = signal
			})
		}
	}
}

func notIn(letters string) func(rune) bool {
	return func(r rune) bool { return !strings.ContainsRune(letters, r) }
}

// A speaker is silent whenever no tone is due: nothing but PWM makes it sound, and a signal cuts off the tone of the one before.
func TestSpeakerAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{start: time.Now(), level: map[byte]gpio.Level{}}
		h := NewLampHead(Lines{Speaker: b.line('S')}, slog.New(slog.DiscardHandler))
		for _, s := range []Signal{Refused, TryAgain, Idle, Open, Closed, Refused, Fault, Refused} {
			h.Show(s)
			time.Sleep(100 * time.Millisecond)
		}
		h.Close()
		time.Sleep(time.Second)
		const want = "0+S1000 100+S1600 180-S 300+S2500 400-S 500+S1000 600-S 700+S1000 800-S"
		if got := b.played(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// fussySpeaker refuses some tones, or silence.
type fussySpeaker struct {
	gpio.PinOut
	refuses []physic.Frequency
}

func (s *fussySpeaker) Name() string           { return "speaker" }
func (s *fussySpeaker) Out(l gpio.Level) error { return s.PWM(gpio.DutyHalf, 0) }

func (s *fussySpeaker) PWM(_ gpio.Duty, f physic.Frequency) error {
	if slices.Contains(s.refuses, f) {
		return errors.New("refused")
	}
	return nil
}

// However a speaker fails, and whatever else works meanwhile, the log has one line until it obeys again.
func TestSpeakerThatFailsIsLoggedOnce(t *testing.T) {
	for name, refuses := range map[string][]physic.Frequency{
		"everything":  {0, 1000 * physic.Hertz, 1600 * physic.Hertz, 2500 * physic.Hertz},
		"silence":     {0},
		"one tone":    {1000 * physic.Hertz},
		"two tones":   {1000 * physic.Hertz, 2500 * physic.Hertz},
		"every tone":  {1000 * physic.Hertz, 1600 * physic.Hertz, 2500 * physic.Hertz},
		"the highest": {2500 * physic.Hertz},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &board{start: time.Now(), level: map[byte]gpio.Level{}}
			var log strings.Builder
			line := &fussySpeaker{}
			h := NewLampHead(Lines{Buzzer: b.line('B'), Speaker: line}, slog.New(slog.NewTextHandler(&log, nil)))
			defer h.Close()
			for times := range 3 {
				for _, r := range [][]physic.Frequency{refuses, nil} {
					h.mu.Lock()
					line.refuses = r
					h.mu.Unlock()
					for range 5 {
						for _, s := range []Signal{Open, Refused, TryAgain, Idle} {
							h.Show(s)
							time.Sleep(1500 * time.Millisecond)
						}
					}
				}
				h.mu.Lock()
				n := strings.Count(log.String(), "line=speaker")
				h.mu.Unlock()
				if n != times+1 {
					t.Fatalf("%s refused %d times: %d lines in the log", name, times+1, n)
				}
			}
		})
	}
}

// The timer of the signal before may fire just as the next one is shown.
func TestLampHeadIgnoresALateTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{start: time.Now(), level: map[byte]gpio.Level{}}
		h := NewLampHead(b.lines(), slog.New(slog.DiscardHandler))
		h.Show(Refused)
		time.Sleep(599 * time.Millisecond)
		h.Show(Open)
		h.tick()
		time.Sleep(149 * time.Millisecond)
		h.tick()
		if got, want := b.played(), "0+R 0+B 0+S1000 599+G 599-R 599+S2500"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		h.Close()
		time.Sleep(time.Second)
		h.tick()
		if b.level['G'] || b.level['B'] || b.level['S'] {
			t.Error("a late tick after Close switched something on")
		}
	})
}

func TestLampHeadChangesAndFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{start: time.Now(), level: map[byte]gpio.Level{}}
		var log strings.Builder
		h := NewLampHead(b.lines(), slog.New(slog.NewTextHandler(&log, nil)))
		h.Show(Refused)
		time.Sleep(100 * time.Millisecond)
		h.Show(Open)
		time.Sleep(time.Second)
		if got, want := b.played(), "0+R 0+B 0+S1000 100+G 100-R 100+S2500 250-B 250-S"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		b.mu.Lock()
		b.fail = errors.New("cut")
		b.mu.Unlock()
		for _, s := range []Signal{Fault, Refused, TryAgain} { // whether it is to sound, or to be silent
			h.Show(s)
			time.Sleep(10 * time.Second)
		}
		h.mu.Lock()
		if n, speaker := strings.Count(log.String(), "does not obey"), strings.Count(log.String(), "line=S "); n != 5 || speaker != 1 {
			t.Errorf("%d lines in the log for five lines, %d for the speaker:\n%s", n, speaker, &log)
		}
		h.mu.Unlock()
		b.mu.Lock()
		b.fail = nil
		b.mu.Unlock()
		h.Show(Idle)
		time.Sleep(10 * time.Millisecond)
		if !b.level['G'] || b.level['R'] {
			t.Error("does not go on once the lines obey")
		}
		h.Close()
	})
}

// nothing is an output that does nothing.
type nothing struct{ gpio.PinOut }

func (nothing) Out(gpio.Level) error                  { return nil }
func (nothing) PWM(gpio.Duty, physic.Frequency) error { return nil }

func TestShowAllocatesNothing(t *testing.T) {
	h := NewLampHead(Lines{Buzzer: nothing{}, Speaker: nothing{}}, slog.New(slog.DiscardHandler))
	defer h.Close()
	if n := testing.AllocsPerRun(100, func() { h.Show(Open); h.Show(Refused) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A lamp head with nothing wired shows nothing, and harms nothing.
func TestLampHeadWithoutLamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewLampHead(Lines{}, slog.New(slog.DiscardHandler))
		for s := range Signal(255) {
			h.Show(s)
			time.Sleep(time.Second)
		}
		h.Close()
	})
}
