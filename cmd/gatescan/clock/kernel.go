package clock

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kernel is what a kernel knows about time.
type kernel interface {
	// maxError is how wrong the kernel's clock may be, as far as it knows: 16 s and more if nobody disciplines it.
	maxError() (time.Duration, error)
	// boottime is the time since boot, suspension included. Setting the clock does not change it.
	boottime() (time.Duration, error)
	// bootID tells this boot from others.
	bootID() (string, error)
	// wall is what the wall clock said at now. It allocates nothing and makes no system call.
	wall(now time.Time) time.Time
	// rtc reads the real-time clock that set the clock at boot, or any other if there is none.
	rtc() rtcReading
}

// rtcReading is what a real-time clock says. The zero value is that of a board without one.
type rtcReading struct {
	name     string // such as "rtc0"; empty if there is none
	setClock bool   // the kernel set its clock by it at boot
	at       time.Time
	err      error // it does not say: its battery is empty, for instance
}

// System is the kernel of this machine.
type System struct {
	// Offset steps the wall clock, for a test; nil does not. As when the machine's own clock is set, the monotonic reading goes
	// on, by which intervals are measured: a time.Time cannot have its wall reading changed alone.
	Offset func() time.Duration
}

func (s System) wall(now time.Time) time.Time {
	if s.Offset == nil {
		return now
	}
	return now.Round(0).Add(s.Offset())
}

// maxError asks the kernel, or gatescan-clock.service where the daemon may not.
func (System) maxError() (time.Duration, error) {
	e, err := kernelMaxError()
	if !errors.Is(err, fs.ErrPermission) {
		return e, err
	}
	e, asked := askMaxError(socketPath)
	if asked != nil {
		return 0, fmt.Errorf("%w, and gatescan-clock.socket does not help: %w", err, asked)
	}
	return e, nil
}

func kernelMaxError() (time.Duration, error) {
	var t unix.Timex // modes are zero: nothing is changed, and no privilege needed
	if _, err := unix.Adjtimex(&t); err != nil {
		return 0, fmt.Errorf("adjtimex: %w", err)
	}
	if t.Maxerror < 0 {
		return 0, fmt.Errorf("adjtimex: a maximum error of %d us", t.Maxerror)
	}
	return time.Duration(t.Maxerror) * time.Microsecond, nil
}

func (System) boottime() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, fmt.Errorf("CLOCK_BOOTTIME: %w", err)
	}
	return time.Duration(t.Nano()), nil
}

// bootIDPattern is a UUID (random(4)).
var bootIDPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (System) bootID() (string, error) {
	id, err := readAttribute("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	if !bootIDPattern.MatchString(id) {
		return "", fmt.Errorf("boot_id is %q", id)
	}
	return id, nil
}

func (System) rtc() rtcReading { return readRTC("/sys/class/rtc") }

var rtcPattern = regexp.MustCompile(`^rtc[0-9]+$`)

// readRTC reads the real-time clocks of a directory as in Documentation/ABI/testing/sysfs-class-rtc.
func readRTC(dir string) (r rtcReading) {
	entries, err := os.ReadDir(dir)
	if err != nil { // a kernel without the class has no such directory
		if !errors.Is(err, os.ErrNotExist) {
			r.err = err
		}
		return r
	}
	for _, entry := range entries {
		if !rtcPattern.MatchString(entry.Name()) {
			continue
		}
		set, err := readAttribute(filepath.Join(dir, entry.Name(), "hctosys"))
		setClock := err == nil && set == "1"
		if r.name != "" && !setClock {
			continue
		}
		r = rtcReading{name: entry.Name(), setClock: setClock}
		r.at, r.err = readSinceEpoch(filepath.Join(dir, entry.Name(), "since_epoch"))
		if setClock { // the kernel names one at most
			break
		}
	}
	return r
}

func readSinceEpoch(path string) (time.Time, error) {
	text, err := readAttribute(path)
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > maxRTC {
		return time.Time{}, fmt.Errorf("%s is %q", path, text)
	}
	return time.Unix(seconds, 0), nil
}

// maxRTC is the end of the year 9999, in Unix seconds.
const maxRTC = 253402300799

const maxAttribute = 64 // bytes

// readAttribute reads a short file of the kernel, without its line feed.
func readAttribute(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAttribute+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxAttribute {
		return "", fmt.Errorf("%s is longer than %d bytes", path, maxAttribute)
	}
	return strings.TrimSuffix(string(data), "\n"), nil
}
