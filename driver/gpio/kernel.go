package gpio

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
)

type linux struct{}

// chipPaths finds the chips among the files of dir. Boards with renumbered chips have symbolic links to the same chip.
func (linux) ChipPaths(dir string) ([]string, error) {
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
	slices.SortFunc(paths, kernel.ByNumber)
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

// openChip opens only what is named like a chip: other devices, such as a watchdog, act on being opened.
func (linux) OpenChip(path string) (kernel.Chip, error) {
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

func (linux) LEDNames(dir string) ([]string, error) {
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

func (linux) PWMChips(dir string) ([]PWMChip, error) {
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
	slices.SortFunc(chips, func(a, b PWMChip) int { return kernel.ByNumber(a.Name, b.Name) })
	return chips, nil
}

func (linux) OpenAttribute(path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_WRONLY, 0)
}

func (linux) ReadAttribute(path string) (string, error) {
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

func (c chardev) Info(info *unix.GPIOChipInfo) error       { return ioctlChipInfo(int(c), info) }
func (c chardev) LineInfo(info *unix.GPIOV2LineInfo) error { return ioctlLineInfo(int(c), info) }
func (c chardev) Close() error                             { return unix.Close(int(c)) }

// request leaves the waiting for events to the runtime's poller, so that it costs no thread and Close ends it.
func (c chardev) Request(r *unix.GPIOV2LineRequest) (kernel.Handle, error) {
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

func (d *descriptor) Get(v *unix.GPIOV2LineValues) error { return ioctlGetValues(d.fd, v) }
func (d *descriptor) Set(v *unix.GPIOV2LineValues) error { return ioctlSetValues(d.fd, v) }
