package flash

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// In is a directory of the file system that is open already: it stays the same one if its path leads elsewhere meanwhile.
// Its owner closes it.
func In(root *os.Root) Disk { return rooted{root} }

type rooted struct{ root *os.Root }

func (r rooted) List(dir string) ([]Entry, error) {
	d, err := r.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	found, err := d.ReadDir(MaxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(found) > MaxEntries {
		return nil, fmt.Errorf("%s is %w: more than %d files", d.Name(), ErrTooLarge, MaxEntries)
	}
	entries := make([]Entry, 0, len(found))
	for _, f := range found {
		e := Entry{Name: f.Name(), Dir: f.IsDir()}
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() {
			e.Size = info.Size()
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

func (r rooted) Open(name string) (File, error) { return r.open(name, os.O_RDONLY) }

func (r rooted) OpenInPlace(name string) (File, error) { return r.open(name, os.O_WRONLY) }

// open looks before it opens. The name may lead to something else by then, so it compares the two.
func (r rooted) open(name string, flag int) (File, error) {
	before, err := r.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%w (%s)", ErrNotRegular, before.Mode().Type())}
	}
	f, err := r.root.OpenFile(name, flag|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%w: it was exchanged just now", ErrNotRegular)}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return inPlace{f}, nil
}

// under resolves an access for a new file.
func (r rooted) under(name string, a Access) (Access, error) {
	if !a.LikeDirectory {
		return a, nil
	}
	dir, err := r.root.Stat(filepath.Dir(name))
	if err != nil {
		return a, err
	}
	return a.under(dir), nil
}

func (r rooted) Create(name string, a Access) (File, error) {
	a, err := r.under(name, a)
	if err != nil {
		return nil, err
	}
	f, err := r.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := a.give(f); err != nil {
		return nil, errors.Join(err, f.Close(), r.root.Remove(name))
	}
	return f, nil
}

func (r rooted) Mkdir(name string, a Access) error {
	a, err := r.under(name, a)
	if err != nil {
		return err
	}
	if err := r.root.Mkdir(name, 0o700); err != nil {
		return err
	}
	d, err := r.root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	return errors.Join(a.give(d), d.Close())
}

func (r rooted) Rename(from, to string) error { return r.root.Rename(from, to) }

func (r rooted) Remove(name string) error { return r.root.Remove(name) }

func (r rooted) SyncDir(dir string) error {
	d, err := r.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// inPlace is a file that was there before. Its length and its data are what must last, its times are not.
type inPlace struct{ *os.File }

func (f inPlace) Sync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
