// Gatelab is the far side of the gate: it makes trust domains and passes to try a gate with. It never ships on one,
// and it shares no code with the verifier, so that the two can find each other's mistakes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `NAME
    gatelab - make trust domains and passes to try a gate with

SYNOPSIS
    gatelab demo [-gatescan FILE] [-dir DIR] [-once]
    gatelab init [-country CC] [-usage LETTERS] [-rsa-bits N] DIR
    gatelab mint -lab DIR [-alg ALG] [-iss CC] [-iat TIME] [-exp TIME] [-png DIR] [FILE|-]
    gatelab serve -lab DIR [-addr HOST:PORT] [-fault SOURCE=FAULT]... [-config FILE] [-json]
    gatelab module -type TYPE [-link PATH] [-baud N] [-usb] [-ready] [-silent] [-lose N] [-quiet]
    gatelab help [COMMAND]

DESCRIPTION
    demo    shows a gate at work: a simulated barcode module, turnstile and lamps
    init    makes a lab: a country signing CA, document signers under it, and their keys
    mint    turns DCC payloads (JSON, one a line) into signed QR texts and QR images
    module  plays a serial barcode module on a pseudo terminal
    serve   offers every kind of trust source on loopback, with faults on demand

    A lab proves nothing about anybody. Its certificates say so in their names; never
    install them on a gate that guards a door.

EXIT STATUS
    0  done
    1  something failed; standard error says what
    2  wrong usage

EXAMPLE
    gatelab init lab
    gatelab mint -lab lab payloads.jsonl > passes.txt
    gatescan check -trust lab/dsc passes.txt
`

// A command is one subcommand. Its run returns flag.ErrHelp for -h, a usageError for a wrong command line.
type command struct {
	name  string
	usage string
	run   func(args []string, stdin io.Reader, stdout, stderr io.Writer) error
}

var commands = []command{
	{"demo", demoUsage, runDemo},
	{"init", initUsage, runInit},
	{"mint", mintUsage, runMint},
	{"module", moduleUsage, runModule},
	{"serve", serveUsage, runServe},
}

// usageError is a mistake on the command line, as against one that shows while working.
type usageError string

func (e usageError) Error() string { return string(e) }

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is gatelab without the process around it; it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return help(args, stdout, stderr)
	}
	c, ok := lookup(name)
	if !ok {
		return unknown(name, stderr)
	}
	err := c.run(args, stdin, stdout, stderr)
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, c.usage)
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "gatelab %s: %s\nTry 'gatelab %s -h'.\n", name, wrong, name)
		return 2
	}
	fmt.Fprintf(stderr, "gatelab %s: %v\n", name, err)
	return 1
}

func help(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stdout, usage)
		return 0
	}
	c, ok := lookup(args[0])
	if !ok {
		return unknown(args[0], stderr)
	}
	fmt.Fprint(stdout, c.usage)
	return 0
}

func lookup(name string) (command, bool) {
	for _, c := range commands {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

func unknown(name string, stderr io.Writer) int {
	fmt.Fprintf(stderr, "gatelab: no command %q\n\n%s", name, usage)
	return 2
}

// newFlags makes a flag set that leaves all printing to run.
func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// parseFlags parses args into fs; an error is flag.ErrHelp or a usageError.
func parseFlags(fs *flag.FlagSet, args []string) error {
	err := fs.Parse(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return usageError(err.Error())
}

// isSet tells a flag given on the command line, even an empty one, from one left at its default.
func isSet(fs *flag.FlagSet, name string) bool {
	set := false
	fs.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}
