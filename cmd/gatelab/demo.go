package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
)

const demoUsage = `NAME
    gatelab demo - show a gate at work

SYNOPSIS
    gatelab demo [-gatescan FILE] [-dir DIR] [-once]

DESCRIPTION
    Makes a throw-away lab, starts the real gatescan on a simulated barcode module and
    a simulated turnstile, shows passes to it, good ones and bad ones, and prints what a
    person at the gate would see. Then it takes your own: paste a QR text, or type the
    name of a picture (PNG, JPEG) with a QR code. Ctrl-C ends it.

    -gatescan FILE  the binary to start; default: the one beside gatelab, or in PATH
    -dir DIR        keep lab, configuration, log and QR pictures there; default: a new
                    directory that is removed at the end
    -once           end after the tour
`

// A genuine pass of dcc-quality-assurance, which has expired, and the certificate that signed it.
var (
	//go:embed published/pass.txt
	publishedPass string
	//go:embed published/dsc.pem
	publishedDSC []byte
)

const demoConfig = `# Written by gatelab demo.
[reader]
device = %q
away = "500ms"
[trust]
lab = true
directory = "lab/dsc"
directory_domains = ["dcc", "ph4h"]
[clock]
require = "floor_only"
file = ""
[policy]
kinds = ["v", "t", "r", "p"]
repeat_window = "15s"
[turnstile]
pulse = "400ms"
show = "600ms"
[outputs]
relay = "simulated"
[counters]
directory = %q
[status]
address = %q
name = "gatelab demo"
[daemon]
runtime = %q
`

func runDemo(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("demo")
	binary := fs.String("gatescan", "", "")
	dir := fs.String("dir", "", "")
	once := fs.Bool("once", false, "")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError(fmt.Sprintf("too many arguments: %q", fs.Args()))
	}
	gatescan, err := findGatescan(*binary)
	if err != nil {
		return err
	}
	if *dir == "" {
		temporary, err := os.MkdirTemp("", "gatelab-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		*dir = temporary
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// A reader that closes the pipe (gatelab demo | head) must not kill this process before it has ended the daemon and
	// removed its files: Go dies of a SIGPIPE on standard output unless the signal is ignored (package os/signal).
	signal.Ignore(syscall.SIGPIPE)
	ctx, unread := context.WithCancel(ctx)
	defer unread()

	d := demo{dir: *dir, view: newView(stdout, unread)}
	if err := d.prepare(); err != nil {
		return err
	}
	if err := d.start(ctx, gatescan); err != nil {
		return err
	}
	err = d.visit(ctx, stdin, *once)
	return errors.Join(err, d.end())
}

// findGatescan finds the daemon: as said, beside this binary, or in PATH.
func findGatescan(said string) (string, error) {
	if said != "" {
		return filepath.Abs(said)
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "gatescan")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath("gatescan")
	if err != nil {
		return "", errors.New("gatescan is neither beside gatelab nor in PATH; name it with -gatescan FILE")
	}
	return path, nil
}

// demo is a running demonstration.
type demo struct {
	dir  string
	lab  *lab
	view *view

	module *os.File // our end of the terminal line: what a barcode module would be
	line   *os.File // the gate's end, held so that the line stays up between its openings
	gate   *exec.Cmd
	log    *os.File
	status string // the address of its status server
	events chan event
	done   chan error // the daemon's end
}

// prepare makes the lab, with the published certificate among its DSCs, the QR pictures and the configuration.
func (d *demo) prepare() (err error) {
	d.lab, err = newLab("XX", 2048, nil)
	if err != nil {
		return err
	}
	if err := d.lab.addPH4H(nil); err != nil {
		return err
	}
	labDir := filepath.Join(d.dir, "lab")
	if err := d.lab.write(labDir); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(labDir, "dsc", "published.pem"), publishedDSC, 0o644); err != nil {
		return err
	}
	if d.module, d.line, err = pty.Open(); err != nil {
		return fmt.Errorf("opening a terminal line: %w", err)
	}
	directory, err := filepath.Abs(d.dir)
	if err != nil {
		return err
	}
	if d.status, err = freeAddress(); err != nil {
		return err
	}
	config := fmt.Sprintf(demoConfig, d.line.Name(), filepath.Join(directory, "counters"), d.status, filepath.Join(directory, "run"))
	return os.WriteFile(filepath.Join(d.dir, "gatescan.toml"), []byte(config), 0o644)
}

// freeAddress is one on loopback that nobody listens on now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// start starts the daemon and waits until its lamps say that it is ready.
func (d *demo) start(ctx context.Context, gatescan string) (err error) {
	if d.log, err = os.Create(filepath.Join(d.dir, "gatescan.log")); err != nil {
		return err
	}
	d.gate = exec.Command(gatescan, "run", "-config", filepath.Join(d.dir, "gatescan.toml"))
	d.gate.Stderr = d.log
	d.gate.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us; we end the daemon
	out, err := d.gate.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.gate.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", gatescan, err)
	}
	d.view.started(gatescan, d.gate.Process.Pid, d.line.Name(), d.dir, "http://"+d.status+"/")
	d.events, d.done = make(chan event, 64), make(chan error, 1)
	go func() {
		readEvents(out, d.events)
		d.done <- d.gate.Wait()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(10 * time.Second):
			d.gate.Process.Kill()
			return fmt.Errorf("the gate is not ready after 10 s; its log:\n%s", d.logText())
		case e, ok := <-d.events:
			if !ok {
				return fmt.Errorf("the gate ended at its start; its log:\n%s", d.logText())
			}
			d.view.event(e)
			if e.Event == "lamp" && e.Signal == "idle" {
				return nil
			}
		}
	}
}

func (d *demo) logText() string {
	text, err := os.ReadFile(d.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// end ends the daemon as a service manager would.
func (d *demo) end() error {
	defer d.module.Close()
	defer d.line.Close()
	defer d.log.Close()
	if err := d.gate.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	for e := range d.events { // until the daemon has closed its output
		d.view.event(e)
	}
	select {
	case err := <-d.done:
		if err != nil {
			return fmt.Errorf("the gate ended badly: %w; its log:\n%s", err, d.logText())
		}
		d.view.ended()
		return nil
	case <-time.After(5 * time.Second):
		d.gate.Process.Kill()
		return errors.New("the gate did not end within 5 s of SIGTERM")
	}
}

// visit walks through the tour and then takes what the user gives.
func (d *demo) visit(ctx context.Context, stdin io.Reader, once bool) error {
	stops, err := d.tour()
	if err != nil {
		return err
	}
	for i, s := range stops {
		if ctx.Err() != nil {
			return nil
		}
		d.view.stop(i+1, s.title)
		if err := d.show(ctx, s.sent); err != nil {
			return err
		}
		if reason := d.view.lastReason; ctx.Err() == nil && reason != s.want {
			return fmt.Errorf("%q came to %q, which should be %q", s.title, reason, s.want)
		}
	}
	if once {
		return nil
	}
	d.view.prompt(filepath.Join(d.dir, "qr"))
	lines := make(chan string)
	go func() {
		in := bufio.NewReader(stdin)
		for {
			line, err := in.ReadString('\n')
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				lines <- line
			}
			if err != nil {
				return // no more input; Ctrl-C still ends us
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-d.events:
			if !ok {
				return nil
			}
			d.view.event(e)
		case line := <-lines:
			text, err := textOf(line)
			if err != nil {
				d.view.complain(err)
				continue
			}
			d.view.stop(0, "yours")
			if err := d.show(ctx, []byte(text+"\r")); err != nil {
				return err
			}
		}
	}
}

// textOf returns the QR text in the picture that line names, or else line itself. A line that ends like a picture's name
// must name one: nobody types such a QR text by hand.
func textOf(line string) (string, error) {
	name := strings.Trim(line, `"' `)
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		if pictureName(name) {
			return "", fmt.Errorf("%s: there is no such picture; give its path from %s", name, workingDirectory())
		}
		return line, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := decodeQR(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

// pictureName reports whether name ends like the name of a picture.
func pictureName(name string) bool {
	return slices.Contains([]string{".png", ".jpg", ".jpeg", ".gif"}, strings.ToLower(filepath.Ext(name)))
}

// workingDirectory returns the directory against which relative names are read, for a message.
func workingDirectory() string {
	dir, err := os.Getwd()
	if err != nil {
		return "the working directory"
	}
	return dir
}

// show sends what a barcode module would, and waits until the gate has decided and its lamps are at rest again.
func (d *demo) show(ctx context.Context, sent []byte) error {
	d.view.lastReason = ""
	d.view.sent = time.Now()
	if _, err := io.Copy(d.module, bytes.NewReader(sent)); err != nil {
		return fmt.Errorf("writing to the line: %w", err)
	}
	timeout := time.After(10 * time.Second)
	for decided := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-timeout:
			return fmt.Errorf("the gate did not answer; its log:\n%s", d.logText())
		case e, ok := <-d.events:
			if !ok {
				return fmt.Errorf("the gate ended; its log:\n%s", d.logText())
			}
			d.view.event(e)
			decided = decided || e.Event == "verdict"
			if decided && e.Event == "lamp" && !e.transient() {
				return nil
			}
		}
	}
}
