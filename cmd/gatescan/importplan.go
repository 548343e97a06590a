package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gatescan/cmd/gatescan/unit"
)

// importFile is one file to put into the directory of the configuration.
type importFile struct {
	below  string // path below the directory
	data   []byte
	secret bool
	found  presence
}

// outsideFile is one that belongs elsewhere.
type outsideFile struct {
	file unit.File
	path string
}

// presence is what stands in the place of a file.
type presence uint8

const (
	absent presence = iota
	same
	different
)

// assign finds out for each file of the archive where the configuration wants it.
func (im *importer) assign() error {
	im.files, im.directories = map[string]*importFile{}, map[string][]carriedKey{}
	claimed := map[string]bool{}
	byPath := map[string]unit.File{}
	for _, f := range im.unit.Manifest.Files {
		byPath[f.Path] = f
	}
	for _, key := range im.config.carriedKeys() {
		if !key.isPath() {
			continue
		}
		name := filepath.Clean(*key.value)
		below, isInside := inside(im.dir, name)
		if !unit.IsPath(name) || isInside && strings.HasPrefix(below, importPrefix(im.name)) {
			return fmt.Errorf("%s: %q is no path that can be carried", key.name, name)
		}
		names := []string{name}
		if whole := im.holdsDirectory(name); whole && key.how == carryDirectory {
			names = im.below(name)
			if isInside {
				im.directories[below] = append(im.directories[below], key)
			}
		}
		for _, name := range names {
			if f, ok := byPath[name]; ok {
				claimed[name] = true
				if err := im.place(f, key.how == carrySecret); err != nil {
					return err
				}
			}
		}
	}
	for _, f := range im.unit.Manifest.Files {
		if !claimed[f.Path] {
			return fmt.Errorf("%w: no key of its configuration names %s", unit.ErrArchive, f.Path)
		}
	}
	return nil
}

func (im *importer) holdsDirectory(name string) bool {
	return slices.ContainsFunc(im.unit.Manifest.Directories, func(d unit.Directory) bool { return d.Path == name })
}

// below lists the archive's files directly in a directory.
func (im *importer) below(directory string) (names []string) {
	for _, f := range im.unit.Manifest.Files {
		if filepath.Dir(f.Path) == directory {
			names = append(names, f.Path)
		}
	}
	return names
}

// place decides where one file goes.
func (im *importer) place(f unit.File, secret bool) error {
	below, ok := inside(im.dir, f.Path)
	if !ok {
		if slices.ContainsFunc(im.outside, func(o outsideFile) bool { return o.file.Path == f.Path }) {
			return nil
		}
		im.outside = append(im.outside, outsideFile{f, under(im.dir, f.Path)})
		return nil
	}
	data := im.unit.Files[f.Path]
	if below == "." || below == im.name || strings.HasPrefix(below, importPrefix(im.name)) || strings.HasPrefix(below, im.name+oldSuffix) {
		return fmt.Errorf("%w: %s is where the import itself writes", unit.ErrArchive, f.Path)
	}
	file := im.files[below]
	if file == nil {
		im.files[below] = &importFile{below: below, data: data, secret: secret || f.Secret}
		return nil
	}
	if !bytes.Equal(file.data, data) {
		return fmt.Errorf("%w: %s is there twice", unit.ErrArchive, f.Path)
	}
	file.secret = file.secret || secret || f.Secret
	return nil
}
