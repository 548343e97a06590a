package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"gatescan/cmd/gatescan/control"

	"golang.org/x/sys/unix"
)

// tree is what an import needs of the directory that it writes to. Names are below it. What a file holds is lasting once it
// is written; what mkdir, write, rename and remove do to a directory may be undone by a power cut until that is synced,
// each by itself.
type tree interface {
	mkdir(name string) error
	write(name string, data []byte, a access) error // an error if something is there
	rename(from, to string) error                   // replaces a file that is there
	remove(name string) error
	sync(directory string) error
}

// access is who may read a file. A negative owner is whoever makes it.
type access struct {
	mode     fs.FileMode
	uid, gid int
}

// public is the access to what everybody may read, whatever the umask; private to what only its maker may.
var (
	public  = access{0o644, -1, -1}
	private = access{0o600, -1, -1}
)

// accessOf is who may read a file that is there.
func accessOf(info fs.FileInfo) access {
	a := access{mode: info.Mode().Perm(), uid: -1, gid: -1}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		a.uid, a.gid = int(owner.Uid), int(owner.Gid)
	}
	return a
}

// serviceGroup is the group that the daemon runs in (systemd/gatescan.sysusers), if it is not root.
const serviceGroup = "gatescan"

// access is who may read a file that is put in place: whoever could read the one that it replaces, but a secret nobody beyond
// its owner and group, and anything else everybody. A new secret is for the daemon, which may not be root.
func (im *importer) access(below string, secret bool) access {
	info, err := os.Stat(filepath.Join(im.dir, below))
	switch {
	case err == nil:
		a := accessOf(info)
		if a.mode = a.mode&0o640 | 0o600; !secret {
			a.mode = public.mode
		}
		return a
	case !secret:
		return public
	}
	if gid, err := control.FindGroup(im.group); err == nil && gid >= 0 {
		return access{0o640, -1, gid}
	}
	if dir, err := os.Stat(im.dir); err == nil && accessOf(dir).uid > 0 {
		return access{0o600, accessOf(dir).uid, accessOf(dir).gid}
	}
	return private
}

// configAccess is who may read the configuration: as before, but a new one with a password as a secret.
func (im *importer) configAccess() access {
	if info, err := os.Stat(im.path); err == nil {
		return accessOf(info)
	}
	return im.access(im.name, slices.ContainsFunc(im.config.carriedKeys(), carriedKey.holdsPassword))
}

// rootTree is a directory of the file system. No link leads out of it.
type rootTree struct{ *os.Root }

func (t rootTree) mkdir(name string) error {
	if err := t.Mkdir(name, 0o755); err != nil {
		return err
	}
	return keepsNoAccess(t.Chmod(name, 0o755))
}

func (t rootTree) write(name string, data []byte, a access) (err error) {
	f, err := t.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if os.Geteuid() == 0 {
		if err := keepsNoAccess(f.Chown(a.uid, a.gid)); err != nil {
			return err
		}
	}
	if err := keepsNoAccess(f.Chmod(a.mode)); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// keepsNoAccess takes out the error of a file system that has one owner and one mode for all it holds, as FAT.
func keepsNoAccess(err error) error {
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

func (t rootTree) rename(from, to string) error { return t.Rename(from, to) }

func (t rootTree) remove(name string) error { return t.Remove(name) }

func (t rootTree) sync(directory string) error {
	d, err := t.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeAll removes a directory and what it holds.
func removeAll(t tree, dir fs.FS, name string) error {
	entries, err := fs.ReadDir(dir, name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		below := name + "/" + e.Name()
		if e.IsDir() {
			err = removeAll(t, dir, below)
		} else {
			err = t.remove(below)
		}
		if err != nil {
			return err
		}
	}
	return t.remove(name)
}
