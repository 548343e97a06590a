package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"gatescan/cmd/gatescan/clock"
	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/counters"
	"gatescan/cmd/gatescan/gate"
	"gatescan/cmd/gatescan/output"
	"gatescan/cmd/gatescan/progress"
	"gatescan/cmd/gatescan/status"
	"gatescan/cmd/gatescan/watchdog"
	"gatescan/driver/gpio"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/trustsync"
	"gatescan/verify"
)

// daemon is the running gate. Everything in it lives as long as the process, but for the reader, which begins anew
// when its configuration changes.
type daemon struct {
	log       *slog.Logger
	config    config // of serve's goroutine; others see inForce
	inForce   atomic.Pointer[config]
	board     gpio.Board
	hardware  *hardware
	gate      *gate.Gate
	bench     *gate.Bench
	clock     *clock.Clock
	turnstile *turnstile.Turnstile
	syncer    *trustsync.Syncer
	book      *counters.Book
	status    *status.Server
	started   time.Time                      // by the wall clock
	reader    atomic.Pointer[readerStanding] // never nil
	scanner   atomic.Pointer[scanner.Reader] // nil until one was started
	tested    atomic.Pointer[selfRecord]     // the last self-test without anybody; nil for none
	wake      chan struct{}                  // something changed that the lamps should show
	serving   chan struct{}                  // closed once serve has begun, and the daemon may be asked

	storeFault error // why trust data are not kept; nil if they are

	outputs                 []output.Output    // what hardware drives; it does not change
	watchdog                *watchdog.Watchdog // nil until serve
	progress                progress.Progress
	reading, lamps, looking *progress.Heartbeat
}

// How long a loop may take to come round.
const (
	readingLimit = 15 * time.Second // the reader's longest pause between two attempts is 5 s
	verdictLimit = 2 * time.Second
	lampsLimit   = 5 * time.Second
	relayLimit   = time.Second // beyond its pulse: another process may still release the line
	clockLimit   = 5 * time.Second
)

// newDaemon makes every output inert before anything else is opened.
func newDaemon(c config, board gpio.Board, stdout io.Writer, log *slog.Logger) (*daemon, error) {
	d := &daemon{log: log, config: c, board: board, wake: make(chan struct{}, 1), serving: make(chan struct{}), bench: &gate.Bench{}}
	d.reader.Store(&readerStanding{})
	var err error
	if d.hardware, err = openHardware(c, board, stdout, d.totals, log); err != nil {
		return nil, err
	}
	d.turnstile = turnstile.New(c.turnstile(), d.hardware.relay, d.hardware.lamps, log)
	d.outputs = c.outputs()
	d.clock = clock.New(c.clock(), machine, log)
	d.started = d.clock.Wall(time.Now())
	if err := d.openCounters(c); err != nil {
		return nil, errors.Join(err, d.turnstile.Close(), d.hardware.close())
	}
	store, err := openStore(c)
	if err != nil {
		log.Error("the trust data will not survive a restart", "err", err)
		d.storeFault = err
	}
	d.syncer = trustsync.New(c.trust, trustClock{d.clock}, store, log)

	d.reading = d.progress.Watch("reader", readingLimit)
	d.lamps = d.progress.Watch("turnstile", lampsLimit)
	d.looking = d.progress.Watch("clock", clockLimit)
	d.turnstile.Watch(d.progress.Watch("relay", relayLimit))
	d.gate = gate.New(gate.Parts{
		Trust: d.syncer.Current, Clock: d.clock, Turnstile: d.turnstile, Counts: d.book.Live(), Bench: d.bench,
		Working: d.progress.Watch("verdict", verdictLimit), Observe: d.observe,
	})
	d.apply(c)
	return d, nil
}

// openCounters opens the book and the server that people read it by.
func (d *daemon) openCounters(c config) (err error) {
	now := func() time.Time { return d.clock.Wall(time.Now()) }
	believed := func() bool { return d.clock.Believed(time.Now()) }
	if d.book, err = counters.Open(c.Counters.book(believed), now, d.log); err != nil {
		return err
	}
	d.status, err = status.New(c.status, d.standing(), d.log)
	return err
}

// observe is called by the gate for every frame.
func (d *daemon) observe(v verify.Verdict, became verify.Reason, took time.Duration) {
	d.status.Observe(took)
	if d.hardware.simulation != nil {
		d.hardware.simulation.decided(v, became, took)
	}
}

// settings are the configuration in force, for any goroutine. Nobody changes them.
func (d *daemon) settings() config { return *d.inForce.Load() }

// totals is how many frames were accepted and refused since the daemon began.
func (d *daemon) totals() (accepted, refused uint64) { return d.book.Live().Totals() }

// serve lets the gate work until ctx ends. A value on reload makes it read the configuration again.
func (d *daemon) serve(ctx context.Context, held *control.Lock, read func() (config, error), reload <-chan os.Signal) error {
	socket, err := control.Listen(held, d.config.Daemon.Group, d.log)
	if err != nil {
		return err
	}
	var device *watchdog.Device
	if path := d.config.Daemon.Watchdog; path != "" {
		if device, err = watchdog.OpenDevice(path, watchdog.MaxTimeout); err != nil {
			return errors.Join(err, socket.Close())
		}
	}
	d.watchdog = watchdog.New(&d.progress, device, d.log)
	close(d.serving)

	var parts sync.WaitGroup
	parts.Go(func() {
		socket.Serve(ctx, control.Handlers{
			control.CommandRelease: d.release, control.CommandState: d.state,
			control.CommandTrust: d.trust, control.CommandSync: d.sync, control.CommandForget: d.forget, control.CommandVouch: d.vouch, control.CommandTest: d.selftest,
		})
	})
	parts.Go(func() { d.watchdog.Run(ctx) })
	parts.Go(func() { d.book.Run(ctx) })
	parts.Go(func() { d.status.Run(ctx) })
	parts.Go(func() { d.clock.Run(ctx, d.looking.Beat) })
	parts.Go(func() { d.syncer.Run(ctx) })
	parts.Go(func() { d.tend(ctx) })
	parts.Go(func() { d.testDaily(ctx) })
	listen(ctx, d.config, d.board, d.turnstile, d.log, &parts)
	endReader := d.startReader(ctx)
	d.watchdog.Ready()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-reload:
			d.watchdog.Reloading()
			c, err := read()
			if err != nil {
				d.log.Error("the new configuration is refused, the old one stays in force", "err", err)
				d.watchdog.Ready()
				continue
			}
			otherReader := !reflect.DeepEqual(c.Reader, d.config.Reader)
			d.apply(c)
			d.syncer.Configure(c.trust)
			d.log.Info("the configuration was read again")
			if otherReader {
				endReader()
				endReader = d.startReader(ctx)
			}
			d.watchdog.Ready()
		}
	}
	d.watchdog.Stopping()
	endReader()
	parts.Wait()
	return nil
}

// close leaves every output inert, the relay first. Only then is the disk waited for, and the board's watchdog told that all
// is well.
func (d *daemon) close() error {
	err := errors.Join(d.turnstile.Close(), d.hardware.close())
	d.takePassages()
	if lost := d.book.Close(); lost != nil {
		d.log.Error("what was counted last is lost", "err", lost)
	}
	if d.watchdog != nil {
		err = errors.Join(err, d.watchdog.Close())
	}
	if d.hardware.simulation != nil {
		if n := d.hardware.simulation.close(); n > 0 {
			d.log.Warn("events of the simulated gate were dropped because nobody read them", "count", n)
		}
	}
	accepted, refused := d.totals()
	d.log.Info("ended", "accepted", accepted, "refused", refused, "tolerated", d.book.Live().Tolerated(verify.TolerateAll))
	return err
}

// release makes every output inert, and keeps the gate closed until the daemon is started again.
func (d *daemon) release(context.Context, control.Request) (any, error) {
	d.gate.Release()
	relayErr := d.turnstile.Close()
	if d.hardware.head != nil {
		d.hardware.head.Close()
	}
	report := releaseEach(d.outputs, func(o output.Output) error {
		if err := d.hardware.halt(o); err != nil {
			return err
		}
		if o == d.outputs[0] {
			return relayErr
		}
		return nil
	})
	d.log.Warn("the outputs are released; the gate is closed until the daemon is started again") // not before: a log may block
	return report, nil
}

// daemonState is what the state command answers.
type daemonState struct {
	Version  string `json:"version"`
	Reader   bool   `json:"reader_up"`
	Loaded   int    `json:"dscs"`
	Closed   bool   `json:"closed"`
	Accepted uint64 `json:"accepted"`
	Refused  uint64 `json:"refused"`
	turnstile.Counts
	Clock clock.Status `json:"clock"`
}

func (d *daemon) state(context.Context, control.Request) (any, error) {
	s := daemonState{
		Version: version, Reader: d.reader.Load().up, Loaded: d.syncer.State().DSCs, Closed: d.gate.Closed(),
		Counts: d.turnstile.Counts(), Clock: d.clock.Status(),
	}
	s.Accepted, s.Refused = d.totals()
	return s, nil
}

// trust says how the sources stand.
func (d *daemon) trust(context.Context, control.Request) (any, error) { return d.syncer.State(), nil }

// sync has every source asked now, and says how they stood before.
func (d *daemon) sync(context.Context, control.Request) (any, error) {
	before := d.syncer.State()
	d.syncer.Refresh()
	return before, nil
}

// forget lets a source go backwards once.
func (d *daemon) forget(_ context.Context, asked control.Request) (any, error) {
	return nil, d.syncer.ForgetFloor(asked.Source)
}

// vouch has the clock believed.
func (d *daemon) vouch(context.Context, control.Request) (any, error) {
	if err := d.clock.Vouch(); err != nil {
		return nil, err
	}
	return d.clock.Status(), nil
}

// startReader begins to read the barcode module. What it returns ends that, and waits for it.
func (d *daemon) startReader(ctx context.Context) (end func()) {
	c := d.config.Reader.scanner()
	c.OnTurn = d.reading.Beat
	c.OnState = func(up bool) {
		d.reader.Store(&readerStanding{up, d.clock.Wall(time.Now())})
		d.awake()
	}
	reader := scanner.NewReader(c, d.log)
	d.scanner.Store(reader)
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		err := reader.Run(ctx, func(f scanner.Frame) { d.gate.Handle(f, time.Now()) })
		if ctx.Err() == nil {
			d.log.Error("the reader ended", "err", err)
		}
		d.reader.Store(&readerStanding{false, d.clock.Wall(time.Now())})
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// tendInterval is how soon the lamps follow what does not wake: trust data that came, a clock that was set.
const tendInterval = 500 * time.Millisecond

// tend has the gate keep up to date what the turnstile shows between passes, and drop old passes.
func (d *daemon) tend(ctx context.Context) {
	ticker := time.NewTicker(tendInterval)
	defer ticker.Stop()
	for { // closed until the reader has been tried
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-ticker.C:
		}
		now := time.Now()
		d.takePassages()
		d.gate.Tend(d.reader.Load().up, len(d.faults()) > 0, now)
		d.lamps.Beat()
	}
}
