//go:build board

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatescan/driver/drivertest"
)

const (
	// maxInstructions is what a good ES256 pass of a known key may cost an ARMv6 binary. 357,000 were measured (Go 1.26,
	// Linux 6.1), 200,000 of them for the signature; 12.6 million before the keys had tables.
	maxInstructions = 1_000_000
	// minInstructions is less than the signature alone costs with the widest tables.
	minInstructions = 150_000
	// maxTransfer is how many bytes QEMU's USB serial port hands over at once, and so without a pause in which the guest,
	// idle, would leap over the idle gap. The port holds 496.
	maxTransfer = 480

	tracing = "/sys/kernel/tracing"
)

// TestBoardInstructions counts the instructions of the guest, kernel and all, from the last byte of a pass to the change of
// the relay's line. With this -icount each instruction takes a nanosecond of the guest's time, whatever the host does, so
// the guest's own tracing can count them: from the USB controller's interrupt, which hands over the last byte, to the
// setting of the line.
//
// In the number are: the interrupt, and the tty's work on the whole text, which QEMU sends in one transfer (a real port
// would have dealt with most of it before the last byte); waking the daemon, reading, verifying, and the ioctl; and what
// else runs meanwhile, which is the timer's interrupts and the Go runtime's monitor. The tracing itself adds a few
// thousand. No idle gap is in it, for a terminator ends the frame. An idle guest leaps to its next timer, which is time
// without instructions; nothing lets it be idle in between, and if it were, that would be subtracted.
func TestBoardInstructions(t *testing.T) {
	const relay = drivertest.PlainLine
	g := newBoardGate(t, fmt.Sprintf("[outputs]\nrelay = \"line %s %d\"\n", drivertest.Chip, relay), "", drivertest.Options{Icount: "shift=0,sleep=off"})
	text := g.host(g.lab, canary+"\n", "mint", "-lab", g.labDir, "-iat", "2022-01-01T00:00:00Z", "-exp", "2039-01-01T00:00:00Z")
	if len(text) >= maxTransfer {
		t.Fatalf("the pass has %d characters, more than come at once", len(text))
	}
	g.start()
	g.shell("mount -t tracefs tracefs " + tracing + " && cd " + tracing + " && echo mono >trace_clock" +
		` && echo 'name == "xhci_hcd"' >events/irq/irq_handler_entry/filter && echo 1 >events/irq/irq_handler_entry/enable` +
		" && echo 1 >events/power/cpu_idle/enable" +
		" && echo 1 >events/gpio/gpio_value/enable && echo traceoff >events/gpio/gpio_value/trigger")

	var counts []time.Duration // an instruction is a nanosecond
	for range 15 {
		g.shell("cd " + tracing + " && echo >trace && echo 1 >tracing_on")
		from := g.Mark()
		g.present(text)
		g.change(from, relay, true)
		g.change(from, relay, false)
		n, idle, err := countInstructions(g.shell("tail -n 200 " + tracing + "/trace"))
		if err != nil {
			t.Fatal(err)
		}
		if idle > 0 {
			t.Logf("idle for %v, which is not counted", idle)
		}
		counts = append(counts, n)
	}
	slices.Sort(counts)
	median := counts[len(counts)/2].Nanoseconds()
	t.Logf("%d instructions from the last byte to the line (median of %d passes of %d characters, %d to %d)", median, len(counts),
		len(text), counts[0].Nanoseconds(), counts[len(counts)-1].Nanoseconds())
	if median > maxInstructions {
		t.Errorf("more than %d", maxInstructions)
	}
	if median < minInstructions {
		t.Error("too few for any verification: this counts something else")
	}
}

func (g *boardGate) shell(line string) string {
	g.t.Helper()
	out, err := g.Shell(line, soon)
	if err != nil {
		g.t.Fatalf("%v: %s", err, out)
	}
	return out
}

// countInstructions measures, in a trace that ends with the setting of a line (Documentation/trace/ftrace.rst), from the
// last interrupt of the USB controller on, but for the times at which the processor was idle.
func countInstructions(trace string) (n, idle time.Duration, err error) {
	var began, rested time.Duration
	awake := true
	for line := range strings.Lines(trace) {
		// TASK-PID [CPU] flags seconds.micros: event: details
		fields := strings.Fields(line)
		at := slices.IndexFunc(fields, func(f string) bool { return strings.HasPrefix(f, "[") }) + 2
		if strings.HasPrefix(line, "#") || at < 2 || at+2 >= len(fields) {
			continue
		}
		now, err := time.ParseDuration(strings.TrimSuffix(fields[at], ":") + "s")
		if err != nil {
			return 0, 0, fmt.Errorf("%w in %q", err, line)
		}
		switch details := strings.Join(fields[at+2:], " "); fields[at+1] {
		case "irq_handler_entry:":
			began, idle = now, 0
			awake = true // perhaps by this
		case "cpu_idle:":
			if strings.HasPrefix(details, "state="+strconv.Itoa(1<<32-1)+" ") { // PWR_EVENT_EXIT: no more
				if !awake {
					idle += now - rested
				}
				awake = true
			} else {
				rested, awake = now, false
			}
		case "gpio_value:":
			if began == 0 || !strings.HasSuffix(details, " set 1") {
				return 0, 0, fmt.Errorf("%q behind no interrupt:\n%s", line, trace)
			}
			return now - began - idle, idle, nil
		}
	}
	return 0, 0, fmt.Errorf("no line was set:\n%s", trace)
}
