package scanner

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// With auto, a module on a UART that has no power at the start is never taken for one that sends lines: the reader is not ready until
// it answers, however long that takes, and then sets it up.
func TestAutoDeadAtStart(t *testing.T) {
	for _, tt := range beats {
		for _, dead := range []time.Duration{20 * time.Second, 10 * time.Minute} {
			m := newRecorded(t, 115200, tt.talk)
			m.silent = true
			runModule(t, ModuleAuto, m.port(), func(b *bench) {
				for range dead / time.Second {
					after(time.Second)
					if b.Up() {
						t.Errorf("%s: up after %v without a sign of life", tt.module, time.Since(b.start))
						return
					}
				}
				if err := b.Err(); err == nil || !strings.Contains(err.Error(), "power") || !slices.Equal(b.states, []bool{false}) {
					t.Errorf("%s: %v, states %v", tt.module, err, b.states)
				}
				if n := strings.Count(b.log.String(), "\n"); n > 3 {
					t.Errorf("%d lines in the log:\n%s", n, b.log.String())
				}
				m.silent = false
				powered := time.Now()
				for !b.Up() && time.Since(powered) < 2*time.Minute {
					after(testGap)
				}
				if s := b.Setup(); !b.Up() || s.Module != tt.module || s.Fault != "" {
					t.Errorf("%s: up %v, %+v", tt.module, b.Up(), s)
				}
				t.Logf("%s: dead for %v, ready %v after it had power", tt.module, dead, time.Since(powered).Round(time.Second))
			})
		}
	}
}

// With auto, a module that falls silent stays what it was: it is not taken for one that sends lines.
func TestAutoRemembersTheFamily(t *testing.T) {
	for _, tt := range beats {
		m := newRecorded(t, 115200, tt.talk)
		for _, e := range tt.beats {
			m.speaks[e.command] = e.answer
		}
		runModule(t, ModuleAuto, m.port(), func(b *bench) {
			after(30 * time.Second)
			if !b.Up() || b.Setup().Module != tt.module {
				t.Errorf("up %v, %+v", b.Up(), b.Setup())
				return
			}
			m.silent = true
			after(time.Minute)
			for range 600 {
				after(time.Second)
				if b.Up() {
					t.Errorf("%s: up although it does not answer", tt.module)
					return
				}
			}
			if s := b.Setup(); s.Module != tt.module || !strings.Contains(s.Fault, "does not answer any more") {
				t.Errorf("%+v", s)
			}
			m.silent = false
			after(time.Minute)
			if s := b.Setup(); !b.Up() || s.Module != tt.module || s.Fault != "" {
				t.Errorf("up %v, %+v", b.Up(), s)
			}
		})
	}
}

// With auto, a module that answers nothing is read as soon as it has sent a text, and stays so when it is plugged in again; noise
// is no text.
func TestAutoLine(t *testing.T) {
	p := newFakePort()
	runModule(t, ModuleAuto, p, func(b *bench) {
		after(setUpLimit + time.Second)
		p.send("\xfe\x80\x00\xc1\r")
		after(time.Second)
		if b.Up() {
			t.Error("up after noise")
		}
		p.send("HC1:A\r")
		after(time.Second)
		if !b.Up() {
			t.Error("not up after a text")
		}
		after(10 * time.Minute)
		if !b.Up() || len(b.opened) != 1 {
			t.Errorf("up %v, opened at %v", b.Up(), b.opened)
		}
		b.port = newFakePort()
		p.unplug()
		after(15 * time.Second)
		if !b.Up() || b.Setup().Module != ModuleLine {
			t.Errorf("plugged in again: up %v, %+v", b.Up(), b.Setup())
		}
	})
}

// A module that never stops sending is not read, and is not called ready, from the start or later. Once it is silent it is read.
func TestEndlessBytes(t *testing.T) {
	for _, sent := range []string{"Z", "\x00", "HC1:A\r", "\xf0\x0f\n"} {
		for _, late := range []bool{false, true} {
			p := newFakePort()
			run(t, p, func(b *bench) {
				if late {
					after(time.Minute)
				}
				began := time.Now()
				for range 30 * time.Second / (testGap / 2) {
					p.send(sent)
					after(testGap / 2)
					if up := b.Up(); up != late && time.Since(began) < 9*time.Second || up && time.Since(began) > 11*time.Second {
						t.Errorf("%q, late %v: up %v after %v", sent, late, up, time.Since(began))
						return
					}
				}
				if err := b.Err(); err == nil || !strings.Contains(err.Error(), "never stops sending") || b.states[len(b.states)-1] {
					t.Errorf("%q: %v, states %v", sent, err, b.states)
				}
				if n := strings.Count(b.log.String(), "\n"); n > 2 {
					t.Errorf("%d lines in the log:\n%s", n, b.log.String())
				}
				b.frames = nil
				after(time.Second)
				p.send("HC1:B\r")
				after(time.Second)
				if !b.Up() || b.Err() != nil {
					t.Errorf("%q: up %v, %v", sent, b.Up(), b.Err())
				}
				b.want(t, "HC1:B")
			})
		}
	}
}
