// Package flashtest simulates a disk whose power is cut, for tests of what is written through package flash. It never
// ships.
//
// A test runs its scenario on a [Disk] whose Before records a copy at each moment, and then looks at all, or at a sample, of
// what a cut at that moment may leave ([Disk.Outcomes]). Code that needs a real directory works on one through a [Recorder],
// whose operations are then replayed on a Disk ([Load], [Disk.Do]) up to any moment, and what is left is written back
// ([Disk.Leave]).
package flashtest

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"gatescan/driver/flash"
)

// Disk is a flash.Disk in memory whose power may be cut before any operation, and of which any operation may fail. It
// remembers what is durable and what is not. New makes one. It is for one goroutine at a time.
type Disk struct {
	// Before is called with a copy of the disk before each operation that changes something; nil for nothing.
	Before func(*Disk)

	// Fail is asked before each operation, reading ones as well. The operation fails with what it returns, a write after half
	// of its data.
	Fail func() error

	// Ways to be a program that does not do its duty, so that a test shows that it can fail.
	NoFileSync, NoDirSync, InPlace bool

	root  *node
	syncs atomic.Int64
}

// New returns an empty disk.
func New() *Disk { return &Disk{root: newDirectory(flash.Access{Mode: 0o700})} }

var _ flash.Disk = &Disk{}

// Syncs returns how many files were synced.
func (d *Disk) Syncs() int64 { return d.syncs.Load() }

// Prepare does nothing: the directory is there.
func (d *Disk) Prepare() error { return d.may() }

func (d *Disk) may() error {
	if d.Fail != nil {
		return d.Fail()
	}
	return nil
}

func (d *Disk) changes() error {
	if d.Before != nil {
		d.Before(d.Copy())
	}
	return d.may()
}

// List implements flash.Disk.
func (d *Disk) List(dir string) (entries []flash.Entry, err error) {
	n := d.root.at(dir)
	switch {
	case n == nil:
		return nil, notThere("open", dir)
	case n.entries == nil:
		return nil, notRegular("readdir", dir)
	}
	for _, name := range n.names() {
		e := n.entries[name]
		entries = append(entries, flash.Entry{Name: name, Size: int64(len(e.data)), Dir: e.entries != nil})
	}
	return entries, d.may()
}

// Open implements flash.Disk.
func (d *Disk) Open(name string) (flash.File, error) { return d.open(name) }

// OpenInPlace implements flash.Disk.
func (d *Disk) OpenInPlace(name string) (flash.File, error) { return d.open(name) }

func (d *Disk) open(name string) (flash.File, error) {
	n := d.root.at(name)
	switch {
	case n == nil:
		return nil, notThere("open", name)
	case n.entries != nil:
		return nil, notRegular("open", name)
	}
	return &file{disk: d, node: n, name: path.Base(name)}, d.may()
}

// Create implements flash.Disk.
func (d *Disk) Create(name string, a flash.Access) (flash.File, error) {
	n := &node{access: a}
	if err := d.make("create", name, n); err != nil {
		return nil, err
	}
	return &file{disk: d, node: n, name: path.Base(name)}, nil
}

// Mkdir implements flash.Disk.
func (d *Disk) Mkdir(name string, a flash.Access) error {
	return d.make("mkdir", name, newDirectory(a))
}

func (d *Disk) make(op, name string, n *node) error {
	dir := d.root.at(path.Dir(name))
	switch {
	case dir == nil || dir.entries == nil:
		return notThere(op, name)
	case dir.entries[path.Base(name)] != nil:
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrExist}
	}
	if err := d.changes(); err != nil {
		return err
	}
	dir.change(entry{to: path.Base(name), node: n})
	return nil
}

// Rename implements flash.Disk. Within one directory it is one change; between two it is a change of each.
func (d *Disk) Rename(from, to string) error {
	n, source, target := d.root.at(from), d.root.at(path.Dir(from)), d.root.at(path.Dir(to))
	if n == nil || target == nil || target.entries == nil {
		return notThere("rename", from)
	}
	if err := d.changes(); err != nil {
		return err
	}
	base, toBase := path.Base(from), path.Base(to)
	switch {
	case d.InPlace:
		target.change(entry{to: toBase, node: &node{data: n.data, access: n.access}})
		source.change(entry{from: base, node: n})
	case source == target:
		source.change(entry{from: base, to: toBase, node: n})
	default:
		source.change(entry{from: base, node: n})
		target.change(entry{to: toBase, node: n})
	}
	return nil
}

// Remove implements flash.Disk.
func (d *Disk) Remove(name string) error {
	n := d.root.at(name)
	switch {
	case n == nil:
		return notThere("remove", name)
	case len(n.entries) > 0:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	if err := d.changes(); err != nil {
		return err
	}
	d.root.at(path.Dir(name)).change(entry{from: path.Base(name), node: n})
	return nil
}

// SyncDir implements flash.Disk.
func (d *Disk) SyncDir(dir string) error {
	n := d.root.at(dir)
	if n == nil || n.entries == nil {
		return notThere("sync", dir)
	}
	if err := d.changes(); err != nil {
		return err
	}
	if !d.NoDirSync {
		n.settle()
	}
	return nil
}

// Names returns the paths of all files, sorted.
func (d *Disk) Names() (names []string) {
	d.root.walk("", func(name string, _ *node) { names = append(names, name) })
	return names
}

// Data returns a copy of what a file holds, nil if there is none of that name.
func (d *Disk) Data(name string) []byte {
	n := d.root.at(name)
	if n == nil || n.entries != nil {
		return nil
	}
	return append([]byte{}, n.data...)
}

// Set puts a file there, durably, without an operation: as damage does. Nil data takes it away. Its directory must be there.
func (d *Disk) Set(name string, data []byte) {
	dir, base := d.root.at(path.Dir(name)), path.Base(name)
	if data == nil {
		delete(dir.entries, base)
		delete(dir.durable, base)
		return
	}
	n := &node{data: bytes.Clone(data), durableData: bytes.Clone(data), access: flash.Private}
	dir.entries[base], dir.durable[base] = n, n
}

// Settle makes all durable, as some time without a cut does.
func (d *Disk) Settle() { d.root.settleAll() }

// file is an open file. Contents are never changed in place: copies share them.
type file struct {
	disk *Disk
	node *node
	name string
	at   int64 // of the next Read or Write
}

func (f *file) Read(p []byte) (int, error) {
	if err := f.disk.may(); err != nil {
		return 0, err
	}
	if f.at >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[f.at:])
	f.at += int64(n)
	return n, nil
}

func (f *file) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.at)
	f.at += int64(n)
	return n, err
}

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	err := f.disk.changes()
	if err != nil {
		p = p[:len(p)/2]
	}
	f.node.write(p, at)
	return len(p), err
}

func (f *file) Sync() error {
	f.disk.syncs.Add(1)
	if err := f.disk.changes(); err != nil {
		return err
	}
	if !f.disk.NoFileSync {
		f.node.durableData = f.node.data
	}
	return nil
}

func (f *file) Close() error { return f.disk.may() }

func (f *file) Stat() (fs.FileInfo, error) {
	return info{f.name, int64(len(f.node.data)), f.node.access.Mode}, f.disk.may()
}

type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

func notThere(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

func notRegular(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: flash.ErrNotRegular}
}

// names are sorted: what a test sees must not depend on the order of a map.
func (n *node) names() []string {
	names := make([]string, 0, len(n.entries))
	for name := range n.entries {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
