package gpio

import (
	"encoding/binary"
	"time"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
)

// consumer is what gpioinfo and /sys/kernel/debug/gpio show as the user of our lines.
const consumer = "gatescan"

// eventBuffer is how many edges the kernel keeps for us (its default is 16): enough for a bouncing contact while the
// process is held up.
const eventBuffer = 64

// request is what an output and an input have in common. The kernel refuses padding that is not zero.
func (l Line) request(offset int) unix.GPIOV2LineRequest {
	r := unix.GPIOV2LineRequest{Num_lines: 1}
	r.Offsets[0] = uint32(offset)
	copy(r.Consumer[:len(r.Consumer)-1], consumer)
	r.Config.Flags = biases[l.Bias].flag
	if l.ActiveLow {
		r.Config.Flags |= kernel.FlagActiveLow
	}
	return r
}

// outputRequest asks for an output that is inert from the beginning. Without the attribute the kernel takes 0, and so it does
// nothing that is not said; but a level that the relay depends on is said.
func (l Line) outputRequest(offset int) unix.GPIOV2LineRequest {
	r := l.request(offset)
	r.Config.Flags |= kernel.FlagOutput
	r.Config.Num_attrs = 1
	r.Config.Attrs[0] = unix.GPIOV2LineConfigAttribute{
		Attr: unix.GPIOV2LineAttribute{Id: unix.GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES, Flags: 0}, // the union: logical values
		Mask: 1,
	}
	return r
}

// inputRequest asks for an input with both edges, stamped with CLOCK_MONOTONIC, which is the default.
func (l Line) inputRequest(offset int) unix.GPIOV2LineRequest {
	r := l.request(offset)
	r.Config.Flags |= kernel.FlagInput | kernel.FlagEdgeRising | kernel.FlagEdgeFalling
	r.Event_buffer_size = eventBuffer
	if l.Debounce > 0 {
		r.Config.Num_attrs = 1
		r.Config.Attrs[0] = unix.GPIOV2LineConfigAttribute{
			Attr: unix.GPIOV2LineAttribute{Id: unix.GPIO_V2_LINE_ATTR_ID_DEBOUNCE, Flags: debouncePeriod(l.Debounce)},
			Mask: 1,
		}
	}
	return r
}

// debouncePeriod puts 32 bits of microseconds at the beginning of the 64-bit union, on machines of either byte order.
func debouncePeriod(d time.Duration) uint64 {
	var union [8]byte
	binary.NativeEndian.PutUint32(union[:], uint32(d/time.Microsecond))
	return binary.NativeEndian.Uint64(union[:])
}
