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

	// maxStall is how late input may be read beyond the idle gap. Later, the process was stopped or starved, and whoever
	// presented a code that waited meanwhile may have left. It is far above what a loaded single core causes.
	maxStall = time.Second
)

// Reader keeps the port of one barcode module open and hands on its frames.
type Reader struct {
	config Config
	log    *slog.Logger
	open   func(Config) (port, error)

	framer Framer
	buf    [1024]byte

	up       atomic.Bool
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
	return &Reader{config: c, log: log, open: openPort}
}

// Run opens the port and calls handle for each frame, on its own goroutine and one at a time, until ctx ends; then it returns
// nil within one idle gap. A port that is missing or fails is tried again for ever. The only error is that of
// [Config.Validate], at once. While handle works nothing is read; what arrives then is dropped. Run is called once.
func (r *Reader) Run(ctx context.Context, handle func(Frame)) error {
	if err := r.config.Validate(); err != nil {
		return err
	}
	r.config = r.config.withDefaults()
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

// Up reports whether the port is open and has been silent at least once since, so that frames can be told apart. It may be
// called from any goroutine.
func (r *Reader) Up() bool { return r.up.Load() }

// Err returns why the port last failed, nil if it is up or was not tried yet. It may be called from any goroutine.
func (r *Reader) Err() error {
	if err := r.cause.Load(); err != nil {
		return *err
	}
	return nil
}

// session opens the port once and reads until it fails or ctx ends. It reports whether the port had worked by then.
func (r *Reader) session(ctx context.Context, handle func(Frame)) (worked bool, err error) {
	p, err := r.open(r.config)
	if err != nil {
		return false, err
	}
	defer func() {
		r.framer.Reset()
		clear(r.buf[:])
		_ = p.Close() // nothing was written, so nothing can be lost
	}()

	// A module may hold codes that nobody fetched while the port was closed. They come right after the opening, and are
	// dropped like those behind a decision: until the line is silent.
	dropping := true
	opened := time.Now()
	last := opened
	for ctx.Err() == nil {
		r.turn()
		n, err := read(p, r.buf[:])
		if err != nil {
			return worked || r.Up() && time.Since(opened) >= maxBackoff, err
		}
		now := time.Now()
		if now.Sub(last) > r.config.IdleGap+maxStall {
			r.stats.stalls.Add(1)
			r.framer.Reset()
			dropping = true
		}
		last = now

		frame := r.frame(n, dropping)
		if n == 0 && dropping {
			dropping = false
			r.ready()
		}
		if frame == nil || ctx.Err() != nil {
			continue
		}
		r.stats.frames.Add(1)
		handle(frame)
		r.framer.Reset()
		if err := p.ResetInputBuffer(); err != nil {
			return true, err
		}
		dropping, worked, last = true, true, time.Now()
	}
	return worked, nil
}

func (r *Reader) turn() {
	if r.config.OnTurn != nil {
		r.config.OnTurn()
	}
}

// frame takes the n bytes in r.buf, 0 meaning an idle gap, and wipes them there. It returns a frame if they complete one.
func (r *Reader) frame(n int, dropping bool) Frame {
	b := r.buf[:n]
	defer clear(b)
	r.stats.bytes.Add(uint64(n))
	if dropping {
		r.stats.dropped.Add(uint64(n))
		return nil
	}
	var frame Frame
	if n == 0 {
		frame = r.framer.Gap()
	} else {
		var rest []byte
		frame, rest = r.framer.Next(b)
		r.stats.dropped.Add(uint64(len(rest)))
	}
	r.stats.overlong.Store(r.framer.Overlong())
	r.stats.torn.Store(r.framer.Torn())
	r.stats.nuls.Store(r.framer.NULs())
	return frame
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
	if r.Up() || !r.reported {
		r.log.Warn("barcode module not readable, trying again", "device", r.config.Device, "err", err)
		r.report(false)
	}
}

func (r *Reader) report(up bool) {
	r.up.Store(up)
	r.reported = true
	if r.config.OnState != nil {
		r.config.OnState(up)
	}
}
