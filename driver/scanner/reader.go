package scanner

import (
	"context"
	"errors"
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

	// manyStray is how many bytes that belong to no message are more than noise.
	manyStray = 64
)

// Reader keeps the port of one barcode module open and hands on its frames.
type Reader struct {
	config Config
	log    *slog.Logger
	open   func(Config) (port, error)

	framer  Framer
	decoder decoder // of this session, on framer
	strayed uint64  // what it has counted
	buf     [1024]byte

	up       atomic.Bool
	setup    atomic.Pointer[Setup]
	said     string // what was last logged of a set-up
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

// Up reports whether the port is open and has been silent at least once since, so that frames can be told apart, and whether a
// module that can be asked if it lives has answered or sent a frame. It may be called from any goroutine.
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

// session opens the port once, sets up the module, and reads until it fails or ctx ends. It reports whether the port had
// worked by then.
func (r *Reader) session(ctx context.Context, handle func(Frame)) (worked bool, err error) {
	c := r.config
	if c.Device, err = c.Ports.Find(c.Device); err != nil {
		return false, err
	}
	p, err := r.open(c)
	if err != nil {
		return false, err
	}
	defer func() {
		r.decoder.Reset()
		r.framer.Reset()
		clear(r.buf[:])
		_ = p.Close() // what was written was a question, or an acknowledgement that comes again
	}()
	setup, err := setUp(ctx, p, c, false, r.turn)
	if err != nil {
		return false, err
	}
	life := r.meet(setup, c)

	// A module may hold codes that nobody fetched while the port was closed. They come right after the opening, and are
	// dropped like those behind a decision: until the line is silent.
	dropping := true
	opened := time.Now()
	last := opened
	strange := false
	for ctx.Err() == nil {
		r.turn()
		n, err := read(p, r.buf[:])
		if err != nil {
			return worked || r.Up() && time.Since(opened) >= maxBackoff, err
		}
		now := time.Now()
		if now.Sub(last) > r.config.IdleGap+maxStall {
			r.stats.stalls.Add(1)
			r.decoder.Reset()
			dropping = true
		}
		last = now

		frame := r.frame(n, dropping)
		if answer := r.decoder.answer(); len(answer) > 0 {
			if _, err := p.Write(answer); err != nil {
				return worked, err
			}
		}
		if err := life.watch(p, now, frame.Text != nil, r.decoder.heard()); err != nil {
			return worked, err
		}
		if !strange && r.decoder.stray() >= manyStray {
			strange = true
			r.log.Warn("the barcode module sends what is no message of its family: check reader.module", "module", setup.Module, "device", c.Device)
		}
		if n == 0 && dropping {
			dropping = false
			if life.proven {
				r.ready()
			}
		}
		if n == 0 && frame.Text == nil && r.saveIfAsked(ctx, p, c) {
			dropping, last = true, time.Now()
			life.alive(last)
		}
		if frame.Text == nil || ctx.Err() != nil {
			continue
		}
		r.ready() // whatever the module answered
		r.stats.frames.Add(1)
		handle(frame)
		r.decoder.Reset()
		if err := p.ResetInputBuffer(); err != nil {
			return true, err
		}
		dropping, worked, last = true, true, time.Now()
		life.alive(last)
	}
	return worked, nil
}

// meet makes known what became of a set-up, and prepares to read by it. It returns what watches the module.
func (r *Reader) meet(s Setup, c Config) life {
	r.setup.Store(&s)
	r.logSetup(s)
	now := time.Now()
	l := life{proven: true, heard: now}
	r.strayed = 0
	switch f := familyOf(s.Module); {
	case f != nil:
		r.decoder = f.decoder(&r.framer, c, s)
		if l.questions = f.heartbeat(); !s.Answered {
			l.proven = false
			err := errors.New(s.Fault)
			r.cause.Store(&err)
			if !r.reported {
				r.report(false)
			}
		}
	case s.Module == ModuleAccessIS:
		r.decoder = &accessis{Framer: &r.framer}
	default:
		r.decoder = &lines{Framer: &r.framer}
	}
	return l
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
	var frame Frame
	switch {
	case dropping && n == 0:
		for r.decoder.Gap().Text != nil {
			continue
		}
	case dropping:
		r.stats.dropped.Add(uint64(n))
		r.decoder.drop(b)
	case n == 0:
		frame = r.decoder.Gap()
	default:
		var rest []byte
		frame, rest = r.decoder.Next(b)
		r.stats.dropped.Add(uint64(len(rest)))
	}
	r.stats.overlong.Store(r.framer.Overlong())
	r.stats.torn.Store(r.framer.Torn())
	r.stats.nuls.Store(r.framer.NULs())
	r.stats.noReads.Store(r.framer.noReads)
	stray := r.decoder.stray()
	r.stats.stray.Add(stray - r.strayed)
	r.strayed = stray
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
		r.said = "" // what is found next may be another module
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
