package watchdog

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/cmd/gatescan/progress"

	"golang.org/x/sys/unix"
)

// manager is a service manager: a real datagram socket, and the variables that systemd sets.
type manager struct {
	t  *testing.T
	fd int
}

func newManager(t *testing.T, timeout time.Duration) *manager {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	path := filepath.Join(t.TempDir(), "notify")
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "")
	if timeout > 0 {
		t.Setenv("WATCHDOG_USEC", strconv.FormatInt(timeout.Microseconds(), 10))
		t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	}
	return &manager{t, fd}
}

// heard is what came since it was last asked.
func (m *manager) heard() (messages []string) {
	m.t.Helper()
	b := make([]byte, 4096)
	for {
		n, _, err := unix.Recvfrom(m.fd, b, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			return messages
		}
		if err != nil {
			m.t.Fatal(err)
		}
		messages = append(messages, string(b[:n]))
	}
}

// during lets time pass, and counts what came.
func (m *manager) during(d time.Duration) (pings int, others []string) {
	m.t.Helper()
	hear := func() {
		for _, message := range m.heard() {
			if message == "WATCHDOG=1" {
				pings++
			} else {
				others = append(others, message)
			}
		}
	}
	hear()
	for range int(d / (100 * time.Millisecond)) { // the socket's queue is short
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		hear()
	}
	return pings, others
}

// loop beats until it is told to stop.
func loop(h *progress.Heartbeat, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil {
			h.Beat()
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	}()
	return cancel
}

func TestWatchdog(t *testing.T) {
	m := newManager(t, 4*time.Second)
	device := filepath.Join(t.TempDir(), "watchdog")
	writeFile(t, device, "")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var p progress.Progress
		reader, verdict, turnstile := p.Watch("reader", 10*time.Second), p.Watch("verdict", 2*time.Second), p.Watch("turnstile", 2*time.Second)
		verdict.Rest()
		stopReader, stopTurnstile := loop(reader, 5*time.Second), loop(turnstile, 500*time.Millisecond)
		d, err := open(device, 10*time.Second, func(_ *os.File, seconds int) (int, error) { return seconds, nil })
		if err != nil {
			t.Fatal(err)
		}
		w := New(&p, d, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		go w.Run(ctx)

		served := func() string {
			text, err := os.ReadFile(device)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		expect := func(what string, d time.Duration, least, most int) (others []string) {
			t.Helper()
			synctest.Wait() // what was begun is not halfway between the two
			_, told := m.during(0)
			before := len(served())
			pings, others := m.during(d)
			others = append(told, others...)
			if pings < least || pings > most {
				t.Errorf("%s: %d times WATCHDOG=1 in %v, want %d to %d", what, pings, d, least, most)
			}
			if n := len(served()) - before; n != pings {
				t.Errorf("%s: the device was served %d times, the service manager %d", what, n, pings)
			}
			return others
		}
		if others := expect("all goes on", time.Minute, 30, 31); len(others) > 0 {
			t.Errorf("told %q", others)
		}
		// A verdict that takes its time, and one that never comes.
		verdict.Beat()
		time.Sleep(time.Second)
		verdict.Rest()
		expect("a slow verdict", 10*time.Second, 4, 6)
		verdict.Beat()
		expect("a verdict that does not come, at first", 2*time.Second, 1, 1)
		if others := expect("a verdict that does not come", time.Minute, 0, 1); len(others) != 1 || !strings.HasPrefix(others[0], "STATUS=no progress: verdict for ") {
			t.Errorf("told %q", others)
		}
		verdict.Rest()
		if others := expect("the verdict came", 20*time.Second, 10, 10); len(others) != 1 || others[0] != "STATUS=there is progress again" {
			t.Errorf("told %q", others)
		}
		// Each loop alone is enough, however well the others go.
		stopTurnstile()
		m.during(5 * time.Second)
		expect("the turnstile stopped", time.Minute, 0, 0)
		stopTurnstile = loop(turnstile, 500*time.Millisecond)
		m.during(4 * time.Second)
		expect("the turnstile goes on", 20*time.Second, 10, 10)
		stopReader()
		m.during(20 * time.Second)
		expect("the reader stopped", time.Minute, 0, 0)
		if n := strings.Count(log.String(), "no progress"); n != 3 {
			t.Errorf("the log says it %d times:\n%s", n, &log)
		}

		// It ends while the reader hangs: that is not orderly, whatever hangs now.
		cancel()
		synctest.Wait()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if strings.Contains(served(), "V") {
			t.Error("the device was stopped although there was no progress")
		}
		stopTurnstile()
	})
}

func TestWatchdogOrderlyEnd(t *testing.T) {
	m := newManager(t, 0)
	device := filepath.Join(t.TempDir(), "watchdog")
	writeFile(t, device, "")
	synctest.Test(t, func(t *testing.T) {
		var p progress.Progress
		stop := loop(p.Watch("reader", time.Second), 100*time.Millisecond)
		d, err := open(device, 14*time.Second, func(_ *os.File, seconds int) (int, error) { return seconds, nil })
		if err != nil {
			t.Fatal(err)
		}
		w := New(&p, d, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		go w.Run(ctx)
		w.Ready()
		w.status("open\nREADY=0")
		w.Reloading()
		if pings, others := m.during(time.Minute); pings != 0 || len(others) != 3 ||
			others[0] != "READY=1" || others[1] != "STATUS=open READY=0" || !strings.HasPrefix(others[2], "RELOADING=1\nMONOTONIC_USEC=") {
			t.Errorf("without WatchdogSec: %d pings, %q", pings, others)
		}
		cancel()
		stop() // before the end is over
		w.Stopping()
		time.Sleep(10 * time.Second)
		if got := m.heard(); !slices.Equal(got, []string{"STOPPING=1"}) {
			t.Errorf("at the end %q", got)
		}
		if text, _ := os.ReadFile(device); strings.Contains(string(text), "V") {
			t.Error("the device was stopped before the end")
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		// At once and every 5 s of the minute, then once more: stop.
		if text, err := os.ReadFile(device); err != nil || string(text) != strings.Repeat("\x00", 13)+"V" {
			t.Errorf("the device was served with %q, %v", text, err)
		}
	})
}

// Without a service manager and without a device there is nobody to tell, and no error.
func TestWatchdogAlone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var p progress.Progress
		p.Watch("reader", time.Second)
		w := New(&p, nil, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		go w.Run(ctx)
		w.Ready()
		time.Sleep(time.Hour)
		cancel()
		synctest.Wait()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "stopped=\"[reader for 5s]\"") {
			t.Errorf("the log:\n%s", &log)
		}
	})
}

// A service manager that cannot be reached is logged once until it can.
func TestWatchdogUnheard(t *testing.T) {
	m := newManager(t, time.Second)
	there := os.Getenv("NOTIFY_SOCKET")
	var log bytes.Buffer
	w := New(&progress.Progress{}, nil, slog.New(slog.NewTextHandler(&log, nil)))
	for _, socket := range []string{"/nonexistent", "/nonexistent", there, there, "/nonexistent"} {
		t.Setenv("NOTIFY_SOCKET", socket)
		w.look()
	}
	if n := strings.Count(log.String(), "cannot be told"); n != 2 {
		t.Errorf("the log says it %d times:\n%s", n, &log)
	}
	if got := m.heard(); len(got) != 2 {
		t.Errorf("it heard %q", got)
	}
	t.Setenv("WATCHDOG_USEC", "soon")
	log.Reset()
	if w := New(&progress.Progress{}, nil, slog.New(slog.NewTextHandler(&log, nil))); w.manager != 0 || !strings.Contains(log.String(), "WATCHDOG_USEC") {
		t.Errorf("a senseless WATCHDOG_USEC: %v, %s", w.manager, &log)
	}
	t.Setenv("WATCHDOG_USEC", "1000000")
	t.Setenv("WATCHDOG_PID", "1")
	if w := New(&progress.Progress{}, nil, slog.New(slog.DiscardHandler)); w.manager != 0 {
		t.Error("serves the watchdog of another process")
	}
}

func TestWatchdogDevice(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "watchdog")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(fifo, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, c := range []struct {
		timeout, want time.Duration
		asked, became int
		err           error
		wantErr       string
		left          string // written by the failed opening
	}{
		{timeout: 14 * time.Second, want: 14 * time.Second, asked: 14, became: 14},
		{timeout: 10 * time.Second, want: 8 * time.Second, asked: 10, became: 8},
		{timeout: 10 * time.Second, want: 10 * time.Second, asked: 10, became: 11},
		{timeout: 2500 * time.Millisecond, want: 2 * time.Second, asked: 2, became: 2},
		{timeout: 15 * time.Second, wantErr: "must be 2s to 14s"},
		{timeout: time.Second, wantErr: "must be 2s to 14s"},
		{timeout: 10 * time.Second, asked: 10, became: 60, wantErr: "it makes 60 s of 10s", left: "V"},
		{timeout: 10 * time.Second, asked: 10, became: 0, wantErr: "it makes 0 s of 10s", left: "V"},
		{timeout: 10 * time.Second, asked: 10, err: unix.EOPNOTSUPP, wantErr: "does not take a time-out: operation not supported", left: "V"},
	} {
		asked := 0
		d, err := open(fifo, c.timeout, func(_ *os.File, seconds int) (int, error) {
			asked = seconds
			return c.became, c.err
		})
		if asked != c.asked || (err == nil) != (c.wantErr == "") || err != nil && !strings.Contains(err.Error(), c.wantErr) {
			t.Errorf("%v that becomes %d s: asked for %d s, %v", c.timeout, c.became, asked, err)
		}
		if err == nil {
			if d.timeout != c.want {
				t.Errorf("%v that becomes %d s is %v, want %v", c.timeout, c.became, d.timeout, c.want)
			}
			if err := errors.Join(d.serve(), d.close(false)); err != nil {
				t.Error(err)
			}
			c.left = "\x00"
		}
		b := make([]byte, 10)
		n, _ := unix.Read(fd, b)
		if got := string(b[:max(n, 0)]); got != c.left {
			t.Errorf("%v that becomes %d s: it got %q, want %q", c.timeout, c.became, got, c.left)
		}
	}

	// Nothing is written to what is no device.
	file := filepath.Join(t.TempDir(), "important")
	writeFile(t, file, "important")
	for path, want := range map[string]string{file: "is no device", fifo: "is no device", file + "/no": "not a directory", os.DevNull: "does not take a time-out"} {
		if _, err := OpenDevice(path, 10*time.Second); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if text, _ := os.ReadFile(file); string(text) != "important" {
		t.Errorf("it became %q", text)
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p progress.Progress
		if got := p.Stalled(); got != nil {
			t.Errorf("nobody stalls: %q", got)
		}
		a, b := p.Watch("a", time.Second), p.Watch("b", 3*time.Second)
		time.Sleep(time.Second)
		if got := p.Stalled(); got != nil {
			t.Errorf("at the limit: %q", got)
		}
		time.Sleep(time.Millisecond)
		if got := p.Stalled(); !slices.Equal(got, []string{"a for 1s"}) {
			t.Errorf("beyond the limit of one: %q", got)
		}
		b.Beat()
		time.Sleep(4 * time.Second)
		if got := p.Stalled(); !slices.Equal(got, []string{"a for 5s", "b for 4s"}) {
			t.Errorf("beyond both: %q", got)
		}
		a.Rest()
		b.Beat()
		time.Sleep(3 * time.Second)
		if got := p.Stalled(); got != nil {
			t.Errorf("one at rest, one at its limit: %q", got)
		}
		a.Beat()
		time.Sleep(2 * time.Second)
		if got := p.Stalled(); !slices.Equal(got, []string{"a for 2s", "b for 5s"}) {
			t.Errorf("after the rest: %q", got)
		}
	})
	var nobody *progress.Heartbeat
	nobody.Beat()
	nobody.Rest()
}

func TestProgressAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED: that beat does not allocate; the race detector allocates")
	}
	var p progress.Progress
	h := p.Watch("loop", time.Minute)
	if n := testing.AllocsPerRun(1000, func() { h.Beat(); h.Rest(); h.Beat() }); n != 0 {
		t.Errorf("beat and rest allocate %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { p.Stalled() }); n != 0 {
		t.Errorf("stalled allocates %v times while nothing stalls", n)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
