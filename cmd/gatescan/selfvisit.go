package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/gate"
)

// showCodes has the technician show each code to the module.
func (t *technician) showCodes(ctx context.Context, r *selfRecord, _ *benchHeld) error {
	for _, code := range testCodes {
		if ctx.Err() != nil {
			return nil
		}
		if code.icvp && !t.icvp {
			continue
		}
		fmt.Fprintf(t.out, "Show the code %q (%s) to the barcode module, within %v.\n", code.name, code.says, readStep)
		name := "code " + code.name
		until := time.Now().Add(readStep)
		for {
			var seen gate.Seen
			err := t.step(ctx, control.Request{Step: stepRead}, &seen)
			switch {
			case err != nil && err.Error() == gate.ErrBenchOver.Error():
				return err
			case err != nil:
				r.add(name, selfFailed, "%v; is it the right page, and is the module's light on it?", err)
			case seen.Code == code.name && seen.Reason == code.want.String():
				r.add(name, selfPassed, "read, %d characters, and judged as %s", seen.Length, seen.Reason)
			case seen.Code == "" && strings.HasPrefix(seen.Reason, "bad_") && seen.Reason != code.want.String():
				r.add(name, selfFailed, "what came was damaged on its way (%s, %d characters): look at speed, parity and cable", seen.Reason, seen.Length)
			case time.Now().Before(until):
				fmt.Fprintf(t.out, "That was another code (%s). Show the code %q.\n", firstOf(seen.Code, seen.Reason), code.name)
				continue
			default:
				r.add(name, selfFailed, "another code was shown (%s)", firstOf(seen.Code, seen.Reason))
			}
			fmt.Fprintf(t.out, "%s %s\n", selfMarks[r.Checks[len(r.Checks)-1].Result], r.Checks[len(r.Checks)-1].Says)
			break
		}
	}
	return nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// signalLooks are what a technician should see and hear.
var signalLooks = []struct{ signal, looks string }{
	{"open", "green, steady, and one short beep"},
	{"refused", "red, slow blinking, and one long beep"},
	{"try_again", "yellow, double blinking, and two short beeps"},
	{"closed", "red, steady"},
	{"fault", "red and yellow in turn"},
	{"idle", "green, a short flash every two seconds"},
}

// lookAtLamps shows every signal and asks what is seen.
func (t *technician) lookAtLamps(ctx context.Context, r *selfRecord, held *benchHeld) error {
	if len(held.Lamps) == 0 {
		r.add("lamps", selfSkipped, "none is wired (outputs.green and so on)")
		return nil
	}
	wrong := 0
	for _, s := range signalLooks {
		if ctx.Err() != nil {
			return nil
		}
		if err := t.step(ctx, control.Request{Step: stepSignal, Signal: s.signal}, nil); err != nil {
			return err
		}
		yes, answered := t.yes(fmt.Sprintf("Do you see and hear, as far as it is wired: %s?", s.looks))
		switch {
		case !answered:
			r.add("lamps", selfFailed, "nobody said how %s looks", s.signal)
			wrong++
		case !yes:
			r.add("lamps", selfFailed, "%s should be: %s", s.signal, s.looks)
			wrong++
		}
	}
	if wrong == 0 {
		r.add("lamps", selfPassed, "all %d signals were seen and heard; wired: %s", len(signalLooks), strings.Join(held.Lamps, ", "))
	}
	return t.step(ctx, control.Request{Step: stepSignal, Signal: "closed"}, nil)
}

// openOnce opens the turnstile, after somebody has looked whether it is empty.
func (t *technician) openOnce(ctx context.Context, r *selfRecord, held *benchHeld) error {
	if t.noPulse {
		r.add("pulse", selfSkipped, "it was not asked for (-no-pulse)")
		return nil
	}
	question := fmt.Sprintf("The turnstile will be opened for %v. Does nobody stand in it?", held.Pulse)
	if held.Passage {
		question = fmt.Sprintf("The turnstile will be opened; go through within %v. Does nobody else stand in it?", held.Entry)
	}
	if yes, _ := t.yes(question); !yes {
		r.add("pulse", selfSkipped, "somebody stood in it, or nobody answered")
		return nil
	}
	var p pulsed
	if err := t.step(ctx, control.Request{Step: stepPulse}, &p); err != nil {
		return err
	}
	switch {
	case !p.Opened:
		r.add("pulse", selfFailed, "it did not open: %s", p.Why)
	case held.Passage && !p.Passed:
		r.add("pulse", selfFailed, "it opened, and no passage was told of: look at the passage input and whether you went through in time")
	case held.Passage:
		r.add("pulse", selfPassed, "it opened, and the passage was told of")
	default:
		switch yes, answered := t.yes("Did the arm come free, and is it locked again now?"); {
		case yes:
			r.add("pulse", selfPassed, "it opened and locked again; no passage input is wired")
		case answered:
			r.add("pulse", selfFailed, "the relay was told, but the arm did not come free, or stays so")
		default:
			r.add("pulse", selfFailed, "nobody said whether the arm came free")
		}
	}
	return nil
}

// saveModule has the module keep its settings.
func (t *technician) saveModule(ctx context.Context, r *selfRecord, _ *benchHeld) error {
	if !t.save {
		return nil
	}
	var module selfReader
	if err := t.step(ctx, control.Request{Step: stepSave}, &module); err != nil {
		r.add("module saved", selfFailed, "%v", err)
		return nil
	}
	r.Reader = module
	r.add("module saved", selfPassed, "%s keeps: %s", module.Module, strings.Join(module.Set, ", "))
	return nil
}
