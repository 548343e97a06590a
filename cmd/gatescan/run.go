package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/trustsync"
	"gatescan/verify"

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

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)

	d := newDaemon(c, stdout, log)
	return exitDone, d.run(ctx, func() (config, error) { return readConfig(*path) }, reload)
}

// keepMemoryPrivate keeps passes in memory out of core dumps and away from other processes (prctl(2)). A pipe in
// core_pattern ignores RLIMIT_CORE, so that alone would not do.
func keepMemoryPrivate() error {
	return errors.Join(
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
	)
}

// daemon is the running gate. Everything in it lives as long as the process, but for the reader, which begins anew
// when its configuration changes.
type daemon struct {
	log        *slog.Logger
	config     config
	gate       *gate
	turnstile  *turnstile.Turnstile
	syncer     *trustsync.Syncer
	readerUp   atomic.Bool
	stir       chan struct{} // something changed that the lamps should show
	simulation *simulation
}

// newDaemon makes every output inert before anything else is opened.
func newDaemon(c config, stdout io.Writer, log *slog.Logger) *daemon {
	d := &daemon{log: log, config: c, stir: make(chan struct{}, 1)}
	d.gate = &gate{verifier: verify.New(verify.Policy{}), clock: buildClock()}
	d.simulation = newSimulation(stdout, &d.gate.counts)
	d.gate.observe = d.simulation.decided
	sim := turnstile.NewSimulated(d.simulation.changed)
	d.turnstile = turnstile.New(c.turnstile(), sim.Relay(), sim, log)
	d.gate.turnstile = d.turnstile
	d.syncer = trustsync.New(trustsync.Directory(c.Trust.Directory), time.Duration(c.Trust.Interval), log)
	d.gate.trust = d.syncer.Current
	d.apply(c)
	return d
}

// apply puts a configuration into force, but for the reader.
func (d *daemon) apply(c config) {
	d.config = c
	policy := c.policy()
	d.gate.policy.Store(&policy)
	if policy.Tolerate != 0 {
		d.log.Warn("passes that deviate from the specification are let through", "tolerated", toleranceNames(policy.Tolerate))
	}
	d.gate.repeats.setWindow(time.Duration(c.Policy.RepeatWindow))
	d.turnstile.Configure(c.turnstile())
	d.syncer.Configure(trustsync.Directory(c.Trust.Directory), time.Duration(c.Trust.Interval))
}

// run lets the gate work until ctx ends. A value on reload makes it read the configuration again.
func (d *daemon) run(ctx context.Context, read func() (config, error), reload <-chan os.Signal) error {
	var parts sync.WaitGroup
	parts.Go(func() { d.syncer.Run(ctx) })
	parts.Go(func() { d.tend(ctx) })
	endReader := d.startReader(ctx)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-reload:
			c, err := read()
			if err != nil {
				d.log.Error("the new configuration is refused, the old one stays in force", "err", err)
				continue
			}
			otherReader := c.Reader != d.config.Reader
			d.apply(c)
			d.log.Info("the configuration was read again")
			if otherReader {
				endReader()
				endReader = d.startReader(ctx)
			}
		}
	}
	endReader()
	parts.Wait()
	err := d.turnstile.Close()
	if n := d.simulation.close(); n > 0 {
		d.log.Warn("events of the simulated gate were dropped because nobody read them", "count", n)
	}
	accepted, refused := d.gate.counts.Totals()
	d.log.Info("ended", "accepted", accepted, "refused", refused, "tolerated", d.gate.counts.Tolerated(verify.TolerateAll))
	return err
}

// startReader begins to read the barcode module. What it returns ends that, and waits for it.
func (d *daemon) startReader(ctx context.Context) (end func()) {
	c := d.config.scanner()
	c.OnState = func(up bool) {
		d.readerUp.Store(up)
		select {
		case d.stir <- struct{}{}:
		default:
		}
	}
	reader := scanner.NewReader(c, d.log)
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		err := reader.Run(ctx, func(f scanner.Frame) { d.gate.handle(f, time.Now()) })
		if ctx.Err() == nil {
			d.log.Error("the reader ended", "err", err)
		}
		d.readerUp.Store(false)
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// tendInterval is how soon the lamps follow what does not stir: trust data that came, a clock that was set.
const tendInterval = 500 * time.Millisecond

// tend keeps what the turnstile shows between passes up to date, and forgets old passes.
func (d *daemon) tend(ctx context.Context) {
	ticker := time.NewTicker(tendInterval)
	defer ticker.Stop()
	for { // closed until the reader has been tried
		select {
		case <-ctx.Done():
			return
		case <-d.stir:
		case <-ticker.C:
		}
		now := time.Now()
		d.turnstile.Rest(d.gate.resting(d.readerUp.Load(), now))
		d.gate.repeats.expire(now)
	}
}
