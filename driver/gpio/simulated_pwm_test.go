package gpio

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/driver/gpio/gpiotest"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

func TestSimulatedPWM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var heard []string
		sim := gpiotest.New("soc", 8, func(c gpiotest.Change) {
			heard = append(heard, fmt.Sprintf("%d %s %v %v", c.At.Sub(start).Milliseconds(), c.PWM, c.Level, c.Tone))
		})
		sim.AddPWM("pwmchip0", "fe20c000.pwm", 2)
		sim.AddPWM("pwmchip4", "", 1)
		sim.TakePWM("pwmchip0", 0, "fan")
		chips, err := On(sim.Kernel()).PWMChips()
		if got := list(chips); err != nil || got != "pwmchip0 (fe20c000.pwm, 2 channels), pwmchip4 (no device, 1 channels)" {
			t.Fatal(got, err)
		}
		_, err = On(sim.Kernel()).OpenPWM("pwmchip0", 0)
		wantError(t, err, unix.EBUSY, "the kernel uses it itself")

		p, err := On(sim.Kernel()).OpenPWM("fe20c000.pwm", 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []physic.Frequency{0, physic.KiloHertz, physic.KiloHertz, 2 * physic.KiloHertz, 500 * physic.Hertz} {
			if err := p.PWM(gpio.DutyHalf, f); err != nil {
				t.Error(err)
			}
			if got := sim.Tone("pwmchip0", 1); got != f {
				t.Errorf("sounds at %v, want %v", got, f)
			}
			time.Sleep(10 * time.Millisecond)
		}
		// A process died here: it sounds on, until another one opens it.
		time.Sleep(time.Second)
		if sim.Tone("pwmchip0", 1) != 500*physic.Hertz {
			t.Error("silent without being told so")
		}
		second, err := On(sim.Kernel()).OpenPWM("pwmchip0", 1)
		if err != nil || sim.Tone("pwmchip0", 1) != 0 {
			t.Fatal("not silenced by being opened", err)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
		if err := p.Out(gpio.High); err != nil { // for it was not the second's to give back
			t.Error(err)
		}
		if err := p.Close(); err != nil || sim.Tone("pwmchip0", 1) != 0 {
			t.Error("not silenced by being closed", err)
		}
		third, err := On(sim.Kernel()).OpenPWM("pwmchip0", 1)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"10 pwmchip0/1 High 1kHz", "30 pwmchip0/1 High 2kHz", "40 pwmchip0/1 High 500Hz", "1050 pwmchip0/1 Low 0Hz",
			"1050 pwmchip0/1 High 2.500kHz", "1050 pwmchip0/1 Low 0Hz",
		}
		if !slices.Equal(heard, want) {
			t.Errorf("heard\n\t%s\nwant\n\t%s", strings.Join(heard, "\n\t"), strings.Join(want, "\n\t"))
		}
		sim.Unplug()
		wantError(t, third.Out(gpio.High), unix.ENODEV, "the chip is gone")
		_, err = On(sim.Kernel()).OpenPWM("pwmchip0", 1)
		wantError(t, err, nil, "no PWM chip in /sys/class/pwm")
	})
}

// What the kernel refuses, the simulated one refuses.
func TestSimulatedPWMRefuses(t *testing.T) {
	sim := gpiotest.New("soc", 8, nil)
	sim.AddPWM("pwmchip0", "fe20c000.pwm", 2)
	const dir = "/sys/class/pwm/pwmchip0/"
	write := func(file, value string) error {
		f, err := sim.Kernel().OpenAttribute(dir + file)
		if err != nil {
			return err
		}
		_, err = f.Write([]byte(value))
		return err
	}
	for _, tc := range []struct {
		file, value string
		want        error
	}{
		{"pwm1/enable", "0", fs.ErrNotExist},
		{"unexport", "1", unix.ENODEV},
		{"export", "2", unix.ENODEV},
		{"export", "x", unix.EINVAL},
		{"npwm", "3", unix.EACCES},
		{"export", "1", nil},
		{"export", "1", unix.EBUSY},
		{"pwm0/enable", "0", fs.ErrNotExist},
		{"pwm1/enable", "0", unix.EINVAL},
		{"pwm1/duty_cycle", "1", unix.EINVAL},
		{"pwm1/period", "1000", nil},
		{"pwm1/enable", "0", nil},
		{"pwm1/duty_cycle", "1001", unix.EINVAL},
		{"pwm1/duty_cycle", "1000", nil},
		{"pwm1/period", "999", unix.EINVAL},
		{"pwm1/enable", "2", unix.EINVAL},
		{"pwm1/enable", "1", nil},
		{"pwm1/period", "0", unix.EINVAL},
		{"pwm1/polarity", "normal", fs.ErrNotExist},
		{"pwm1/brightness", "1", fs.ErrNotExist},
		{"pwm2/enable", "0", fs.ErrNotExist},
		{"pwm-1/enable", "0", fs.ErrNotExist},
		{"x/enable", "0", fs.ErrNotExist},
	} {
		wantIs(t, tc.file+" "+tc.value, write(tc.file, tc.value), tc.want)
	}
	old, err := sim.Kernel().OpenAttribute(dir + "pwm1/enable")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"unexport", "export"} {
		if err := write(step, "1"); err != nil {
			t.Fatal(err)
		}
		_, err := old.Write([]byte("0"))
		wantIs(t, "a file of before the "+step, err, unix.ENODEV)
	}
	for file, want := range map[string]string{"npwm": "2", "pwm1/enable": "1", "pwm1/period": "1000", "pwm1/duty_cycle": "1000"} {
		if got, err := sim.Kernel().ReadAttribute(dir + file); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", file, got, err, want)
		}
	}
}

func wantIs(t *testing.T, what string, err, is error) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Errorf("%s: %v, want %v", what, err, is)
	}
}
