package gpio

import (
	"testing"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
)

// numbered is a pin.Pin; periph will drop Function one day, but asks for it until then.
type numbered interface {
	Name() string
	Number() int
	Function() string
}

// What periph asks of a pin, of each kind. None of them gets into the registry, where anybody could take it.
func TestPins(t *testing.T) {
	_, b := newFakeBoard()
	out, err := b.OpenOutput(Line{Chip: "soc", Offset: 4})
	if err != nil {
		t.Fatal(err)
	}
	in, err := b.OpenInput(Line{Name: "RELAY"})
	if err != nil {
		t.Fatal(err)
	}
	led, err := b.OpenLED("gate:relay")
	if err != nil {
		t.Fatal(err)
	}
	oneshot, err := b.OpenOneshot("gate:relay")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		pin            conn.Resource
		text, function string
		number         int
	}{
		{out, "line 4 of soc", "Out", 4},
		{in, `line "RELAY"`, "In", 4},
		{led, "LED gate:relay", "Out", -1},
		{oneshot, "LED gate:relay", "", 0},
	} {
		if tc.pin.String() != tc.text {
			t.Errorf("%q, want %q", tc.pin, tc.text)
		}
		if p, ok := tc.pin.(numbered); ok && (p.Function() != tc.function || p.Number() != tc.number || p.Name() == "") {
			t.Errorf("%v: %s %s %d", tc.pin, p.Name(), p.Function(), p.Number())
		}
		if p, ok := tc.pin.(gpio.PinOut); ok && p.PWM(gpio.DutyHalf, 0) == nil {
			t.Errorf("%v has PWM", p)
		}
		if err := tc.pin.Halt(); err != nil {
			t.Errorf("%v: %v", tc.pin, err)
		}
	}
	if oneshot.Name() != led.Name() || led.Name() != "gate:relay" {
		t.Error(oneshot.Name(), led.Name())
	}
	if all := gpioreg.All(); len(all) != 0 {
		t.Errorf("registered: %v", all)
	}
}
