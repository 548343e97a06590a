package gpio

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
)

func wantWrites(t *testing.T, k *fakeKernel, want ...string) {
	t.Helper()
	if !slices.Equal(k.writes, want) {
		t.Errorf("wrote\n\t%s\nwant\n\t%s", strings.Join(k.writes, "\n\t"), strings.Join(want, "\n\t"))
	}
	k.writes = nil
}

func TestLEDWrites(t *testing.T) {
	k, b := newFakeBoard()
	k.read["max_brightness"] = "255"
	l, err := b.OpenLED("gate:relay")
	if err != nil {
		t.Fatal(err)
	}
	wantWrites(t, k, `trigger "none\n"`, `brightness "0\n"`)
	for _, level := range []gpio.Level{gpio.High, gpio.Low} {
		if err := l.Out(level); err != nil {
			t.Fatal(err)
		}
	}
	wantWrites(t, k, `brightness "255\n"`, `brightness "0\n"`)
	if err := l.Close(); err != nil || k.open != 0 {
		t.Errorf("%v, %d descriptors open", err, k.open)
	}
	wantWrites(t, k, `brightness "0\n"`)
	wantError(t, l.Out(true), os.ErrClosed, "LED gate:relay")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	wantWrites(t, k)
}

// A kernel without CONFIG_LEDS_TRIGGERS has no file trigger, and its LEDs work all the same.
func TestLEDWithoutTriggers(t *testing.T) {
	k, b := newFakeBoard()
	delete(k.attributes, "trigger")
	if _, err := b.OpenLED("gate:relay"); err != nil {
		t.Error(err)
	}
	wantWrites(t, k, `brightness "0\n"`)
	_, err := b.OpenOneshot("gate:relay")
	wantError(t, err, fs.ErrNotExist, "trigger")
}

func TestOneshotWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, b := newFakeBoard()
		o, err := b.OpenOneshot("gate:relay")
		if err != nil {
			t.Fatal(err)
		}
		// Everything that could run ends first; shot comes with the first pulse, and nothing else ever switches on.
		wantWrites(t, k, `brightness "0\n"`, `trigger "none\n"`, `trigger "oneshot\n"`, `invert "0\n"`, `delay_off "1\n"`)
		pulse := func(d time.Duration) {
			if err := o.Pulse(d); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * time.Second)
		}
		pulse(400 * time.Millisecond)
		wantWrites(t, k, `delay_on "400\n"`, `shot "1\n"`)
		pulse(400 * time.Millisecond)
		wantWrites(t, k, `shot "1\n"`)
		pulse(500*time.Millisecond - time.Microsecond)
		pulse(500 * time.Millisecond)
		wantWrites(t, k, `delay_on "500\n"`, `shot "1\n"`, `shot "1\n"`)

		for _, d := range []time.Duration{-1, 0, time.Millisecond - 1, 10*time.Second + 1} {
			wantError(t, o.Pulse(d), nil, "must be 1ms to 10s")
		}
		wantWrites(t, k)

		if err := o.Halt(); err != nil {
			t.Error(err)
		}
		wantWrites(t, k, `brightness "0\n"`, `trigger "none\n"`)
		wantError(t, o.Pulse(400*time.Millisecond), ErrReleased)
		wantWrites(t, k)
		if err := o.Arm(); err != nil {
			t.Error(err)
		}
		k.writes = nil
		pulse(500 * time.Millisecond)
		wantWrites(t, k, `delay_on "500\n"`, `shot "1\n"`) // the kernel has forgotten it
		if err := errors.Join(o.Close(), o.Close(), o.Halt()); err != nil || k.open != 0 {
			t.Errorf("%v, %d descriptors open", err, k.open)
		}
		wantWrites(t, k, `brightness "0\n"`, `trigger "none\n"`)
		wantError(t, o.Pulse(400*time.Millisecond), ErrReleased)
		wantError(t, o.Arm(), os.ErrClosed)
	})
}

func TestOneshotBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, b := newFakeBoard()
		o, err := b.OpenOneshot("gate:relay")
		if err != nil {
			t.Fatal(err)
		}
		if o.Busy() || o.Pulse(400*time.Millisecond) != nil || !o.Busy() {
			t.Fatal("busy before or not during a pulse")
		}
		k.writes = nil
		for range 4 { // up to 499 ms: the end of the pulse in the worst case, and some ticks
			wantError(t, o.Pulse(400*time.Millisecond), ErrPulsing)
			wantError(t, o.Pulse(300*time.Millisecond), ErrPulsing) // nor is delay_on touched
			time.Sleep(124750 * time.Microsecond)
		}
		wantWrites(t, k)
		time.Sleep(2 * time.Millisecond)
		if o.Busy() || o.Pulse(400*time.Millisecond) != nil {
			t.Error("still busy after 501 ms")
		}
		if err := o.Halt(); err != nil || o.Busy() {
			t.Error("busy after Halt", err)
		}
	})
}

func TestLEDErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		led  string
		set  func(*fakeKernel)
		is   error
		says []string
	}{
		"no such":         {"gate:lock", nil, fs.ErrNotExist, []string{"LED gate:lock: not in /sys/class/leds", "gate:relay, mmc0::"}},
		"empty":           {"", nil, nil, []string{"give the name of a directory in /sys/class/leds"}},
		"elsewhere":       {"../../devices/x", nil, nil, []string{"give the name"}},
		"up":              {"..", nil, nil, []string{"give the name"}},
		"no permission":   {"gate:relay", func(k *fakeKernel) { k.attributes["brightness"] = unix.EACCES }, fs.ErrPermission, []string{"udev rule"}},
		"no right to it":  {"gate:relay", func(k *fakeKernel) { k.attributes["trigger"] = unix.EACCES }, fs.ErrPermission, []string{"trigger", "udev rule"}},
		"sandboxed":       {"gate:relay", func(k *fakeKernel) { k.attributes["brightness"] = unix.EROFS }, unix.EROFS, []string{"ProtectKernelTunables"}},
		"gone":            {"gate:relay", func(k *fakeKernel) { k.refuse["brightness"] = unix.ENODEV }, unix.ENODEV, []string{"the LED is gone"}},
		"stuck trigger":   {"gate:relay", func(k *fakeKernel) { k.refuse["trigger"] = unix.EBUSY }, unix.EBUSY, []string{"LED gate:relay: trigger: "}},
		"max is text":     {"gate:relay", func(k *fakeKernel) { k.read["max_brightness"] = "full" }, nil, []string{`"full"`, "above 0"}},
		"max is none":     {"gate:relay", func(k *fakeKernel) { k.read["max_brightness"] = "0" }, nil, []string{"above 0"}},
		"no oneshot":      {"gate:relay", func(k *fakeKernel) { k.refuse["trigger"] = unix.EINVAL }, unix.EINVAL, nil},
		"no delay":        {"gate:relay", func(k *fakeKernel) { k.refuse["delay_off"] = unix.EIO }, unix.EIO, []string{"delay_off"}},
		"no shot":         {"gate:relay", func(k *fakeKernel) { delete(k.attributes, "shot") }, fs.ErrNotExist, []string{"shot"}},
		"no right to one": {"gate:relay", func(k *fakeKernel) { k.attributes["shot"] = unix.EACCES }, fs.ErrPermission, []string{"shot", "udev rule"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, b := newFakeBoard()
				if tc.set != nil {
					tc.set(k)
				}
				led, err := b.OpenLED(tc.led)
				switch {
				case strings.HasPrefix(name, "no delay"), strings.HasPrefix(name, "no shot"), name == "no right to one":
					if err != nil || led.Close() != nil {
						t.Error(err)
					}
				default:
					wantError(t, err, tc.is, tc.says...)
				}
				if !strings.HasPrefix(name, "max") {
					_, err = b.OpenOneshot(tc.led)
					wantError(t, err, tc.is, tc.says...)
				}
				if k.open != 0 {
					t.Errorf("%d descriptors left open", k.open)
				}
			})
		})
	}
	k, b := newFakeBoard()
	o, err := b.OpenOneshot("gate:relay")
	if err != nil {
		t.Fatal(err)
	}
	k.refuse["shot"] = unix.ENODEV
	wantError(t, o.Pulse(MinPulse), unix.ENODEV, "LED gate:relay: shot: ", "somebody else changed the LED's trigger")
	k.refuse["brightness"] = unix.ENODEV // it was pulled out: the rest is tried all the same, and no pulse comes any more
	k.writes = nil
	wantError(t, o.Halt(), unix.ENODEV)
	wantWrites(t, k, `trigger "none\n"`)
	wantError(t, o.Pulse(MinPulse), ErrReleased)
}

// A delay_on that may or may not have arrived is written again.
func TestDelayAfterError(t *testing.T) {
	k, b := newFakeBoard()
	o, err := b.OpenOneshot("gate:relay")
	if err != nil {
		t.Fatal(err)
	}
	pulse := func(d time.Duration) error {
		o.until = time.Time{}
		return o.Pulse(d)
	}
	if err := pulse(400 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	k.refuse["delay_on"] = unix.EIO
	k.writes = nil
	wantError(t, pulse(500*time.Millisecond), unix.EIO, "delay_on")
	wantWrites(t, k)
	delete(k.refuse, "delay_on")
	if err := pulse(400 * time.Millisecond); err != nil {
		t.Error(err)
	}
	wantWrites(t, k, `delay_on "400\n"`, `shot "1\n"`)
}

// The files of a new trigger belong to root until udev has seen them.
func TestOneshotWaitsForUdev(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, b := newFakeBoard()
		start := time.Now()
		k.udev = start.Add(700 * time.Millisecond)
		if _, err := b.OpenOneshot("gate:relay"); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d < 700*time.Millisecond || d > 720*time.Millisecond {
			t.Errorf("waited %v", d)
		}
		k.udev = time.Now().Add(handover + time.Second)
		_, err := b.OpenOneshot("gate:relay")
		wantError(t, err, fs.ErrPermission, "invert", "udev rule")
	})
}

// sysfs is a directory of regular files, each of which keeps all that was written to it.
func sysfs(t *testing.T) (b Board, written func(file string) string) {
	t.Helper()
	dir := t.TempDir()
	led := filepath.Join(dir, "gate:relay")
	if err := os.Mkdir(led, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"brightness", "trigger", "invert", "delay_on", "delay_off", "shot"} {
		if err := os.WriteFile(filepath.Join(led, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(led, "max_brightness"), []byte("255\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Board{LEDDir: dir}, func(file string) string {
		b, err := os.ReadFile(filepath.Join(led, file))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestLEDFiles(t *testing.T) {
	b, written := sysfs(t)
	names, err := b.LEDs()
	if err != nil || !slices.Equal(names, []string{"gate:relay"}) {
		t.Errorf("LEDs are %v, %v", names, err)
	}
	l, err := b.OpenLED("gate:relay")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Out(gpio.High), l.Close()); err != nil {
		t.Error(err)
	}
	if got := written("brightness"); got != "0\n255\n0\n" {
		t.Errorf("wrote brightness %q", got)
	}
	_, err = Board{LEDDir: t.TempDir()}.OpenLED("gate:relay")
	wantError(t, err, fs.ErrNotExist, "there are: none")
	_, err = Board{LEDDir: "/nonexistent"}.LEDs()
	wantError(t, err, fs.ErrNotExist)
}

func TestOneshotFiles(t *testing.T) {
	b, written := sysfs(t)
	o, err := b.OpenOneshot("gate:relay")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(o.Pulse(400*time.Millisecond), o.Close()); err != nil {
		t.Error(err)
	}
	for file, want := range map[string]string{
		"brightness": "0\n0\n", "trigger": "none\noneshot\nnone\n", "invert": "0\n", "delay_off": "1\n", "delay_on": "400\n", "shot": "1\n",
	} {
		if got := written(file); got != want {
			t.Errorf("wrote %s %q, want %q", file, got, want)
		}
	}
}
