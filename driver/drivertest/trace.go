package drivertest

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"
)

// traceEvent is what QEMU's model of the controller says each time the level of a pin changes (hw/gpio/trace-events).
const traceEvent = "pl061_set_output"

// Change is a new level of an output, as the turnstile sees it.
type Change struct {
	At   time.Time // of the host, in microseconds
	Line int
	High bool
}

// String is for failed tests.
func (c Change) String() string {
	level := "low"
	if c.High {
		level = "high"
	}
	return fmt.Sprintf("%s line %d %s", c.At.Format("15:04:05.000000"), c.Line, level)
}

// A line of the trace: process@seconds.microseconds:event text, where the text is "<device> setting output <line> to <level>".
var traceLine = regexp.MustCompile(`^\d+@(\d+)\.(\d{6}):` + traceEvent + ` .*\boutput (\d+) to (\d+)$`)

func parseChange(line string) (Change, error) {
	m := traceLine.FindStringSubmatch(line)
	if m == nil {
		return Change{}, fmt.Errorf("not a line of QEMU's trace: %q", line)
	}
	var n [4]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(m[i+1], 10, 64); err != nil {
			return Change{}, err
		}
	}
	return Change{At: time.Unix(n[0], n[1]*1000), Line: int(n[2]), High: n[3] != 0}, nil
}

// readTrace adds every change until the trace ends. A line that cannot be read ends it too: a test must not believe that
// nothing happened.
func readTrace(trace io.Reader, changes *history[Change]) {
	lines := bufio.NewScanner(trace)
	for lines.Scan() {
		c, err := parseChange(lines.Text())
		if err != nil {
			changes.close(err)
			break
		}
		changes.add(c)
	}
	changes.close(io.ErrUnexpectedEOF)
	_, _ = io.Copy(io.Discard, trace) // QEMU would stand still with the pipe full
}
