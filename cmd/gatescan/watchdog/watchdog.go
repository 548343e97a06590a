// Package watchdog tells the service manager and the board's watchdog that the daemon goes on, as long as all its loops do.
//
// It must never know what a loop does, nor decide that one may stop.
package watchdog

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"gatescan/cmd/gatescan/progress"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Limits of a watchdog device. The BCM2835's counts to less than 16 s, and some kernels take a longer time-out modulo
// that without a word (hardware.md §3.4).
const (
	minTimeout = 2 * time.Second
	MaxTimeout = 14 * time.Second
)

// idleWatch is how often progress is looked at when no watchdog wants to know, for the log alone.
const idleWatch = 5 * time.Second

// Watchdog tells the service manager, and the board's watchdog device, that the daemon goes on, as long as it does.
// A service manager that is told nothing kills the daemon (WatchdogSec= of systemd.service(5)), a device that is told
// nothing resets the board. Without either it does nothing but log.
type Watchdog struct {
	progress *progress.Progress
	manager  time.Duration // of the service manager, 0 for none
	device   *Device       // nil for none
	log      *slog.Logger
	stopped  []string    // the loops that last made no progress; of run, then of close
	unheard  atomic.Bool // the service manager could not be told
}

// New asks the environment for the service manager's watchdog. device may be nil. p may not change any more.
func New(p *progress.Progress, device *Device, log *slog.Logger) *Watchdog {
	manager, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's watchdog is not served", "err", err)
	}
	return &Watchdog{progress: p, manager: manager, device: device, log: log}
}

// Timeouts returns how long after the daemon stops the service manager ends it, and the board is reset; zero for never.
func (w *Watchdog) Timeouts() (manager, board time.Duration) {
	if w.device != nil {
		board = w.device.timeout
	}
	return w.manager, board
}

// interval is half of the shortest time-out (sd_watchdog_enabled(3)).
func (w *Watchdog) interval() time.Duration {
	interval := 2 * idleWatch
	if w.manager > 0 {
		interval = min(interval, w.manager)
	}
	if w.device != nil {
		interval = min(interval, w.device.timeout)
	}
	return interval / 2
}

// Run serves the watchdogs until ctx ends.
func (w *Watchdog) Run(ctx context.Context) {
	ticker := time.NewTicker(w.interval())
	defer ticker.Stop()
	for {
		w.look()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look serves the watchdogs once, if all went on.
func (w *Watchdog) look() {
	stopped := w.progress.Stalled()
	if len(stopped) > 0 && len(w.stopped) == 0 {
		w.log.Error("no progress; the watchdog is not served", "stopped", stopped)
		w.notify("STATUS=no progress: " + strings.Join(stopped, ", "))
	}
	if len(stopped) == 0 && len(w.stopped) > 0 {
		w.log.Warn("there is progress again", "stopped", w.stopped)
		w.notify("STATUS=there is progress again")
	}
	w.stopped = stopped
	if len(stopped) > 0 {
		return
	}
	if w.manager > 0 {
		w.notify(systemd.SdNotifyWatchdog)
	}
	if err := w.device.serve(); err != nil {
		w.log.Error("the watchdog device", "err", err)
	}
}

// The states of a daemon, for sd_notify(3). They may be told from any goroutine; without a service manager nothing is.

// Ready says that the lines are inert and the loops run.
func (w *Watchdog) Ready() { w.notify(systemd.SdNotifyReady) }

// Reloading says that the configuration is being read again; ready ends that.
func (w *Watchdog) Reloading() {
	w.notify(systemd.SdNotifyReloading + "\n" + systemd.SdNotifyMonotonicUsec())
}

// Stopping says that the daemon is about to end.
func (w *Watchdog) Stopping() { w.notify(systemd.SdNotifyStopping) }

// status is what systemctl status shows; one line.
func (w *Watchdog) status(text string) {
	w.notify("STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' { // a second line would be another message
			return ' '
		}
		return r
	}, text))
}

// notify logs the first of several failures.
func (w *Watchdog) notify(state string) {
	_, err := systemd.SdNotify(false, state)
	if !w.unheard.Swap(err != nil) && err != nil {
		w.log.Warn("the service manager cannot be told", "err", err)
	}
}

// Close ends the watch. It comes last, when run is over and the outputs are inert: until then a device still resets a
// board whose daemon hangs while it ends.
func (w *Watchdog) Close() error { return w.device.close(len(w.stopped) == 0) }

// Device is a /dev/watchdog, for images without a service manager. It begins to count when it is opened, and
// resets the board if it is not served within the time-out (watchdog-api of the kernel's documentation).
type Device struct {
	file    *os.File
	timeout time.Duration
}

// OpenDevice opens path, with a time-out in whole seconds, 2 s to 14 s. The device may round it.
func OpenDevice(path string, timeout time.Duration) (*Device, error) {
	info, err := os.Stat(path) // before anything is opened for writing
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	if info.Mode()&os.ModeCharDevice == 0 {
		return nil, fmt.Errorf("watchdog: %s is no device; it should be like /dev/watchdog", path)
	}
	return open(path, timeout, setTimeout)
}

// open takes the function that sets the time-out, and says what it became, for what is no watchdog.
func open(path string, timeout time.Duration, set func(f *os.File, seconds int) (int, error)) (*Device, error) {
	if timeout < minTimeout || timeout > MaxTimeout {
		return nil, fmt.Errorf("watchdog: a time-out of %v is out of range; it must be %v to %v", timeout, minTimeout, MaxTimeout)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	d := &Device{file: f}
	seconds, err := set(f, int(timeout/time.Second))
	if err == nil && (seconds < 1 || seconds > int(timeout/time.Second)+1) {
		err = fmt.Errorf("it makes %d s of %v", seconds, timeout)
	}
	if err != nil {
		_ = d.close(true) // it counts already
		return nil, fmt.Errorf("watchdog: %s does not take a time-out: %w", path, err)
	}
	d.timeout = min(timeout, time.Duration(seconds)*time.Second)
	return d, nil
}

func setTimeout(f *os.File, seconds int) (became int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.WDIOC_SETTIMEOUT, seconds); err != nil {
			return
		}
		var v uint32
		v, err = unix.IoctlGetUint32(int(fd), unix.WDIOC_GETTIMEOUT)
		became = int(int32(v))
	})
	if controlErr != nil {
		return 0, controlErr
	}
	return became, err
}

// serve has the device begin to count anew. Any byte but 'V' does.
func (d *Device) serve() error {
	if d == nil {
		return nil
	}
	_, err := d.file.Write([]byte{0})
	return err
}

// close stops the device if the end is orderly ("magic close"); otherwise it goes on to count, and resets the board
// unless a new daemon opens it in time.
func (d *Device) close(orderly bool) error {
	if d == nil {
		return nil
	}
	var err error
	if orderly {
		_, err = d.file.Write([]byte{'V'})
	}
	if closeErr := d.file.Close(); err == nil {
		err = closeErr
	}
	return err
}
