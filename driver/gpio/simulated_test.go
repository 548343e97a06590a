package gpio

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/driver/gpio/gpiotest"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

// bench is a simulated board whose outputs are watched: "ms name level" for every change.
type bench struct {
	*gpiotest.Sim

	mu   sync.Mutex
	seen []string
}

func newBench() *bench {
	b := new(bench)
	start := time.Now()
	b.Sim = gpiotest.New("soc", 8, func(c gpiotest.Change) {
		name := c.LED
		if name == "" {
			name = fmt.Sprint(c.Offset)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen = append(b.seen, fmt.Sprintf("%d %s %v", c.At.Sub(start).Milliseconds(), name, c.Level))
	})
	b.AddLED("gate:relay")
	return b
}

func (b *bench) want(t *testing.T, want ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.seen, want) {
		t.Errorf("saw\n\t%s\nwant\n\t%s", strings.Join(b.seen, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// An output that is inert already does not move when it is opened, and one that is not is made inert by that.
func TestOutputDoesNotFireAtStart(t *testing.T) {
	for name, tc := range map[string]struct {
		activeLow, before gpio.Level
		want              []string
	}{
		"active high":            {false, false, []string{"10 4 High", "20 4 Low"}},
		"active high, left high": {false, true, []string{"0 4 Low", "10 4 High", "20 4 Low"}},
		"active low":             {true, true, []string{"10 4 Low", "20 4 High"}},
		"active low, left low":   {true, false, []string{"0 4 High", "10 4 Low", "20 4 High"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				b.Set(4, tc.before)
				open := func() *Output {
					o, err := On(b.Kernel()).OpenOutput(Line{Chip: "soc", Offset: 4, ActiveLow: bool(tc.activeLow)})
					if err != nil {
						t.Fatal(err)
					}
					if b.Level(4) != tc.activeLow {
						t.Error("not inert")
					}
					time.Sleep(10 * time.Millisecond)
					return o
				}
				o := open()
				if err := o.Out(gpio.High); err != nil {
					t.Error(err)
				}
				b.Set(4, tc.activeLow) // not strong enough
				time.Sleep(10 * time.Millisecond)
				if err := o.Close(); err != nil {
					t.Error(err)
				}
				if err := open().Close(); err != nil { // as the first Close left it
					t.Error(err)
				}
				b.want(t, tc.want...)
			})
		})
	}
}

func TestSimulatedLines(t *testing.T) {
	b := newBench()
	b.NameLine(4, "RELAY")
	b.Take(3, "poweroff")
	o, err := On(b.Kernel()).OpenOutput(Line{Name: "RELAY", ActiveLow: true})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, openOutput(On(b.Kernel()), Line{Chip: "soc", Offset: 3}), unix.EBUSY, `"poweroff"`)
	wantError(t, openInput(On(b.Kernel()), Line{Chip: "soc", Offset: 4}), unix.EBUSY, `"gatescan"`)
	lines, err := On(b.Kernel()).Lines()
	if err != nil || len(lines) != 8 {
		t.Fatal(lines, err)
	}
	want := LineInfo{
		Chip: "soc", Path: "/dev/gpiochip0", Offset: 4, Name: "RELAY", Consumer: "gatescan", Used: true, Output: true, ActiveLow: true,
	}
	if lines[4] != want || lines[3].Consumer != "poweroff" || lines[2].Used {
		t.Errorf("lines are %+v", lines)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	b.Take(3, "")
	for _, l := range []Line{{Name: "RELAY"}, {Chip: "soc", Offset: 3}} {
		if err := openInput(On(b.Kernel()), l); err != nil {
			t.Errorf("%v is not free again: %v", l, err)
		}
	}
	o, err = On(b.Kernel()).OpenOutput(Line{Name: "RELAY"})
	if err != nil {
		t.Fatal(err)
	}
	b.Unplug()
	wantError(t, o.Out(true), unix.ENODEV)
	wantError(t, openInput(On(b.Kernel()), Line{Chip: "soc"}), nil, "no GPIO chip")
	_, err = On(b.Kernel()).OpenLED("gate:relay")
	wantError(t, err, unix.ENOENT)
}

func TestOneshotPulse(t *testing.T) {
	ms := func(n int) { time.Sleep(time.Duration(n) * time.Millisecond) }
	const length = 400 * time.Millisecond
	raw := func(b *bench, file, value string) {
		f, err := b.Kernel().OpenAttribute("/sys/class/leds/gate:relay/" + file)
		if err != nil {
			panic(err)
		}
		if _, err := f.Write([]byte(value)); err != nil {
			panic(err)
		}
	}
	fire := func(o *Oneshot, d time.Duration) {
		if err := o.Pulse(d); err != nil {
			panic(err)
		}
	}
	for name, tc := range map[string]struct {
		do   func(*bench, *Oneshot)
		want []string
	}{
		"nothing":             {func(*bench, *Oneshot) {}, nil},
		"a pulse":             {func(_ *bench, o *Oneshot) { fire(o, length) }, []string{"4 gate:relay High", "404 gate:relay Low"}},
		"its process is dead": {func(_ *bench, o *Oneshot) { fire(o, length); *o = Oneshot{} }, []string{"4 gate:relay High", "404 gate:relay Low"}},
		"two, and one too soon": {func(_ *bench, o *Oneshot) {
			fire(o, length)
			ms(450)
			if o.Pulse(length) != ErrPulsing {
				panic("not busy")
			}
			ms(50)
			fire(o, 300*time.Millisecond)
		}, []string{"4 gate:relay High", "404 gate:relay Low", "504 gate:relay High", "804 gate:relay Low"}},
		"shots during a pulse": {func(b *bench, o *Oneshot) { // of somebody who ignores ErrPulsing
			fire(o, length)
			for range 40 {
				ms(10)
				raw(b, "shot", "1")
			}
		}, []string{"4 gate:relay High", "404 gate:relay Low"}},
		"delay_on during a pulse": {func(b *bench, o *Oneshot) { fire(o, length); ms(100); raw(b, "delay_on", "9000") }, []string{
			"4 gate:relay High", "404 gate:relay Low",
		}},
		"invert during a pulse, which nobody should": {func(b *bench, o *Oneshot) { fire(o, length); ms(100); raw(b, "invert", "0") }, []string{
			"4 gate:relay High", "100 gate:relay Low", "404 gate:relay High", "804 gate:relay Low",
		}},
		"no delay_off, which nobody should": {func(b *bench, o *Oneshot) { raw(b, "delay_off", "0"); fire(o, length) }, []string{
			"0 gate:relay High",
		}},
		"Halt during a pulse": {func(_ *bench, o *Oneshot) { fire(o, length); ms(100); _ = o.Halt() }, []string{
			"4 gate:relay High", "100 gate:relay Low",
		}},
		"Halt, and armed again": {func(_ *bench, o *Oneshot) {
			fire(o, length)
			ms(100)
			_ = o.Halt()
			if err := o.Arm(); err != nil {
				panic(err)
			}
			fire(o, length)
		}, []string{"4 gate:relay High", "100 gate:relay Low", "104 gate:relay High", "504 gate:relay Low"}},
		"opened anew during a pulse": {func(b *bench, o *Oneshot) {
			fire(o, length)
			ms(100)
			if _, err := On(b.Kernel()).OpenOneshot("gate:relay"); err != nil {
				panic(err)
			}
		}, []string{"4 gate:relay High", "100 gate:relay Low"}},
		"armed by somebody else": {func(b *bench, o *Oneshot) {
			other, err := On(b.Kernel()).OpenOneshot("gate:relay")
			if err != nil {
				panic(err)
			}
			if o.Pulse(length) == nil {
				panic("the one before still pulses")
			}
			fire(other, 300*time.Millisecond)
		}, []string{"4 gate:relay High", "304 gate:relay Low"}},
		"released by somebody else": {func(b *bench, o *Oneshot) {
			fire(o, length)
			ms(100)
			if _, err := On(b.Kernel()).OpenLED("gate:relay"); err != nil {
				panic(err)
			}
			ms(1000)
			if err := o.Pulse(length); err == nil || !strings.Contains(err.Error(), "somebody else changed the LED's trigger") {
				panic(fmt.Sprint("a pulse after that: ", err))
			}
			if err := o.Arm(); err != nil {
				panic(err)
			}
			fire(o, length)
		}, []string{"4 gate:relay High", "100 gate:relay Low", "1104 gate:relay High", "1504 gate:relay Low"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				o, err := On(b.Kernel()).OpenOneshot("gate:relay")
				if err != nil {
					t.Fatal(err)
				}
				tc.do(b, o)
				ms(5000)
				b.want(t, tc.want...)
				if on := b.LED("gate:relay"); bool(on) != (name == "no delay_off, which nobody should") {
					t.Errorf("it is %v in the end", on)
				}
			})
		})
	}
}

func TestSimulatedLED(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		l, err := On(b.Kernel()).OpenLED("gate:relay")
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range []gpio.Level{gpio.High, gpio.High, gpio.Low} {
			time.Sleep(10 * time.Millisecond)
			if err := l.Out(level); err != nil {
				t.Error(err)
			}
		}
		b.want(t, "10 gate:relay High", "30 gate:relay Low")
	})
}
