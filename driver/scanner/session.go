package scanner

import (
	"cmp"
	"context"
	"errors"
	"time"
)

const (
	// maxStall is how late input may be read beyond the idle gap. Later, the process was stopped or starved, and whoever
	// presented a code that waited meanwhile may have left. It is far above what a loaded single core causes.
	maxStall = time.Second

	// manyStray is how many bytes that belong to no message are more than noise.
	manyStray = 64
)

// session is the time from an opening of the port to its end.
type session struct {
	*Reader
	port  port
	c     Config
	setup Setup
	life  life
	line  flow

	opened   time.Time
	dropping bool // what comes is not read before the line was silent
	worked   bool // a frame was handed on
	strange  bool // it was said that the module sends what is no message
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
		r.seen.wipe()
		clear(r.buf[:])
		_ = p.Close() // what was written was a question, or an acknowledgement that comes again
	}()
	c.known = r.known
	setup, err := setUp(ctx, p, c, false, r.turn)
	if err != nil {
		return false, err
	}
	// A module may hold codes that nobody fetched while the port was closed. They come right after the opening, and are
	// dropped like those behind a decision: until the line is silent.
	s := session{Reader: r, port: p, c: c, setup: setup, life: r.meet(setup, c), opened: time.Now(), dropping: true}
	s.line = flow{turn: s.opened, last: s.opened}
	for ctx.Err() == nil {
		r.turn()
		n, err := read(p, r.buf[:])
		if err != nil {
			return s.worked || r.Up() && time.Since(s.opened) >= maxBackoff, err
		}
		frame, err := s.take(ctx, n, time.Now())
		if err == nil && frame.Text != nil && ctx.Err() == nil {
			err = s.handOn(frame, handle)
		}
		if err != nil {
			return s.worked, err
		}
	}
	return s.worked, nil
}

// take takes the n bytes in r.buf, 0 meaning a silence. It returns a frame if they complete one. Its error ends the session.
func (s *session) take(ctx context.Context, n int, now time.Time) (Frame, error) {
	if s.line.stalled(now, s.config.IdleGap) {
		s.stats.stalls.Add(1)
		s.decoder.Reset()
		s.dropping, s.line.busy = true, time.Time{}
	}
	silent := s.line.take(n, now)
	s.seen.take(s.buf[:n])
	if n == 0 {
		if v, enough := s.seen.silence(s.c); enough {
			s.diagnosed(v)
		}
	}
	noReads := s.framer.noReads
	frame, waiting := s.frame(n, s.dropping, silent)
	if answer := s.decoder.answer(); len(answer) > 0 {
		if _, err := s.port.Write(answer); err != nil {
			return Frame{}, err
		}
	}
	text := s.framer.noReads > noReads || readable(frame.Text)
	if err := s.life.watch(s.port, now, text, s.decoder.heard()); err != nil {
		return Frame{}, err
	}
	if text {
		s.read.Store(true)
	}
	if text && s.c.Module == ModuleAuto {
		s.known = cmp.Or(s.known, ModuleLine)
	}
	s.look(now)
	s.dropping = s.dropping && (n > 0 || waiting)
	if s.life.proven && !s.dropping && (n == 0 || text) {
		s.ready()
	}
	if n == 0 && frame.Text == nil && !waiting && s.saveIfAsked(ctx, s.port, s.c) {
		s.dropping = true
		s.line.resume(now, time.Now())
		s.life.alive(s.line.turn)
	}
	frame.Whole = frame.Whole || frame.Text != nil && n == 0 && s.setup.Answered && !s.framer.ends.ever
	frame.Continued = frame.Text != nil && s.line.near
	if s.seen.text(frame) || s.framer.noReads > noReads {
		s.withdraw()
	}
	return frame, nil
}

// look says what is wrong with the stream as such.
func (s *session) look(now time.Time) {
	if !s.strange && s.decoder.stray() >= manyStray {
		s.strange = true
		s.log.Warn("the barcode module sends what is no message of its family: check reader.module", "module", s.setup.Module, "device", s.c.Device)
	}
	if s.line.endless(now) {
		s.decoder.Reset()
		s.dropping = true
		s.down(errEndless)
	}
}

// handOn has a frame handled, and drops what came meanwhile.
func (s *session) handOn(frame Frame, handle func(Frame)) error {
	s.stats.frames.Add(1)
	s.seen.hole = true
	began := time.Now()
	handle(frame)
	s.decoder.Reset()
	s.dropping, s.worked, s.line.near = true, true, true
	s.line.resume(began, time.Now())
	s.life.alive(s.line.turn)
	return s.port.ResetInputBuffer()
}

// meet makes known what became of a set-up, and prepares to read by it. It returns what watches the module.
func (r *Reader) meet(s Setup, c Config) life {
	r.setup.Store(&s)
	r.logSetup(s)
	now := time.Now()
	l := life{heard: now}
	r.framer.begin()
	r.seen.wipe()
	r.seen = evidence{proven: s.Answered}
	r.read.Store(false)
	r.wrong.Store(nil)
	r.strayed = 0
	f := familyOf(s.Module)
	switch {
	case f != nil:
		r.decoder = f.decoder(&r.framer, c, s)
		l.questions = f.heartbeat()
	case s.Module == ModuleAccessIS:
		r.decoder = &accessis{Framer: &r.framer}
	default:
		r.decoder = &lines{Framer: &r.framer}
	}
	if s.Answered {
		r.searches = 0
		r.known = s.Module
	}
	// A module that was never heard may be a dead one, and whether it sends lines is not known before it does.
	l.proven = s.Answered || f == nil && (r.config.Module != ModuleAuto || c.known == ModuleLine)
	if l.proven {
		return l
	}
	if f == nil {
		l.search = now.Add(min(minSearch<<r.searches, maxSearch))
		r.searches = min(r.searches+1, 8)
	}
	err := errors.New(s.Fault)
	r.cause.Store(&err)
	if !r.reported {
		r.report(false)
	}
	return l
}

// frame takes the n bytes in r.buf, 0 meaning that the line has been silent for so long, and wipes them there. It returns a frame if
// they complete one, and whether more of it, or of what is being dropped, is still to come.
func (r *Reader) frame(n int, dropping bool, silent time.Duration) (frame Frame, waiting bool) {
	b := r.buf[:n]
	defer clear(b)
	r.stats.bytes.Add(uint64(n))
	switch {
	case n == 0 && silent < maxPause && r.decoder.unfinished():
		waiting = true
		frame = r.decoder.pause()
		if dropping {
			frame = Frame{}
			r.framer.Reset()
		}
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
		r.framer.pass(rest)
	}
	r.stats.overlong.Store(r.framer.Overlong())
	r.stats.torn.Store(r.framer.Torn())
	r.stats.nuls.Store(r.framer.NULs())
	r.stats.noReads.Store(r.framer.noReads)
	stray := r.decoder.stray()
	r.stats.stray.Add(stray - r.strayed)
	r.strayed = stray
	return frame, waiting
}
