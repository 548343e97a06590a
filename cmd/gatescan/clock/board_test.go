package clock

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// day is when most stories of clocks begin, and when their program was built.
var (
	day   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	built = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
)

// fakeKernel is a kernel with the clocks of one boot. Its time passes with that of the test.
type fakeKernel struct {
	mu       sync.Mutex
	id       string
	born     time.Time     // by the test's time
	slept    time.Duration // suspended
	off      time.Duration // of the wall clock, ahead of the test's time
	ntp      bool          // somebody disciplines the clock
	lost     time.Time     // since when nobody does, by the test's time; zero if nobody did yet
	clockRTC rtcReading    // its time is that of when it was set
	rtcSet   time.Time     // by the test's time
	err      error         // of maxError
	bootErr  error         // of boottime
	worse    time.Duration // what maxError is more
	slow     time.Duration // how long the reader is kept waiting before it reads the boot time for the second time
	asked    int
}

func (k *fakeKernel) maxError() (time.Duration, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	good := 30*time.Millisecond + k.worse
	switch {
	case k.err != nil:
		return 0, k.err
	case k.ntp:
		return good, nil
	case k.lost.IsZero():
		return 16 * time.Second, nil
	}
	return min(good+time.Since(k.lost)/2000, 16*time.Second), nil // 500 ppm
}

func (k *fakeKernel) boottime() (time.Duration, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bootErr != nil {
		return 0, k.bootErr
	}
	if k.slow > 0 {
		if k.asked++; k.asked == 2 {
			time.Sleep(k.slow)
		}
	}
	return time.Since(k.born) + k.slept, nil
}

func (k *fakeKernel) bootID() (string, error) {
	if k.id == "" {
		return "", errors.New("no /proc")
	}
	return k.id, nil
}

func (k *fakeKernel) wall(now time.Time) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return now.Round(0).Add(k.off)
}

func (k *fakeKernel) rtc() rtcReading {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.clockRTC
	if r.name != "" && r.err == nil {
		r.at = r.at.Add(time.Since(k.rtcSet) + k.slept).Truncate(time.Second)
	}
	return r
}

// set sets the wall clock. As in the kernel, that ends its synchronisation.
func (k *fakeKernel) set(wall time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.off = wall.Sub(time.Now().Round(0))
	k.ntp, k.lost = false, time.Time{}
}

// serve is a time server that is reached, and says so.
func (k *fakeKernel) serve(wall time.Time) {
	k.set(wall)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ntp = true
}

// board is a gate with its clock, and with the time that it really is.
type board struct {
	t      *testing.T
	kernel *fakeKernel
	clock  *Clock
	config Config
	log    bytes.Buffer
	late   time.Duration // what the true time is ahead of the test's
	boots  int
	rtc    rtcReading
}

func newBoard(t *testing.T, c Config) *board {
	b := &board{t: t, config: c}
	b.late = day.Sub(time.Now().Round(0))
	return b
}

func (b *board) truth() time.Time { return time.Now().Round(0).Add(b.late) }

// boot starts the board, and the daemon, with what the wall clock says then.
func (b *board) boot(wall time.Time) {
	b.boots++
	b.kernel = &fakeKernel{
		id: fmt.Sprintf("%08d-0000-4000-8000-000000000000", b.boots), born: time.Now(), clockRTC: b.rtc, rtcSet: time.Now(),
	}
	b.kernel.set(wall)
	b.restart()
}

// bootRTC is the start of a board with a real-time clock that set the clock.
func (b *board) bootRTC(at time.Time) {
	b.rtc = rtcReading{name: "rtc0", setClock: true, at: at}
	b.boot(at)
	b.rtc = rtcReading{}
}

// restart starts the daemon, in the same boot.
func (b *board) restart() {
	b.clock = New(b.config, b.kernel, slog.New(slog.NewTextHandler(&b.log, nil)))
}

func (b *board) look() { b.clock.locked(func() { b.clock.look() }) }

// pass lets time pass, and lets the clock look.
func (b *board) pass(d time.Duration) {
	time.Sleep(d)
	b.look()
}

// serve is the right time from the network.
func (b *board) serve() {
	b.kernel.serve(b.truth())
	b.pass(lookEvery)
}

func (b *board) offline() {
	b.kernel.mu.Lock()
	b.kernel.ntp, b.kernel.lost = false, time.Now()
	b.kernel.mu.Unlock()
}

// suspend is a board that sleeps, without a look when it wakes up.
func (b *board) suspend(d time.Duration) {
	b.kernel.mu.Lock()
	b.kernel.slept += d
	b.kernel.off += d
	b.late += d
	b.kernel.mu.Unlock()
}

func (b *board) forbid() { b.kernel.err = fmt.Errorf("adjtimex: %w", syscall.EPERM) }

// said counts lines of the log, and forgets them.
func (b *board) said(part string) int {
	n := strings.Count(b.log.String(), part)
	b.log.Reset()
	return n
}
