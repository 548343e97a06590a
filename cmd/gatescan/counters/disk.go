package counters

import (
	"errors"
	"fmt"
	"os"

	"gatescan/driver/flash"
)

// disk is the directory that the book is in. No other has files directly in it.
type disk interface {
	flash.Disk
	Prepare() error // makes the directory if it is not there
}

var errForeign = errors.New("is not ours")

// openOurs opens nothing but a regular file that belongs to us or to root.
func openOurs(open func(name string) (flash.File, error), name string) (flash.File, error) {
	file, err := open(name)
	if errors.Is(err, flash.ErrNotRegular) {
		return nil, fmt.Errorf("%w: it %w; remove it", err, errForeign)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		if owner := flash.AccessOf(info).UID; owner > 0 && owner != os.Geteuid() {
			err = fmt.Errorf("%s %w: it belongs to uid %d; chown it to uid %d", name, errForeign, owner, os.Geteuid())
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// read reads a file of at most limit bytes.
func (b *Book) read(name string, limit int64) ([]byte, error) {
	file, err := openOurs(b.disk.Open, name)
	if err != nil {
		return nil, err
	}
	data, err := flash.ReadAll(file, limit)
	return data, errors.Join(err, file.Close())
}
