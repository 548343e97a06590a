package drivertest

import (
	"fmt"
	"io"
	"io/fs"
)

// Mode bits of stat(2), which the format shares.
const (
	modeDirectory = 0o040000
	modeCharacter = 0o020000
	modeRegular   = 0o100000
)

// archive writes a cpio archive in the "newc" format that the kernel unpacks as its first root file system
// (Documentation/driver-api/early-userspace/buffer-format.rst). Every entry belongs to root, its time is 0. The first error
// stays.
type archive struct {
	w    io.Writer
	ino  uint32
	size int64
	err  error
}

func (a *archive) directory(name string) { a.entry(name, modeDirectory|0o755, 0, 0, nil) }

func (a *archive) file(name string, perm fs.FileMode, content []byte) {
	a.entry(name, modeRegular|uint32(perm.Perm()), 0, 0, content)
}

func (a *archive) device(name string, major, minor uint32) {
	a.entry(name, modeCharacter|0o600, major, minor, nil)
}

// close ends the archive. Nothing may be added then.
func (a *archive) close() error {
	a.ino = 0
	a.entry("TRAILER!!!", 0, 0, 0, nil)
	return a.err
}

func (a *archive) entry(name string, mode, major, minor uint32, content []byte) {
	links := 1
	if mode&0o170000 == modeDirectory {
		links = 2
	}
	header := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.ino, mode, 0, 0, links, 0, len(content), 0, 0, major, minor, len(name)+1, 0)
	a.ino++ // entries of one number would be links to one file
	a.write([]byte(header + name + "\x00"))
	a.pad()
	a.write(content)
	a.pad()
}

// pad fills up to a multiple of four bytes, where each header and each content begins.
func (a *archive) pad() { a.write(make([]byte, -a.size&3)) }

func (a *archive) write(b []byte) {
	if a.err != nil {
		return
	}
	_, a.err = a.w.Write(b)
	a.size += int64(len(b))
}
