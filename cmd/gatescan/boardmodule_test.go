//go:build board

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatescan/cmd/gatelab/module"
	"gatescan/driver/drivertest"
)

// boardCable joins simulated modules to the USB serial port of a board.
type boardCable struct {
	serial *drivertest.Serial

	mu      sync.Mutex
	module  *os.File // the terminal of the module that is plugged in, or nil
	ofBoard int      // bytes that the board has sent
}

func newBoardCable(s *drivertest.Serial) *boardCable {
	c := &boardCable{serial: s}
	go func() {
		buf := make([]byte, 256)
		for {
			n, err := s.Read(buf)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.ofBoard += n
			if c.module != nil {
				_, _ = c.module.Write(buf[:n]) // it may have been pulled out
			}
			c.mu.Unlock()
		}
	}()
	return c
}

// join carries what the module sends, and gives it what the board sends, until it is pulled out.
func (c *boardCable) join(m *module.Module) error {
	terminal, err := os.OpenFile(m.Device(), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.module = terminal
	c.mu.Unlock()
	go func() {
		defer terminal.Close()
		buf := make([]byte, 256)
		for {
			n, err := terminal.Read(buf)
			if err != nil {
				return
			}
			if _, err := c.serial.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	return nil
}

// unplug takes the module's power and the board's port away, in the middle of whatever is under way.
func (c *boardCable) unplug(m *module.Module) error {
	m.Unplug()
	c.mu.Lock()
	c.module = nil
	c.mu.Unlock()
	return c.serial.Unplug()
}

func (c *boardCable) plug(m *module.Module) error {
	return errors.Join(m.Plug(), c.join(m), c.serial.Plug())
}

// heard is how many bytes the board has sent.
func (c *boardCable) heard() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ofBoard
}

// heapPlay is how much a heap of 4 MiB may grow before it is collected and given back, with what surrounds it, in KiB.
const heapPlay = 8 << 10

// holds is how many files the daemon has open, and how much memory it has, in KiB.
func (g *boardGate) holds() (files, memory int) {
	g.t.Helper()
	out, err := g.Shell(fmt.Sprintf("ls /proc/%d/fd | wc -l; grep VmRSS /proc/%[1]d/status", g.process.PID), soon)
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := fmt.Sscanf(out, "%d\nVmRSS: %d kB", &files, &memory); err != nil {
		g.t.Fatalf("%v: %q", err, out)
	}
	return files, memory
}

// Each module behind the kernel's own USB serial driver: found in sysfs by what it is, set up, heard to live, pulled out in the
// middle of a text with its settings forgotten and put back, for as often as is asked, by one process that does not grow.
func TestBoardModule(t *testing.T) {
	const relay = drivertest.LEDLine
	g := newBoardGateReading(t, "device = \"usb:0403:6001\"\nmodule = \"MODULE\"\nsame_code_delay = \"100ms\"\n", "[outputs]\nrelay = \"oneshot gate:relay\"\n", "", drivertest.Options{})
	cable := newBoardCable(g.Serial)
	good := g.pass()
	n := drivertest.Repeats(t, "GATESCAN_REPLUGS", 1)
	for _, kind := range append(module.Types(), "line", "auto") {
		g.scenario(t, kind, func(t *testing.T) {
			o := module.Options{Type: kind, USB: true}
			switch kind {
			case "line", "auto": // any will do that sends lines; a module that is told nothing must read by itself
				o.Type, o.Ready = "gm65", true
			}
			m, err := module.New(o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(m.Close)
			if err := cable.join(m); err != nil {
				t.Fatal(err)
			}
			if _, err := g.Shell(fmt.Sprintf("sed -i 's/^module = .*/module = %q/' /etc/gatescan.toml", kind), soon); err != nil {
				t.Fatal(err)
			}
			g.start()
			t.Cleanup(func() { g.kill(syscall.SIGTERM) })
			speaks := !slices.Contains([]string{"line", "accessis", "accessis-raw"}, kind)
			if out := g.process.Output(); speaks != strings.Contains(out, "barcode module found and set up") ||
				speaks != strings.Contains(out, "device="+drivertest.SerialPath) {
				t.Fatalf("the daemon says:\n%s", out)
			}

			opens := func() {
				t.Helper()
				from := g.Mark()
				if err := m.Present(good); err != nil {
					t.Fatalf("%v; the daemon says:\n%s", err, g.process.Output())
				}
				g.change(from, relay, true)
				g.change(from, relay, false)
			}
			opens()
			if kind == "gm65" {
				before := cable.heard()
				time.Sleep(12 * time.Second)
				if cable.heard() == before {
					t.Error("nobody asked whether the module lives")
				}
				opens()
			}

			files, memory := g.holds()
			var took []time.Duration
			for range n {
				lines := g.process.Lines()
				cut := make(chan error, 1)
				go func() { cut <- m.Present("HC1:HALF") }()
				if err := cable.unplug(m); err != nil {
					t.Fatal(err)
				}
				<-cut
				if _, err := g.process.Expect(lines, "not readable", soon); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				if err := cable.plug(m); err != nil {
					t.Fatal(err)
				}
				if _, err := g.process.Expect(lines, "barcode module ready", soon); err != nil {
					t.Fatalf("%v; it says:\n%s", err, g.process.Output())
				}
				took = append(took, time.Since(began))
				opens()
			}
			slices.Sort(took)
			t.Logf("%d replugs: ready again after %v to %v, in the middle %v", n, took[0].Round(time.Millisecond),
				took[n-1].Round(time.Millisecond), took[n/2].Round(time.Millisecond))
			if filesAfter, memoryAfter := g.holds(); filesAfter != files || memoryAfter > memory+heapPlay {
				t.Errorf("%d files and %d KiB, %d and %d before", filesAfter, memoryAfter, files, memory)
			} else {
				t.Logf("%d files open before and after, %d KiB of memory before and %d after", files, memory, memoryAfter)
			}
		})
	}
}
