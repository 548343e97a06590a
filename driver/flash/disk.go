// Package flash writes files on media that may lose power at any moment: SD cards, eMMC, USB sticks. It knows disks and
// nothing else.
//
// A [Writer] replaces a file as a whole: after a power cut its name holds the old or the new content, never a part. A
// program that keeps more than one file in step, or writes in place, uses the operations of a [Disk] and decides itself
// when to sync what.
//
// Package flashtest simulates a Disk whose power is cut, so that a test sees what may be left.
package flash

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Disk is a directory and what is below it. Names are relative to it, with slashes; "." is the directory itself. No symbolic
// link leads out of it.
//
// Create, Mkdir, Rename and Remove change directories. Until SyncDir of the directory returns, a power cut may undo each such
// change by itself, whatever their order was. A rename between two directories is a change of either.
type Disk interface {
	// List returns what is in a directory, sorted by name. It fails if there are more than MaxEntries.
	List(dir string) ([]Entry, error)

	// Open opens a regular file for reading. The error wraps ErrNotRegular if it is something else.
	Open(name string) (File, error)

	// OpenInPlace opens a regular file for writing over what it holds, as Open does. Its Sync may leave out the time of the
	// write (fdatasync(2)), so that it costs the medium no more than the pages written.
	OpenInPlace(name string) (File, error)

	// Create makes a file for writing. The error wraps fs.ErrExist if there is anything of that name.
	Create(name string, a Access) (File, error)

	Mkdir(name string, a Access) error
	Rename(from, to string) error // replaces a file that is there
	Remove(name string) error     // of a file, or of an empty directory

	// SyncDir makes durable what was done to a directory; not what its files hold.
	SyncDir(dir string) error
}

// File is an open file. What is written to it is durable after Sync.
type File interface {
	io.Reader
	io.Writer
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
}

// MaxEntries is how many entries a directory may have.
const MaxEntries = 65536

// Entry is something in a directory.
type Entry struct {
	Name string
	Size int64 // in bytes; 0 if it is not a regular file
	Dir  bool
}

var (
	// ErrNotRegular refuses what is not a regular file: to open a device may have effects, to open a pipe may block, and a
	// symbolic link may lead anywhere.
	ErrNotRegular = errors.New("not a regular file")

	// ErrTooLarge refuses a file or a directory that is larger than its reader allows.
	ErrTooLarge = errors.New("too large")
)

// ReadFile reads a regular file of at most limit bytes. Its errors wrap ErrNotRegular, ErrTooLarge, fs.ErrNotExist or an error
// of the medium. It leaves out what is appended while it reads.
func ReadFile(d Disk, name string, limit int64) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := ReadAll(f, limit)
	return data, errors.Join(err, f.Close())
}

// ReadAll is ReadFile for a file that is open.
func ReadAll(f File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s is %w: %d bytes (%d are allowed)", info.Name(), ErrTooLarge, info.Size(), limit)
	}
	data := make([]byte, info.Size())
	_, err = io.ReadFull(f, data)
	return data, err
}

// RemoveAll removes a directory and what is in it. It syncs nothing.
func RemoveAll(d Disk, name string) error {
	entries, err := d.List(name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		below := name + "/" + e.Name
		if e.Dir {
			err = RemoveAll(d, below)
		} else {
			err = d.Remove(below)
		}
		if err != nil {
			return err
		}
	}
	return d.Remove(name)
}
