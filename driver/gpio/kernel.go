package gpio

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kernel is where chips, LEDs and PWM chips come from: Linux, or a [Simulated] board.
type kernel interface {
	chipPaths(dir string) ([]string, error) // each chip once
	openChip(path string) (chip, error)
	ledNames(dir string) ([]string, error)
	pwmChips(dir string) ([]PWMChip, error)            // names and devices
	openAttribute(path string) (io.WriteCloser, error) // of an LED or a PWM chip; one Write is one value
	readAttribute(path string) (string, error)
}

// chip is an open GPIO chip. Its methods are the ioctls of linux/gpio.h; their errors are errnos.
type chip interface {
	info(*unix.GPIOChipInfo) error
	lineInfo(*unix.GPIOV2LineInfo) error // of the line whose offset is set
	request(*unix.GPIOV2LineRequest) (handle, error)
	Close() error
}

// handle is a requested line. Read waits for events and is woken by Close; nothing else may be called during and after Close.
type handle interface {
	get(*unix.GPIOV2LineValues) error
	set(*unix.GPIOV2LineValues) error
	Read(b []byte) (int, error)
	Close() error
}

type linux struct{}

// chipPaths finds the chips among the files of dir. Boards with renumbered chips have symbolic links to the same chip.
func (linux) chipPaths(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "gpiochip") {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	slices.SortFunc(paths, byNumber)
	seen := map[[3]uint64]bool{}
	return slices.DeleteFunc(paths, func(path string) bool {
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil {
			return false // opening it will say why
		}
		id := [3]uint64{uint64(st.Dev), uint64(st.Ino)}
		if st.Mode&unix.S_IFMT == unix.S_IFCHR {
			id = [3]uint64{2: uint64(st.Rdev) + 1}
		}
		defer func() { seen[id] = true }()
		return seen[id]
	}), nil
}

// byNumber sorts names that end in a number: 2 before 10.
func byNumber(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) }

// openChip opens only what is named like a chip: other devices, such as a watchdog, act on being opened.
func (linux) openChip(path string) (chip, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(filepath.Base(real), "gpiochip") {
		return nil, fmt.Errorf("%s is not a GPIO chip: give a /dev/gpiochipN", path)
	}
	fd, err := unix.Open(real, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return chardev(fd), nil
}

func (linux) ledNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

func (linux) pwmChips(dir string) ([]PWMChip, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var chips []PWMChip
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "pwmchip") {
			continue
		}
		c := PWMChip{Name: e.Name()}
		if device, err := os.Readlink(filepath.Join(dir, c.Name, "device")); err == nil {
			c.Device = filepath.Base(device)
		}
		chips = append(chips, c)
	}
	slices.SortFunc(chips, func(a, b PWMChip) int { return byNumber(a.Name, b.Name) })
	return chips, nil
}

func (linux) openAttribute(path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_WRONLY, 0)
}

func (linux) readAttribute(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096)) // an attribute is a page at most
	return strings.TrimSpace(string(b)), err
}

// chardev is the descriptor of a chip.
type chardev int

func (c chardev) info(info *unix.GPIOChipInfo) error       { return ioctlChipInfo(int(c), info) }
func (c chardev) lineInfo(info *unix.GPIOV2LineInfo) error { return ioctlLineInfo(int(c), info) }
func (c chardev) Close() error                             { return unix.Close(int(c)) }

// request leaves the waiting for events to the runtime's poller, so that it costs no thread and Close ends it.
func (c chardev) request(r *unix.GPIOV2LineRequest) (handle, error) {
	if err := ioctlGetLine(int(c), r); err != nil {
		return nil, err
	}
	fd := int(r.Fd)
	if fd <= 0 {
		return nil, errors.New("the kernel gave no descriptor for the line")
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "gpio-line")
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &descriptor{f, fd}, nil
}

// descriptor is a requested line of Linux. The number is kept because os.File.Fd would make the file block.
type descriptor struct {
	*os.File
	fd int
}

func (d *descriptor) get(v *unix.GPIOV2LineValues) error { return ioctlGetValues(d.fd, v) }
func (d *descriptor) set(v *unix.GPIOV2LineValues) error { return ioctlSetValues(d.fd, v) }
