package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"gatescan/cmd/gatelab/module"
)

const moduleUsage = `NAME
    gatelab module - play a serial barcode module on a pseudo terminal

SYNOPSIS
    gatelab module -type TYPE [-link PATH] [-baud N] [-usb] [-ready] [-silent] [-lose N] [-quiet]

DESCRIPTION
    Plays a module of a family as its manual says, so that a gate can be tried without one:
    with its registers, flash and commands, at the speed of its wire. It begins as it left
    the factory, at 9600 baud, and most read nothing until a gate has set them up. Prints
    the lines for the configuration of the gate, and what crosses the wire on standard
    error. Ends on SIGINT or SIGTERM.

    Each line of standard input is a code that is held before the module, or one of

    !unplug    pull it out; what is not in its flash is forgotten
    !plug      put it back; the pseudo terminal may be another one then, -link stays
    !restart   take its power for a moment, on a line that stays
    !reset     restore its factory settings
    !freeze    have it do nothing more, and back: !thaw
    !deaf      have it take no commands, and back: !hear

TYPES
    gm65  newland  honeywell  ssi  accessis  accessis-raw

OPTIONS
    -type TYPE   the family, as in reader.module
    -link PATH   make a symbolic link to the pseudo terminal; one that is there is replaced
    -baud N      the speed that is in its flash
    -usb         a USB module, to which speeds mean nothing
    -ready       its flash says that it reads by itself, as if a technician had set it up
    -silent      it never answers: its input is not connected
    -lose N      one of N answers gets lost
    -quiet       do not show what crosses the wire

EXAMPLE
    gatelab module -type gm65 -link /tmp/ttyMODULE
    gatescan run -config gate.toml    # with device = "/tmp/ttyMODULE", module = "auto"
`

func runModule(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("module")
	var o module.Options
	fs.StringVar(&o.Type, "type", "", "")
	fs.StringVar(&o.Link, "link", "", "")
	fs.IntVar(&o.Baud, "baud", 0, "")
	fs.BoolVar(&o.USB, "usb", false, "")
	fs.BoolVar(&o.Ready, "ready", false, "")
	fs.BoolVar(&o.Silent, "silent", false, "")
	fs.IntVar(&o.Lose, "lose", 0, "")
	quiet := fs.Bool("quiet", false, "")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	switch {
	case fs.NArg() > 0:
		return usageError(fmt.Sprintf("%q: there is nothing to name but options", fs.Arg(0)))
	case !slices.Contains(module.Types(), o.Type):
		return usageError(fmt.Sprintf("no type %q: -type is one of %s", o.Type, strings.Join(module.Types(), ", ")))
	case o.Baud != 0 && !slices.Contains([]int{9600, 19200, 38400, 57600, 115200}, o.Baud):
		return usageError(fmt.Sprintf("no module has %d baud: -baud is 9600, 19200, 38400, 57600 or 115200", o.Baud))
	case o.Lose < 0:
		return usageError("-lose is how many answers there are for one that gets lost")
	case isSet(fs, "link") && o.Link == "":
		return usageError("-link names no file")
	}
	told := log.New(stderr, "", log.Ltime|log.Lmicroseconds)
	if !*quiet {
		o.Trace = func(toHost bool, b []byte) {
			who := "gate  "
			if toHost {
				who = "module"
			}
			told.Printf("%s % X  %q", who, b, b)
		}
	}
	m, err := module.New(o)
	if err != nil {
		return err
	}
	defer m.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	device := m.Device()
	if o.Link != "" {
		device = o.Link
	}
	fmt.Fprintf(stdout, "[reader]\ndevice = %q\nmodule = %q\n", device, o.Type)
	go func() {
		lines := bufio.NewScanner(stdin)
		lines.Buffer(nil, 1<<16)
		for lines.Scan() {
			if err := act(m, strings.TrimSuffix(lines.Text(), "\r")); err != nil {
				told.Print(err)
			}
		}
	}()
	<-ctx.Done()
	return nil
}

// act does what a line of standard input says.
func act(m *module.Module, line string) error {
	switch line {
	case "":
		return nil
	case "!unplug":
		m.Unplug()
	case "!plug":
		if err := m.Plug(); err != nil {
			return err
		}
	case "!restart":
		m.Restart()
	case "!reset":
		m.FactoryReset()
	case "!freeze", "!thaw":
		m.Freeze(line == "!freeze")
	case "!deaf", "!hear":
		m.SetSilent(line == "!deaf")
	default:
		if strings.HasPrefix(line, "!") {
			return errors.New(line + ": there are !unplug, !plug, !restart, !reset, !freeze, !thaw, !deaf and !hear")
		}
		return m.Present(line)
	}
	return nil
}
