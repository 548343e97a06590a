package store

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gatescan/trustsync/internal/files"
	"gatescan/trustsync/internal/source"
)

// disk is what the store needs of its directory. Names are of files directly in it. Nothing is lasting before sync: what
// create, rename and remove do to the directory may be undone by a power cut until then, each by itself.
type disk interface {
	names() ([]string, error)                       // of everything that is there, sorted
	open(name string) (io.ReadCloser, int64, error) // for reading, with the size in bytes; errNotRegular if it is no regular file
	create(name string) (diskFile, error)           // for writing; an error if something is there
	rename(from, to string) error                   // replaces what is there
	remove(name string) error
	sync() error // makes the directory lasting, not what the files in it hold
}

// diskFile is a file that is being written. What it holds is lasting after Sync.
type diskFile interface {
	io.WriteCloser
	Sync() error
}

var errNotRegular = errors.New("not a regular file")

// dirDisk is a directory of the file system.
type dirDisk string

func (d dirDisk) path(name string) string { return filepath.Join(string(d), name) }

func (d dirDisk) names() ([]string, error) { return files.Names(string(d)) }

// Open opens nothing but a regular file: to open a device may have effects, to open a pipe may block, and a symbolic link
// may lead anywhere.
func (d dirDisk) open(name string) (io.ReadCloser, int64, error) {
	info, err := os.Lstat(d.path(name))
	if err != nil {
		return nil, 0, files.WithoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%w (%s)", errNotRegular, info.Mode().Type())
	}
	// It may be something else by now.
	file, err := os.OpenFile(d.path(name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, files.WithoutPath(err)
	}
	info, err = file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		file.Close()
		return nil, 0, files.WithoutPath(err)
	}
	return file, info.Size(), nil
}

func (d dirDisk) create(name string) (diskFile, error) {
	file, err := os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := ownedLike(file, string(d)); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(d.path(name)))
	}
	return file, nil
}

// ownedLike gives what root has made to the owner of a directory: a technician's sudo must not lock the daemon out of its own
// store.
func ownedLike(made *os.File, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	return made.Chown(int(owner.Uid), int(owner.Gid))
}

func (d dirDisk) rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d dirDisk) remove(name string) error { return os.Remove(d.path(name)) }

func (d dirDisk) sync() error {
	dir, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// openBounded opens a file that may have at most limit bytes; what it grows beyond its size meanwhile is not read.
func openBounded(d disk, name string, limit int64) (io.ReadCloser, int64, error) {
	file, size, err := d.open(name)
	if err != nil {
		return nil, 0, err
	}
	if size > limit {
		file.Close()
		return nil, 0, fmt.Errorf("%w: %d bytes (%d are allowed)", source.ErrTooLarge, size, limit)
	}
	return file, size, nil
}

// readBounded reads such a file.
func readBounded(d disk, name string, limit int64) ([]byte, error) {
	file, size, err := openBounded(d, name, limit)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, files.WithoutPath(err)
	}
	return data, nil
}

// prepareDirectory makes a directory if it is not there, only for its owner, and sees to it that it stays there. The error
// says what to do.
func prepareDirectory(dir string) error {
	err := os.Mkdir(dir, 0o700)
	made := err == nil
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("trust store: %w; make the directory that it stands in, or make it yourself, owned by uid %d and with mode 0700",
			err, os.Geteuid())
	}
	if made {
		if err := adopt(dir); err != nil {
			return fmt.Errorf("trust store %s: %w", dir, err)
		}
	}
	// A former process may have been killed just after it made the directory.
	if err := dirDisk(filepath.Dir(filepath.Clean(dir))).sync(); err != nil && made {
		return fmt.Errorf("trust store %s: its parent cannot be made lasting: %w", dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("trust store: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("trust store %s is not a directory: name another path, or move it away", dir)
	}
	owner := "somebody else"
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = fmt.Sprintf("uid %d", s.Uid)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("trust store %s has mode %#o: anybody may put trust data there; chmod it to 0700", dir, info.Mode().Perm())
	}
	if _, err := dirDisk(dir).names(); err != nil {
		return fmt.Errorf("trust store %s: %w; it belongs to %s and has mode %#o, it should belong to uid %d with mode 0700",
			dir, err, owner, info.Mode().Perm(), os.Geteuid())
	}
	return nil
}

// adopt gives a directory that root has just made to the owner of the one that it stands in.
func adopt(dir string) error {
	made, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer made.Close()
	return ownedLike(made, filepath.Dir(filepath.Clean(dir)))
}

// contents are the names in the directory that mean something.
type contents struct {
	generations []uint64 // numbers, descending
	damaged     []string // set aside, those of generations with the highest numbers first
	temporaries []string
	floors      bool
	highest     uint64 // number that was ever given to a file that is here
}

func contentsOf(d disk) (c contents, err error) {
	names, err := d.names()
	if err != nil {
		return c, err
	}
	slices.Sort(names)
	for _, name := range slices.Backward(names) {
		name, damaged := strings.CutSuffix(name, damagedSuffix)
		number, isGeneration := generationNumber(name)
		switch {
		case damaged && (isGeneration || name == floorsName):
			c.damaged = append(c.damaged, name+damagedSuffix)
		case damaged:
		case isGeneration:
			c.generations = append(c.generations, number)
		case name == floorsName:
			c.floors = true
		case len(name) == len(temporaryPrefix)+1 && strings.HasPrefix(name, temporaryPrefix) && '0' <= name[len(name)-1] && name[len(name)-1] <= '9':
			c.temporaries = append(c.temporaries, name)
		}
		if isGeneration {
			c.highest = max(c.highest, number)
		}
	}
	return c, nil
}

func generationName(number uint64) string { return fmt.Sprintf("%s%020d", generationPrefix, number) }

// generationNumber is the number in exactly such a name. The last number is none: there would be no next.
func generationNumber(name string) (uint64, bool) {
	number, err := strconv.ParseUint(strings.TrimPrefix(name, generationPrefix), 10, 64)
	return number, err == nil && 0 < number && number < math.MaxUint64 && name == generationName(number)
}
