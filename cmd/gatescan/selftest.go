package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/output"
	"gatescan/driver/gpio"
	"gatescan/verify"
)

const selftestUsage = `NAME
    gatescan selftest - commission a gate, and print a record

SYNOPSIS
    gatescan selftest -config FILE [-json] [-alone] [-no-pulse] [-save-module]
    gatescan selftest -codes PAGE.html

DESCRIPTION
    Checks everything that the gate of FILE needs, asks you to show three codes to the
    barcode module (four, if policy.kinds admits yellow cards), to look at each lamp and listen to each tone, and opens the turnstile
    once, after you have said that nobody stands in it. It prints a page to be put on file.

    A daemon that runs does all that itself: it is closed for passes until the test is over,
    or until nothing was asked of it for two minutes. Without one this command takes its
    place. Whoever may use the control socket (daemon.group) may do the test.

    -codes FILE   write a page with the codes, to print or to show on a phone. They open no
                  gate: no trust data has their certificates, whose keys were thrown away
    -alone        ask nobody, show nothing and move nothing: what a daemon does every day at
                  selftest.daily
    -no-pulse     do not open the turnstile
    -save-module  have the module keep its settings in its flash, which wears by it
    -json         print the record as a JSON object; questions are on standard error

EXIT STATUS
    0  the gate may be used
    1  it must not be used; the record says why
    2  wrong usage or configuration, or the daemon does not answer
`

func runSelftest(args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	flags := newFlags()
	path := flags.String("config", "", "")
	asJSON := flags.Bool("json", false, "")
	alone := flags.Bool("alone", false, "")
	noPulse := flags.Bool("no-pulse", false, "")
	save := flags.Bool("save-module", false, "")
	codes := flags.String("codes", "", "")
	if err := parseFlags(flags, args, 0); err != nil {
		return 0, err
	}
	if *codes != "" {
		return 0, writeCodesPage(*codes, stderr)
	}
	if *path == "" {
		return 0, usageError("say which configuration: -config FILE (or -codes PAGE.html for the codes to show)")
	}
	if *alone && *save {
		return 0, usageError("-save-module is for somebody who is there; leave -alone away")
	}
	c, err := readConfig(*path)
	if err != nil {
		return 0, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	t := &technician{in: bufio.NewReader(stdin), out: stderr, noPulse: *noPulse, save: *save, icvp: c.policy().Kinds&verify.SignsICVP != 0}
	record, err := t.test(ctx, c, *alone, stderr)
	if err != nil {
		return 0, err
	}
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(record)
	} else {
		fmt.Fprintln(stderr)
		err = record.print(stdout)
	}
	if err == nil && !record.Usable {
		return exitFailed, nil
	}
	return exitDone, err
}

func writeCodesPage(path string, stderr io.Writer) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; name a new file", path)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(writeTestCodes(f), f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "gatescan selftest: open %s in a browser, and print it or show it on a phone\n", path)
	return nil
}

// test does a self-test by the daemon that lives, or in its place.
func (t *technician) test(ctx context.Context, c config, alone bool, stderr io.Writer) (*selfRecord, error) {
	held, err := control.Acquire(c.Daemon.Runtime)
	var living *control.LockedError
	if errors.As(err, &living) {
		t.dir = c.Daemon.Runtime
		return t.visit(ctx, alone)
	}
	if err != nil {
		return nil, err
	}
	defer held.Close()
	fmt.Fprintln(stderr, "No daemon runs; this command does the test in its place.")
	if err := output.Write(held.Disk(), c.outputs()); err != nil {
		return nil, err
	}
	d, err := newDaemon(c, gpio.Board{}, io.Discard, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		return nil, err
	}
	if t.token, err = d.bench.Begin(testExam(), time.Now()); err != nil { // nobody passes meanwhile
		return nil, err
	}
	serving, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.serve(serving, held, func() (config, error) { return c, nil }, nil) }()
	select {
	case <-d.serving:
	case err := <-ended:
		stop()
		return nil, errors.Join(err, d.close())
	}
	t.ask = func(ctx context.Context, asked control.Request) (any, error) { return d.selftest(ctx, asked) }
	t.settle(ctx)
	record, err := t.visit(ctx, alone)
	stop()
	return record, errors.Join(err, <-ended, d.close())
}

// technician is who does a self-test, and how it is spoken to.
type technician struct {
	in      *bufio.Reader
	out     io.Writer
	noPulse bool
	save    bool
	icvp    bool // the gate admits yellow cards

	dir   string                                              // of the daemon that lives
	ask   func(context.Context, control.Request) (any, error) // in its place
	token string
}

// step does one step of the self-test, and decodes what is answered into result.
func (t *technician) step(ctx context.Context, asked control.Request, result any) error {
	asked.Command, asked.Token = control.CommandTest, t.token
	limit := control.Timeout + readStep
	if asked.Step == stepPulse {
		limit += time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if t.ask == nil {
		got, err := control.Ask(ctx, t.dir, asked)
		if err != nil {
			return err
		}
		if got.Error != "" {
			return errors.New(got.Error)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(got.Result, result)
	}
	got, err := t.ask(ctx, asked)
	if err != nil || result == nil {
		return err
	}
	text, err := json.Marshal(got)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, result)
}

// selfSettle is how long a daemon that has just started is given to find its reader and its trust data.
const selfSettle = 15 * time.Second

// settle waits until nothing is to be expected any more.
func (t *technician) settle(ctx context.Context) {
	until := time.Now().Add(selfSettle)
	for first := true; time.Now().Before(until) && ctx.Err() == nil; first = false {
		var r selfRecord
		if err := t.step(ctx, control.Request{Step: stepChecks}, &r); err == nil && r.Usable {
			return
		}
		if first {
			fmt.Fprintf(t.out, "Waiting for the barcode module and the trust data, %v at the most.\n", selfSettle)
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// visit does all steps.
func (t *technician) visit(ctx context.Context, alone bool) (*selfRecord, error) {
	r := &selfRecord{}
	if alone {
		return r, t.step(ctx, control.Request{Step: stepChecks}, r)
	}
	var held benchHeld
	if t.token == "" {
		if err := t.step(ctx, control.Request{Step: stepBegin}, &held); err != nil {
			return nil, err
		}
		t.token = held.Token
	} else if err := t.step(ctx, control.Request{Step: stepHeld}, &held); err != nil {
		return nil, err
	}
	defer func() { _ = t.step(context.WithoutCancel(ctx), control.Request{Step: stepEnd}, nil) }()
	if err := t.step(ctx, control.Request{Step: stepChecks}, r); err != nil {
		return nil, err
	}
	r.Attended = true
	for _, do := range []func(context.Context, *selfRecord, *benchHeld) error{t.showCodes, t.lookAtLamps, t.openOnce, t.saveModule} {
		if err := do(ctx, r, &held); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, errors.New("interrupted; the gate is given back")
		}
	}
	r.conclude()
	return r, nil
}

// yes asks a question. The end of the input is no answer.
func (t *technician) yes(question string) (yes, answered bool) {
	for range 3 {
		fmt.Fprintf(t.out, "%s [y/n] ", question)
		line, err := t.in.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return true, true
		case "n", "no":
			return false, true
		}
		if err != nil {
			fmt.Fprintln(t.out)
			return false, false
		}
	}
	return false, false
}
