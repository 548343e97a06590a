package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// DiskPath is where the guest's kernel offers the Disk. It is not mounted.
const DiskPath = "/dev/vda"

const (
	fileSystemSize = 16 << 20

	// MarkOffset is where on the disk, behind its file system, the guest may write what shall stand in the log between
	// its other writes, as dm-log-writes marks do, which QEMU has no way to add. It takes O_DIRECT to get there at once.
	MarkOffset = fileSystemSize
	markSize   = 4096
)

// Disk is a virtio disk with an ext4 file system, every write to which is logged. Its write cache is volatile: nothing is
// lasting before the guest flushes it.
type Disk struct {
	fresh []byte // as it was before the guest had it
	dir   string
}

// NewDisk makes a disk in dir. It needs e2fsprogs, and says so.
func NewDisk(ctx context.Context, dir string) (*Disk, error) {
	if err := need(toDisk...); err != nil {
		return nil, err
	}
	d := &Disk{dir: dir}
	if err := errors.Join(os.WriteFile(d.image(), nil, 0o600), os.Truncate(d.image(), MarkOffset+markSize), os.WriteFile(d.log(), nil, 0o600)); err != nil {
		return nil, err
	}
	// Blocks as a card of some GB has them.
	if _, err := output(ctx, dir, nil, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", d.image(), strconv.Itoa(fileSystemSize/1024)+"k"); err != nil {
		return nil, err
	}
	var err error
	d.fresh, err = os.ReadFile(d.image())
	return d, err
}

func (d *Disk) image() string { return filepath.Join(d.dir, "disk.img") }

func (d *Disk) log() string { return filepath.Join(d.dir, "disk.log") }

// args are QEMU's. The guest's flushes go into the log; the host's disk need not hear of them. The guest can neither discard,
// which leaves open what is found afterwards, nor have zeros written without sending them, which damages the log (fixed
// in QEMU 9.0, "block/blklogwrites: Fix a bug when logging 'write zeroes' operations").
func (d *Disk) args() []string {
	file := func(name, path string) string {
		return "driver=file,cache.no-flush=on,node-name=" + name + ",filename=" + strings.ReplaceAll(path, ",", ",,")
	}
	return []string{
		"-blockdev", file("disk", d.image()), "-blockdev", file("disklog", d.log()),
		"-blockdev", "driver=blklogwrites,node-name=logged,file=disk,log=disklog",
		"-device", "virtio-blk-pci,drive=logged,write-cache=on,discard=off,write-zeroes=off",
	}
}

// Log reads what the guest did to the disk. The board must be off. What came after the guest's last flush may be missing.
func (d *Disk) Log() (*WriteLog, error) {
	data, err := os.ReadFile(d.log())
	if err != nil {
		return nil, err
	}
	return readWriteLog(data, d.fresh)
}

// Recover has the file system in content recovered by its journal and checked, as at a boot, and copies the directory path of
// it to the new directory to. The error is [fs.ErrNotExist] if it is not there.
func Recover(ctx context.Context, content []byte, path, to string) error {
	image := to + ".img"
	defer os.Remove(image)
	if err := os.WriteFile(image, content, 0o600); err != nil {
		return err
	}
	if _, err := output(ctx, "", nil, "e2fsck", "-fy", image); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 { // 1: errors were corrected, which a replay is (e2fsck(8))
			return err
		}
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	// Its exit code is 0 whatever happens, and it complains of owners that it cannot set if nobody but root may.
	said, err := output(ctx, "", nil, "debugfs", "-R", fmt.Sprintf("rdump %q %q", path, to), image)
	if err != nil {
		return err
	}
	inside := filepath.Join(to, filepath.Base(path))
	if !exists(inside) {
		return fmt.Errorf("%s on the disk: %w %s", path, fs.ErrNotExist, said)
	}
	return nil
}
