package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatescan/cmd/gatescan/passtest"

	"github.com/creack/pty"
)

// rig is the real daemon on a real terminal line, with a lab whose passes it trusts.
type rig struct {
	t      *testing.T
	dir    string
	lab    string // the gatelab binary
	module *os.File
	gate   *exec.Cmd
	events chan simEvent

	mu  sync.Mutex
	log bytes.Buffer
	out bytes.Buffer
}

// syncWriter lets the test read a log while the daemon writes it.
type syncWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (s syncWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

const rigConfig = `[reader]
device = %q
away = "200ms"
[trust]
lab = true
directory = "lab/dsc"
[clock]
require = "floor_only"
file = ""
[turnstile]
pulse = "100ms"
show = "200ms"
[counters]
directory = %q
zone = "Europe/Berlin"
flush = "1s"
[status]
name = "lane 3"
address = "127.0.0.1:0"
[daemon]
runtime = %q
`

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	r.lab = filepath.Join(passtest.BuildLab(t), "gatelab")
	r.run(r.lab, "", "init", "-country", "FR", filepath.Join(r.dir, "lab"))
	r.plug()
	r.config(r.standard())

	binary := filepath.Join(t.TempDir(), "gatescan")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.gate = exec.Command(binary, "run", "-config", filepath.Join(r.dir, "gatescan.toml"))
	r.start()
	return r
}

// start starts the daemon and follows its events.
func (r *rig) start() {
	r.t.Helper()
	events := make(chan simEvent, 256)
	r.events = events
	r.gate.Stderr = syncWriter{&r.mu, &r.log}
	stdout, err := r.gate.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.gate.Start(); err != nil {
		r.t.Fatal(err)
	}
	process := r.gate.Process
	r.t.Cleanup(func() { process.Kill() })
	go func() {
		defer close(events)
		lines := bufio.NewScanner(io.TeeReader(stdout, syncWriter{&r.mu, &r.out}))
		for lines.Scan() {
			var e simEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				r.t.Errorf("%v in %q", err, lines.Text())
			}
			events <- e
		}
	}()
}

// standard is the configuration of the rig.
func (r *rig) standard() string {
	return fmt.Sprintf(rigConfig, r.device(), filepath.Join(r.dir, "counters"), filepath.Join(r.dir, "run"))
}

func (r *rig) device() string { return filepath.Join(r.dir, "module") }

// plug puts a new terminal line where the barcode module is.
func (r *rig) plug() {
	r.t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { master.Close(); slave.Close() })
	os.Remove(r.device())
	if err := os.Symlink(slave.Name(), r.device()); err != nil {
		r.t.Fatal(err)
	}
	r.module = master
}

func (r *rig) config(text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "gatescan.toml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) run(binary, stdin string, args ...string) string {
	r.t.Helper()
	return passtest.Run(r.t, binary, stdin, args...)
}

func (r *rig) mint(payload string, args ...string) string {
	r.t.Helper()
	return r.run(r.lab, payload+"\n", append([]string{"mint", "-lab", filepath.Join(r.dir, "lab")}, args...)...)
}

// wait waits for the first event that is wanted.
func (r *rig) wait(what string, wanted func(e simEvent) bool) simEvent {
	r.t.Helper()
	timeout := time.After(15 * time.Second)
	for {
		select {
		case e, ok := <-r.events:
			if !ok {
				r.t.Fatalf("the daemon ended before %s; its log:\n%s", what, r.logged())
			}
			if wanted(e) {
				return e
			}
		case <-timeout:
			r.t.Fatalf("no %s; the log:\n%s", what, r.logged())
		}
	}
}

func (r *rig) waitLamp(signal string) {
	r.t.Helper()
	r.wait("lamp "+signal, func(e simEvent) bool { return e.Event == "lamp" && e.Signal == signal })
}

// shows sends what a module would send, and returns what became of it. It waits until the lamps are at rest again.
func (r *rig) shows(sent string) simEvent {
	r.t.Helper()
	if _, err := r.module.WriteString(sent); err != nil {
		r.t.Fatal(err)
	}
	e := r.wait("verdict", func(e simEvent) bool { return e.Event == "verdict" })
	r.waitLamp("idle")
	return e
}

func (r *rig) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func (r *rig) waitLog(text string) {
	r.t.Helper()
	for range 1500 {
		if strings.Contains(r.logged(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("the log never says %q:\n%s", text, r.logged())
}

func (r *rig) signal(s os.Signal) {
	r.t.Helper()
	if err := r.gate.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// end ends the daemon as a service manager would.
func (r *rig) end() error {
	r.t.Helper()
	r.signal(syscall.SIGTERM)
	for range r.events { // to the end of its output
	}
	return r.gate.Wait()
}

func TestDaemon(t *testing.T) {
	r := newRig(t)
	r.waitLamp("idle")
	good, another := r.mint(canary), r.mint(canary)

	if e := r.shows(good + "\r"); e.Reason != "accepted" || e.Accepted != 1 || e.Refused != 0 {
		t.Errorf("a good pass: %+v", e)
	}
	if e := r.shows("]Q1" + good + "\r\n"); e.Reason != "accepted" {
		t.Errorf("the same, with an AIM identifier: %+v", e)
	}
	if e := r.shows("\x02" + good + "\x03"); e.Reason != "accepted" {
		t.Errorf("the same, between STX and ETX: %+v", e)
	}
	if e := r.shows(good); e.Reason != "accepted" {
		t.Errorf("the same, without an end: %+v", e)
	}
	if e := r.shows(r.mint(canary, "-exp", "2021-01-01T00:00:00Z", "-iat", "2020-06-01T00:00:00Z") + "\r"); e.Reason != "expired" {
		t.Errorf("an expired pass: %+v", e)
	}
	if e := r.shows(strings.Repeat("x", 100_000) + "\r"); e.Reason != "too_large" {
		t.Errorf("an endless text: %+v", e)
	}
	if e := r.shows(good + "\r" + good + "\r"); e.Reason != "accepted" {
		t.Errorf("two at once: %+v", e)
	}

	// The module is pulled out and another one is put in.
	r.module.Close()
	r.waitLamp("fault")
	r.plug()
	r.waitLamp("idle")
	if e := r.shows(good + "\r"); e.Reason != "accepted" || e.Accepted != 6 || e.Refused != 2 {
		t.Errorf("after a replug: %+v", e)
	}

	// A configuration with a mistake changes nothing.
	r.config("[policy]\nrepeat_windw = \"1m\"\n")
	r.signal(syscall.SIGHUP)
	r.waitLog("repeat_window?")
	if e := r.shows(good + "\r"); e.Reason != "accepted" {
		t.Errorf("after a bad configuration: %+v", e)
	}
	// A good one does, without the reader being opened anew.
	r.config(r.standard() + "[policy]\nrepeat_window = \"1m\"\n")
	r.signal(syscall.SIGHUP)
	r.waitLog("the configuration was read again")
	if e := r.shows(good + "\r"); e.Reason != "accepted" {
		t.Errorf("after a good configuration: %+v", e)
	}
	if e := r.shows(good + "\r"); e.Reason != "repeated" {
		t.Errorf("the same pass again: %+v", e)
	}
	if opened := strings.Count(r.logged(), "barcode module ready"); opened != 2 {
		t.Errorf("the module was opened %d times, want 2", opened)
	}
	// Trust that is gone does not take the gate with it.
	if err := os.Rename(filepath.Join(r.dir, "lab"), filepath.Join(r.dir, "lab.away")); err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGHUP)
	r.waitLog("the last good ones stay in force")

	// Released, the gate lets nobody through any more, not even with a pass that was never seen.
	if out := r.run(r.gate.Path, "", "release", "-runtime", filepath.Join(r.dir, "run"), "-json"); !strings.Contains(out, `"inert":true,"by":"daemon"`) {
		t.Errorf("release: %s", out)
	}
	r.waitLamp("closed")
	if _, err := r.module.WriteString(another + "\r"); err != nil {
		t.Fatal(err)
	}
	if e := r.wait("verdict", func(e simEvent) bool { return e.Event == "verdict" }); e.Reason != "gate_closed" {
		t.Errorf("after release: %+v", e)
	}

	if err := r.end(); err != nil {
		t.Errorf("ended with %v; its log:\n%s", err, r.logged())
	}
	r.waitLog("accepted=8 refused=4")
}

// A gate that has nothing to begin with starts all the same, closed, and opens when it has.
func TestDaemonStartsWithNothing(t *testing.T) {
	r := newRig(t)
	r.waitLamp("idle")
	r.config(fmt.Sprintf("[reader]\ndevice = %q\n[trust]\nlab = true\ndirectory = %q\ninterval = \"1s\"\n[clock]\nrequire = \"floor_only\"\nfile = \"\"\n[counters]\ndirectory = \"\"\n[status]\naddress = \"\"\n[daemon]\nruntime = %q\n",
		r.dir+"/nowhere", r.dir+"/none", r.dir+"/run"))
	r.signal(syscall.SIGHUP)
	r.waitLamp("fault")
	if err := r.end(); err != nil {
		t.Error(err)
	}

	again := exec.Command(r.gate.Path, r.gate.Args[1:]...)
	out, err := again.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	defer again.Process.Kill()
	lines := bufio.NewScanner(out)
	next := func(signal string) {
		t.Helper()
		for lines.Scan() {
			var e simEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err == nil && e.Signal == signal {
				return
			}
		}
		t.Fatalf("the lamps never show %s", signal)
	}
	next("closed")
	next("fault")
	if err := os.Symlink(r.device(), r.dir+"/nowhere"); err != nil {
		t.Fatal(err)
	}
	next("closed") // the reader is there, trust is not
	if err := os.Rename(filepath.Join(r.dir, "lab", "dsc"), r.dir+"/none"); err != nil {
		t.Fatal(err)
	}
	next("idle")
	if err := again.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	next("closed")
	if err := again.Wait(); err != nil {
		t.Error(err)
	}
}
