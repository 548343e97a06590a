package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gatescan/cmd/gatescan/unit"
	"gatescan/trustsync"
)

// exporter collects what a configuration names.
type exporter struct {
	dir     string // of the configuration
	secrets bool
	hidden  []fs.FileInfo // the files of secret keys, under whatever path
	files   map[string]*unit.File
	unit    unit.Archive
	size    int
}

// exportUnit reads a gate's configuration and what it names. What it remembers stays with it: counts belong to the place
// and the time where they were counted; trust data is fetched and proved by the replacement itself, since nothing signs a
// copy of the store; and the clock's floor of this unit, which may be wrong, would bind one whose clock was never asked. The
// replacement's own floors stay in force, so that nothing there becomes older.
func exportUnit(path string, secrets bool, now time.Time) (*unit.Archive, error) {
	c, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	e := exporter{dir: dir, secrets: secrets, files: map[string]*unit.File{}}
	e.unit.Files = map[string][]byte{}
	e.unit.Manifest = unit.Manifest{
		Version: version, Made: now.UTC().Truncate(time.Second), Name: c.Status.Name, Secrets: secrets,
		Files: []unit.File{}, Directories: []unit.Directory{}, LeftOut: []unit.LeftOut{},
	}
	if e.unit.Config, err = readConfigText(path); err != nil {
		return nil, err
	}
	keys := c.carriedKeys()
	for _, key := range keys {
		if err := e.prepare(key, filepath.Base(path)); err != nil {
			return nil, err
		}
	}
	for _, key := range keys {
		if err := e.key(key); err != nil {
			return nil, fmt.Errorf("%s: %w", key.name, err)
		}
	}
	for _, f := range e.files {
		e.unit.Manifest.Files = append(e.unit.Manifest.Files, *f)
	}
	slices.SortFunc(e.unit.Manifest.Files, func(a, b unit.File) int { return strings.Compare(a.Path, b.Path) })
	e.unit.AddChecksums()
	return &e.unit, nil
}

// prepare learns which files are secret, and refuses what an archive cannot hold.
func (e *exporter) prepare(key carriedKey, configName string) error {
	switch {
	case key.holdsPassword() && !e.secrets:
		return fmt.Errorf("%s may hold a password, and the configuration goes along as it is: export with -secrets, or take it out", key.name)
	case !key.isPath():
		return nil
	}
	if below, ok := inside(e.dir, *key.value); ok && strings.HasPrefix(below, importPrefix(configName)) {
		return errors.New("an import into this configuration was cut short: do it again, with -replace, and then export")
	}
	if key.how == carrySecret {
		if info, err := os.Stat(under(e.dir, *key.value)); err == nil {
			e.hidden = append(e.hidden, info)
		}
	}
	return nil
}

// key takes along what a key names.
func (e *exporter) key(key carriedKey) error {
	if !key.isPath() {
		return nil
	}
	name := filepath.Clean(*key.value)
	if key.how == carryDirectory {
		info, err := os.Stat(under(e.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			e.leaveOut(name, key.name, "it is not there", false)
			return nil
		}
		if err != nil {
			return err
		}
		if info.IsDir() {
			return e.directory(name, key)
		}
	}
	return e.file(name, key)
}

// directory takes along the files directly in it that the gate reads.
func (e *exporter) directory(name string, key carriedKey) error {
	names, err := readNames(under(e.dir, name), unit.MaxFiles)
	if err != nil {
		return err
	}
	e.unit.Manifest.Directories = append(e.unit.Manifest.Directories, unit.Directory{Path: name, Key: key.name})
	for _, base := range names {
		file := filepath.Join(name, base)
		switch {
		case !key.reads(under(e.dir, file)):
		case !unit.IsPath(file):
			return fmt.Errorf("%q cannot be carried: give it a name that can be printed", file)
		default:
			if err := e.file(file, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// reads is whether the gate reads a file of the directory that the key names.
func (k carriedKey) reads(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	if k.source == "rules_directory" {
		return strings.HasSuffix(path, ".json")
	}
	_, report, err := trustsync.ReadDirectory(path)
	return err == nil && report.Loaded > 0
}

// readNames lists what a directory holds, sorted.
func readNames(dir string, limit int) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(limit + 1)
	if len(names) > limit {
		return nil, fmt.Errorf("%s holds more than %d files", dir, limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

// file takes one file along, or says why it does not.
func (e *exporter) file(name string, key carriedKey) error {
	if f := e.files[name]; f != nil {
		f.Keys = append(f.Keys, key.name)
		return nil
	}
	data, err := readSmall(under(e.dir, name), unit.MaxFile)
	if err != nil {
		return err
	}
	secret := e.isSecret(under(e.dir, name), data)
	if secret && !e.secrets {
		e.leaveOut(name, key.name, "secret", true)
		return nil
	}
	if e.size += len(data); e.size > unit.MaxSize || len(e.files) == unit.MaxFiles {
		return fmt.Errorf("with %s there would be more than %d files or %d bytes; does the key name the right place?", name, unit.MaxFiles, unit.MaxSize)
	}
	e.files[name] = &unit.File{Path: name, Keys: []string{key.name}, Secret: secret}
	e.unit.Files[name] = data
	return nil
}

// isSecret is whether a secret key names the file under any path, or it holds a private key, whatever it should hold.
func (e *exporter) isSecret(path string, data []byte) bool {
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) { // RFC 7468
		return true
	}
	info, err := os.Stat(path)
	return err != nil || slices.ContainsFunc(e.hidden, func(h fs.FileInfo) bool { return os.SameFile(h, info) })
}

func (e *exporter) leaveOut(name, key, why string, secret bool) {
	list := &e.unit.Manifest.LeftOut
	if i := slices.IndexFunc(*list, func(l unit.LeftOut) bool { return l.Path == name }); i >= 0 {
		(*list)[i].Keys = append((*list)[i].Keys, key)
		return
	}
	*list = append(*list, unit.LeftOut{Path: name, Keys: []string{key}, Why: why, Secret: secret})
}
