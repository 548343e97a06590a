package scanner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunFrames(t *testing.T) {
	p := newFakePort()
	run(t, p, func(b *bench) {
		after(2 * testGap)
		p.send("]Q1HC1:")
		after(testGap / 2)
		p.send("A\r\n")
		b.want(t, "HC1:A")
		after(2 * testGap)
		p.send("sHC1:RAW")
		b.want(t, "HC1:A")
		after(testGap)
		b.want(t, "HC1:A") // this port has shown that its frames end with a terminator
		after(maxPause)
		b.want(t, "HC1:A", "HC1:RAW")
		after(2 * testGap)
		p.send(strings.Repeat("Z", 2*MaxFrame) + "\r")
		b.want(t, "HC1:A", "HC1:RAW", strings.Repeat("Z", MaxFrame))
		after(2 * testGap)
		p.send("HC1:TORN\x02HC1:B\x00\x03")
		b.want(t, "HC1:A", "HC1:RAW", strings.Repeat("Z", MaxFrame), "HC1:B")

		want := Stats{Bytes: 10 + 8 + 2*MaxFrame + 1 + 16, Frames: 4, Overlong: 1, Torn: 1, NULs: 1, Dropped: 1, Opens: 1}
		if got := b.Stats(); got != want {
			t.Errorf("stats %+v\nwant  %+v", got, want)
		}
	})
}

func TestOnlyTheFirstOfABurst(t *testing.T) {
	p := newFakePort()
	run(t, p, func(b *bench) {
		after(2 * testGap)
		p.send("HC1:A\rHC1:B\r")
		b.want(t, "HC1:A")
		for range 10 { // B's module goes on talking without a pause
			after(testGap - time.Millisecond)
			p.send("HC1:C\r")
		}
		b.want(t, "HC1:A")
		if got := b.Stats().Dropped; got != 11*6 {
			t.Errorf("dropped %d bytes, want %d", got, 11*6)
		}
		after(testGap + time.Millisecond)
		p.send("HC1:D\r")
		b.want(t, "HC1:A", "HC1:D")
	})
}

// A burst longer than the read buffer leaves its end in the kernel.
func TestRestInKernelIsDropped(t *testing.T) {
	p := newFakePort()
	run(t, p, func(b *bench) {
		after(2 * testGap)
		p.send("HC1:A\r" + strings.Repeat("HC1:B\r", 1000))
		b.want(t, "HC1:A")
		if got := b.Stats().Bytes; got != uint64(len(b.buf)) {
			t.Errorf("read %d bytes, the kernel's should have been flushed", got)
		}
	})
}

func TestArrivedWhileHandling(t *testing.T) {
	p := newFakePort()
	run(t, p, func(b *bench) {
		b.during = func(Frame) {
			p.send("HC1:LATE\r")
			time.Sleep(3 * time.Second) // longer than a stall
		}
		after(2 * testGap)
		p.send("HC1:A\r")
		after(3*time.Second + testGap/2)
		p.send("~") // before the first silence
		after(time.Second)
		p.send("HC1:B\r")
		after(4 * time.Second)
		b.want(t, "HC1:A", "HC1:B")
		if got := b.Stats().Stalls; got != 0 {
			t.Errorf("%d stalls, a slow handler is none", got)
		}
	})
}

// What a module kept while nobody read comes right after the opening.
func TestQueuedAtOpening(t *testing.T) {
	p := newFakePort()
	p.send("HC1:QUEUED\r")
	run(t, p, func(b *bench) {
		p.send("HC1:STALE\r")
		after(testGap / 2)
		p.send("HC1:STALE\r")
		after(testGap / 2)
		if b.Up() {
			t.Error("up before the line was silent")
		}
		after(testGap)
		if !b.Up() {
			t.Error("not up although the line was silent")
		}
		b.want(t)
		p.send("HC1:A\r")
		b.want(t, "HC1:A")
	})
}

func TestStall(t *testing.T) {
	for _, tt := range []struct {
		stop time.Duration
		want []string
	}{
		{maxStall, []string{"HC1:A"}},
		{maxStall + 2*testGap, nil},
	} {
		p := newFakePort()
		run(t, p, func(b *bench) {
			after(2*testGap + time.Millisecond)
			p.send("HC1:") // a read is under way when the process stops
			synctest.Wait()
			p.stop = tt.stop
			p.send("A\r")
			after(tt.stop + testGap/2)
			b.want(t, tt.want...)
			after(2 * testGap)
			p.send("HC1:B\r")
			b.want(t, append(tt.want, "HC1:B")...)
			if got := b.Stats().Stalls; got != uint64(1-len(tt.want)) {
				t.Errorf("stopped for %v: %d stalls", tt.stop, got)
			}
		})
	}
}

// A text without terminator that is whole, but whose idle gap ended long ago.
func TestStallInGap(t *testing.T) {
	p := newFakePort()
	run(t, p, func(b *bench) {
		after(2*testGap + time.Millisecond)
		p.send("HC1:A")
		synctest.Wait()
		p.stop = maxStall + time.Millisecond
		after(2 * maxStall)
		b.want(t)
		p.send("HC1:B\r")
		b.want(t, "HC1:B")
		if got := b.Stats().Stalls; got != 1 {
			t.Errorf("%d stalls", got)
		}
	})
}

func TestBackoff(t *testing.T) {
	run(t, nil, func(b *bench) {
		after(16500 * time.Millisecond)
		want := []time.Duration{0, 100, 300, 700, 1500, 3100, 6300, 11300, 16300}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(b.opened, want) {
			t.Errorf("opened at %v\nwant      %v", b.opened, want)
		}
		if got := b.Stats(); got.Failures != 9 || got.Opens != 0 {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestBackoffBeginsAnew(t *testing.T) {
	for _, tt := range []struct {
		name string
		work func(b *bench, p *fakePort)
		want time.Duration
	}{
		{"after a frame", func(_ *bench, p *fakePort) { after(2 * testGap); p.send("HC1:A\r"); synctest.Wait() }, minBackoff},
		{"after five seconds", func(*bench, *fakePort) { after(maxBackoff) }, minBackoff},
		{"not before", func(*bench, *fakePort) { after(maxBackoff - time.Second) }, 4 * minBackoff},
		{"not for noise alone", func(_ *bench, p *fakePort) {
			for range 300 {
				after(testGap / 2)
				p.send("~")
			}
		}, 4 * minBackoff},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run(t, nil, func(b *bench) {
				after(150 * time.Millisecond)
				p := newFakePort()
				b.port = p // found at 300 ms
				after(150 * time.Millisecond)
				tt.work(b, p)
				b.port = nil
				p.unplug()
				synctest.Wait()
				failed := len(b.opened)
				unplugged := time.Since(b.start)
				after(2 * maxBackoff)
				if p.closed != 1 {
					t.Errorf("closed %d times", p.closed)
				}
				if got := b.opened[failed] - unplugged; got != tt.want {
					t.Errorf("opened again after %v, want %v", got, tt.want)
				}
				if got := b.opened[failed+1] - b.opened[failed]; got != 2*tt.want {
					t.Errorf("second pause %v, want %v", got, 2*tt.want)
				}
			})
		})
	}
}

func TestStatesAndLog(t *testing.T) {
	run(t, nil, func(b *bench) {
		p := newFakePort()
		after(time.Minute)
		if b.Up() || b.Err() == nil || !slices.Equal(b.states, []bool{false}) {
			t.Errorf("without a device: up %v, err %v, states %v", b.Up(), b.Err(), b.states)
		}
		b.port = p
		after(10 * time.Second)
		if !b.Up() || b.Err() != nil || !slices.Equal(b.states, []bool{false, true}) {
			t.Errorf("with a device: up %v, err %v, states %v", b.Up(), b.Err(), b.states)
		}
		p.send("HC1:A\r")
		after(time.Second)
		p.send("HC1:HALF")
		b.port = nil
		p.unplug()
		after(time.Minute)
		if b.Up() || b.Err() == nil || !slices.Equal(b.states, []bool{false, true, false}) {
			t.Errorf("unplugged: up %v, err %v, states %v", b.Up(), b.Err(), b.states)
		}
		b.want(t, "HC1:A")
		if got := strings.Count(b.log.String(), "\n"); got != 3 {
			t.Errorf("%d log lines, want one per change of state:\n%s", got, b.log.String())
		}
		for _, want := range []string{"no such device", "unplugged", "device=/dev/fake", "level=WARN", "level=INFO"} {
			if !strings.Contains(b.log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, b.log.String())
			}
		}
	})
}

func TestNoStateAtTheEnd(t *testing.T) {
	var states []bool
	run(t, newFakePort(), func(b *bench) {
		after(2 * testGap)
		b.config.OnState = func(up bool) { states = append(states, up) }
	})
	if len(states) != 0 {
		t.Errorf("the end of Run was reported as %v", states)
	}
}

func TestFlushFails(t *testing.T) {
	p := newFakePort()
	run(t, p, func(b *bench) {
		after(2 * testGap)
		p.flush = errors.New("input/output error")
		p.send("HC1:A\r")
		synctest.Wait()
		if b.Up() || p.closed != 1 {
			t.Errorf("up %v, closed %d times", b.Up(), p.closed)
		}
		after(50 * time.Millisecond) // within the first pause
		b.port = newFakePort()
		after(time.Second)
		b.port.send("HC1:B\r")
		b.want(t, "HC1:A", "HC1:B")
	})
}

func TestNothingAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePort()
		r := NewReader(Config{Device: "/dev/fake", IdleGap: testGap}, nil)
		r.open = func(Config) (port, error) { return p, nil }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx, func(f Frame) { t.Errorf("handled %q after the end", f.Text) }) }()
		after(2 * testGap)
		p.stop = testGap / 4 // the read that finds the frame is under way when the context ends
		p.send("HC1:A\r")
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if r.Stats().Bytes == 0 {
			t.Error("the frame was not even read")
		}
		if p.closed != 1 {
			t.Errorf("closed %d times", p.closed)
		}
	})
}

func TestRunRefusesConfig(t *testing.T) {
	r := NewReader(Config{Device: "ttyS0"}, nil)
	r.open = func(Config) (port, error) { t.Error("opened"); return nil, errUnplugged }
	if err := r.Run(t.Context(), func(Frame) {}); err == nil {
		t.Error("no error")
	}
}

// The library panics in Read when it waits on a descriptor that select(2) cannot hold.
func TestReadPanic(t *testing.T) {
	n, err := read(panicPort{}, make([]byte, 1))
	if n != 0 || err == nil || !strings.Contains(err.Error(), "1024") {
		t.Errorf("got %d, %v", n, err)
	}
}

type panicPort struct{ port }

func (panicPort) Read([]byte) (int, error) { return 3, fmt.Errorf("%d", []int{}[len("16")]) }
