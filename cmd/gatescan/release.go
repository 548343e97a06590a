package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/output"
	"gatescan/driver/gpio"
)

const releaseUsage = `NAME
    gatescan release - put every output to its inert level

SYNOPSIS
    gatescan release [-config FILE] [-runtime DIR] [-json]

DESCRIPTION
    Makes the relay and the lamps inert, whatever state the daemon is in: for the service
    manager, when the daemon has ended (ExecStopPost), and for whoever stands at the gate.

    A daemon that answers does it itself, and keeps the gate closed until it is restarted.
    One that does not answer within a second is killed; the service manager may start
    it again. Without a daemon this command does it.

    It knows the outputs from what the daemon wrote into DIR when it started, not from the
    configuration: that may be broken.

    -config FILE  ask this configuration for DIR if it is not given, and for the outputs
                  if the daemon left no record
    -runtime DIR  the daemon's runtime directory; default ` + control.DefaultRuntime + `
    -json         say what was done as one JSON object

EXIT STATUS
    0  every output is inert
    1  at least one may not be, or it is not known which there are
    2  wrong usage
`

func runRelease(args []string, _ io.Reader, stdout, stderr io.Writer) (int, error) {
	return releaser{open: func(o output.Output) (interface{ Close() error }, error) {
		return o.Open(gpio.Board{})
	}}.run(args, stdout, stderr)
}

// How long release waits.
const (
	answerTimeout = time.Second            // for a daemon's answer
	lockTimeout   = 5 * time.Second        // for the lock, once its holder was killed: a starved board is slow to bury it
	outputTimeout = 2 * time.Second        // for one output
	nameTimeout   = 250 * time.Millisecond // for whoever has just taken the lock to write its name into it
	retryPause    = 10 * time.Millisecond
)

// releaser makes every output inert.
type releaser struct {
	dir    string // the runtime directory
	config string // the configuration file, empty for none
	open   func(output.Output) (interface{ Close() error }, error)
}

// releaseReport says what became of it.
type releaseReport struct {
	Inert   bool       `json:"inert"`                // all of them
	By      string     `json:"by"`                   // "daemon" or "release"
	Killed  int        `json:"killed_pid,omitempty"` // a daemon that did not answer
	Outputs []released `json:"outputs"`
	Trouble []string   `json:"trouble,omitempty"` // all that makes Inert doubtful, or was not as it should be
}

// released says what became of one output.
type released struct {
	output.Output
	Inert bool   `json:"inert"`
	Error string `json:"error,omitempty"`
}

func (r releaser) run(args []string, stdout, stderr io.Writer) (int, error) {
	flags := newFlags()
	flags.StringVar(&r.config, "config", "", "")
	flags.StringVar(&r.dir, "runtime", "", "")
	asJSON := flags.Bool("json", false, "")
	if err := parseFlags(flags, args, 0); err != nil {
		return 0, err
	}
	if r.dir == "" {
		r.dir = control.DefaultRuntime
		if c, err := readConfig(r.config); err == nil {
			r.dir = c.Daemon.Runtime
		}
	}
	report := r.release()
	if *asJSON {
		if err := json.NewEncoder(stdout).Encode(report); err != nil {
			fmt.Fprintf(stderr, "gatescan release: %v\n", err) // what was to be done is done
		}
	} else {
		report.print(stdout, stderr)
	}
	if !report.Inert {
		return exitFailed, nil
	}
	return exitDone, nil
}

func (r *releaseReport) print(stdout, stderr io.Writer) {
	for _, o := range r.Outputs {
		if o.Inert {
			fmt.Fprintf(stdout, "%s: inert\n", o.Output)
		} else {
			fmt.Fprintf(stdout, "%s: NOT INERT: %s\n", o.Output, o.Error)
		}
	}
	if r.By == byDaemon {
		fmt.Fprintln(stdout, "the daemon did it, and keeps the gate closed until it is restarted")
	}
	if r.Killed != 0 {
		fmt.Fprintf(stdout, "the daemon, process %d, did not answer and was killed\n", r.Killed)
	}
	for _, trouble := range r.Trouble {
		fmt.Fprintf(stderr, "gatescan release: %s\n", trouble)
	}
}

// Who made the outputs inert.
const (
	byDaemon  = "daemon"
	byRelease = "release"
)

// release asks the daemon as long as it may answer, takes its place once it is dead, and has it dead if it is frozen.
func (r releaser) release() (report releaseReport) {
	report.By = byRelease
	report.Outputs = []released{} // [] in JSON
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	for {
		a, askErr := control.Ask(ctx, r.dir, control.Request{Command: control.CommandRelease})
		if askErr == nil && r.answered(a, &report) {
			return report
		}
		held, err := control.Acquire(r.dir)
		if err == nil {
			defer held.Close()
			r.releaseAll(&report)
			return report
		}
		var locked *control.LockedError
		if !errors.As(err, &locked) {
			report.trouble("%v", err)
			if askErr != nil && !errors.Is(askErr, control.ErrNoSocket) {
				report.trouble("%v", askErr)
			}
			break
		}
		if ctx.Err() == nil { // the daemon may be about to make its socket, and another release is soon over
			time.Sleep(retryPause)
			continue
		}
		held, err = r.depose(&report)
		if err == nil {
			defer held.Close()
			r.releaseAll(&report)
			return report
		}
		report.trouble("%v", err)
		break
	}
	// Without the lock what is done here may be undone by a daemon. It is done all the same: it may be all that helps.
	r.releaseAll(&report)
	report.Inert = false
	return report
}

func (r *releaseReport) trouble(format string, args ...any) {
	r.Trouble = append(r.Trouble, fmt.Sprintf(format, args...))
}

// answered takes a daemon's answer as its report. It says false if the daemon did nothing, and should be asked again.
func (releaser) answered(a control.Answer, report *releaseReport) bool {
	var outputs []released
	if a.Error != "" || json.Unmarshal(a.Result, &outputs) != nil || len(outputs) == 0 {
		return false
	}
	report.By, report.Outputs, report.Inert = byDaemon, outputs, true
	for _, o := range outputs {
		report.Inert = report.Inert && o.Inert
	}
	return true
}

// depose kills who holds the lock, and takes it.
func (r releaser) depose(report *releaseReport) (*control.Lock, error) {
	root, owner, err := control.OpenRuntime(r.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var killErr error
	for begin := time.Now(); ; time.Sleep(retryPause) {
		held, err := control.Acquire(r.dir)
		var locked *control.LockedError
		switch {
		case err == nil || !errors.As(err, &locked):
			return held, err
		case time.Since(begin) > lockTimeout, killErr != nil && time.Since(begin) > nameTimeout:
			return nil, errors.Join(err, killErr)
		case locked.Holder.PID != report.Killed:
			if killErr = locked.Holder.Kill(owner); killErr == nil {
				report.Killed = locked.Holder.PID
			}
		}
	}
}

// releaseAll makes every known output inert.
func (r releaser) releaseAll(report *releaseReport) {
	outputs, err := r.outputs(report)
	if err != nil {
		report.trouble("%v", err)
		return
	}
	report.Outputs = releaseEach(outputs, r.releaseOne)
	report.Inert = true
	for _, o := range report.Outputs {
		report.Inert = report.Inert && o.Inert
	}
}

// outputs are those that the daemon wrote down, else those of the configuration.
func (r releaser) outputs(report *releaseReport) ([]output.Output, error) {
	outputs, err := output.Read(r.dir)
	if err == nil {
		return outputs, nil
	}
	if r.config == "" {
		return nil, fmt.Errorf("%w; say which configuration has them: -config FILE", err)
	}
	c, configErr := readConfig(r.config)
	if configErr != nil {
		return nil, errors.Join(err, configErr)
	}
	report.trouble("%v; the outputs are those of %s", err, r.config)
	return c.outputs(), nil
}

// releaseOne gives up on an output whose driver does not return, for the sake of the others.
func (r releaser) releaseOne(o output.Output) error {
	done := make(chan error, 1)
	go func() {
		opened, err := r.open(o)
		if err == nil {
			err = opened.Close()
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(outputTimeout):
		return fmt.Errorf("its driver did not answer within %v", outputTimeout)
	}
}

// releaseEach makes one output after the other inert, whatever becomes of those before. The daemon's answer to
// CommandRelease is what it returns.
func releaseEach(outputs []output.Output, release func(output.Output) error) (all []released) {
	for _, o := range outputs {
		one := released{Output: o, Inert: true}
		if err := release(o); err != nil {
			one.Inert, one.Error = false, strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		all = append(all, one)
	}
	return all
}
