package scanner

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// The pause before a failed port is opened again doubles from minBackoff to maxBackoff. It begins anew once the port
	// has delivered a frame or has stayed up for maxBackoff.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// Reader keeps the port of one barcode module open and hands on its frames.
type Reader struct {
	config Config
	log    *slog.Logger
	open   func(Config) (port, error)

	framer  Framer
	decoder decoder // of this session, on framer
	strayed uint64  // what it has counted
	seen    evidence
	buf     [1024]byte

	known    Module // see Config
	searches int    // in a row that found no module

	up       atomic.Bool
	setup    atomic.Pointer[Setup]
	wrong    atomic.Pointer[Diagnosis] // of the line's settings
	read     atomic.Bool               // a text since the port was opened
	said     string                    // what was last logged of a set-up
	saves    chan chan<- saveResult
	reported bool // OnState was called before
	cause    atomic.Pointer[error]
	stats    stats
}

// NewReader returns a Reader that has not opened anything yet. log gets one line when the port comes up and one when it fails, never
// the content of a frame; nil means no log.
func NewReader(c Config, log *slog.Logger) *Reader {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Reader{config: c, log: log, open: openPort, saves: make(chan chan<- saveResult)}
	r.decoder = &lines{Framer: &r.framer}
	return r
}

// Run opens the port and calls handle for each frame, on its own goroutine and one at a time, until ctx ends; then it returns
// nil within one idle gap. A port that is missing or fails is tried again for ever. The only error is that of
// [Config.Validate], at once. While handle works nothing is read; what arrives then is dropped. Run is called once.
func (r *Reader) Run(ctx context.Context, handle func(Frame)) error {
	if err := r.config.Validate(); err != nil {
		return err
	}
	r.config = r.config.WithDefaults()
	r.framer.noRead = noReadsOf(r.config.NoRead)
	defer r.up.Store(false)
	for pause := minBackoff; ; pause = min(2*pause, maxBackoff) {
		r.turn()
		worked, err := r.session(ctx, handle)
		if ctx.Err() != nil {
			return nil
		}
		r.failed(err)
		if worked {
			pause = minBackoff
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// Up reports whether the port is open, has been silent at least once since and within the last ten seconds, so that frames can be
// told apart, and whether a module that can be asked if it lives has answered or sent a text. With ModuleAuto that is any module
// until a text has come from one that does not answer. It may be called from any goroutine.
func (r *Reader) Up() bool { return r.up.Load() }

// Err returns why the port last failed, nil if it is up or was not tried yet. It may be called from any goroutine.
func (r *Reader) Err() error {
	if err := r.cause.Load(); err != nil {
		return *err
	}
	return nil
}

// Setup returns what became of the last set-up of the module. It may be called from any goroutine.
func (r *Reader) Setup() Setup {
	if s := r.setup.Load(); s != nil {
		return *s
	}
	return Setup{Module: r.config.Module}
}

func (r *Reader) turn() {
	if r.config.OnTurn != nil {
		r.config.OnTurn()
	}
}

// ready is called when an open port has been silent for an idle gap.
func (r *Reader) ready() {
	if r.Up() {
		return
	}
	r.stats.opens.Add(1)
	r.cause.Store(nil)
	r.log.Info("barcode module ready", "device", r.config.Device)
	r.report(true)
}

// failed is called for every attempt that ended, but only the first of them is a change of state.
func (r *Reader) failed(err error) {
	r.stats.failures.Add(1)
	r.cause.Store(&err)
	r.down(err)
}

// down is told that nothing can be read.
func (r *Reader) down(err error) {
	if !r.Up() && r.reported {
		return
	}
	r.said = "" // what is found next may be another module
	cause := err
	r.cause.Store(&cause)
	r.log.Warn("barcode module not readable, trying again", "device", r.config.Device, "err", err)
	r.report(false)
}

func (r *Reader) report(up bool) {
	r.up.Store(up)
	r.reported = true
	if r.config.OnState != nil {
		r.config.OnState(up)
	}
}
