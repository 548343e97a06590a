package gpio_test

import (
	"fmt"
	"time"

	pin "periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"gatescan/driver/gpio"
	"gatescan/driver/gpio/gpiotest"
)

// board stands in for gpio.Board{}, which is this machine.
func board() (*gpiotest.Sim, gpio.Board) {
	sim := gpiotest.New("pinctrl-bcm2835", 54, func(c gpiotest.Change) { fmt.Println("  meter:", c.Offset, c.Level) })
	return sim, gpio.On(sim.Kernel())
}

// A lamp on an active-low driver.
func ExampleBoard_OpenOutput() {
	sim, board := board()
	sim.Set(17, pin.High) // at rest

	lamp, err := board.OpenOutput(gpio.Line{Chip: "pinctrl-bcm2835", Offset: 17, ActiveLow: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lamp.Close()
	fmt.Println("on")
	if err := lamp.Out(pin.High); err != nil {
		fmt.Println(err)
	}
	fmt.Println("end")
	// Output:
	// on
	//   meter: 17 Low
	// end
	//   meter: 17 High
}

// The contact that a turnstile closes when somebody has passed.
func ExampleBoard_OpenInput() {
	sim, board := board()
	sim.Set(27, pin.High)

	passage, err := board.OpenInput(gpio.Line{
		Chip: "pinctrl-bcm2835", Offset: 27, ActiveLow: true, Bias: gpio.BiasPullUp, Debounce: 20 * time.Millisecond,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer passage.Close()
	sim.Set(27, pin.Low)
	sim.Set(27, pin.High)
	for range 2 {
		fmt.Println("passage:", (<-passage.Edges()).Level)
	}
	// Output:
	// passage: High
	// passage: Low
}

// A relay whose pulse the kernel ends, on a board that has none.
func ExampleBoard_OpenOneshot() {
	_, board := board()
	relay, err := board.OpenOneshot("gate:relay")
	if err != nil {
		fmt.Println("not opened")
		return
	}
	defer relay.Close()
	if err := relay.Pulse(400 * time.Millisecond); err != nil {
		fmt.Println(err)
	}
	// Output: not opened
}

// A passive buzzer, which has the tone that it is given.
func ExampleBoard_OpenPWM() {
	sim := gpiotest.New("pinctrl-bcm2835", 54, func(c gpiotest.Change) { fmt.Println("  ear:", c.Level, c.Tone) })
	sim.AddPWM("pwmchip0", "fe20c000.pwm", 2)

	speaker, err := gpio.On(sim.Kernel()).OpenPWM("fe20c000.pwm", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer speaker.Close()
	for _, f := range []physic.Frequency{physic.KiloHertz, 2 * physic.KiloHertz} {
		if err := speaker.PWM(pin.DutyHalf, f); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	//   ear: High 1kHz
	//   ear: High 2kHz
	//   ear: Low 0Hz
}

func ExampleBoard_Lines() {
	sim, board := board()
	sim.NameLine(17, "GPIO17")
	sim.Take(17, "spi0 CS1")
	_, err := board.OpenOutput(gpio.Line{Name: "GPIO17"})
	fmt.Println(err)

	lines, err := board.Lines()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range lines {
		if l.Used {
			fmt.Printf("%v: %s\n", l, l.Consumer)
		}
	}
	// Output:
	// line "GPIO17": in use by "spi0 CS1": stop that, or choose another line (device or resource busy)
	// 17 of pinctrl-bcm2835 ("GPIO17"): spi0 CS1
}
