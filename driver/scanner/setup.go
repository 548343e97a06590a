package scanner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// setUp finds out what is at the other end of an open port and sets it up, as configured. The error is the port's, or that of
// ctx; a module that does not answer is no error but a fault in Setup. It takes 8 s at the most, 0 for ModuleLine.
func setUp(ctx context.Context, p port, c Config, save bool, turn func()) (Setup, error) {
	s := Setup{Module: c.Module, Device: c.Device, Baud: c.Baud}
	if familyOf(c.Module) == nil && c.Module != ModuleAuto {
		return s, nil
	}
	began := time.Now()
	t := &talk{ctx: ctx, port: p, config: c, turn: turn, save: save, until: began.Add(setUpLimit)}
	defer t.wipe()
	if t.err = p.SetReadTimeout(talkPause); t.err == nil {
		if f := t.meet(&s); f != nil {
			f.configure(t, c, &s)
		}
	}
	if !s.Answered {
		if c.Module == ModuleAuto {
			s.Module = cmp.Or(c.known, ModuleLine)
		}
		s.Baud = c.Baud
		t.until = time.Now().Add(time.Second) // to put the port back
		t.setBaud(s.Baud)
	}
	s.Took = time.Since(began)
	s.conclude(c)
	if t.err != nil {
		return s, t.err
	}
	return s, p.SetReadTimeout(c.IdleGap)
}

// meet asks at every speed, twice: a module that is just starting, or sending a text, may miss the first question.
func (t *talk) meet(s *Setup) family {
	for range 2 {
		for _, baud := range t.config.bauds() {
			if !t.setBaud(baud) {
				return nil
			}
			for _, f := range families {
				if t.config.Module != f.module && t.config.Module != ModuleAuto {
					continue
				}
				if f.family.meet(t, s) {
					s.Module, s.Baud, s.Answered = f.module, baud, true
					return f.family
				}
			}
		}
	}
	return nil
}

// SaveModule sets a module up as a Reader would, and has it keep the settings over a loss of power. That wears its flash:
// it is for commissioning, never for every start. No Reader may have the port open. The error says why the module was not
// found, or what it did not take.
func SaveModule(ctx context.Context, c Config) (Setup, error) {
	if err := c.Validate(); err != nil {
		return Setup{}, err
	}
	c = c.WithDefaults()
	if familyOf(c.Module) == nil && c.Module != ModuleAuto {
		return Setup{Module: c.Module}, errNothingToSave(c.Module)
	}
	var err error
	if c.Device, err = c.Ports.Find(c.Device); err != nil {
		return Setup{}, err
	}
	p, err := openPort(c)
	if err != nil {
		return Setup{}, err
	}
	defer p.Close()
	return saved(setUp(ctx, p, c, true, func() {}))
}

// saved makes an error of a set-up that did not end in flash.
func saved(s Setup, err error) (Setup, error) {
	if err == nil && s.Fault != "" {
		err = errors.New(s.Fault)
	}
	return s, err
}

// logSetup says what was found, or what is wrong, unless it was said before.
func (r *Reader) logSetup(s Setup) {
	if s.Fault != "" {
		r.stats.setUpFaults.Add(1)
	}
	said := fmt.Sprint(s.Module, s.Device, s.Baud, s.Answered, s.Set, s.Fault)
	if familyOf(r.config.Module) == nil && r.config.Module != ModuleAuto || said == r.said {
		return
	}
	r.said = said
	about := []any{"module", s.Module, "device", s.Device, "baud", s.Baud, "took", s.Took.Round(time.Millisecond)}
	if s.Firmware != "" {
		about = append(about, "firmware", s.Firmware)
	}
	if len(s.Set) > 0 {
		about = append(about, "set", strings.Join(s.Set, ", "))
	}
	level := slog.LevelInfo
	text := "barcode module found and set up"
	if s.Fault != "" {
		level, text = slog.LevelWarn, s.Fault
	}
	r.log.Log(context.Background(), level, text, about...)
}

type saveResult struct {
	setup Setup
	err   error
}

// Save sets the module up again and has it keep the settings over a loss of power, while Run goes on: nothing is read
// for as long. See [SaveModule]. It may be called from any goroutine; without a port that is open it waits until ctx ends.
func (r *Reader) Save(ctx context.Context) (Setup, error) {
	if familyOf(r.config.Module) == nil && r.config.Module != ModuleAuto {
		return r.Setup(), errNothingToSave(r.config.Module)
	}
	done := make(chan saveResult, 1)
	select {
	case <-ctx.Done():
		return r.Setup(), fmt.Errorf("the barcode module cannot be asked to save its settings: %w", errors.Join(r.Err(), ctx.Err()))
	case r.saves <- done:
	}
	result := <-done
	return result.setup, result.err
}

// saveIfAsked reports whether the port was talked over. A failure of the port shows at its next read.
func (r *Reader) saveIfAsked(ctx context.Context, p port, c Config) bool {
	select {
	case done := <-r.saves:
		setup, err := saved(setUp(ctx, p, c, true, r.turn))
		r.decoder.Reset()
		r.setup.Store(&setup)
		r.logSetup(setup)
		done <- saveResult{setup, err}
		return true
	default:
		return false
	}
}

func errNothingToSave(m Module) error {
	return fmt.Errorf("module %q is never sent anything, so nothing can be saved in it", m)
}
