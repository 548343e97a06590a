package clock

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// listenClock returns a socket, and a listener there that the test's end closes.
func listenClock(t *testing.T) (string, net.Listener) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "clock.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return socket, listener
}

func TestClockService(t *testing.T) {
	socket, listener := listenClock(t)
	var e atomic.Int64
	served := make(chan error)
	go func() {
		served <- answerMaxError(listener, func() (time.Duration, error) { return time.Duration(e.Load()) * time.Microsecond, nil })
	}()
	if c, err := net.Dial("unix", socket); err != nil { // one that does not wait for its answer
		t.Error(err)
	} else if err := c.Close(); err != nil {
		t.Error(err)
	}
	for _, us := range []int64{0, 12345, 16000000} {
		e.Store(us)
		if got, err := askMaxError(socket); got != time.Duration(us)*time.Microsecond || err != nil {
			t.Errorf("%d us: %v, %v", us, got, err)
		}
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := askMaxError(socket); err == nil {
		t.Error("nobody is there, and it answers")
	}
}

func TestClockServiceCannotSay(t *testing.T) {
	socket, listener := listenClock(t)
	go func() {
		_ = answerMaxError(listener, func() (time.Duration, error) {
			return 0, errors.New("adjtimex: " + strings.Repeat("x", maxAnswer))
		})
	}()
	if _, err := askMaxError(socket); err == nil || !strings.Contains(err.Error(), "adjtimex: xxx") || len(err.Error()) > 2*maxAnswer {
		t.Errorf("%v", err)
	}
}

// Whatever is said at the socket, it is a number of microseconds or an error, and soon.
func TestClockServiceTalksNonsense(t *testing.T) {
	for name, said := range map[string]string{
		"nothing": "", "negative": "-1", "a fraction": "1.5", "a line": "1\n", "text": "soon", "hex": "0x10", "beyond the kernel": "4294967296",
		"endless": strings.Repeat("1", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			socket, listener := listenClock(t)
			go func() {
				if c, err := listener.Accept(); err == nil {
					_, _ = c.Write([]byte(said))
					_ = c.Close()
				}
			}()
			if got, err := askMaxError(socket); got != 0 || err == nil || len(err.Error()) > 2*maxAnswer {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		socket, _ := listenClock(t)
		began := time.Now()
		if _, err := askMaxError(socket); err == nil || time.Since(began) > 5*timeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
