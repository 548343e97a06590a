package main

import (
	"io"

	"gatescan/cmd/gatescan/clock"

	"github.com/coreos/go-systemd/v22/activation"
)

const clockUsage = `NAME
    gatescan clock - tell the daemon how wrong the kernel's clock may be

SYNOPSIS
    gatescan clock

DESCRIPTION
    Answers whoever connects to the socket that the service manager passes with what the
    kernel says (adjtimex(2)). gatescan-clock.socket starts it: the unit of the daemon, which
    has the network and the devices, forbids every call that can set a clock, and the unit
    of this, which may make them, has neither.
`

func runClock(args []string, _ io.Reader, _, _ io.Writer) (int, error) {
	if err := parseFlags(newFlags(), args, 0); err != nil {
		return 0, err
	}
	passed, err := activation.Listeners()
	if err != nil {
		return 0, err
	}
	if len(passed) != 1 || passed[0] == nil {
		return 0, usageError("no socket was passed: gatescan-clock.socket of systemd starts this")
	}
	return exitFailed, clock.Serve(passed[0])
}
