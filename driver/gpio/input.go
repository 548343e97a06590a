package gpio

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

var _ gpio.PinIn = (*Input)(nil)

// Edge is a change of an input.
type Edge struct {
	Level gpio.Level    // logical level after it
	At    time.Duration // when the kernel saw it, by CLOCK_MONOTONIC: since boot, without suspended time
}

// edgeBuffer is how many edges wait for whoever reads them.
const edgeBuffer = 64

// eventSize is that of struct gpio_v2_line_event, in bytes.
const eventSize = 48

// Input is one line as an input. Its levels are logical: with ActiveLow, High is the physical low level.
type Input struct {
	line   Line
	offset int
	edges  chan Edge
	lost   atomic.Uint64
	done   chan struct{} // closed when nothing reads the handle any more

	mu     sync.Mutex
	handle kernel.Handle
	values unix.GPIOV2LineValues
	closed bool
	err    error
	wanted gpio.Edge     // by WaitForEdge
	again  chan struct{} // closed when In or Halt is called
}

// OpenInput requests a line as an input, with its bias and debounce, and begins to collect its edges. If the chip cannot
// debounce, the kernel does. A line that cannot signal edges is refused. It stays reserved until Close.
func (b Board) OpenInput(l Line) (*Input, error) {
	h, offset, err := b.open(l, Line.inputRequest)
	if err != nil {
		return nil, err
	}
	in := &Input{
		line: l, offset: offset, handle: h, values: unix.GPIOV2LineValues{Mask: 1}, wanted: gpio.BothEdges,
		edges: make(chan Edge, edgeBuffer), done: make(chan struct{}), again: make(chan struct{}),
	}
	go in.collect()
	return in, nil
}

// collect moves edges from the kernel to the channel until the line is closed or fails. It does not allocate per edge.
func (in *Input) collect() {
	defer close(in.done)
	defer close(in.edges)
	buf := make([]byte, 16*eventSize)
	var last uint32
	for {
		n, err := in.handle.Read(buf)
		if err == nil && n < eventSize {
			err = fmt.Errorf("an event of %d bytes instead of %d", n, eventSize)
		}
		if err != nil {
			in.fail(err)
			return
		}
		for b := buf[:n]; len(b) >= eventSize; b = b[eventSize:] {
			e, seqno, ok := decodeEdge(b)
			in.lost.Add(uint64(seqno - last - 1)) // the kernel's own buffer was full
			if last = seqno; ok {
				in.deliver(e)
			}
		}
	}
}

// decodeEdge reads a struct gpio_v2_line_event: timestamp_ns, id, offset, seqno, line_seqno. Its numbers of the line begin at 1.
func decodeEdge(b []byte) (e Edge, seqno uint32, ok bool) {
	e.At = time.Duration(binary.NativeEndian.Uint64(b))
	id := binary.NativeEndian.Uint32(b[8:])
	e.Level = id == unix.GPIO_V2_LINE_EVENT_RISING_EDGE
	return e, binary.NativeEndian.Uint32(b[20:]), bool(e.Level) || id == unix.GPIO_V2_LINE_EVENT_FALLING_EDGE
}

// deliver never waits: of too many edges the newest count.
func (in *Input) deliver(e Edge) {
	for {
		select {
		case in.edges <- e:
			return
		default:
		}
		select {
		case <-in.edges:
			in.lost.Add(1)
		default:
		}
	}
}

func (in *Input) fail(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.closed {
		in.err = fmt.Errorf("%v: %w", in.line, explainChip(err))
	}
}

// Edges is where the edges come, in order. At most 64 wait there; then the oldest are dropped. It is closed by Close,
// and when the line fails; Err tells which. An edge goes to one receiver only, WaitForEdge included.
func (in *Input) Edges() <-chan Edge { return in.edges }

// Lost counts the edges that were dropped, by the kernel or here. Whoever sees it grow looks at Level.
func (in *Input) Lost() uint64 { return in.lost.Load() }

// Err returns why the line failed, nil while it works and after Close.
func (in *Input) Err() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.err
}

// Level reads the logical level.
func (in *Input) Level() (gpio.Level, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return gpio.Low, fmt.Errorf("%v: %w", in.line, os.ErrClosed)
	}
	in.values.Bits = 0
	if err := in.handle.Get(&in.values); err != nil {
		return gpio.Low, fmt.Errorf("%v: %w", in.line, explainChip(err))
	}
	return in.values.Bits&1 != 0, nil
}

// Read is Level, and Low if that fails.
func (in *Input) Read() gpio.Level {
	l, _ := in.Level()
	return l
}

// WaitForEdge waits for the next edge, or returns at once if one is waiting. It returns false after the timeout, when
// In, Halt or Close is called, and at once after Close or a failure. A negative timeout is none.
func (in *Input) WaitForEdge(timeout time.Duration) bool {
	in.mu.Lock()
	wanted, again := in.wanted, in.again
	in.mu.Unlock()
	var expired <-chan time.Time
	if timeout >= 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	for {
		var e Edge
		var ok bool
		select { // an edge that waits comes before a timeout that is over
		case e, ok = <-in.edges:
		default:
			select {
			case e, ok = <-in.edges:
			case <-expired:
				return false
			case <-again:
				return false
			}
		}
		switch {
		case !ok:
			return false
		case wanted == gpio.BothEdges, wanted == gpio.RisingEdge && bool(e.Level), wanted == gpio.FallingEdge && !bool(e.Level):
			return true
		}
	}
}

// In says which edges WaitForEdge waits for, and forgets those that wait. The bias belongs to the Line: pull is that or
// [gpio.PullNoChange].
func (in *Input) In(pull gpio.Pull, edge gpio.Edge) error {
	if pull != gpio.PullNoChange && pull != in.Pull() {
		return fmt.Errorf("%v: opened with bias %v: open it anew for another one", in.line, in.line.Bias)
	}
	if edge < gpio.NoEdge || edge > gpio.BothEdges {
		return fmt.Errorf("%v: %v is unknown", in.line, edge)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return fmt.Errorf("%v: %w", in.line, os.ErrClosed)
	}
	in.wanted = edge
	in.wakeLocked()
	for range edgeBuffer {
		select {
		case <-in.edges:
		default:
			return nil
		}
	}
	return nil
}

func (in *Input) wakeLocked() {
	close(in.again)
	in.again = make(chan struct{})
}

// Halt ends every WaitForEdge.
func (in *Input) Halt() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.wakeLocked()
	return nil
}

// Close ends every wait, closes the channel of edges and releases the line.
func (in *Input) Close() error {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		<-in.done
		return nil
	}
	in.closed = true
	err := in.handle.Close()
	in.mu.Unlock()
	<-in.done
	return err
}

// Pull is the bias that the line was opened with.
func (in *Input) Pull() gpio.Pull { return biases[in.line.Bias].pull }

// DefaultPull is not known.
func (in *Input) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// Name is how the line was named when it was opened.
func (in *Input) Name() string { return in.line.String() }

func (in *Input) String() string { return in.line.String() }

// Number is the offset on the chip.
func (in *Input) Number() int { return in.offset }

// Function is always In.
func (in *Input) Function() string { return "In" }
