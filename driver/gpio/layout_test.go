package gpio

import (
	"reflect"
	"testing"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
)

// The layout is that of linux/gpio.h, where every 64-bit member is __aligned_u64, so that it is the same everywhere. Go aligns
// them to 4 bytes on 32-bit machines: run this with GOARCH=386 too.
func TestStructLayout(t *testing.T) {
	for _, tc := range []struct {
		of      any
		size    uintptr
		offsets map[string]uintptr
	}{
		{unix.GPIOChipInfo{}, 68, map[string]uintptr{"Name": 0, "Label": 32, "Lines": 64}},
		{unix.GPIOV2LineValues{}, 16, map[string]uintptr{"Bits": 0, "Mask": 8}},
		{unix.GPIOV2LineAttribute{}, 16, map[string]uintptr{"Id": 0, "Flags": 8}},
		{unix.GPIOV2LineConfigAttribute{}, 24, map[string]uintptr{"Attr": 0, "Mask": 16}},
		{unix.GPIOV2LineConfig{}, 272, map[string]uintptr{"Flags": 0, "Num_attrs": 8, "Attrs": 32}},
		{unix.GPIOV2LineRequest{}, 592, map[string]uintptr{
			"Offsets": 0, "Consumer": 256, "Config": 288, "Num_lines": 560, "Event_buffer_size": 564, "Fd": 588,
		}},
		{unix.GPIOV2LineInfo{}, 256, map[string]uintptr{"Name": 0, "Consumer": 32, "Offset": 64, "Num_attrs": 68, "Flags": 72, "Attrs": 80}},
		{unix.GPIOV2LineEvent{}, eventSize, map[string]uintptr{"Timestamp_ns": 0, "Id": 8, "Offset": 12, "Seqno": 16, "Line_seqno": 20}},
	} {
		typ := reflect.TypeOf(tc.of)
		if typ.Size() != tc.size {
			t.Errorf("%v has %d bytes, the kernel's %d", typ, typ.Size(), tc.size)
		}
		for name, want := range tc.offsets {
			if f, ok := typ.FieldByName(name); !ok || f.Offset != want {
				t.Errorf("%v.%s is at %d, the kernel's at %d", typ, name, f.Offset, want)
			}
		}
	}
	if eventSize != 48 {
		t.Errorf("an event has %d bytes, the kernel's 48", eventSize)
	}
}

// Asm-generic _IOC: direction, size, type, number (include/uapi/asm-generic/ioctl.h), as on ARM and x86.
func TestIoctlNumbers(t *testing.T) {
	const read, write = 2, 1
	for _, tc := range []struct {
		name                    string
		got                     uint
		direction, size, number uint
	}{
		{"GPIO_GET_CHIPINFO_IOCTL", unix.GPIO_GET_CHIPINFO_IOCTL, read, 68, 0x01},
		{"GPIO_V2_GET_LINEINFO_IOCTL", unix.GPIO_V2_GET_LINEINFO_IOCTL, read | write, 256, 0x05},
		{"GPIO_V2_GET_LINE_IOCTL", unix.GPIO_V2_GET_LINE_IOCTL, read | write, 592, 0x07},
		{"GPIO_V2_LINE_GET_VALUES_IOCTL", unix.GPIO_V2_LINE_GET_VALUES_IOCTL, read | write, 16, 0x0e},
		{"GPIO_V2_LINE_SET_VALUES_IOCTL", unix.GPIO_V2_LINE_SET_VALUES_IOCTL, read | write, 16, 0x0f},
	} {
		if want := tc.direction<<30 | tc.size<<16 | 0xb4<<8 | tc.number; tc.got != want {
			t.Errorf("%s is %#x, want %#x", tc.name, tc.got, want)
		}
	}
}

// linux/gpio.h, enum gpio_v2_line_flag, in decimal so that a shift cannot be wrong twice.
func TestFlags(t *testing.T) {
	for name, tc := range map[string]struct{ got, want uint64 }{
		"USED":           {kernel.FlagUsed, 1},
		"ACTIVE_LOW":     {kernel.FlagActiveLow, 2},
		"INPUT":          {kernel.FlagInput, 4},
		"OUTPUT":         {kernel.FlagOutput, 8},
		"EDGE_RISING":    {kernel.FlagEdgeRising, 16},
		"EDGE_FALLING":   {kernel.FlagEdgeFalling, 32},
		"BIAS_PULL_UP":   {kernel.FlagBiasPullUp, 256},
		"BIAS_PULL_DOWN": {kernel.FlagBiasPullDown, 512},
		"BIAS_DISABLED":  {kernel.FlagBiasDisabled, 1024},
	} {
		if tc.got != tc.want {
			t.Errorf("GPIO_V2_LINE_FLAG_%s is %d, want %d", name, tc.got, tc.want)
		}
	}
}
