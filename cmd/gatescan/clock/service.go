package clock

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// socketPath is where gatescan-clock.socket listens. Nobody but root can put something there.
const socketPath = "/run/gatescan-clock.sock"

// Limits of a connection to it.
const (
	timeout   = 2 * time.Second // of the whole: the service may be starting again
	maxAnswer = 256             // bytes
)

// Serve tells each client how wrong the kernel's clock may be (adjtimex(2)), one after the other, until the listener is
// closed. An answer is a number of microseconds in decimal, or "error: " and what is wrong.
func Serve(listener net.Listener) error { return answerMaxError(listener, kernelMaxError) }

func answerMaxError(listener net.Listener, maxError func() (time.Duration, error)) error {
	for {
		c, err := listener.Accept()
		if err != nil {
			return err
		}
		said := ""
		if e, err := maxError(); err != nil {
			said = "error: " + err.Error()
		} else {
			said = strconv.FormatInt(e.Microseconds(), 10)
		}
		_ = c.SetDeadline(time.Now().Add(timeout))
		_, _ = io.WriteString(c, said[:min(len(said), maxAnswer)]) // whoever does not take it asks again
		_ = c.Close()
	}
}

// askMaxError asks who serves the clock at a socket.
func askMaxError(socket string) (time.Duration, error) {
	c, err := net.DialTimeout("unix", socket, timeout)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	data, err := io.ReadAll(io.LimitReader(c, maxAnswer))
	if err != nil {
		return 0, err
	}
	said := string(data)
	if failed, ok := strings.CutPrefix(said, "error: "); ok {
		return 0, fmt.Errorf("%s: %q", socket, failed)
	}
	us, err := strconv.ParseUint(said, 10, 32) // the kernel's own limit is 16,000,000 (NTP_PHASE_LIMIT)
	if err != nil {
		return 0, fmt.Errorf("%s: a maximum error of %.40q", socket, said)
	}
	return time.Duration(us) * time.Microsecond, nil
}
