//go:build soak

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// soakedVariable is set for the gate that is soaked: this test binary under the name of gatescan, which makes it
// gatescan. It holds the moment of its build.
const soakedVariable = "GATESCAN_SOAKED_BUILT_AT"

// A soaked gate is told to step its wall clock, and answers with how it is, over two pipes.
const (
	soakOrders  = 3 // descriptors
	soakAnswers = 4
)

// soakOrder says how far the wall clock is off from now on.
type soakOrder struct{ Offset time.Duration }

// vitals is how the gate says it is.
type vitals struct {
	Goroutines  int
	Descriptors int
	Live        uint64 // heap that the last collection found in use, in bytes
	Heap        uint64 // heap in use, garbage included, in bytes
}

func init() {
	if builtAt = os.Getenv(soakedVariable); builtAt == "" {
		return
	}
	var offset atomic.Int64
	machine.Offset = func() time.Duration { return time.Duration(offset.Load()) }
	orders := json.NewDecoder(os.NewFile(soakOrders, "orders"))
	answers := json.NewEncoder(os.NewFile(soakAnswers, "answers"))
	go func() {
		for {
			var o soakOrder
			if err := orders.Decode(&o); err != nil {
				return
			}
			offset.Store(int64(o.Offset))
			if err := answers.Encode(measureVitals()); err != nil {
				return
			}
		}
	}()
}

func measureVitals() vitals {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	open, err := os.ReadDir("/proc/self/fd") // by itself: to others it is not dumpable
	if err != nil {
		panic(err)
	}
	return vitals{
		Goroutines: runtime.NumGoroutine(), Descriptors: len(open) - 1, // but for the directory
		Live: samples[0].Value.Uint64(), Heap: samples[1].Value.Uint64(),
	}
}

// soakedGate is that gate, seen by the test.
type soakedGate struct {
	*exec.Cmd
	events  chan simEvent // closed with its output
	said    chan string   // lines of its log
	orders  *json.Encoder
	answers *json.Decoder
	born    string
}

func startSoakedGate(t *testing.T, config string, built time.Time) *soakedGate {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	theirOrders, ourOrders := soakPipe(t)
	ourAnswers, theirAnswers := soakPipe(t)
	g := &soakedGate{
		Cmd: exec.Command(executable), events: make(chan simEvent, 1024), said: make(chan string, 1024),
		orders: json.NewEncoder(ourOrders), answers: json.NewDecoder(ourAnswers),
	}
	g.Args = []string{"gatescan", "run", "-config", config}
	g.Env = append(os.Environ(), soakedVariable+"="+strconv.FormatInt(built.Unix(), 10))
	g.ExtraFiles = []*os.File{theirOrders, theirAnswers}
	stdout, errOut := g.StdoutPipe()
	stderr, errErr := g.StderrPipe()
	if errOut != nil || errErr != nil {
		t.Fatal(errOut, errErr)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Process.Kill() })
	theirOrders.Close()
	theirAnswers.Close()
	go readEvents(t, stdout, g.events)
	go func() {
		defer close(g.said)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			g.said <- lines.Text()
		}
	}()
	if g.born, err = g.birth(); err != nil {
		t.Fatal(err)
	}
	return g
}

func soakPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func readEvents(t *testing.T, from io.Reader, to chan<- simEvent) {
	defer close(to)
	for lines := bufio.NewScanner(from); lines.Scan(); {
		var e simEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Errorf("%v in %q", err, lines.Text())
		}
		to <- e
	}
}

// step sets how far the gate's wall clock is off. It returns once it is.
func (g *soakedGate) step(offset time.Duration) (v vitals, err error) {
	if err := g.orders.Encode(soakOrder{offset}); err != nil {
		return v, err
	}
	return v, g.answers.Decode(&v)
}

// birth is when the process of that number began: another one with the same number began later.
func (g *soakedGate) birth() (string, error) {
	stat, err := os.ReadFile(g.proc("stat"))
	if err != nil {
		return "", err
	}
	_, behind, _ := strings.Cut(string(stat), ") ") // the name may hold anything (proc(5))
	fields := strings.Fields(behind)
	if len(fields) < 20 {
		return "", fmt.Errorf("%q", stat)
	}
	return fields[22-3], nil
}

// rss is the gate's own memory, without what it has mapped of its file, in bytes.
func (g *soakedGate) rss() (bytes uint64, err error) {
	status, err := os.ReadFile(g.proc("status"))
	if err != nil {
		return 0, err
	}
	_, value, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscanf(value, "%d kB", &bytes); err != nil {
		return 0, fmt.Errorf("RssAnon: %w", err)
	}
	return bytes << 10, nil
}

// delay is how long the gate's threads were ready to run and had no processor, all together (sched-stats.rst).
func (g *soakedGate) delay() (total time.Duration) {
	threads, _ := filepath.Glob(g.proc("task/*/schedstat"))
	for _, thread := range threads {
		var running, waiting int64
		if text, err := os.ReadFile(thread); err == nil { // else it has just ended, or this kernel does not count
			_, _ = fmt.Sscan(string(text), &running, &waiting)
		}
		total += time.Duration(waiting)
	}
	return total
}

func (g *soakedGate) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(g.Process.Pid), file)
}
