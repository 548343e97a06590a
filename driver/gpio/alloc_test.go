package gpio

import (
	"runtime/debug"
	"testing"
	"time"

	"gatescan/driver/gpio/gpiotest"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

func TestNothingIsAllocated(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED: the race detector allocates")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	sim := gpiotest.New("soc", 8, nil)
	out, err := On(sim.Kernel()).OpenOutput(Line{Chip: "soc", Offset: 4, ActiveLow: true})
	if err != nil {
		t.Fatal(err)
	}
	in, err := On(sim.Kernel()).OpenInput(Line{Chip: "soc", Offset: 2})
	if err != nil {
		t.Fatal(err)
	}
	files, _ := sysfs(t)
	led, err := files.OpenLED("gate:relay")
	if err != nil {
		t.Fatal(err)
	}
	oneshot, err := files.OpenOneshot("gate:relay")
	if err != nil {
		t.Fatal(err)
	}
	tree, class := newPWMTree(t)
	tree.channel("pwmchip0", 1, "0", "0", "0")
	pwm, err := Board{PWMDir: class.PWMDir}.OpenPWM("pwmchip0", 1)
	if err != nil {
		t.Fatal(err)
	}
	length := time.Duration(0)
	tone := MaxTone
	level := gpio.Low
	for name, f := range map[string]func() error{
		"Output.Out": func() error { level = !level; return out.Out(level) },
		"LED.Out":    func() error { level = !level; return led.Out(level) },
		"PWM.Out":    func() error { level = !level; return pwm.Out(level) },
		"PWM.PWM": func() error {
			if tone += physic.Hertz; tone > MaxTone {
				tone = MinTone
			}
			return pwm.PWM(gpio.DutyHalf, tone)
		},
		"Oneshot.Pulse": func() error {
			length = length%MaxPulse + MinPulse
			oneshot.until = time.Time{}
			return oneshot.Pulse(length)
		},
		"Input.Level": func() error { _, err := in.Level(); return err },
		"an edge": func() error {
			sim.Set(2, !sim.Level(2))
			<-in.Edges()
			return nil
		},
	} {
		var failed error
		n := testing.AllocsPerRun(1000, func() {
			if err := f(); err != nil {
				failed = err
			}
		})
		if n != 0 || failed != nil {
			t.Errorf("%s: %v allocations, %v", name, n, failed)
		}
	}
}
