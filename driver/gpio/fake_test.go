package gpio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
)

// fakeKernel is a kernel whose answers a test chooses and whose requests it sees, byte for byte.
type fakeKernel struct {
	fakeChips  map[string]*fakeChip // by path
	attributes map[string]error     // of LEDs: what opening each says
	refuse     map[string]error     // what writing to each says
	udev       time.Time            // before it, files of a trigger cannot be opened
	read       map[string]string
	writes     []string // "file value" of every write to an attribute
	open       int      // descriptors
}

type fakeChip struct {
	k         *fakeKernel
	openErr   error
	infoErr   error
	label     string
	lines     []unix.GPIOV2LineInfo
	linesErr  error
	answer    error // to a request
	requests  []unix.GPIOV2LineRequest
	values    []unix.GPIOV2LineValues // what was set
	valuesErr error
	handle    kernel.Handle // what a request gives, instead of a fakeHandle
}

func (k *fakeKernel) ChipPaths(dir string) ([]string, error) {
	if dir == "/none" {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: unix.ENOENT}
	}
	var paths []string
	for p := range k.fakeChips {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths, nil
}

func (k *fakeKernel) OpenChip(path string) (kernel.Chip, error) {
	c, ok := k.fakeChips[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	if c.openErr != nil {
		return nil, c.openErr
	}
	k.open++
	return c, nil
}

func (c *fakeChip) Close() error { c.k.open--; return nil }

func (c *fakeChip) Info(info *unix.GPIOChipInfo) error {
	copy(info.Name[:], "gpiochip")
	copy(info.Label[:], c.label)
	info.Lines = uint32(len(c.lines))
	return c.infoErr
}

func (c *fakeChip) LineInfo(info *unix.GPIOV2LineInfo) error {
	if c.linesErr != nil {
		return c.linesErr
	}
	offset := info.Offset
	*info = c.lines[offset]
	info.Offset = offset
	return nil
}

func (c *fakeChip) Request(r *unix.GPIOV2LineRequest) (kernel.Handle, error) {
	c.requests = append(c.requests, *r)
	if c.answer != nil {
		return nil, c.answer
	}
	if c.handle != nil {
		return c.handle, nil
	}
	c.k.open++
	return &fakeHandle{c, make(chan struct{})}, nil
}

type fakeHandle struct {
	*fakeChip
	closed chan struct{}
}

func (h *fakeHandle) isClosed() bool {
	select {
	case <-h.closed:
		return true
	default:
		return false
	}
}

func (h *fakeHandle) Get(v *unix.GPIOV2LineValues) error {
	if h.isClosed() {
		return os.ErrClosed
	}
	v.Bits = 1
	return h.valuesErr
}

func (h *fakeHandle) Set(v *unix.GPIOV2LineValues) error {
	if h.isClosed() {
		return os.ErrClosed
	}
	h.values = append(h.values, *v)
	return h.valuesErr
}

func (h *fakeHandle) Read([]byte) (int, error) { <-h.closed; return 0, os.ErrClosed }
func (h *fakeHandle) Close() error             { close(h.closed); h.k.open--; return nil }

func (k *fakeKernel) LEDNames(string) ([]string, error) { return []string{"gate:relay", "mmc0::"}, nil }

func (k *fakeKernel) PWMChips(dir string) ([]PWMChip, error) {
	return nil, &fs.PathError{Op: "open", Path: dir, Err: unix.ENOENT}
}

func (k *fakeKernel) OpenAttribute(path string) (io.WriteCloser, error) {
	err, ok := k.attributes[filepath.Base(path)]
	if filepath.Base(filepath.Dir(path)) != "gate:relay" || !ok {
		err = unix.ENOENT
	}
	if err == nil && filepath.Base(path) != "brightness" && filepath.Base(path) != "trigger" && time.Now().Before(k.udev) {
		err = unix.EACCES
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	k.open++
	return &fakeAttribute{k: k, file: filepath.Base(path)}, nil
}

func (k *fakeKernel) ReadAttribute(path string) (string, error) {
	s, ok := k.read[filepath.Base(path)]
	if filepath.Base(filepath.Dir(path)) != "gate:relay" || !ok {
		return "", &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	return s, nil
}

type fakeAttribute struct {
	k      *fakeKernel
	file   string
	closed bool
}

func (a *fakeAttribute) Write(b []byte) (int, error) {
	if a.closed {
		return 0, os.ErrClosed
	}
	if err := a.k.refuse[a.file]; err != nil {
		return 0, err
	}
	a.k.writes = append(a.k.writes, fmt.Sprintf("%s %q", a.file, b))
	return len(b), nil
}

func (a *fakeAttribute) Close() error {
	if a.closed {
		return os.ErrClosed
	}
	a.closed = true
	a.k.open--
	return nil
}

// newFakeBoard has a chip "soc" of 8 lines, line 4 named RELAY and line 3 used by the kernel; a chip "exp" of 2 lines; two
// chips with the label "twin", each with a line DOUBLE; and an LED gate:relay.
func newFakeBoard() (*fakeKernel, Board) {
	k := &fakeKernel{
		attributes: map[string]error{"brightness": nil, "trigger": nil, "invert": nil, "delay_on": nil, "delay_off": nil, "shot": nil},
		refuse:     map[string]error{},
		read:       map[string]string{"max_brightness": "1"},
	}
	soc := &fakeChip{k: k, label: "soc", lines: make([]unix.GPIOV2LineInfo, 8)}
	copy(soc.lines[4].Name[:], "RELAY")
	copy(soc.lines[3].Consumer[:], "poweroff")
	soc.lines[3].Flags = kernel.FlagUsed | kernel.FlagInput
	soc.lines[4].Flags = kernel.FlagOutput | kernel.FlagActiveLow
	twin := func() *fakeChip {
		c := &fakeChip{k: k, label: "twin", lines: make([]unix.GPIOV2LineInfo, 1)}
		copy(c.lines[0].Name[:], "DOUBLE")
		return c
	}
	k.fakeChips = map[string]*fakeChip{
		"/dev/gpiochip0": soc,
		"/dev/gpiochip1": {k: k, label: "exp", lines: make([]unix.GPIOV2LineInfo, 2)},
		"/dev/gpiochip2": twin(), "/dev/gpiochip3": twin(),
	}
	return k, Board{kernel: k}
}

// memory is what the kernel reads of a request, on this machine.
func memory(t *testing.T, r unix.GPIOV2LineRequest) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := binary.Write(&b, binary.NativeEndian, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wantError checks that err is what it should be and says what to do.
func wantError(t *testing.T, err, is error, says ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("error %q is not %q", err, is)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}
