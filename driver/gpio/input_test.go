package gpio

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/driver/gpio/gpiotest"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

func openSimulatedInput(t *testing.T, l Line) (*gpiotest.Sim, *Input) {
	t.Helper()
	sim := gpiotest.New("soc", 8, nil)
	l.Chip, l.Offset = "soc", 2
	in, err := On(sim.Kernel()).OpenInput(l)
	if err != nil {
		t.Fatal(err)
	}
	return sim, in
}

func TestEdges(t *testing.T) {
	for _, activeLow := range []bool{false, true} {
		t.Run(fmt.Sprintf("active low %v", activeLow), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, in := openSimulatedInput(t, Line{ActiveLow: activeLow})
				time.Sleep(5 * time.Millisecond)
				physical := []gpio.Level{gpio.High, gpio.High, gpio.Low, gpio.High} // the second is no change
				for _, l := range physical {
					sim.Set(2, l)
					time.Sleep(10 * time.Millisecond)
				}
				if err := in.Close(); err != nil {
					t.Error(err)
				}
				var got []Edge
				for e := range in.Edges() {
					got = append(got, e)
				}
				high, low := gpio.Level(!activeLow), gpio.Level(activeLow)
				want := []Edge{{high, 5 * time.Millisecond}, {low, 25 * time.Millisecond}, {high, 35 * time.Millisecond}}
				if !slices.Equal(got, want) {
					t.Errorf("edges %v, want %v", got, want)
				}
				if in.Lost() != 0 || in.Err() != nil {
					t.Errorf("lost %d, %v", in.Lost(), in.Err())
				}
			})
		})
	}
}

func TestLevel(t *testing.T) {
	for name, tc := range map[string]struct {
		line         Line
		free, driven gpio.Level // driven to physical low
	}{
		"as it is":            {Line{}, gpio.Low, gpio.Low},
		"pull-up":             {Line{Bias: BiasPullUp}, gpio.High, gpio.Low},
		"active low":          {Line{ActiveLow: true}, gpio.High, gpio.High},
		"pull-up, active low": {Line{Bias: BiasPullUp, ActiveLow: true}, gpio.Low, gpio.High},
	} {
		t.Run(name, func(t *testing.T) {
			sim, in := openSimulatedInput(t, tc.line)
			if l, err := in.Level(); err != nil || l != tc.free || in.Read() != tc.free {
				t.Errorf("free: %v, %v", l, err)
			}
			sim.Set(2, gpio.Low)
			if l, err := in.Level(); err != nil || l != tc.driven {
				t.Errorf("driven low: %v, %v", l, err)
			}
			sim.Unplug()
			_, err := in.Level()
			wantError(t, err, unix.ENODEV, "the chip is gone")
			if err := in.Close(); err != nil {
				t.Error(err)
			}
			_, err = in.Level()
			wantError(t, err, os.ErrClosed, "line 2 of soc")
		})
	}
}

func TestWaitForEdge(t *testing.T) {
	const forever = -1
	set := func(l gpio.Level) func(*gpiotest.Sim, *Input) { return func(s *gpiotest.Sim, _ *Input) { s.Set(2, l) } }
	in := func(e gpio.Edge) func(*gpiotest.Sim, *Input) {
		return func(_ *gpiotest.Sim, in *Input) {
			if err := in.In(gpio.PullNoChange, e); err != nil {
				panic(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		before  []func(*gpiotest.Sim, *Input) // before it waits
		after   func(*gpiotest.Sim, *Input)   // 100 ms later
		timeout time.Duration
		want    bool
		took    time.Duration
	}{
		"an edge":                      {nil, set(true), forever, true, 100 * time.Millisecond},
		"an edge, in time":             {nil, set(true), time.Second, true, 100 * time.Millisecond},
		"too late":                     {nil, set(true), 99 * time.Millisecond, false, 99 * time.Millisecond},
		"not waiting":                  {nil, nil, 0, false, 0},
		"not waiting, one waits":       {[]func(*gpiotest.Sim, *Input){set(true)}, nil, 0, true, 0},
		"one waits":                    {[]func(*gpiotest.Sim, *Input){set(true)}, nil, forever, true, 0},
		"not the wanted one":           {[]func(*gpiotest.Sim, *Input){set(true), in(gpio.RisingEdge)}, set(false), time.Second, false, time.Second},
		"the wanted one":               {[]func(*gpiotest.Sim, *Input){set(true), in(gpio.FallingEdge)}, set(false), forever, true, 100 * time.Millisecond},
		"the other wanted one":         {[]func(*gpiotest.Sim, *Input){in(gpio.RisingEdge)}, set(true), forever, true, 100 * time.Millisecond},
		"one that In has forgotten":    {[]func(*gpiotest.Sim, *Input){set(true), in(gpio.BothEdges)}, nil, 0, false, 0},
		"none wanted":                  {[]func(*gpiotest.Sim, *Input){in(gpio.NoEdge)}, set(true), time.Second, false, time.Second},
		"In is called meanwhile":       {nil, in(gpio.BothEdges), forever, false, 100 * time.Millisecond},
		"Halt is called meanwhile":     {nil, func(_ *gpiotest.Sim, in *Input) { _ = in.Halt() }, forever, false, 100 * time.Millisecond},
		"Close is called meanwhile":    {nil, func(_ *gpiotest.Sim, in *Input) { _ = in.Close() }, forever, false, 100 * time.Millisecond},
		"Close was called":             {[]func(*gpiotest.Sim, *Input){func(_ *gpiotest.Sim, in *Input) { _ = in.Close() }}, nil, forever, false, 0},
		"the chip is pulled meanwhile": {nil, func(s *gpiotest.Sim, _ *Input) { s.Unplug() }, forever, false, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, in := openSimulatedInput(t, Line{})
				for _, f := range tc.before {
					f(sim, in)
					synctest.Wait()
				}
				if tc.after != nil {
					time.AfterFunc(100*time.Millisecond, func() { tc.after(sim, in) })
				}
				start := time.Now()
				if got := in.WaitForEdge(tc.timeout); got != tc.want || time.Since(start) != tc.took {
					t.Errorf("%v after %v, want %v after %v", got, time.Since(start), tc.want, tc.took)
				}
				time.Sleep(time.Second)
				if err := in.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, in := openSimulatedInput(t, Line{})
		sim.Unplug()
		for e := range in.Edges() {
			t.Error("edge", e)
		}
		wantError(t, in.Err(), unix.ENODEV, "line 2 of soc", "the chip is gone")
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		wantError(t, in.Err(), unix.ENODEV) // closing does not hide why
		wantError(t, in.In(gpio.PullNoChange, gpio.BothEdges), os.ErrClosed)
	})
}

// Nobody receives: the newest edges are kept, and every other one is counted.
func TestTooManyEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, in := openSimulatedInput(t, Line{})
		for i := range 200 {
			sim.Set(2, i%2 == 0)
			time.Sleep(time.Millisecond)
		}
		if in.Lost() != 200-edgeBuffer {
			t.Errorf("lost %d of 200, with room for %d", in.Lost(), edgeBuffer)
		}
		for i := 200 - edgeBuffer; i < 200; i++ {
			if e, want := <-in.Edges(), (Edge{i%2 == 0, time.Duration(i) * time.Millisecond}); e != want {
				t.Fatalf("edge %d is %v, want %v", i, e, want)
			}
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The process did not run for a while: what the kernel had no room for is counted too.
func TestTooManyEdgesInKernel(t *testing.T) {
	sim, in := openSimulatedInput(t, Line{})
	for i := range 100_001 { // faster than the collector, at least now and then
		sim.Set(2, i%2 == 0)
	}
	for deadline := time.Now().Add(10 * time.Second); in.Lost()+uint64(len(in.Edges())) < 100_001 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	var got uint64
	var last Edge
	for last = range in.Edges() {
		got++
	}
	if got+in.Lost() != 100_001 || last.Level != gpio.High || in.Lost() == 0 {
		t.Errorf("got %d, lost %d of 100001, the last is %v", got, in.Lost(), last)
	}
}

func TestInputSettings(t *testing.T) {
	_, in := openSimulatedInput(t, Line{Bias: BiasPullUp})
	if err := in.In(gpio.PullUp, gpio.BothEdges); err != nil || in.Pull() != gpio.PullUp {
		t.Error(err, in.Pull())
	}
	wantError(t, in.In(gpio.PullDown, gpio.BothEdges), nil, "opened with bias pull-up")
	wantError(t, in.In(gpio.PullNoChange, 4), nil, "unknown")
	if in.Name() != "line 2 of soc" || in.Number() != 2 || in.Function() != "In" || in.DefaultPull() != gpio.PullNoChange {
		t.Error(in.Name(), in.Number(), in.Function(), in.DefaultPull())
	}
}

// eventPipe is an Input whose line is a pipe: a real descriptor with the runtime's poller behind it.
func eventPipe(t *testing.T) (*Input, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	k, b := newFakeBoard()
	k.fakeChips["/dev/gpiochip0"].handle = &descriptor{r, int(r.Fd())}
	// Fd made it block; requests of Linux are made non-blocking.
	if err := syscall.SetNonblock(int(r.Fd()), true); err != nil {
		t.Fatal(err)
	}
	in, err := b.OpenInput(Line{Chip: "soc", Offset: 2})
	if err != nil {
		t.Fatal(err)
	}
	return in, w
}

func event(at uint64, id, seqno uint32) []byte {
	b := make([]byte, 48)
	binary.NativeEndian.PutUint64(b, at)
	binary.NativeEndian.PutUint32(b[8:], id)
	binary.NativeEndian.PutUint32(b[12:], 2)
	binary.NativeEndian.PutUint32(b[16:], seqno)
	binary.NativeEndian.PutUint32(b[20:], seqno)
	return b
}

func TestEventsOfADescriptor(t *testing.T) {
	in, w := eventPipe(t)
	for _, b := range [][]byte{
		append(event(1000, 1, 1), event(2000, 2, 2)...),
		event(3000, 7, 3), // of a kind that a later kernel may have
		event(4000, 1, 9), // five were lost
	} {
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []Edge{{true, 1000}, {false, 2000}, {true, 4000}} {
		if got := <-in.Edges(); got != want {
			t.Errorf("edge %v, want %v", got, want)
		}
	}
	if in.Lost() != 5 {
		t.Errorf("lost %d, want 5", in.Lost())
	}
	if _, err := w.Write(event(5000, 1, 10)[:20]); err != nil { // no kernel does this
		t.Fatal(err)
	}
	if _, ok := <-in.Edges(); ok {
		t.Error("an edge from half an event")
	}
	wantError(t, in.Err(), nil, "an event of 20 bytes instead of 48")
	_, err := in.Level()
	wantError(t, err, unix.ENOTTY) // the pipe has no ioctls, but it was asked
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}

// A blocked wait on a real descriptor ends with Close, from any number of goroutines at once.
func TestCloseEndsARead(t *testing.T) {
	in, w := eventPipe(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if in.WaitForEdge(-1) {
				t.Error("an edge")
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	for range 4 {
		wg.Go(func() {
			if err := in.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := in.Err(); err != nil {
		t.Error(err)
	}
	if _, err := w.Write([]byte{0}); err == nil {
		t.Error("the descriptor is still open")
	}
	wantError(t, (&descriptor{nil, -1}).Set(new(unix.GPIOV2LineValues)), unix.EBADF)
	_, err := Board{}.OpenOutput(Line{Chip: "/dev/null"})
	wantError(t, err, nil, "is not a GPIO chip")
	_, err = Board{}.OpenOutput(Line{Chip: "/dev/gpiochip99"})
	wantError(t, err, fs.ErrNotExist)
}
