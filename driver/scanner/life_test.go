package scanner

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// beats is how each family is asked whether it lives: the questions in turn, and the answer to the last one once it has lost its
// settings.
var beats = []struct {
	module  Module
	talk    []exchange
	beats   []exchange
	forgets string
}{
	{ModuleGM65, gm65Talk, []exchange{
		{"7E 00 0A 01 00 00 00 30 1A", "03 00 00 01 00 33 31"},
		{"7E 00 07 01 00 00 02 31 22", "02 00 00 02 D6 00 D1 E1"},
	}, "02 00 00 02 D4 00 B7 83"},
	{ModuleSSI, ssiTalk, []exchange{
		{"00", ""},
		{"04 A3 04 00 FF 55", "0C A4 00 00 50 41 41 42 53 30 30 36 FD 53"},
		{"04 D0 04 00 FF 28", ""},
		{"00", ""},
		{"05 C7 04 00 EE FE 42", "07 C6 00 00 FF EE 01 FD 45"},
	}, "07 C6 00 00 FF EE 00 FD 46"},
	{ModuleNewland, newlandTalk, []exchange{
		{newlandTalk[0].command, "02 01 30 30 30 30 23 53 43 4E 4D 4F 44 32 06 3B 03"},
	}, "02 01 30 30 30 30 23 53 43 4E 4D 4F 44 30 06 3B 03"},
	{ModuleHoneywell, honeywellTalk, []exchange{
		{"16 4D 0D 54 52 47 4D 4F 44 3F 2E", "54 52 47 4D 4F 44 33 06 2E"}, // TRGMOD?.
	}, "54 52 47 4D 4F 44 30 06 2E"},
}

func TestHeartbeat(t *testing.T) {
	for _, tt := range beats {
		t.Run(string(tt.module), func(t *testing.T) {
			m := newRecorded(t, 115200, tt.talk)
			runModule(t, tt.module, m.port(), func(b *bench) {
				after(9 * time.Second)
				m.told = nil
				for _, e := range tt.beats {
					m.speaks[e.command] = e.answer
				}
				after(time.Minute)
				if !b.Up() || len(b.opened) != 1 {
					t.Fatalf("a living module: up %v, opened at %v, %v", b.Up(), b.opened, b.log.String())
				}
				asked := commands(tt.beats, seq(len(tt.beats))...)
				if n := len(m.told); n < 2*len(tt.beats) || n > 6*len(tt.beats) || !slices.Equal(m.told[:len(asked)], asked) {
					t.Errorf("asked %q, want %q", m.told, asked)
				}
				m.silent = true
				began := time.Now()
				for b.Up() {
					after(testGap)
				}
				if d := time.Since(began); d > 17*time.Second {
					t.Errorf("a dead module was noticed after %v", d)
				}
				if err := b.Err(); err == nil || !strings.Contains(err.Error(), "stopped answering") {
					t.Errorf("err %v", err)
				}
				t.Logf("a dead module was noticed after %v", time.Since(began))
				after(5 * time.Minute)
				if b.Up() || !slices.Equal(b.states, []bool{true, false}) {
					t.Errorf("up %v, states %v", b.Up(), b.states)
				}
				if n := strings.Count(b.log.String(), "\n"); n > 5 {
					t.Errorf("%d lines in the log:\n%s", n, b.log.String())
				}
				m.silent = false
				began = time.Now()
				for !b.Up() && time.Since(began) < time.Minute {
					after(testGap)
				}
				if s := b.Setup(); !b.Up() || s.Fault != "" {
					t.Errorf("alive again: up %v, %+v", b.Up(), s)
				}
				t.Logf("alive again, and set up after %v", time.Since(began))
			})
		})
	}
}

// A module that was without power for a moment answers again, with the settings that are in its flash.
func TestForgottenSettings(t *testing.T) {
	for _, tt := range beats {
		t.Run(string(tt.module), func(t *testing.T) {
			m := newRecorded(t, 115200, tt.talk)
			runModule(t, tt.module, m.port(), func(b *bench) {
				after(9 * time.Second)
				for _, e := range tt.beats {
					m.speaks[e.command] = e.answer
				}
				after(30 * time.Second)
				last := tt.beats[len(tt.beats)-1]
				m.speaks[last.command] = tt.forgets
				m.told = nil
				for range 30 * time.Second / testGap {
					if after(testGap); !b.Up() {
						break
					}
				}
				if err := b.Err(); b.Up() || err == nil || !strings.Contains(err.Error(), "lost its settings") {
					t.Fatalf("up %v, %v; told %q", b.Up(), err, m.told)
				}
				m.speaks[last.command] = last.answer
				m.told = nil
				after(9 * time.Second)
				if !b.Up() || len(m.told) < 3 || b.Setup().Fault != "" {
					t.Errorf("up %v, %+v, told %q", b.Up(), b.Setup(), m.told)
				}
			})
		})
	}
}

// A module that did not take the setting which its heartbeat shows is not set up again and again.
func TestNothingToForget(t *testing.T) {
	m := newRecorded(t, 115200, newlandTalk)
	m.speaks[newlandTalk[2].command] = "02 01 30 30 30 30 23 53 43 4E 4D 4F 44 32 05 3B 03"
	runModule(t, ModuleNewland, m.port(), func(b *bench) {
		after(2 * time.Minute)
		if !b.Up() || len(b.opened) != 1 {
			t.Errorf("up %v, opened at %v", b.Up(), b.opened)
		}
	})
}

func seq(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// Frames prove life as well as answers do: whoever presents codes all the time is not disturbed by questions.
func TestFramesAreHeartbeats(t *testing.T) {
	m := newRecorded(t, 115200, gm65Talk)
	p := m.port()
	runModule(t, ModuleGM65, p, func(b *bench) {
		after(setUpLimit)
		m.told, m.silent = nil, true
		for range 20 {
			p.send("HC1:A\r")
			after(5 * time.Second)
		}
		if !b.Up() || len(m.told) > 0 {
			t.Errorf("up %v, asked %q", b.Up(), m.told)
		}
	})
}
