// Package controltest runs helper processes that hold the lock of a runtime directory, for tests of what others see of them.
//
// A helper is the test binary itself, started once more: its package calls Become in an init function. This package does not
// ship.
package controltest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// variable is the environment variable that makes a helper of a test binary: a mode and its arguments.
const variable = "GATESCAN_TEST_HELPER"

// Ready is what a helper prints when it holds what it shall hold.
const Ready = "ready"

// Mode is what a helper does with a runtime directory. It returns what the helper holds until it is killed; a helper without
// it ends at once. Its own arguments are without blanks.
type Mode func(dir string, args []string) (held io.Closer, err error)

// Become makes this process a helper if Start started it, and does not return then.
func Become(modes map[string]Mode) {
	mode, rest, _ := strings.Cut(os.Getenv(variable), " ")
	if mode == "" {
		return
	}
	if err := become(modes[mode], strings.Fields(rest)); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func become(mode Mode, args []string) error {
	// A name like that is why field 22 of /proc/PID/stat is counted from the last parenthesis; and like the real daemon
	// it keeps its memory private, which makes root the owner of /proc/PID.
	if err := errors.Join(os.WriteFile("/proc/self/comm", []byte(") R 1 (2"), 0), unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)); err != nil {
		return err
	}
	held, err := mode(args[0], args[1:])
	if err != nil || held == nil {
		return err
	}
	fmt.Println(Ready)
	time.Sleep(time.Hour)
	return held.Close()
}

// Helper is a helper process and its runtime directory. The process is started by Start or MustStart.
type Helper struct {
	Dir string // need not exist; its parent is for every user

	t   *testing.T
	cmd *exec.Cmd
}

// New returns a helper with a runtime directory of its own, where helpers of any user can work.
func New(t *testing.T) *Helper {
	t.Helper()
	parent, err := os.MkdirTemp("", "gatescan")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	return At(t, filepath.Join(parent, "run"))
}

// At returns a helper with an existing runtime directory.
func At(t *testing.T, dir string) *Helper { return &Helper{Dir: dir, t: t} }

// Start runs the process as a user until it is ready, and returns what it says: Ready, or what failed, or "EOF" if it ended
// and said nothing.
func (h *Helper) Start(user int, mode string, args ...any) (said string) {
	h.t.Helper()
	h.cmd = exec.Command("/proc/self/exe") // which another user could not reach by its path
	h.cmd.Env = append(os.Environ(), variable+"="+strings.TrimSpace(fmt.Sprintln(append([]any{mode, h.Dir}, args...)...)))
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

// MustStart runs the process as the test's own user. The test ends if it is not ready.
func (h *Helper) MustStart(mode string, args ...any) {
	h.t.Helper()
	if said := h.Start(os.Geteuid(), mode, args...); said != Ready {
		h.t.Fatalf("the helper says %q", said)
	}
}

// PID is the process id.
func (h *Helper) PID() int { return h.cmd.Process.Pid }

// Signal sends a signal. It returns when a SIGSTOP has stopped every thread: until then the process may still answer.
func (h *Helper) Signal(s syscall.Signal) {
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

func (h *Helper) stopped() bool {
	h.t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", h.PID()))
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

// processState is field 3 of a stat file (proc_pid_stat(5)).
func processState(path string) (state byte, err error) {
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return stat[strings.LastIndexByte(string(stat), ')')+2], nil
}

// End waits until the process is dead, and says how it ended.
func (h *Helper) End() syscall.WaitStatus {
	h.t.Helper()
	timeout := time.AfterFunc(10*time.Second, func() {
		h.cmd.Process.Signal(syscall.SIGQUIT)
		h.cmd.Process.Signal(syscall.SIGCONT)
	})
	defer timeout.Stop()
	h.cmd.Wait()
	return h.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// Alive says whether the process still runs, be it stopped.
func (h *Helper) Alive() bool {
	state, err := processState(fmt.Sprintf("/proc/%d/stat", h.PID()))
	return err == nil && state != 'Z' && state != 'X'
}
