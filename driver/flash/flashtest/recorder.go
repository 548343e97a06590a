package flashtest

import (
	"fmt"

	"gatescan/driver/flash"
)

// Kind says what an operation does.
type Kind string

// The operations that change something.
const (
	Create  Kind = "create"
	Mkdir   Kind = "mkdir"
	Write   Kind = "write"
	Sync    Kind = "sync" // a file
	Rename  Kind = "rename"
	Remove  Kind = "remove"
	SyncDir Kind = "sync directory"
)

// Op is an operation. A file is written and synced under the name under which it was opened.
type Op struct {
	Kind     Kind
	Name, To string
	Data     []byte
	At       int64
	Access   flash.Access
}

func (o Op) String() string { return fmt.Sprintf("%s %s %s", o.Kind, o.Name, o.To) }

// Recorder is a disk that remembers what was done to another one.
type Recorder struct {
	flash.Disk

	Ops []Op

	// Fail is asked before each operation that changes something; n counts them from 0. Nil fails nothing.
	Fail func(n int, o Op) error

	// NoSync does not wait for the medium, for tests that do thousands of operations on a real directory.
	NoSync bool
}

func (r *Recorder) do(o Op, f func() error) error {
	n := len(r.Ops)
	r.Ops = append(r.Ops, o)
	if r.Fail != nil {
		if err := r.Fail(n, o); err != nil {
			return err
		}
	}
	if r.NoSync && (o.Kind == Sync || o.Kind == SyncDir) {
		return nil
	}
	return f()
}

// OpenInPlace implements flash.Disk.
func (r *Recorder) OpenInPlace(name string) (flash.File, error) {
	f, err := r.Disk.OpenInPlace(name)
	return &recordedFile{File: f, recorder: r, name: name}, err
}

// Create implements flash.Disk.
func (r *Recorder) Create(name string, a flash.Access) (f flash.File, err error) {
	err = r.do(Op{Kind: Create, Name: name, Access: a}, func() error { f, err = r.Disk.Create(name, a); return err })
	return &recordedFile{File: f, recorder: r, name: name}, err
}

// Mkdir implements flash.Disk.
func (r *Recorder) Mkdir(name string, a flash.Access) error {
	return r.do(Op{Kind: Mkdir, Name: name, Access: a}, func() error { return r.Disk.Mkdir(name, a) })
}

// Rename implements flash.Disk.
func (r *Recorder) Rename(from, to string) error {
	return r.do(Op{Kind: Rename, Name: from, To: to}, func() error { return r.Disk.Rename(from, to) })
}

// Remove implements flash.Disk.
func (r *Recorder) Remove(name string) error {
	return r.do(Op{Kind: Remove, Name: name}, func() error { return r.Disk.Remove(name) })
}

// SyncDir implements flash.Disk.
func (r *Recorder) SyncDir(dir string) error {
	return r.do(Op{Kind: SyncDir, Name: dir}, func() error { return r.Disk.SyncDir(dir) })
}

type recordedFile struct {
	flash.File
	recorder *Recorder
	name     string
	at       int64
}

func (f *recordedFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.at)
	f.at += int64(n)
	return n, err
}

func (f *recordedFile) WriteAt(p []byte, at int64) (n int, err error) {
	o := Op{Kind: Write, Name: f.name, Data: append([]byte{}, p...), At: at}
	err = f.recorder.do(o, func() error { n, err = f.File.WriteAt(p, at); return err })
	return n, err
}

func (f *recordedFile) Sync() error {
	return f.recorder.do(Op{Kind: Sync, Name: f.name}, f.File.Sync)
}

// Do does an operation again.
func (d *Disk) Do(o Op) error {
	switch o.Kind {
	case Create:
		_, err := d.Create(o.Name, o.Access)
		return err
	case Mkdir:
		return d.Mkdir(o.Name, o.Access)
	case Rename:
		return d.Rename(o.Name, o.To)
	case Remove:
		return d.Remove(o.Name)
	case SyncDir:
		return d.SyncDir(o.Name)
	case Write, Sync:
		f, err := d.open(o.Name)
		if err != nil {
			return err
		}
		if o.Kind == Sync {
			return f.Sync()
		}
		_, err = f.WriteAt(o.Data, o.At)
		return err
	}
	return fmt.Errorf("unknown operation %q", o.Kind)
}

// Failing fails the operations from at on, as many as times.
func Failing(at, times int, with error) (fail func() error, reached func() bool) {
	n := 0
	return func() error {
		n++
		if n > at && n <= at+times {
			return fmt.Errorf("operation %d: %w", n, with)
		}
		return nil
	}, func() bool { return n > at }
}
