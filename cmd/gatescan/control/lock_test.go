package control

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gatescan/cmd/gatescan/control/controltest"

	"golang.org/x/sys/unix"
)

func TestLockIsForOne(t *testing.T) {
	h := controltest.New(t)
	h.MustStart(helperHolds)
	file, err := os.Stat(filepath.Join(h.Dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}

	_, err = Acquire(h.Dir)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Holder.PID != h.PID() {
		t.Fatalf("while somebody holds it: %v", err)
	}
	if want := fmt.Sprintf("another gatescan is running, with process id %d", h.PID()); err.Error() != want {
		t.Errorf("says %q, want %q", err, want)
	}
	// A stopped one still holds it, a dead one does not.
	h.Signal(syscall.SIGSTOP)
	if _, err := Acquire(h.Dir); !errors.As(err, &locked) {
		t.Errorf("while its holder is stopped: %v", err)
	}
	h.Signal(syscall.SIGKILL)
	h.End()
	for range 3 {
		held, err := Acquire(h.Dir)
		if err != nil {
			t.Fatalf("after its holder: %v", err)
		}
		if _, err := Acquire(h.Dir); !errors.As(err, &locked) || locked.Holder.PID != os.Getpid() {
			t.Errorf("a second time in one process: %v", err)
		}
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		// It is the same file, or two could each hold theirs.
		if same, err := os.Stat(filepath.Join(h.Dir, "lock")); err != nil || !os.SameFile(same, file) || same.Mode() != 0o600 {
			t.Errorf("the lock file is another one now: %v, %v", same, err)
		}
	}
}

// The start time in the lock file is what the kernel says, counted from the boot, also of a process whose name looks
// like the fields after it.
func TestLockNamesItsHolder(t *testing.T) {
	h := controltest.New(t)
	h.MustStart(helperHolds)
	text, err := os.ReadFile(filepath.Join(h.Dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	if len(text) != 32 || len(fields) != 2 || fields[0] != strconv.Itoa(h.PID()) {
		t.Fatalf("the lock file holds %q", text)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%s/stat", fields[0]))
	if err != nil || !strings.Contains(string(stat), "() R 1 (2)") {
		t.Fatalf("the helper has no misleading name: %s, %v", stat, err)
	}
	var uptime float64
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(b), &uptime); err != nil {
		t.Fatal(err)
	}
	const userHz = 100 // on every architecture that Go knows
	start, err := strconv.ParseFloat(fields[1], 64)
	if age := uptime - start/userHz; err != nil || age < 0 || age > 30 {
		t.Errorf("it says that it started %v s ago", age)
	}
	if p, err := findProcess(h.PID()); err != nil || p.user != os.Geteuid() {
		t.Errorf("its user is %+v, %v", p, err)
	}
}

func TestLockFileHostile(t *testing.T) {
	for text, want := range map[string]Holder{
		"":                                 {},
		"12 34\n":                          {},
		fmt.Sprintf("%10d %20d\n", 12, 34): {12, 34},
		fmt.Sprintf("%10d %20d\n", 12, uint64(1<<64-1)):  {12, 1<<64 - 1},
		fmt.Sprintf("%10d %20d\n%s", 12, 34, "whatever"): {12, 34},
		fmt.Sprintf("%10d %20d\n", 1, 34):                {},
		fmt.Sprintf("%10d %20d\n", 0, 34):                {},
		fmt.Sprintf("%10d %20d\n", -12, 34):              {},
		fmt.Sprintf("%10d %20d\n", 12, -34):              {},
		strings.Repeat("9", 32):                          {},
		strings.Repeat("x", 32):                          {},
		strings.Repeat("\x00", 32):                       {},
	} {
		if got := readHolder(strings.NewReader(text)); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}

	for name, make := range map[string]func(path string) error{
		"fifo":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"symlink": func(path string) error {
			writeFile(t, filepath.Join(path, "../../elsewhere"), "untouched")
			return os.Symlink("../elsewhere", path)
		},
		"hard link": func(path string) error {
			writeFile(t, filepath.Join(path, "../../elsewhere"), "untouched")
			return os.Link(filepath.Join(path, "../../elsewhere"), path)
		},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		if err := errors.Join(os.Mkdir(dir, 0o755), make(filepath.Join(dir, "lock"))); err != nil {
			t.Fatal(err)
		}
		held, err := Acquire(dir)
		var locked *LockedError
		if err == nil || errors.As(err, &locked) {
			t.Errorf("%s: %v, %v", name, held, err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "../elsewhere")); err == nil && string(text) != "untouched" {
			t.Errorf("%s: %q was written to elsewhere", name, text)
		}
	}
}

// A runtime directory that somebody else may write to could hold somebody else's lock, socket or list of outputs.
func TestRuntimeDirectory(t *testing.T) {
	for mode, want := range map[os.FileMode]string{0o755: "", 0o700: "", 0o750: "", 0o775: "chmod 0755", 0o757: "chmod 0755", 0o777 | os.ModeSticky: "chmod 0755"} {
		h := controltest.New(t)
		if err := errors.Join(os.Mkdir(h.Dir, 0o700), os.Chmod(h.Dir, mode)); err != nil {
			t.Fatal(err)
		}
		held, err := Acquire(h.Dir)
		if err == nil {
			held.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}

	old := unix.Umask(0o077)
	h := controltest.New(t)
	held, err := Acquire(h.Dir)
	unix.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
	if info, err := os.Stat(h.Dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("created with %v, %v", info.Mode(), err)
	}
	if _, err := Acquire(filepath.Join(h.Dir, "a", "b")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a parent: %v", err)
	}
	if _, err := Acquire(filepath.Join(h.Dir, "lock")); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file: %v", err)
	}
}

func TestRuntimeDirectoryOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: whose runtime directory and lock file may be; only root can test it")
	}
	const daemonUser, other = 65533, 65534
	h := controltest.New(t)
	if err := errors.Join(os.Mkdir(h.Dir, 0o755), os.Chown(h.Dir, daemonUser, daemonUser)); err != nil {
		t.Fatal(err)
	}
	// Root may use the daemon's, and leaves nothing there that the daemon could not use.
	held, err := Acquire(h.Dir)
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
	if said := h.Start(daemonUser, helperLocks); said != "EOF" {
		t.Errorf("after root, the daemon's user: %s", said)
	}
	if said := h.Start(other, helperLocks); !strings.Contains(said, "belongs to user 65533; run this as that user or as root") {
		t.Errorf("somebody else: %s", said)
	}
}

// What a daemon's user writes into its lock file does not have root kill what is somebody else's.
func TestKillForeignProcess(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: that root kills the daemon's own user's processes alone; only root can test it")
	}
	const daemonUser, other = 65533, 65534
	victim := controltest.New(t)
	if err := errors.Join(os.Mkdir(victim.Dir, 0o755), os.Chown(victim.Dir, other, other)); err != nil {
		t.Fatal(err)
	}
	if said := victim.Start(other, helperHolds); said != "ready" {
		t.Fatal(said)
	}
	p, err := findProcess(victim.PID())
	if err != nil {
		t.Fatal(err)
	}
	if p.user != other {
		t.Errorf("the user of process %d is %d", victim.PID(), p.user)
	}
	for owner, wants := range map[int]string{daemonUser: "belongs to user 65534", other: ""} {
		err := Holder{victim.PID(), p.start}.Kill(owner)
		if fmt.Sprint(err) != "<nil>" && !strings.Contains(err.Error(), wants) || (err == nil) != (wants == "") {
			t.Errorf("for the runtime directory of %d: %v", owner, err)
		}
		if owner == daemonUser && err == nil {
			t.Fatal("killed")
		}
	}
	if died := victim.End(); died.Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v", died)
	}
}
