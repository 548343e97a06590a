package flash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Dir is a directory of the file system, by its path. It need not be there until it is used, and may come and go as a stick
// does.
type Dir string

var _ Disk = Dir("")

func (d Dir) use(f func(rooted) error) error {
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return err
	}
	return d.full(errors.Join(f(rooted{root}), root.Close()))
}

// full puts the whole path into an error, as an operator wants to read it.
func (d Dir) full(err error) error {
	var ofPath *fs.PathError
	var ofLink *os.LinkError
	switch {
	case errors.As(err, &ofPath):
		ofPath.Path = filepath.Join(string(d), ofPath.Path)
	case errors.As(err, &ofLink):
		ofLink.Old, ofLink.New = filepath.Join(string(d), ofLink.Old), filepath.Join(string(d), ofLink.New)
	}
	return err
}

// List implements Disk.
func (d Dir) List(dir string) (entries []Entry, err error) {
	err = d.use(func(r rooted) (err error) { entries, err = r.List(dir); return err })
	return entries, err
}

// Open implements Disk.
func (d Dir) Open(name string) (f File, err error) {
	err = d.use(func(r rooted) (err error) { f, err = r.Open(name); return err })
	return f, err
}

// OpenInPlace implements Disk.
func (d Dir) OpenInPlace(name string) (f File, err error) {
	err = d.use(func(r rooted) (err error) { f, err = r.OpenInPlace(name); return err })
	return f, err
}

// Create implements Disk.
func (d Dir) Create(name string, a Access) (f File, err error) {
	err = d.use(func(r rooted) (err error) { f, err = r.Create(name, a); return err })
	return f, err
}

// Mkdir implements Disk.
func (d Dir) Mkdir(name string, a Access) error {
	return d.use(func(r rooted) error { return r.Mkdir(name, a) })
}

// Rename implements Disk.
func (d Dir) Rename(from, to string) error {
	return d.use(func(r rooted) error { return r.Rename(from, to) })
}

// Remove implements Disk.
func (d Dir) Remove(name string) error {
	return d.use(func(r rooted) error { return r.Remove(name) })
}

// SyncDir implements Disk.
func (d Dir) SyncDir(dir string) error {
	return d.use(func(r rooted) error { return r.SyncDir(dir) })
}

// Prepare makes the directory if it is not there, durably and for its owner alone, and checks that it is one in which no
// other user can put files. Its parent must be there. The error says what to do.
func (d Dir) Prepare() error {
	parent := filepath.Dir(filepath.Clean(string(d)))
	err := os.Mkdir(string(d), 0o700)
	made := err == nil
	switch {
	case made:
		err = d.likeParent(parent)
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%w; make the directory that it is in, or make it yourself, owned by uid %d and with mode 0700", err, os.Geteuid())
	}
	// A former process may have been killed just after it made the directory.
	if err := Dir(parent).SyncDir("."); err != nil && made {
		return fmt.Errorf("%s is made, but its parent cannot be synced: %w", d, err)
	}
	info, err := os.Stat(string(d))
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory: name another path, or move it away", d)
	case info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("%s has mode %#o: any user may put files there; chmod it to 0700", d, info.Mode().Perm())
	}
	if _, err := d.List("."); err != nil {
		return fmt.Errorf("%w; it belongs to uid %d and has mode %#o, it should belong to uid %d with mode 0700",
			err, AccessOf(info).UID, info.Mode().Perm(), os.Geteuid())
	}
	return nil
}

// likeParent gives a directory that root has just made to the owner of its parent.
func (d Dir) likeParent(parent string) error {
	info, err := os.Stat(parent)
	if err != nil {
		return err
	}
	made, err := os.OpenFile(string(d), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	a := Access{Mode: 0o700, LikeDirectory: true}.under(info)
	return errors.Join(a.give(made), made.Close())
}
