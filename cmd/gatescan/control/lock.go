// Package control lets one process at a time drive the gate, and others ask it: the lock and the socket of a runtime directory.
//
// It must never know what a command does: the daemon gives the handlers. No handler opens the gate.
package control

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"gatescan/driver/flash"

	"golang.org/x/sys/unix"
)

// DefaultRuntime is where the daemon keeps what need not outlive a boot.
const DefaultRuntime = "/run/gatescan"

// The files in the runtime directory.
const (
	lockFile   = "lock"
	socketFile = "control.sock"
)

// Lock is held by the one process that may drive the outputs: flock(2) on a file of the runtime directory. The kernel
// lets go of it when the process ends, however it ends. The file stays: if it were removed, two processes could each
// hold a lock of that name.
type Lock struct {
	dir  string
	root *os.Root
	file *os.File
}

// LockedError says that somebody else holds the lock.
type LockedError struct {
	Holder Holder
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return "another gatescan is running"
	}
	return fmt.Sprintf("another gatescan is running, with process id %d", e.Holder.PID)
}

// Holder is the process that the lock file names. The zero Holder is nobody.
type Holder struct {
	PID   int    // 0 if the lock file does not say
	start uint64 // field 22 of /proc/PID/stat: a process id may be used again, but not with the same start
}

// holderFormat has a fixed width, so that a write never leaves a part of what stood there before.
const (
	holderFormat = "%10d %20d\n"
	holderSize   = 32
)

// Acquire takes the lock of a runtime directory, which it creates if it is not there. The error is a *LockedError
// if somebody else has it.
func Acquire(dir string) (*Lock, error) {
	root, owner, err := OpenRuntime(dir)
	if err != nil {
		return nil, err
	}
	l := &Lock{dir: dir, root: root}
	if err := l.acquire(owner); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Disk is the runtime directory, for what the holder of the lock records in it.
func (l *Lock) Disk() flash.Disk { return flash.In(l.root) }

func (l *Lock) acquire(owner int) (err error) {
	// Whoever can read the file could hold the lock, and keep the gate from starting: hence 0600.
	if l.file, err = l.root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK, 0o600); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := l.private(owner); err != nil {
		return fmt.Errorf("lock: %s: %w", l.file.Name(), err)
	}
	switch err := unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return &LockedError{readHolder(l.file)}
	case err != nil:
		return fmt.Errorf("lock: %w", err)
	}
	self, err := findProcess(os.Getpid())
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if _, err := fmt.Fprintf(io.NewOffsetWriter(l.file, 0), holderFormat, os.Getpid(), self.start); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// private refuses a lock file that was put there by somebody else, and makes one that root creates the daemon's own, as
// the daemon could not open it otherwise.
func (l *Lock) private(owner int) error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || stat.Nlink != 1 {
		return errors.New("is no plain file; remove it")
	}
	if os.Geteuid() == 0 && int(stat.Uid) != owner {
		return l.file.Chown(owner, -1)
	}
	return nil
}

// Close lets go of the lock.
func (l *Lock) Close() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	return errors.Join(err, l.root.Close())
}

// OpenRuntime opens a runtime directory, and creates it if need be. It refuses one that others than its owner can
// write to, and one whose owner is neither root nor this user; root may use anybody's.
func OpenRuntime(dir string) (root *os.Root, owner int, err error) {
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask: the operator's group must reach the socket
			return nil, 0, fmt.Errorf("runtime directory: %w", err)
		}
	case errors.Is(err, fs.ErrExist):
	default:
		return nil, 0, fmt.Errorf("runtime directory: %w", err)
	}
	if root, err = os.OpenRoot(dir); err != nil {
		return nil, 0, fmt.Errorf("runtime directory: %w", err)
	}
	if owner, err = runtimeOwner(root); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("runtime directory %s: %w", dir, err), root.Close())
	}
	return root, owner, nil
}

func runtimeOwner(root *os.Root) (owner int, err error) {
	info, err := root.Stat(".")
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("has no owner")
	}
	owner = int(stat.Uid)
	if info.Mode().Perm()&0o022 != 0 {
		return 0, fmt.Errorf("others may write to it (mode %04o); chmod 0755 it", info.Mode().Perm())
	}
	if me := os.Geteuid(); me != 0 && owner != me && owner != 0 {
		return 0, fmt.Errorf("it belongs to user %d; run this as that user or as root", owner)
	}
	return owner, nil
}

// readHolder says who wrote itself into the lock file. Nobody if it is empty or makes no sense.
func readHolder(file io.ReaderAt) (h Holder) {
	var b [holderSize]byte
	if n, _ := file.ReadAt(b[:], 0); n != len(b) {
		return Holder{}
	}
	if _, err := fmt.Sscanf(string(b[:]), "%d %d\n", &h.PID, &h.start); err != nil || h.PID <= 1 {
		return Holder{}
	}
	return h
}

// process is what the kernel tells of one.
type process struct {
	start uint64 // field 22 of /proc/PID/stat (proc_pid_stat(5)): clock ticks since boot
	user  int    // the real user, from /proc/PID/status: the owner of /proc/PID is root if it keeps its memory private
}

func findProcess(pid int) (p process, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return process{}, fmt.Errorf("cannot look at process %d: %w", pid, err)
	}
	name := bytes.LastIndexByte(stat, ')') // the name before it may hold blanks and parentheses
	fields := bytes.Fields(stat[name+1:])
	if name < 0 || len(fields) < 20 {
		return process{}, fmt.Errorf("%s/stat is not as proc_pid_stat(5) says", dir)
	}
	if p.start, err = strconv.ParseUint(string(fields[19]), 10, 64); err != nil {
		return process{}, fmt.Errorf("%s/stat is not as proc_pid_stat(5) says", dir)
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return process{}, fmt.Errorf("cannot look at process %d: %w", pid, err)
	}
	_, users, found := bytes.Cut(status, []byte("\nUid:"))
	if _, err := fmt.Sscan(string(users), &p.user); err != nil || !found {
		return process{}, fmt.Errorf("%s/status is not as proc_pid_status(5) says", dir)
	}
	return p, nil
}

// Kill ends the holder with SIGKILL, if it still is the process that took the lock and belongs to the user whose runtime
// directory that is: nobody can have root kill something else by what they write into the lock file.
func (h Holder) Kill(owner int) error {
	if h.PID == 0 {
		return errors.New("the lock file does not say who holds the lock")
	}
	target, err := os.FindProcess(h.PID) // by pidfd: from here on it cannot become another process
	if err != nil {
		return fmt.Errorf("process %d: %w", h.PID, err)
	}
	defer target.Release()
	p, err := findProcess(h.PID)
	switch {
	case err != nil:
		return err
	case p.start != h.start:
		return fmt.Errorf("process %d is another one than took the lock", h.PID)
	case p.user != owner && p.user != 0:
		return fmt.Errorf("process %d belongs to user %d, the runtime directory to user %d", h.PID, p.user, owner)
	case h.PID == os.Getpid():
		return errors.New("this process itself holds the lock")
	}
	if err := target.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("process %d: %w", h.PID, err)
	}
	return nil
}
