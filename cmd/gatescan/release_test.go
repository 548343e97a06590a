package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/output"
	"gatescan/driver/flash"
	"gatescan/driver/gpio"
	"gatescan/driver/gpio/gpiotest"

	periph "periph.io/x/conn/v3/gpio"
)

// toldRelease is what others read in the answer of release -json.
type toldRelease struct {
	Inert   *bool
	By      string
	Killed  int `json:"killed_pid"`
	Outputs []struct {
		Kind, Chip, Name, Error string
		Offset                  int
		Inert                   bool
		ActiveLow               bool `json:"active_low"`
	}
	Trouble []string
}

// release is gatescan release -json with the lines of the helpers.
func (h *helper) release(args ...string) (told toldRelease, status int, took time.Duration) {
	h.t.Helper()
	r := releaser{open: func(o output.Output) (interface{ Close() error }, error) {
		if o != testLine {
			return nil, fmt.Errorf("asked to open %v", o)
		}
		return openFileLine(h.line, "0")
	}}
	var stdout, stderr bytes.Buffer
	begin := time.Now()
	status, err := r.run(append([]string{"-json", "-runtime", h.Dir}, args...), &stdout, &stderr)
	took = time.Since(begin)
	if err != nil || stderr.Len() > 0 {
		h.t.Fatalf("%v; on standard error: %s", err, &stderr)
	}
	told = mustJSON[toldRelease](h.t, stdout.Bytes())
	if told.Inert == nil || *told.Inert != (status == exitDone) {
		h.t.Errorf("the exit status is %d, but the answer %s", status, &stdout)
	}
	return told, status, took
}

// inert requires that release did it all.
func (h *helper) inert(told toldRelease, status int, by string) {
	h.t.Helper()
	if status != exitDone || told.By != by || len(told.Trouble) > 0 || len(told.Outputs) != 1 {
		h.t.Errorf("exit status %d, %+v", status, told)
		return
	}
	if o := told.Outputs[0]; o.Kind != "line" || o.Chip != "pinctrl-bcm2711" || o.Offset != 17 || !o.ActiveLow || !o.Inert || o.Error != "" {
		h.t.Errorf("the output is %+v", o)
	}
	if h.level() != "0" {
		h.t.Errorf("the line is at level %s", h.level())
	}
}

func TestReleaseLiving(t *testing.T) {
	for _, mode := range []string{helperServes, helperStarts} {
		t.Run(mode, func(t *testing.T) {
			h := newHelper(t)
			h.mustStart(mode)
			told, status, took := h.release()
			h.inert(told, status, "daemon")
			if told.Killed != 0 || !h.Alive() {
				t.Errorf("the daemon was killed: %+v", told)
			}
			a, err := control.Ask(t.Context(), h.Dir, control.Request{Command: control.CommandState})
			if err != nil || string(a.Result) != `{"closed":true}` {
				t.Errorf("the daemon's state is %s, %v", a.Result, err)
			}
			t.Logf("took %v", took)
		})
	}
}

// A frozen daemon is killed, whichever way it is frozen, but not before it had its second.
func TestReleaseFrozen(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		stop       bool
		recorded   bool
	}{
		{"stopped", helperServes, true, true},
		{"deaf", helperDeaf, false, true},
		{"jammed", helperJammed, false, true},
		{"mute", helperMute, false, false},
		{"mute and stopped", helperMute, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHelper(t)
			h.mustStart(c.mode)
			if c.stop {
				h.Signal(syscall.SIGSTOP)
			}
			if !c.recorded {
				h.record(t, testLine)
			}
			told, status, took := h.release()
			h.inert(told, status, "release")
			if told.Killed != h.PID() {
				t.Errorf("killed %d instead of %d", told.Killed, h.PID())
			}
			if died := h.End(); died.Signal() != syscall.SIGKILL {
				t.Errorf("the daemon ended with %v", died)
			}
			if took < answerTimeout || took > answerTimeout+lockTimeout {
				t.Errorf("took %v", took)
			}
			t.Logf("took %v", took)
		})
	}
}

// record writes what the outputs are, as a daemon would that is not there.
func (h *helper) record(t *testing.T, outputs ...output.Output) {
	t.Helper()
	root, err := os.OpenRoot(h.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := output.Write(flash.In(root), outputs); err != nil {
		t.Fatal(err)
	}
}

func TestReleaseDead(t *testing.T) {
	h := newHelper(t)
	h.mustStart(helperServes)
	h.Signal(syscall.SIGKILL)
	h.End()
	if h.level() != "1" {
		t.Fatal("the line was not left energised")
	}
	if _, err := os.Stat(filepath.Join(h.Dir, "control.sock")); err != nil {
		t.Fatalf("a dead daemon leaves its socket behind: %v", err)
	}
	told, status, took := h.release("-config", "/nonexistent/gatescan.toml")
	h.inert(told, status, "release")
	if told.Killed != 0 {
		t.Errorf("killed %d", told.Killed)
	}
	if took > 900*time.Millisecond {
		t.Errorf("took %v, as if there were somebody to wait for", took)
	}
	t.Logf("took %v", took)
}

// A configuration is looked at only if there is no record, and a broken one does no harm if there is.
func TestReleaseConfiguration(t *testing.T) {
	const good, broken = "", "[turnstile\noutput = 7"
	for _, c := range []struct {
		name, record, config string
		status               int
		kind                 string
		trouble              string
	}{
		{"record and no configuration", `[{"kind":"simulated"}]`, "-", exitDone, "simulated", ""},
		{"record and broken configuration", `[{"kind":"simulated"}]`, broken, exitDone, "simulated", ""},
		{"no record", "-", good, exitDone, "simulated", "no such file"},
		{"damaged record", `[{"kind":"simulated"}`, good, exitDone, "simulated", "unexpected EOF"},
		{"no record, broken configuration", "-", broken, exitFailed, "", "gatescan.toml:1"},
		{"no record, no configuration", "-", "-", exitFailed, "", "-config FILE"},
		{"record of nothing", `[]`, "-", exitFailed, "", "0 outputs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHelper(t)
			if err := os.Mkdir(h.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if c.record != "-" {
				writeFile(t, filepath.Join(h.Dir, "outputs.json"), c.record)
			}
			args := []string{"-json", "-runtime", h.Dir}
			if c.config != "-" {
				config := filepath.Join(h.Dir, "gatescan.toml")
				writeFile(t, config, c.config)
				args = append(args, "-config", config)
			}
			var stdout, stderr bytes.Buffer
			status, err := runRelease(args, nil, &stdout, &stderr)
			told := mustJSON[toldRelease](t, stdout.Bytes())
			if err != nil || status != c.status || *told.Inert != (status == exitDone) || told.Outputs == nil {
				t.Errorf("exit status %d, %v: %s", status, err, &stdout)
			}
			if c.kind != "" && (len(told.Outputs) != 1 || told.Outputs[0].Kind != c.kind) || c.kind == "" && len(told.Outputs) > 0 {
				t.Errorf("outputs %+v", told.Outputs)
			}
			if trouble := strings.Join(told.Trouble, "\n"); !strings.Contains(trouble, c.trouble) || (c.trouble == "") != (trouble == "") {
				t.Errorf("trouble %q, want %q", trouble, c.trouble)
			}
		})
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Whoever has the process id of a daemon that is gone is left alone.
func TestReleaseRecycledPID(t *testing.T) {
	bystander := newHelper(t)
	bystander.mustStart(helperMute)
	pid := bystander.PID()
	var start uint64
	if text, err := os.ReadFile(filepath.Join(bystander.Dir, "lock")); err != nil {
		t.Fatal(err)
	} else if _, err := fmt.Sscan(string(text), new(int), &start); err != nil {
		t.Fatal(err)
	}

	// The lock is held, by a process that cannot be found.
	h := newHelper(t)
	h.mustStart(helperImpostor, pid, start-1)
	h.record(t, testLine)
	told, status, took := h.release()
	if status != exitFailed || told.Killed != 0 || len(told.Outputs) != 1 || told.Outputs[0].Inert ||
		!strings.Contains(told.Outputs[0].Error, "busy") || !strings.Contains(strings.Join(told.Trouble, "\n"), "another one than took the lock") {
		t.Errorf("exit status %d, %+v", status, told)
	}
	if !bystander.Alive() || !h.Alive() {
		t.Error("somebody else was killed")
	}
	t.Logf("took %v", took)

	// It is not held any more.
	h.Signal(syscall.SIGKILL)
	h.End()
	told, status, _ = h.release()
	h.inert(told, status, "release")
	if !bystander.Alive() || told.Killed != 0 {
		t.Error("somebody else was killed")
	}

	// With the right start it is: what kept the bystander alive was nothing else.
	h.mustStart(helperImpostor, pid, start)
	told, status, _ = h.release()
	if status != exitFailed || told.Killed != pid || bystander.End().Signal() != syscall.SIGKILL {
		t.Errorf("exit status %d, %+v", status, told)
	}
}

// A daemon that answers that it could not is believed, and lives.
func TestReleaseUnable(t *testing.T) {
	h := newHelper(t)
	h.mustStart(helperUnable)
	told, status, _ := h.release()
	if status != exitFailed || told.By != "daemon" || len(told.Outputs) != 1 || told.Outputs[0].Inert || told.Outputs[0].Error != "input/output error" {
		t.Errorf("exit status %d, %+v", status, told)
	}
	if !h.Alive() {
		t.Error("it was killed")
	}
}

// Each output is tried, whatever became of those before; and the people at the gate can read what became of it.
func TestReleaseEachOutput(t *testing.T) {
	levels := map[string]periph.Level{}
	board := gpiotest.New("pinctrl-bcm2711", 54, nil)
	board.AddLED("relay")
	board.AddLED("green")
	board.Take(4, "somebody else")
	relay, err := gpio.On(board.Kernel()).OpenLED("relay")
	if err != nil {
		t.Fatal(err)
	}
	if err := relay.Out(periph.High); err != nil {
		t.Fatal(err)
	}
	levels["before"] = board.LED("relay")

	h := newHelper(t)
	if err := os.Mkdir(h.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h.record(t,
		output.Output{Kind: output.LED, Name: "absent"},
		output.Output{Kind: output.Oneshot, Name: "relay"},
		output.Output{Kind: output.Line, Chip: "pinctrl-bcm2711", Offset: 4},
		output.Output{Kind: output.Line, Chip: "jammed"},
		output.Output{Kind: output.Line, Chip: "pinctrl-bcm2711", Offset: 17, ActiveLow: true},
		output.Output{Kind: output.Simulated},
	)
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	r := releaser{open: func(o output.Output) (interface{ Close() error }, error) {
		if o.Chip == "jammed" {
			<-forever
		}
		return o.Open(gpio.On(board.Kernel()))
	}}
	var stdout, stderr bytes.Buffer
	status, err := r.run([]string{"-runtime", h.Dir}, &stdout, &stderr)
	if err != nil || status != exitFailed || stderr.Len() > 0 {
		t.Errorf("exit status %d, %v: %s", status, err, &stderr)
	}
	lines := strings.Split(stdout.String(), "\n")
	for i, want := range []string{"led absent: NOT INERT: ", "oneshot relay: inert", ": NOT INERT: ", ": NOT INERT: its driver did not answer within 2s", ": inert", "simulated: inert", ""} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("line %d has no %q:\n%s", i+1, want, &stdout)
		}
	}
	levels["after"] = board.LED("relay")
	if levels["before"] != periph.High || levels["after"] != periph.Low {
		t.Errorf("the relay was %v", levels)
	}
	if board.Level(17) != periph.High {
		t.Error("the active-low line is not at its inert level")
	}
}

// A daemon that runs elsewhere is found by its configuration.
func TestReleaseRuntimeOfConfiguration(t *testing.T) {
	h := newHelper(t)
	h.mustStart(helperServes)
	config := filepath.Join(t.TempDir(), "gatescan.toml")
	writeFile(t, config, fmt.Sprintf("[daemon]\nruntime = %q\n", h.Dir))
	var stdout, stderr bytes.Buffer
	status, err := runRelease([]string{"-config", config}, nil, &stdout, &stderr)
	if err != nil || status != exitDone || stderr.Len() > 0 || !strings.HasSuffix(stdout.String(), ": inert\nthe daemon did it, and keeps the gate closed until it is restarted\n") {
		t.Errorf("exit status %d, %v: %s%s", status, err, &stdout, &stderr)
	}
	if h.level() != "0" {
		t.Errorf("the line is at level %s", h.level())
	}
}

func TestReleaseUsage(t *testing.T) {
	for _, args := range [][]string{{"relay"}, {"-runtime"}, {"-nonsense"}} {
		var wrong usageError
		if _, err := runRelease(args, nil, nil, nil); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
