package flash

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
)

// Writer replaces files in directories of a Disk. Only Disk and Access must be set.
type Writer struct {
	Disk   Disk
	Access Access // to the files it writes

	// Temporary is the name under which a file is written, in the directory in which it will be; empty for its own name and
	// ".new". If something that cannot be removed has that name, "-1" to "-9" follow it. Two processes must not use the same
	// one at a time.
	Temporary string

	// ReadBack reads each file before it takes its place. It finds a medium that fails at once; a cache in between may hide it.
	ReadBack bool
}

const temporarySuffix = ".new"

// temporaries is how many names are tried.
const temporaries = 10

// ErrReadBack reports a file that does not read as it was written.
var ErrReadBack = errors.New("it does not read as it was written: the medium is bad")

// Replace writes a file. When it returns nil the file is durable. At every moment, and after a power cut at any moment, the
// name holds the old or the new content, whole. After an error it holds the old one, unless only the last step failed
// (the sync of the directory): then it may be either after a power cut, and Replace may be called again.
func (w Writer) Replace(name string, data []byte) error {
	if err := w.Put(name, data); err != nil {
		return err
	}
	return w.Disk.SyncDir(path.Dir(name))
}

// Put is Replace without its last step, for a caller that writes several files and then syncs the directory once. Until then a
// power cut may bring the old file back.
func (w Writer) Put(name string, data []byte) error {
	temporary, f, err := w.create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil && w.ReadBack {
		err = w.readBack(temporary, data)
	}
	if err == nil {
		err = w.Disk.Rename(temporary, name)
	}
	if err != nil {
		_ = w.Disk.Remove(temporary) // it may be what fills the disk
	}
	return err
}

// create makes the temporary file. It first removes what a killed process left there.
func (w Writer) create(name string) (temporary string, f File, err error) {
	for n := range temporaries {
		temporary = w.TemporaryOf(name, n)
		if err = w.Disk.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if f, err = w.Disk.Create(temporary, w.Access); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return temporary, f, err
}

// TemporaryOf returns the n-th name that Replace tries for its temporary file.
func (w Writer) TemporaryOf(name string, n int) string {
	temporary := name + temporarySuffix
	if w.Temporary != "" {
		temporary = path.Join(path.Dir(name), w.Temporary)
	}
	if n > 0 {
		temporary += "-" + strconv.Itoa(n)
	}
	return temporary
}

// Clean removes the temporary files that a killed process may have left. Replace does that by itself before it writes; Clean
// is for a name that may never be written again. It does not sync.
func (w Writer) Clean(name string) (err error) {
	for n := range temporaries {
		if e := w.Disk.Remove(w.TemporaryOf(name, n)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// readBack compares a file with what was written to it, a piece at a time.
func (w Writer) readBack(name string, data []byte) error {
	f, err := w.Disk.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	piece := make([]byte, 16<<10)
	for {
		n, err := f.Read(piece)
		if n > len(data) || !bytes.Equal(piece[:n], data[:n]) {
			return fmt.Errorf("%s: %w", name, ErrReadBack)
		}
		data = data[n:]
		switch {
		case errors.Is(err, io.EOF) && len(data) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%s: %w", name, ErrReadBack)
		case err != nil:
			return err
		}
	}
}
