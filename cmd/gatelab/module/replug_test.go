package module

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"gatescan/driver/drivertest"
	"gatescan/driver/scanner"
)

// Each module is pulled out in the middle of a text, comes back under another number with its settings forgotten, and is set up
// and read again.
func TestReplugs(t *testing.T) {
	n := drivertest.Repeats(t, "GATESCAN_REPLUGS", 10)
	for _, kind := range Types() {
		t.Run(kind, func(t *testing.T) {
			m := newModule(t, Options{Type: kind, USB: true})
			g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.Module(kind), IdleGap: 20 * time.Millisecond})
			g.await(true)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			goroutines, files := runtime.NumGoroutine(), openFiles(t)
			var took []time.Duration
			for i := range n {
				g.scan(m, fmt.Sprintf("%s%d", pass, i))
				cut := make(chan error, 1)
				go func() { cut <- m.Present("HC1:HALF") }()
				m.Unplug()
				<-cut
				g.await(false)
				for len(g.frames) > 0 { // it may have been fast enough
					<-g.frames
				}
				began := time.Now()
				if err := m.Plug(); err != nil {
					t.Fatal(err)
				}
				g.await(true)
				took = append(took, time.Since(began))
			}
			g.scan(m, pass)
			slices.Sort(took)
			runtime.GC()
			runtime.ReadMemStats(&after)
			if got := runtime.NumGoroutine(); got > goroutines+2 {
				t.Errorf("%d goroutines, %d before", got, goroutines)
			}
			if got := openFiles(t); got > files+2 {
				t.Errorf("%d open files, %d before", got, files)
			}
			if got := g.Stats().Opens; got != uint64(n)+1 {
				t.Errorf("opened %d times, want %d", got, n+1)
			}
			t.Logf("%d replugs: ready again after %v to %v, in the middle %v; heap %+d KiB", n, took[0].Round(time.Millisecond),
				took[len(took)-1].Round(time.Millisecond), took[len(took)/2].Round(time.Millisecond),
				(int64(after.HeapAlloc)-int64(before.HeapAlloc))/1024)
		})
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
