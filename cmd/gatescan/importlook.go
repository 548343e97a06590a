package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"gatescan/cmd/gatescan/unit"
)

// look compares the archive with what is there, and says what keeps the import from going on.
func (im *importer) look() (err error) {
	if im.present, err = im.standing(im.name, im.unit.Config); err != nil {
		return err
	}
	im.report.add(im.name, im.present)
	var differ []string
	if im.present == different {
		differ = append(differ, im.name+" differs")
	}
	for _, below := range slices.Sorted(maps.Keys(im.files)) {
		f := im.files[below]
		if f.found, err = im.standing(below, f.data); err != nil {
			return err
		}
		im.report.add(below, f.found)
		if f.found == different {
			differ = append(differ, below+" differs")
		}
	}
	for _, below := range slices.Sorted(maps.Keys(im.directories)) {
		if err := im.lookInto(below); err != nil {
			return err
		}
	}
	im.report.Removed = append(im.report.Removed, im.extras...)
	for _, below := range im.extras {
		differ = append(differ, below+" is not in the archive")
	}
	if len(differ) > 0 && !im.replace {
		return fmt.Errorf("%s: %s; -replace puts what the archive holds in place of it, and keeps what was there", im.dir, someOf(differ))
	}
	im.elsewhere()
	return nil
}

// standing is what stands in the place of a file. It is an error if that cannot be put there in one step.
func (im *importer) standing(below string, data []byte) (presence, error) {
	if there, err := im.reachable(filepath.Dir(below)); err != nil || !there {
		return absent, err
	}
	path := filepath.Join(im.dir, below)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent, nil
	case err != nil:
		return absent, err
	case !info.Mode().IsRegular():
		return absent, inTheWay(path, info)
	}
	there, err := readSmall(path, unit.MaxFile)
	if err != nil {
		return absent, err
	}
	if bytes.Equal(there, data) {
		return same, nil
	}
	return different, nil
}

// reachable is whether a directory is there. It is an error if it is something else, or on another file system.
func (im *importer) reachable(below string) (bool, error) {
	dir, err := os.Stat(im.dir)
	path := im.dir
	if below != "." && err == nil {
		for part := range strings.SplitSeq(below, "/") {
			path = filepath.Join(path, part)
			var info fs.FileInfo
			if info, err = os.Lstat(path); err != nil {
				break
			}
			if !info.IsDir() {
				return false, inTheWay(path, info)
			}
			if device(info) != device(dir) {
				return false, fmt.Errorf("%s is on another file system than %s: an import cannot change both in one step", path, im.dir)
			}
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func inTheWay(path string, info fs.FileInfo) error {
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s is a link: put what it leads to in its place, for an import writes nowhere else", path)
	}
	return fmt.Errorf("%s is in the way: move it elsewhere", path)
}

func device(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Dev)
	}
	return 0
}

// lookInto finds what the gate would read in a directory beside what the archive holds.
func (im *importer) lookInto(below string) error {
	if there, err := im.reachable(below); err != nil || !there {
		return err
	}
	names, err := readNames(filepath.Join(im.dir, below), unit.MaxFiles)
	if err != nil {
		return err
	}
	for _, name := range names {
		file := filepath.Join(below, name)
		path := filepath.Join(im.dir, file)
		switch {
		case im.files[file] != nil || file == im.name || im.leftOut(path) || !slices.ContainsFunc(im.directories[below], func(k carriedKey) bool { return k.reads(path) }):
		case slices.Contains(im.extras, file):
		default:
			if _, err := im.standing(file, nil); err != nil {
				return err
			}
			im.extras = append(im.extras, file)
		}
	}
	return nil
}

// LeftOut is whether the manifest says that the archive does not hold a file.
func (im *importer) leftOut(path string) bool {
	return slices.ContainsFunc(im.unit.Manifest.LeftOut, func(l unit.LeftOut) bool { return under(im.dir, l.Path) == path })
}

// elsewhere finds out what is to be done by hand.
func (im *importer) elsewhere() {
	for _, o := range im.outside {
		there, err := readSmall(o.path, unit.MaxFile)
		if err == nil && bytes.Equal(there, im.unit.Files[o.file.Path]) {
			im.report.Present = append(im.report.Present, o.path)
			continue
		}
		why := "is outside of " + im.dir
		if err == nil {
			why += ", and another file is there"
		}
		mask := "022"
		if o.file.Secret {
			mask = "077"
		}
		im.report.ByHand = append(im.report.ByHand, byHand{o.path, fmt.Sprintf("%s: (umask %s; tar -xOf %s %s > %s)",
			why, mask, shellWord(im.archive), o.file.Entry, shellWord(o.path))})
	}
	for _, l := range im.unit.Manifest.LeftOut {
		path := under(im.dir, l.Path)
		switch _, err := os.Stat(path); {
		case err == nil:
			im.report.Present = append(im.report.Present, path)
		case l.Secret:
			im.report.ByHand = append(im.report.ByHand, byHand{path, "is a secret, and not in the archive: copy it from the old unit, make a new one, or export with -secrets"})
		}
	}
}

// warn says what is no mistake and yet may not be meant.
func (im *importer) warn() {
	warn := func(format string, args ...any) {
		im.report.Warnings = append(im.report.Warnings, fmt.Sprintf(format, args...))
	}
	for _, w := range im.config.warnings() {
		warn("%s: %s", w.key, w.text)
	}
	if im.config.Trust.Lab {
		warn("trust.lab: anybody can make passes with gatelab that open this gate")
	}
	if info, err := os.Stat(im.path); err == nil && im.present == different && info.ModTime().After(im.unit.Manifest.Made) {
		warn("the archive is of %s, and what it replaces was changed after that, %s", im.unit.Manifest.Made.UTC().Format(time.RFC3339),
			info.ModTime().UTC().Format(time.RFC3339))
	}
}

// lost lists what the configuration that is there withdraws by name, and the one of the archive does not: what is older must
// not give back a key.
func (im *importer) lost() (words []string) {
	if im.present != different {
		return nil
	}
	before, err := readConfig(im.path)
	if err != nil {
		return nil // it closes the gate as it is
	}
	after := im.config.trust.Barred
	for _, kid := range before.trust.Barred.KIDs {
		if !slices.Contains(after.KIDs, kid) {
			words = append(words, fmt.Sprintf("kid:%x", kid[:]))
		}
	}
	for _, key := range before.trust.Barred.Keys {
		if !slices.Contains(after.Keys, key) {
			words = append(words, fmt.Sprintf("spki:%x", key[:]))
		}
	}
	return words
}
