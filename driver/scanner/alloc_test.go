package scanner

import (
	"context"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func TestFramerDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED: the race detector allocates")
	}
	var f Framer
	n := 0
	input := []byte("HC1:TORN\x02]Q1" + loadTexts(t)[0] + "\r\n" + strings.Repeat("Z", 2*MaxFrame) + gap + "\x00\x00\r]Q1\r")
	allocs := testing.AllocsPerRun(100, func() {
		for rest := input; len(rest) > 0; {
			var frame Frame
			if frame, rest = f.Next(rest); frame.Text != nil {
				n++
			}
		}
		if f.Gap().Text != nil {
			n++
		}
		f.Reset()
	})
	if allocs != 0 || n != 2*101 {
		t.Errorf("%v allocations, %d frames", allocs, n)
	}
}

// The whole way, from the module's write to the handler's return and through the drop after it.
func TestPtyDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED: the race detector allocates")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	m := newModule(t)
	m.plug()
	up, got := make(chan struct{}, 1), make(chan struct{}, 1)
	r := NewReader(Config{Device: m.path, IdleGap: leastGap, OnState: func(bool) { up <- struct{}{} }}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, func(Frame) { got <- struct{}{} }) }()
	<-up
	input := []byte(loadTexts(t)[0] + "\r")
	again := time.NewTimer(time.Hour)
	scan := func() {
		for {
			time.Sleep(4 * leastGap) // usually the silence that the Reader waits for
			if _, err := m.master.Write(input); err != nil {
				t.Fatal(err)
			}
			again.Reset(time.Second)
			select {
			case <-got:
				return
			case <-again.C:
			}
		}
	}
	best := uint64(1 << 63)
	for range 10 { // the runtime allocates something of its own now and then: threads, at first
		if best == 0 {
			break
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 20 {
			scan()
		}
		runtime.ReadMemStats(&after)
		best = min(best, after.Mallocs-before.Mallocs)
	}
	cancel()
	<-done
	if best > 2 { // anything of ours would be 20 or more
		t.Errorf("%d allocations in 20 frames", best)
	}
}
