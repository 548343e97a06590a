package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/cmd/gatescan/counters"
	"gatescan/cmd/gatescan/output"
	"gatescan/driver/gpio"
	"gatescan/driver/gpio/gpiotest"
	"gatescan/driver/turnstile"

	pgpio "periph.io/x/conn/v3/gpio"
)

func parsed(t *testing.T, file string) config {
	t.Helper()
	c, mistakes := parseConfig([]byte(file))
	if len(mistakes) > 0 {
		t.Fatal(&configError{"test", mistakes})
	}
	return c
}

// wired is a gate with every output and input on a simulated chip: levels are physical.
const wired = `[outputs]
relay = "line chip 0 active-low"
green = "line chip 1"
red = "led gate:red"
buzzer = "line chip 2"
[inputs]
passage = "line chip 3"
not_ready = "line chip 4 active-low"
tamper = "line chip 5"
fire = "line chip 6"
debounce = "0s"
`

func TestHardware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := gpiotest.New("chip", 8, nil)
		sim.AddLED("gate:red")
		sim.Set(4, pgpio.High) // ready
		sim.Set(0, pgpio.High) // the relay is wired active-low: inert before anybody drives it
		var log strings.Builder
		logger := slog.New(slog.NewTextHandler(&log, nil))
		c := parsed(t, wired)
		h, err := openHardware(c, gpio.On(sim.Kernel()), io.Discard, nil, logger)
		if err != nil {
			t.Fatal(err)
		}
		if !bool(sim.Level(0)) {
			t.Error("the relay is energised by opening it")
		}
		gate := turnstile.New(c.turnstile(), h.relay, h.lamps, logger)
		ctx, cancel := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		listen(ctx, c, gpio.On(sim.Kernel()), gate, logger, &parts)
		synctest.Wait()
		gate.Rest(turnstile.Idle)

		if !gate.Open() || bool(sim.Level(0)) || !bool(sim.Level(1)) {
			t.Errorf("a pass: relay high=%v, green %v", bool(sim.Level(0)), bool(sim.Level(1)))
		}
		time.Sleep(turnstile.DefaultPulse + time.Millisecond)
		if !bool(sim.Level(0)) || gate.Open() {
			t.Error("the pulse is not over, or somebody else was let through before the first one had passed")
		}
		sim.Set(3, pgpio.High)
		synctest.Wait()
		sim.Set(3, pgpio.Low)
		synctest.Wait()
		if got, want := gate.Counts(), (turnstile.Counts{Granted: 1, Passages: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}

		sim.Set(4, pgpio.Low) // not ready
		synctest.Wait()
		if gate.Open() {
			t.Error("let somebody through although the turnstile is not ready")
		}
		sim.Set(5, pgpio.High) // and tampered with
		synctest.Wait()
		sim.Set(4, pgpio.High)
		synctest.Wait()
		if gate.Open() {
			t.Error("let somebody through although the turnstile is tampered with")
		}
		sim.Set(5, pgpio.Low)
		synctest.Wait()
		sim.Set(6, pgpio.High) // fire: only told
		synctest.Wait()
		if !gate.Open() {
			t.Error("does not open")
		}
		if err := gate.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		parts.Wait()
		if err := h.close(); err != nil {
			t.Error(err)
		}
		if !bool(sim.Level(0)) || bool(sim.Level(1)) || bool(sim.Level(2)) || sim.LED("gate:red") != pgpio.Low {
			t.Error("not everything is inert at the end")
		}
		for _, said := range []string{"input=not_ready active=true", "input=tamper active=true", "fire alarm"} {
			if !strings.Contains(log.String(), said) {
				t.Errorf("the log does not say %q:\n%s", said, &log)
			}
		}
	})
}

func TestHardwareOneshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := gpiotest.New("chip", 8, nil)
		sim.AddLED("gate:relay")
		c := parsed(t, "[outputs]\nrelay = \"oneshot gate:relay\"\n")
		h, err := openHardware(c, gpio.On(sim.Kernel()), io.Discard, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		gate := turnstile.New(c.turnstile(), h.relay, h.lamps, slog.New(slog.DiscardHandler))
		opened := gate.Open()
		time.Sleep(10 * time.Millisecond) // the kernel begins with its next tick
		if !opened || sim.LED("gate:relay") != pgpio.High {
			t.Errorf("opened %v, relay %v", opened, sim.LED("gate:relay"))
		}
		time.Sleep(turnstile.DefaultPulse + 200*time.Millisecond)
		if sim.LED("gate:relay") != pgpio.Low {
			t.Error("does not close")
		}
		if !gate.Open() {
			t.Error("does not open again")
		}
		if err := gate.Close(); err != nil || sim.LED("gate:relay") != pgpio.Low {
			t.Error("energised after Close", err)
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}

// The reader serves direction B: its relay is pulsed and its passages count, those of A only go by. The buzzer has two
// tones.
func TestHardwareDirectionB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := gpiotest.New("chip", 8, nil)
		sim.AddPWM("pwmchip0", "fe20c000.pwm", 2)
		c := parsed(t, `[outputs]
relay = "line chip 0"
relay_b = "line chip 1"
buzzer = "pwm fe20c000.pwm 1"
[inputs]
passage = "line chip 2"
passage_b = "line chip 3"
debounce = "0s"
[turnstile]
direction = "b"
`)
		if got := c.outputs(); len(got) != 3 || got[0].Offset != 1 || got[1].Offset != 0 || got[2].Kind != output.PWM {
			t.Errorf("release would know %v", got)
		}
		logger := slog.New(slog.DiscardHandler)
		h, err := openHardware(c, gpio.On(sim.Kernel()), io.Discard, nil, logger)
		if err != nil {
			t.Fatal(err)
		}
		gate := turnstile.New(c.turnstile(), h.relay, h.lamps, logger)
		ctx, cancel := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		listen(ctx, c, gpio.On(sim.Kernel()), gate, logger, &parts)
		synctest.Wait()
		edge := func(line int) {
			sim.Set(line, pgpio.High)
			synctest.Wait()
			sim.Set(line, pgpio.Low)
			synctest.Wait()
		}
		gate.Rest(turnstile.Idle)
		if !gate.Open() || bool(sim.Level(0)) || !bool(sim.Level(1)) {
			t.Errorf("a pass: relay A %v, relay B %v", sim.Level(0), sim.Level(1))
		}
		goTone := sim.Tone("pwmchip0", 1)
		time.Sleep(turnstile.DefaultPulse + time.Millisecond)
		edge(2)
		if gate.Open() {
			t.Error("somebody who came the other way counts as who was let through")
		}
		edge(3)
		if got, want := gate.Counts(), (turnstile.Counts{Granted: 1, Passages: 1, Back: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		gate.Refuse()
		if refused := sim.Tone("pwmchip0", 1); goTone == 0 || refused == 0 || goTone <= refused {
			t.Errorf("go sounds at %v, refused at %v", goTone, refused)
		}
		if err := gate.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		parts.Wait()
		if err := h.close(); err != nil || sim.Tone("pwmchip0", 1) != 0 || bool(sim.Level(0)) || bool(sim.Level(1)) {
			t.Error("not inert at the end", err)
		}
	})
}

// What cannot be opened is named, and leaves nothing open.
func TestHardwareErrors(t *testing.T) {
	for name, want := range map[string]string{
		"[outputs]\nrelay = \"line other 0\"\n":                              "outputs.relay: ",
		"[outputs]\nrelay = \"line chip 9\"\n":                               "outputs.relay: ",
		"[outputs]\nrelay = \"line chip 0\"\ngreen = \"line chip 7\"\n":      "outputs.green: ",
		"[outputs]\nrelay = \"oneshot nowhere\"\n":                           "outputs.relay: ",
		"[outputs]\nrelay = \"line chip 0\"\nbuzzer = \"led nowhere\"\n":     "outputs.buzzer: ",
		"[outputs]\nrelay = \"line chip 0\"\nred = \"line chip 0\"\n":        "outputs.red: ",
		"[outputs]\nrelay = \"line BARRIER\"\nred = \"line NO_SUCH_LINE\"\n": "outputs.red: ",
	} {
		sim := gpiotest.New("chip", 8, nil)
		sim.NameLine(1, "BARRIER")
		sim.Take(7, "somebody else")
		c := parsed(t, name)
		_, err := openHardware(c, gpio.On(sim.Kernel()), io.Discard, new(counters.Counters).Totals, slog.New(slog.DiscardHandler))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
		for _, offset := range []int{0, 1} {
			out, err := gpio.On(sim.Kernel()).OpenOutput(gpio.Line{Chip: "chip", Offset: offset})
			if err != nil {
				t.Errorf("%q: line %d is still open: %v", name, offset, err)
				continue
			}
			out.Close()
		}
	}
}

// An input that blocks blocks while it cannot be read, and is read again.
func TestLostInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := gpiotest.New("chip", 8, nil)
		c := parsed(t, "[outputs]\nrelay = \"line chip 0\"\n[inputs]\nnot_ready = \"line chip 4\"\ndebounce = \"0s\"\n")
		h, err := openHardware(c, gpio.On(sim.Kernel()), io.Discard, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		gate := turnstile.New(c.turnstile(), h.relay, h.lamps, slog.New(slog.DiscardHandler))
		other := gpiotest.New("chip", 8, nil)
		other.Take(4, "somebody else")
		ctx, cancel := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		listen(ctx, c, gpio.On(other.Kernel()), gate, slog.New(slog.DiscardHandler), &parts)
		synctest.Wait()
		if gate.Open() {
			t.Error("let somebody through although nobody knows whether the turnstile is ready")
		}
		other.Take(4, "")
		time.Sleep(2 * reopenInput)
		synctest.Wait()
		if !gate.Open() {
			t.Error("does not open although the input can be read again")
		}
		cancel()
		parts.Wait()
		gate.Close()
		h.close()
	})
}

// A relay that cannot be made inert any more is no progress: the watchdog is not served, so that another process may try.
func TestStuckRelayIsNoProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := gpiotest.New("chip", 8, nil)
		sim.AddLED("gate:red")
		sim.Set(4, pgpio.High) // ready
		d, err := newDaemon(parsed(t, wired), gpio.On(sim.Kernel()), io.Discard, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		stalled := func() string {
			d.reading.Beat()
			d.lamps.Beat()
			d.looking.Beat()
			return strings.Join(d.progress.Stalled(), ", ")
		}
		if !d.turnstile.Open() {
			t.Fatal("not opened")
		}
		time.Sleep(turnstile.DefaultPulse / 2)
		sim.Unplug()
		if said := stalled(); said != "" {
			t.Errorf("during the pulse: %s", said)
		}
		time.Sleep(turnstile.DefaultPulse + 2*relayLimit)
		if said := stalled(); !strings.HasPrefix(said, "relay for ") {
			t.Errorf("the relay is stuck, and stalled is %q", said)
		}
		if err := d.close(); err == nil {
			t.Error("closed, although the relay cannot be made inert")
		}
	})
}
