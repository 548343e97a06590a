package gpio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

// image is a struct gpio_v2_line_request, put together by hand from the offsets in linux/gpio.h.
type image [592]byte

func newImage(offset uint32, flags uint64, numAttrs, eventBuffer uint32) *image {
	m := new(image)
	m.u32(0, offset)          // offsets[0]
	copy(m[256:], "gatescan") // consumer
	m.u64(288, flags)         // config.flags
	m.u32(296, numAttrs)      // config.num_attrs
	m.u32(560, 1)             // num_lines
	m.u32(564, eventBuffer)   // event_buffer_size
	return m
}

func (m *image) u32(at int, v uint32) *image { binary.NativeEndian.PutUint32(m[at:], v); return m }
func (m *image) u64(at int, v uint64) *image { binary.NativeEndian.PutUint64(m[at:], v); return m }

func TestRequests(t *testing.T) {
	soc := func(l Line) Line { l.Chip = "soc"; return l }
	for name, tc := range map[string]struct {
		line Line
		open func(Board, Line) error
		want *image
	}{
		// attrs[0]: id at 320, value at 328, mask at 336
		"output":                     {soc(Line{Offset: 4}), openOutput, newImage(4, 8, 1, 0).u32(320, 2).u64(328, 0).u64(336, 1)},
		"output, active low":         {soc(Line{Offset: 4, ActiveLow: true}), openOutput, newImage(4, 8|2, 1, 0).u32(320, 2).u64(336, 1)},
		"output, by name":            {Line{Name: "RELAY"}, openOutput, newImage(4, 8, 1, 0).u32(320, 2).u64(336, 1)},
		"output, by name and chip":   {soc(Line{Name: "RELAY"}), openOutput, newImage(4, 8, 1, 0).u32(320, 2).u64(336, 1)},
		"output, by path":            {Line{Chip: "/dev/gpiochip1", Offset: 1}, openOutput, newImage(1, 8, 1, 0).u32(320, 2).u64(336, 1)},
		"output, pulled down":        {soc(Line{Bias: BiasPullDown}), openOutput, newImage(0, 8|512, 1, 0).u32(320, 2).u64(336, 1)},
		"input":                      {soc(Line{Offset: 2}), openInput, newImage(2, 4|16|32, 0, 64)},
		"input, active low, pull-up": {soc(Line{Offset: 7, ActiveLow: true, Bias: BiasPullUp}), openInput, newImage(7, 4|16|32|2|256, 0, 64)},
		"input, no bias":             {soc(Line{Bias: BiasDisabled}), openInput, newImage(0, 4|16|32|1024, 0, 64)},
		"input, debounced":           {soc(Line{Offset: 2, Debounce: 20 * time.Millisecond}), openInput, newImage(2, 4|16|32, 1, 64).u32(320, 3).u32(328, 20000).u64(336, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			k, b := newFakeBoard()
			if err := tc.open(b, tc.line); err != nil {
				t.Fatal(err)
			}
			var all [][]byte
			for _, c := range k.fakeChips {
				for _, r := range c.requests {
					all = append(all, memory(t, r))
				}
			}
			if len(all) != 1 {
				t.Fatalf("%d requests, want one and nothing else", len(all))
			}
			for i, got := range all[0] {
				if got != tc.want[i] {
					t.Errorf("byte %d is %#02x, want %#02x", i, got, tc.want[i])
				}
			}
			if len(all[0]) != len(tc.want) {
				t.Errorf("%d bytes", len(all[0]))
			}
			if k.open != 0 {
				t.Errorf("%d descriptors left open", k.open)
			}
		})
	}
}

// openOutput opens, looks whether nothing but the request moved the line, and closes.
func openOutput(b Board, l Line) error {
	k, _ := b.kernel.(*fakeKernel)
	set := func() (n int) {
		if k != nil {
			for _, c := range k.fakeChips {
				n += len(c.values)
			}
		}
		return n
	}
	before := set()
	o, err := b.OpenOutput(l)
	if err != nil {
		return err
	}
	if set() != before {
		return errors.Join(errors.New("a level was set"), o.Close())
	}
	return o.Close()
}

func openInput(b Board, l Line) error {
	in, err := b.OpenInput(l)
	if err != nil {
		return err
	}
	return in.Close()
}

func TestOutputValues(t *testing.T) {
	k, b := newFakeBoard()
	o, err := b.OpenOutput(Line{Chip: "soc", Offset: 4, ActiveLow: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []gpio.Level{gpio.High, gpio.Low, gpio.High} {
		if err := o.Out(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Halt(); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for _, v := range k.fakeChips["/dev/gpiochip0"].values {
		got = append(got, byte(v.Bits), byte(v.Mask)) // logical: the kernel knows the polarity
	}
	if want := []byte{1, 1, 0, 1, 1, 1, 0, 1, 0, 1}; !bytes.Equal(got, want) {
		t.Errorf("bits and masks set are %v, want %v", got, want)
	}
	if err := o.Close(); err != nil || k.open != 0 {
		t.Errorf("second Close: %v, %d descriptors open", err, k.open)
	}
}

func TestDecodeEdge(t *testing.T) {
	b := make([]byte, eventSize)
	binary.NativeEndian.PutUint64(b, 123_456_789_012)
	binary.NativeEndian.PutUint32(b[12:], 2)
	binary.NativeEndian.PutUint32(b[16:], 9)
	binary.NativeEndian.PutUint32(b[20:], 7)
	for id, want := range map[uint32]struct {
		level gpio.Level
		ok    bool
	}{0: {}, unix.GPIO_V2_LINE_EVENT_RISING_EDGE: {gpio.High, true}, unix.GPIO_V2_LINE_EVENT_FALLING_EDGE: {gpio.Low, true}, 3: {}, 1 << 31: {}} {
		binary.NativeEndian.PutUint32(b[8:], id)
		e, seqno, ok := decodeEdge(b)
		if e.At != 123_456_789_012 || seqno != 7 || e.Level != want.level || ok != want.ok {
			t.Errorf("event %d: %v, %d, %v", id, e, seqno, ok)
		}
	}
}

// hangingHandle does not come back from energising its line.
type hangingHandle struct {
	kernel.Handle
	began, free chan struct{}
	inert       bool
}

func (h *hangingHandle) Set(v *unix.GPIOV2LineValues) error {
	if v.Bits&1 != 0 {
		close(h.began)
		<-h.free
	} else {
		h.inert = true
	}
	return nil
}

func (h *hangingHandle) Close() error { return nil }

// A line is made inert although the call that energises it hangs in a driver.
func TestOutputHangs(t *testing.T) {
	k, b := newFakeBoard()
	h := &hangingHandle{began: make(chan struct{}), free: make(chan struct{})}
	k.fakeChips["/dev/gpiochip0"].handle = h
	o, err := b.OpenOutput(Line{Chip: "soc", Offset: 4})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- o.Out(gpio.High) }()
	<-h.began
	if err := o.Out(gpio.Low); err != nil || !h.inert { // with one lock for both it would hang here
		t.Error(err)
	}
	close(h.free)
	if err := errors.Join(<-done, o.Close()); err != nil {
		t.Error(err)
	}
}
