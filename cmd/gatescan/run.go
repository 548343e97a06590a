package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/output"
	"gatescan/driver/gpio"
	"gatescan/trustsync"

	"golang.org/x/sys/unix"
)

const runUsage = `NAME
    gatescan run - the daemon

SYNOPSIS
    gatescan run -config FILE

DESCRIPTION
    Opens the barcode module, loads the trust data, and lets through who shows a good pass.
    It starts without either: the gate is closed, or shows a fault, until both are there.
    It logs to standard error, never anything of a pass or its holder.

    SIGHUP reads FILE again; if it has a mistake, the mistake is logged and the old
    configuration stays in force. SIGTERM and SIGINT end the daemon; the relay is inert then.

EXIT STATUS
    0  ended by a signal
    2  wrong usage or configuration
`

func runRun(args []string, _ io.Reader, stdout, stderr io.Writer) (int, error) {
	flags := newFlags()
	path := flags.String("config", "", "")
	if err := parseFlags(flags, args, 0); err != nil {
		return 0, err
	}
	if *path == "" {
		return 0, usageError("say which configuration: -config FILE (gatescan config -example prints one)")
	}
	c, err := readConfig(*path)
	if err != nil {
		return 0, err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	if err := keepMemoryPrivate(); err != nil {
		log.Warn("a crash may write passes to disk", "err", err)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.NumCPU() + trustsync.SpareProcessors)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)

	// One daemon at a time; and before it opens an output, release can know it.
	held, err := control.Acquire(c.Daemon.Runtime)
	if errors.Is(err, fs.ErrPermission) {
		return 0, fmt.Errorf("%w; name a directory of your own in daemon.runtime, or have the service manager make this one", err)
	}
	if err != nil {
		return 0, err
	}
	defer held.Close()
	if err := output.Write(held.Disk(), c.outputs()); err != nil {
		return 0, err
	}
	d, err := newDaemon(c, gpio.Board{}, stdout, log)
	if err != nil {
		return 0, err
	}
	err = d.serve(ctx, held, func() (config, error) { return readConfig(*path) }, reload)
	if err = errors.Join(err, d.close()); err != nil {
		return 0, err
	}
	return exitDone, nil
}

// keepMemoryPrivate keeps passes in memory out of core dumps and away from other processes (prctl(2)). A pipe in
// core_pattern ignores RLIMIT_CORE, so that alone would not do.
func keepMemoryPrivate() error {
	return errors.Join(
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
	)
}
