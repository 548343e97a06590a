package counters

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// disk is what the book needs of its directory. Names are of files directly in it. Nothing is lasting before sync: what create,
// rename and remove do to the directory may be undone by a power cut until then, each by itself.
type disk interface {
	prepare() error                                // makes the directory, if there is none
	list() ([]entry, error)                        // everything that is there
	read(name string, limit int64) ([]byte, error) // errForeign, errTooLarge
	create(name string) (diskFile, error)          // for writing; an error if something is there
	open(name string) (diskFile, error)            // for writing in place; errForeign
	rename(from, to string) error                  // replaces what is there
	remove(name string) error
	sync() error // makes the directory lasting, not what the files in it hold
}

// diskFile is a file that is being written. What it holds is lasting after sync.
type diskFile interface {
	io.WriterAt
	size() (int64, error)
	sync() error
	io.Closer
}

type entry struct {
	name string
	size int64
}

var (
	errForeign  = errors.New("is not ours")
	errTooLarge = errors.New("is too large")
)

// maxEntries is how many names a directory may have; we make fewer than a thousand.
const maxEntries = 8192

// dirDisk is a directory of the file system.
type dirDisk string

func (d dirDisk) path(name string) string { return filepath.Join(string(d), name) }

func (d dirDisk) prepare() error {
	err := os.Mkdir(string(d), 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w; make the directory yourself, owned by uid %d and with mode 0700", err, os.Geteuid())
	}
	// An earlier process may have been killed just after it made the directory.
	if e := dirDisk(filepath.Dir(filepath.Clean(string(d)))).sync(); e != nil && err == nil {
		return fmt.Errorf("%s is made, but may not last: %w", d, e)
	}
	info, err := os.Stat(string(d))
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory: name another path, or move it away", d)
	case info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("%s has mode %#o: anybody may put counts there; chmod it to 0700", d, info.Mode().Perm())
	}
	return nil
}

func (d dirDisk) list() ([]entry, error) {
	dir, err := os.Open(string(d))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	found, err := dir.ReadDir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(found) > maxEntries {
		return nil, fmt.Errorf("%s has more than %d files: keep others elsewhere", d, maxEntries)
	}
	entries := make([]entry, 0, len(found))
	for _, f := range found {
		e := entry{name: f.Name()}
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() {
			e.size = info.Size()
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// openOurs opens nothing but a regular file that belongs to us or to root: to open a device may have effects, to open a pipe
// may block, and a symbolic link may lead anywhere.
func (d dirDisk) openOurs(name string, flag int) (*os.File, int64, error) {
	if info, err := os.Lstat(d.path(name)); err != nil {
		return nil, 0, err
	} else if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s %w (%s): remove it", d.path(name), errForeign, info.Mode().Type())
	}
	file, err := os.OpenFile(d.path(name), flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // it may be something else by now
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil {
		if !info.Mode().IsRegular() {
			err = fmt.Errorf("%s %w (%s): remove it", d.path(name), errForeign, info.Mode().Type())
		} else if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() && s.Uid != 0 {
			err = fmt.Errorf("%s %w: it belongs to uid %d; chown it to uid %d", d.path(name), errForeign, s.Uid, os.Geteuid())
		}
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

func (d dirDisk) read(name string, limit int64) ([]byte, error) {
	file, size, err := d.openOurs(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > limit {
		return nil, fmt.Errorf("%s %w: %d bytes (%d are allowed)", d.path(name), errTooLarge, size, limit)
	}
	data := make([]byte, size)
	_, err = io.ReadFull(file, data)
	return data, err
}

func (d dirDisk) create(name string) (diskFile, error) {
	file, err := os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return osFile{file}, err
}

func (d dirDisk) open(name string) (diskFile, error) {
	file, _, err := d.openOurs(name, os.O_WRONLY)
	return osFile{file}, err
}

func (d dirDisk) rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d dirDisk) remove(name string) error { return os.Remove(d.path(name)) }

func (d dirDisk) sync() error {
	dir, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

type osFile struct{ *os.File }

func (f osFile) size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// sync leaves out the time of the write: a file that is written in place then costs no more than its pages.
func (f osFile) sync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
