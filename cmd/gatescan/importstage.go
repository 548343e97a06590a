package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gatescan/cmd/gatescan/unit"

	"github.com/pelletier/go-toml/v2"
)

// An import must leave the old or the new configuration, whole, whenever the power goes. It is one file and those that
// it names, and only one rename at a time is atomic; so there is a third configuration in between, which says the same as
// the new one and names copies:
//
//  1. In a directory of its own beside the configuration: all files of the archive as copies, and once more those that are
//     to be put in place; the new configuration; the interim one; what will be replaced. All of it is made lasting.
//  2. What will be replaced goes beside the configuration, as a directory.
//  3. The interim configuration takes the place of the old one. The import is in force.
//  4. The files go into their places, which nothing names at this time.
//  5. The new configuration takes the place of the interim one, and the directory is removed.
//
// An import that was cut short after 3 works, and is finished by doing it again.
const (
	stageCopies  = "files"
	stagePlace   = "place"
	stageNew     = "new.toml"
	stageInterim = "interim.toml"
	stageOld     = "old"
)

const interimHeader = "# An import was cut short. It is in force; do it again, with -replace, to finish it.\n\n"

// oldSuffix is of the directory, beside the configuration, that holds what an import replaced.
const oldSuffix = ".old"

const maxOld = 100

// importPrefix begins the names of the directories in which imports prepare.
func importPrefix(name string) string { return "." + name + ".import-" }

// stage is the directory in which an import prepares.
type stage struct {
	tree  tree
	dir   string // full path of what the tree is
	name  string // of the stage in it
	made  map[string]bool
	files []string // to put in place, in the order of their numbers
}

func newStage(t tree, dir, config string) *stage {
	return &stage{tree: t, dir: dir, name: importPrefix(config) + rand.Text()[:8], made: map[string]bool{}}
}

func (s *stage) path(parts ...string) string {
	return filepath.Join(append([]string{s.name}, parts...)...)
}

// mkdir makes a directory in the stage, and those that it is in.
func (s *stage) mkdir(name string) error {
	if name == "." || s.made[name] {
		return nil
	}
	if err := s.mkdir(filepath.Dir(name)); err != nil {
		return err
	}
	if err := s.tree.mkdir(name); err != nil {
		return err
	}
	s.made[name] = true
	return nil
}

func (s *stage) write(name string, data []byte, a access) error {
	if err := s.mkdir(filepath.Dir(name)); err != nil {
		return err
	}
	return s.tree.write(name, data, a)
}

// prepare writes all that the import needs, and returns the mistakes of the configuration with these files.
func (im *importer) prepare(s *stage) error {
	interim, mistakes := parseConfig(im.unit.Config)
	if len(mistakes) > 0 {
		return &configError{im.archive, mistakes}
	}
	for below := range im.directories {
		if err := s.mkdir(s.path(stageCopies, below)); err != nil {
			return err
		}
	}
	if err := s.mkdir(s.path(stagePlace)); err != nil {
		return err
	}
	for _, below := range slices.Sorted(maps.Keys(im.files)) {
		f := im.files[below]
		a := im.access(below, f.secret)
		if err := s.write(s.path(stageCopies, below), f.data, a); err != nil {
			return err
		}
		if f.found != same {
			if err := s.write(s.placed(len(s.files)), f.data, a); err != nil {
				return err
			}
			s.files = append(s.files, below)
		}
	}
	for _, key := range interim.carriedKeys() {
		if !key.isPath() {
			continue
		}
		if below, ok := inside(im.dir, *key.value); ok && im.carries(below) {
			*key.value = filepath.Join(s.dir, s.path(stageCopies, below))
		} else {
			*key.value = under(im.dir, *key.value)
		}
	}
	text, err := toml.Marshal(interim)
	if err != nil {
		return err
	}
	if err := s.write(s.path(stageInterim), append([]byte(interimHeader), text...), im.configAccess()); err != nil {
		return err
	}
	if err := s.write(s.path(stageNew), im.unit.Config, im.configAccess()); err != nil {
		return err
	}
	if mistakes := interim.readFiles(im.dir); len(mistakes) > 0 {
		for i := range mistakes { // say where the file will be
			mistakes[i].text = strings.ReplaceAll(mistakes[i].text, filepath.Join(s.dir, s.path(stageCopies)), im.dir)
		}
		return &configError{im.archive + ": " + unit.ConfigEntry, placed(mistakes, im.unit.Config)}
	}
	im.config = interim
	_, err = readConfig(filepath.Join(s.dir, s.path(stageInterim)))
	return err
}

// carries is whether what a key names comes from the archive.
func (im *importer) carries(below string) bool {
	_, directory := im.directories[below]
	return directory || im.files[below] != nil
}

func (s *stage) placed(n int) string { return s.path(stagePlace, fmt.Sprint(n)) }

// keepOld copies what will be replaced.
func (im *importer) keepOld(s *stage) error {
	replaced := slices.Clone(im.extras)
	for _, f := range im.files {
		if f.found == different {
			replaced = append(replaced, f.below)
		}
	}
	if im.present == different {
		replaced = append(replaced, im.name)
	}
	slices.Sort(replaced)
	for _, below := range replaced {
		path := filepath.Join(im.dir, below)
		data, err := readSmall(path, unit.MaxFile)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if err := s.write(s.path(stageOld, below), data, accessOf(info)); err != nil {
			return err
		}
	}
	return nil
}

// lasting makes the stage lasting, the directory that it is in last.
func (s *stage) lasting() error {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.made))) {
		if err := s.tree.sync(name); err != nil {
			return err
		}
	}
	return s.tree.sync(".")
}

// oldName is a name for the directory of what is replaced, which is not taken.
func (im *importer) oldName() (string, error) {
	for n := range maxOld {
		name := im.name + oldSuffix
		if n > 0 {
			name = fmt.Sprintf("%s-%d", name, n+1)
		}
		if _, err := os.Lstat(filepath.Join(im.dir, name)); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
	}
	return "", fmt.Errorf("%s holds %d former configurations: remove those that nobody needs", im.dir, maxOld)
}

// commit does 2 to 5. began is whether the old configuration may be gone.
func (im *importer) commit(s *stage) (began bool, err error) {
	t := s.tree
	if s.made[s.path(stageOld)] {
		old, err := im.oldName()
		if err != nil {
			return false, err
		}
		if err := s.swap(stageOld, old); err != nil {
			return false, err
		}
		im.report.Kept = filepath.Join(im.dir, old)
	}
	if err := s.swap(stageInterim, im.name); err != nil {
		return true, err
	}
	touched := map[string]bool{".": true}
	for _, below := range im.newDirectories() {
		if err := t.mkdir(below); err != nil {
			return true, err
		}
		touched[below], touched[filepath.Dir(below)] = true, true
	}
	for n, below := range s.files {
		if err := t.rename(s.placed(n), below); err != nil {
			return true, err
		}
		touched[filepath.Dir(below)] = true
	}
	for _, below := range im.extras {
		if err := t.remove(below); err != nil {
			return true, err
		}
		touched[filepath.Dir(below)] = true
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(touched))) {
		if err := t.sync(name); err != nil {
			return true, err
		}
	}
	return true, s.swap(stageNew, im.name)
}

// swap puts something of the stage beside it, for good.
func (s *stage) swap(from, to string) error {
	if err := s.tree.rename(s.path(from), to); err != nil {
		return err
	}
	return s.tree.sync(".")
}

// newDirectories are those that files want and that are not there, outer ones first.
func (im *importer) newDirectories() []string {
	wanted := map[string]bool{}
	want := func(name string) {
		for ; name != "."; name = filepath.Dir(name) {
			if _, err := os.Lstat(filepath.Join(im.dir, name)); err == nil {
				return
			}
			wanted[name] = true
		}
	}
	for below := range im.files {
		want(filepath.Dir(below))
	}
	for below := range im.directories {
		want(below)
	}
	return slices.Sorted(maps.Keys(wanted))
}

// remove removes the stage.
func (s *stage) remove() error {
	if !s.made[s.name] {
		return nil
	}
	return removeAll(s.tree, os.DirFS(s.dir), s.name)
}

// clean removes what this import and those that were cut short prepared.
func (im *importer) clean(s *stage) error {
	names, err := readNames(s.dir, unit.MaxFiles)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, importPrefix(im.name)) {
			continue
		}
		if err := removeAll(s.tree, os.DirFS(s.dir), name); err != nil {
			return err
		}
	}
	return s.tree.sync(".")
}
