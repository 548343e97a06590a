// Command lines opens outputs and inputs of an emulated board through driver/gpio, as the daemon does, for a test that
// watches from outside.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	pgpio "periph.io/x/conn/v3/gpio"

	"gatescan/driver/gpio"
)

const usage = `usage:
	lines output CHIP OFFSET high|low    open an output with that active level, then obey on, off and close
	lines input CHIP OFFSET              open an input, then say every edge
	lines pulse LED DURATION             fire one pulse and be killed in the same breath`

func main() {
	log.SetFlags(0)
	log.SetPrefix("lines: ")
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 4 && args[0] == "output":
		line, err := parse(args[1], args[2])
		line.ActiveLow = args[3] == "low"
		return errors.Join(err, output(line))
	case len(args) == 3 && args[0] == "input":
		line, err := parse(args[1], args[2])
		return errors.Join(err, input(line))
	case len(args) == 3 && args[0] == "pulse":
		length, err := time.ParseDuration(args[2])
		return errors.Join(err, pulse(args[1], length))
	}
	return errors.New(usage)
}

func parse(chip, offset string) (gpio.Line, error) {
	n, err := strconv.Atoi(offset)
	return gpio.Line{Chip: chip, Offset: n}, err
}

func output(line gpio.Line) error {
	out, err := gpio.Board{}.OpenOutput(line)
	if err != nil {
		return err
	}
	fmt.Println("open")
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		switch order := orders.Text(); order {
		case "on":
			err = out.Out(pgpio.High)
		case "off":
			err = out.Out(pgpio.Low)
		case "close":
			return out.Close()
		default:
			err = fmt.Errorf("unknown order %q", order)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func input(line gpio.Line) error {
	in, err := gpio.Board{}.OpenInput(line)
	if err != nil {
		return err
	}
	fmt.Println("open")
	for edge := range in.Edges() {
		fmt.Println("edge", edge.Level, edge.At)
	}
	return in.Err()
}

// pulse does not return: SIGKILL is on its way before anything could be tidied up.
func pulse(led string, length time.Duration) error {
	relay, err := gpio.Board{}.OpenOneshot(led)
	if err != nil {
		return err
	}
	if err := relay.Pulse(length); err != nil {
		return err
	}
	return unix.Kill(unix.Getpid(), unix.SIGKILL)
}
