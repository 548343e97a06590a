// Package files reads regular files, and only those: to open a device may have effects, to open a pipe may block. It is used for
// whatever an operator puts under a path. It must never know what the files hold.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Read reads a regular file, or what a symbolic link to one leads to, and opens nothing else: to open a device may
// have effects, to open a pipe may block. Of a file larger than limit it returns one byte more than that, for the caller to
// refuse.
func Read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, WithoutPath(err)
	}
	if err := checkRegular(info); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // the file may be a pipe by now
	if err != nil {
		return nil, WithoutPath(err)
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, WithoutPath(err)
	}
	if err := checkRegular(info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, WithoutPath(err)
	}
	return data, nil
}

func checkRegular(info fs.FileInfo) error {
	mode := info.Mode()
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errors.New("a directory: only files directly in the trust directory are read")
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("a named pipe, not a regular file")
	case mode&fs.ModeSocket != 0:
		return errors.New("a socket, not a regular file")
	case mode&fs.ModeDevice != 0:
		return errors.New("a device, not a regular file")
	}
	return fmt.Errorf("not a regular file (%s)", strings.ToLower(mode.Type().String()))
}

// WithoutPath takes the path out of an error, where the report names the file already.
func WithoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("cannot %s: %w", path.Op, path.Err)
	}
	return err
}

// MaxFiles bounds the names in a directory.
const MaxFiles = 100_000

// Names returns what a directory holds, sorted.
func Names(path string) ([]string, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var names []string
	for {
		batch, err := dir.Readdirnames(1024)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if names = append(names, batch...); len(names) > MaxFiles {
			return nil, fmt.Errorf("%s: more than %d files", path, MaxFiles)
		}
	}
	slices.Sort(names)
	return names, nil
}
