package flash

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Access says who may use a file or a directory that is made. The zero value lets only root use it.
type Access struct {
	Mode fs.FileMode // permission bits; the umask does not apply

	// UID and GID are the owner and the group, each left as the kernel sets it if negative. Only root can give a file away;
	// for any other user they are left as well.
	UID, GID int

	// LikeDirectory takes owner and group from the directory instead: what a technician writes with sudo must not lock the
	// daemon out of its own directory.
	LikeDirectory bool
}

// What everyone may read, and what only its owner may.
var (
	Public  = Access{Mode: 0o644, UID: -1, GID: -1}
	Private = Access{Mode: 0o600, UID: -1, GID: -1}
)

// AccessOf returns the access to a file that is there.
func AccessOf(info fs.FileInfo) Access {
	a := Access{Mode: info.Mode().Perm(), UID: -1, GID: -1}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		a.UID, a.GID = int(s.Uid), int(s.Gid)
	}
	return a
}

// under resolves LikeDirectory.
func (a Access) under(dir fs.FileInfo) Access {
	if a.LikeDirectory {
		of := AccessOf(dir)
		a.UID, a.GID = of.UID, of.GID
		if a.UID <= 0 { // root's directory: leave it as the kernel sets it
			a.UID, a.GID = -1, -1
		}
	}
	return a
}

// give applies the access to what was just made. The owner comes first: chown clears bits of the mode.
func (a Access) give(f *os.File) error {
	if os.Geteuid() == 0 && (a.UID >= 0 || a.GID >= 0) {
		if err := tolerable(f.Chown(a.UID, a.GID)); err != nil {
			return err
		}
	}
	return tolerable(f.Chmod(a.Mode))
}

// tolerable drops the error of a file system that has one owner and one mode for all its files, as FAT.
func tolerable(err error) error {
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}
