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
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatescan/cmd/gatescan/output"

	"golang.org/x/sys/unix"
)

// What a helper process does; its environment says which.
const (
	helperVariable = "GATESCAN_TEST_HELPER"

	helperServes   = "serves"   // a daemon: lock, outputs, a line, control socket
	helperStarts   = "starts"   // a daemon whose control socket comes late
	helperDeaf     = "deaf"     // a daemon that does not serve its control socket
	helperJammed   = "jammed"   // a daemon whose handlers never return
	helperUnable   = "unable"   // a daemon whose line does not obey
	helperMute     = "mute"     // holds the lock and nothing else
	helperImpostor = "impostor" // holds the lock, but the lock file names another process
	helperLocks    = "locks"    // tries to take the lock, says what came of it and ends
	helperAsks     = "asks"     // asks for the state, says what came of it and ends
)

// The test binary becomes a helper before it becomes a test.
func init() {
	mode, rest, _ := strings.Cut(os.Getenv(helperVariable), " ")
	if mode == "" {
		return
	}
	if err := help(mode, strings.Fields(rest)); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// help expects the runtime directory, the line, and what else the mode needs.
func help(mode string, args []string) error {
	dir, path := args[0], args[1]
	// A name like that is why field 22 of /proc/PID/stat is counted from the last parenthesis; and like the real daemon
	// it keeps its memory private, which makes root the owner of /proc/PID.
	if err := errors.Join(os.WriteFile("/proc/self/comm", []byte(") R 1 (2"), 0), unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)); err != nil {
		return err
	}
	if mode == helperAsks {
		_, err := askControl(context.Background(), dir, request{Command: commandState})
		return err
	}
	held, err := acquireLock(dir)
	if err != nil || mode == helperLocks {
		return err
	}
	line, err := openFileLine(path, "1")
	if err != nil {
		return err
	}
	switch mode {
	case helperMute:
	case helperImpostor:
		_, err = fmt.Fprintf(io.NewOffsetWriter(held.file, 0), holderFormat, atoi(args[2]), atoi(args[3]))
	default:
		err = serveLine(mode, held, path)
	}
	if err != nil {
		return err
	}
	fmt.Println("ready")
	time.Sleep(time.Hour)
	return line.Close()
}

func atoi(s string) (n uint64) {
	fmt.Sscan(s, &n)
	return n
}

// serveLine is a daemon with one line.
func serveLine(mode string, held *lock, path string) error {
	if err := output.Write(held.disk(), []output.Output{testLine}); err != nil {
		return err
	}
	if mode == helperStarts {
		fmt.Println("ready")
		time.Sleep(300 * time.Millisecond)
	}
	socket, err := listenControl(held, "", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	closed := false
	commands := handlers{
		commandRelease: func(context.Context, request) (any, error) {
			closed = true
			return releaseEach([]output.Output{testLine}, func(output.Output) error {
				if mode == helperUnable {
					return errors.New("input/output error")
				}
				return os.WriteFile(path, []byte("0"), 0)
			}), nil
		},
		commandState: func(context.Context, request) (any, error) { return map[string]bool{"closed": closed}, nil },
	}
	if mode == helperJammed {
		commands[commandRelease] = func(context.Context, request) (any, error) { select {} }
	}
	if mode != helperDeaf {
		go socket.serve(context.Background(), commands)
	}
	return nil
}

var testLine = output.Output{Kind: output.Line, Chip: "pinctrl-bcm2711", Offset: 17, ActiveLow: true}

// openFileLine is a line whose level is in a file.
func openFileLine(path, level string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, unix.EBUSY)
	}
	_, err = f.WriteAt([]byte(level), 0)
	return f, err
}

// helper is a running one.
type helper struct {
	t    *testing.T
	cmd  *exec.Cmd
	dir  string // its runtime directory
	line string // the file of its line
}

// newPlace is where helpers of any user can work.
func newPlace(t *testing.T) helper {
	t.Helper()
	parent, err := os.MkdirTemp("", "gatescan")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	return helper{t: t, dir: filepath.Join(parent, "run"), line: filepath.Join(parent, "line")}
}

// start runs a helper until it is ready; what it says otherwise is returned.
func (h *helper) start(user int, mode string, more ...any) (said string) {
	h.t.Helper()
	h.cmd = exec.Command("/proc/self/exe") // which another user could not reach by its path
	h.cmd.Env = append(os.Environ(), helperVariable+"="+strings.TrimSpace(fmt.Sprintln(append([]any{mode, h.dir, h.line}, more...)...)))
	if user != os.Geteuid() {
		h.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	}
	h.cmd.Stderr = os.Stderr
	stdout, err := h.cmd.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	running := h.cmd
	h.t.Cleanup(func() { running.Process.Kill(); running.Wait() })
	said, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil && said == "" {
		said = err.Error()
	}
	return strings.TrimSpace(said)
}

func (h *helper) mustStart(mode string, more ...any) {
	h.t.Helper()
	if said := h.start(os.Geteuid(), mode, more...); said != "ready" {
		h.t.Fatalf("the helper says %q", said)
	}
}

// signal returns when a SIGSTOP has stopped every thread: until then the process may still answer.
func (h *helper) signal(s syscall.Signal) {
	h.t.Helper()
	if err := h.cmd.Process.Signal(s); err != nil {
		h.t.Fatal(err)
	}
	for begin := time.Now(); s == syscall.SIGSTOP && !h.stopped(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			h.t.Fatal("it does not stop")
		}
	}
}

func (h *helper) stopped() bool {
	h.t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", h.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		h.t.Fatalf("no threads: %v", err)
	}
	for _, thread := range threads {
		if state, err := processState(thread); err == nil && state != 'T' {
			return false
		}
	}
	return true
}

// processState is field 3 of a stat file.
func processState(path string) (state byte, err error) {
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return stat[strings.LastIndexByte(string(stat), ')')+2], nil
}

// end waits for the process to be dead, and says what of.
func (h *helper) end() syscall.WaitStatus {
	h.t.Helper()
	timeout := time.AfterFunc(10*time.Second, func() {
		h.cmd.Process.Signal(syscall.SIGQUIT)
		h.cmd.Process.Signal(syscall.SIGCONT)
	})
	defer timeout.Stop()
	h.cmd.Wait()
	return h.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// alive says whether the process still runs, be it stopped.
func (h *helper) alive() bool {
	state, err := processState(fmt.Sprintf("/proc/%d/stat", h.cmd.Process.Pid))
	return err == nil && state != 'Z' && state != 'X'
}

func (h *helper) level() string {
	h.t.Helper()
	b, err := os.ReadFile(h.line)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

func mustJSON[T any](t *testing.T, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	return v
}
