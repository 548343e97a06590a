package turnstile

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// board records four lines as letters over time: G, R, Y, B while high.
type board struct {
	mu    sync.Mutex
	start time.Time
	level map[byte]gpio.Level
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
		l.board.tape = append(l.board.tape, fmt.Sprintf("%d%s%c", time.Since(l.board.start).Milliseconds(), map[gpio.Level]string{gpio.High: "+", gpio.Low: "-"}[level], l.letter))
	}
	return nil
}

func (b *board) lines() Lines {
	return Lines{Green: boardLine{letter: 'G', board: b}, Red: boardLine{letter: 'R', board: b}, Yellow: boardLine{letter: 'Y', board: b}, Buzzer: boardLine{letter: 'B', board: b}}
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
		Open:     "0+G 0+B 150-B",
		Refused:  "0+R 0+B 600-R 600-B 1000+R 1500-R 2000+R",
		TryAgain: "0+Y 0+B 80-Y 80-B 160+Y 160+B 240-Y 240-B 700+Y 780-Y 860+Y 940-Y 1400+Y 1480-Y 1560+Y 1640-Y",
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

func TestLampHeadChangesAndFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{start: time.Now(), level: map[byte]gpio.Level{}}
		var log strings.Builder
		h := NewLampHead(b.lines(), slog.New(slog.NewTextHandler(&log, nil)))
		h.Show(Refused)
		time.Sleep(100 * time.Millisecond)
		h.Show(Open)
		time.Sleep(time.Second)
		if got, want := b.played(), "0+R 0+B 100+G 100-R 250-B"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		b.mu.Lock()
		b.fail = errors.New("cut")
		b.mu.Unlock()
		h.Show(Fault)
		time.Sleep(10 * time.Second)
		h.mu.Lock()
		if n := strings.Count(log.String(), "does not obey"); n != 4 {
			t.Errorf("%d lines in the log for four lamps:\n%s", n, &log)
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

func TestShowAllocatesNothing(t *testing.T) {
	h := NewLampHead(Lines{}, slog.New(slog.DiscardHandler))
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
