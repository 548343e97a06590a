package flashtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"gatescan/driver/flash"
)

// Load returns a disk that holds what a real directory does, all of it durable.
func Load(dir string) (*Disk, error) {
	d := New()
	if err := d.root.load(dir); err != nil {
		return nil, err
	}
	d.Settle()
	return d, nil
}

func (n *node) load(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			below := newDirectory(flash.AccessOf(info))
			n.entries[e.Name()] = below
			if err := below.load(path); err != nil {
				return err
			}
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			n.entries[e.Name()] = &node{data: data, access: flash.AccessOf(info)}
		default:
			return fmt.Errorf("%s is neither a file nor a directory", path)
		}
	}
	return nil
}

// Leave makes a real directory hold what the disk does, and nothing else. Modes are as on the disk, owners are not. It writes
// nothing that is there already: tests do it thousands of times.
func (d *Disk) Leave(dir string) error { return d.root.leave(dir) }

func (n *node) leave(dir string) error {
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, f := range found {
		e := n.entries[f.Name()]
		if e == nil || (e.entries != nil) != f.IsDir() {
			if err := os.RemoveAll(filepath.Join(dir, f.Name())); err != nil {
				return err
			}
			continue
		}
		there[f.Name()] = true
	}
	for _, name := range n.names() {
		path, e := filepath.Join(dir, name), n.entries[name]
		switch {
		case e.entries != nil:
			if !there[name] {
				if err = os.Mkdir(path, 0o700); err != nil {
					return err
				}
			}
			err = e.leave(path)
		case !there[name] || !e.same(path):
			err = os.WriteFile(path, e.data, 0o600)
		}
		if err != nil {
			return err
		}
		if err := os.Chmod(path, e.access.Mode); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) same(path string) bool {
	data, err := os.ReadFile(path)
	return err == nil && bytes.Equal(data, n.data)
}
