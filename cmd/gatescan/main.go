// Gatescan turns a serial barcode module, a relay and a few lamps into a gate for EU Digital COVID Certificates and
// the HCERT passes that succeeded them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `NAME
    gatescan - a gate for EU Digital COVID Certificates and other HCERT passes

SYNOPSIS
    gatescan run -config FILE
    gatescan check [-json] [-trust PATH] [-at TIME] [-tolerate]
                   [-rules PATH -country CC [-region R] [-explain]] [FILE|-]
    gatescan sync -config FILE [-json] [-forget NAME | -vouch]
    gatescan selftest -config FILE [-json] [-alone] [-no-pulse] [-save-module] | -codes FILE
    gatescan release [-config FILE] [-runtime DIR] [-json]
    gatescan config -check FILE | -example
    gatescan config -export ARCHIVE | -import ARCHIVE -config FILE
    gatescan clock
    gatescan version
    gatescan help [COMMAND]

DESCRIPTION
    run      reads QR texts from a barcode module, verifies them offline, and opens the
             turnstile for those that are good; this is the daemon
    check    verifies QR texts from a file or standard input, one a line
    sync     asks the sources of trust data now, and says what changed
    selftest commissions a gate: module, lamps, turnstile, clock, trust, disk -> a record
    release  puts every output to its inert level, whatever state the daemon is in
    config   says what is wrong with a configuration file, or what is in effect; moves a
             gate's configuration to the unit that replaces it
    clock    tells a daemon in a sandbox how wrong the kernel's clock may be
    version  says what this binary was built from

EXIT STATUS
    0  done; check: every text was accepted
    1  something failed; check: at least one text was refused
    2  wrong usage or configuration

EXAMPLE
    gatescan check -trust /etc/gatescan/dsc passes.txt
`

// A command is one subcommand. Its run returns the exit status, or flag.ErrHelp for -h, a usageError for a wrong
// command line, a configError or any other error for what it could not work with.
type command struct {
	name  string
	usage string
	run   func(args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)
}

func commands() []command {
	return []command{
		{"run", runUsage, runRun},
		{"check", checkUsage, runCheck},
		{"sync", syncUsage, runSync},
		{"selftest", selftestUsage, runSelftest},
		{"release", releaseUsage, runRelease},
		{"config", configUsage, runConfig},
		{"clock", clockUsage, runClock},
		{"version", versionUsage, runVersion},
	}
}

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake on the command line.
type usageError string

func (e usageError) Error() string { return string(e) }

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is gatescan without the process around it; it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	name, args := args[0], args[1:]
	help := name == "help" || name == "-h" || name == "-help" || name == "--help"
	if help && len(args) > 0 {
		name = args[0]
	} else if help {
		fmt.Fprint(stdout, usage)
		return exitDone
	}
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		if help {
			fmt.Fprint(stdout, c.usage)
			return exitDone
		}
		return c.exit(args, stdin, stdout, stderr)
	}
	fmt.Fprintf(stderr, "gatescan: there is no command %q\nTry 'gatescan help'.\n", name)
	return exitUsage
}

func (c command) exit(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	status, err := c.run(args, stdin, stdout, stderr)
	var wrong usageError
	switch {
	case err == nil:
		return status
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, c.usage)
		return exitDone
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "gatescan %s: %s\nTry 'gatescan %s -h'.\n", c.name, wrong, c.name)
		return exitUsage
	}
	fmt.Fprintf(stderr, "gatescan %s: %v\n", c.name, err)
	return exitUsage
}

func newFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

// parseFlags parses args, of which at most operands are left over.
func parseFlags(flags *flag.FlagSet, args []string, operands int) error {
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return usageError(err.Error())
	}
	if flags.NArg() > operands {
		return usageError(fmt.Sprintf("too many arguments: %q", flags.Args()[operands:]))
	}
	return nil
}
