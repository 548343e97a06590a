package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gatescan/cmd/gatescan/unit"

	"golang.org/x/sys/unix"
)

// runImport is gatescan config -import.
func runImport(archive, path string, replace, dryRun, asJSON bool, stdout, stderr io.Writer) (int, error) {
	u, sum, err := unit.Open(archive)
	if err != nil {
		return 0, err
	}
	im := importer{archive: archive, path: path, replace: replace, dryRun: dryRun, group: serviceGroup}
	im.report = importReport{
		Archive: archive, SHA256: sum, Config: path, Name: u.Manifest.Name, Made: u.Manifest.Made, Version: u.Manifest.Version, DryRun: dryRun,
		Wrote: []string{}, Replaced: []string{}, Unchanged: []string{}, Removed: []string{}, Present: []string{}, ByHand: []byHand{}, Warnings: []string{},
	}
	if err := im.run(u); err != nil {
		return 0, err
	}
	if asJSON {
		err = json.NewEncoder(stdout).Encode(im.report)
	} else {
		err = im.report.print(stdout, stderr)
	}
	if len(im.report.ByHand) > 0 {
		return exitFailed, err
	}
	return exitDone, err
}

// importer puts an archive into the directory of a configuration, and writes nowhere else.
type importer struct {
	archive         string
	path            string // of the configuration
	replace, dryRun bool
	group           string // may read secrets, if root imports
	wrap            func(tree) tree

	dir, name   string // of the configuration: directory and base name
	made        bool   // the directory
	unit        *unit.Archive
	config      config                  // of the archive
	files       map[string]*importFile  // into dir, by their paths below it
	directories map[string][]carriedKey // below dir, that hold what the archive holds and nothing else that is read
	extras      []string                // files in them that are read and must go
	present     presence                // of the configuration
	outside     []outsideFile
	report      importReport
}

func (im *importer) run(u *unit.Archive) (err error) {
	im.unit = u
	if im.dir, err = filepath.Abs(filepath.Dir(im.path)); err != nil {
		return err
	}
	im.name = filepath.Base(im.path)
	var mistakes []mistake
	if im.config, mistakes = parseConfig(u.Config); len(mistakes) > 0 {
		return fmt.Errorf("nothing was changed: %w", &configError{im.archive + ": " + unit.ConfigEntry, mistakes})
	}
	if err := im.assign(); err != nil {
		return fmt.Errorf("nothing was changed: %s: %w", im.archive, err)
	}
	if !im.dryRun {
		if err := im.makeDirectory(); err != nil {
			return err
		}
	}
	err = im.intoDirectory()
	if err != nil && im.made {
		_ = os.Remove(im.dir) // if it is empty
	}
	return err
}

// makeDirectory makes the directory of the configuration if it is not there.
func (im *importer) makeDirectory() error {
	err := os.Mkdir(im.dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	im.made = true
	return errors.Join(keepsNoAccess(os.Chmod(im.dir, 0o755)), syncDirectory(filepath.Dir(im.dir))) // whatever the umask
}

// lockDirectory keeps two imports apart. The kernel lets go of it when the process ends.
func lockDirectory(dir string) (io.Closer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another import into %s is at work", dir)
	}
	return f, nil
}

// intoDirectory does the import, or says what it would do.
func (im *importer) intoDirectory() error {
	unchanged := func(err error) error { return fmt.Errorf("nothing was changed: %w", err) }
	dir := im.dir
	if im.dryRun {
		var err error
		if dir, err = os.MkdirTemp("", "gatescan-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	held, err := lockDirectory(dir)
	if err != nil {
		return unchanged(err)
	}
	defer held.Close()
	if err := im.look(); err != nil {
		return unchanged(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return unchanged(err)
	}
	defer root.Close()
	var t tree = rootTree{root}
	if im.wrap != nil {
		t = im.wrap(t)
	}
	s := newStage(t, dir, im.name)
	err = im.prepare(s)
	if err == nil {
		im.warn()
		if words := im.lost(); len(words) > 0 {
			err = fmt.Errorf("this unit withdraws %s, and the archive does not: withdraw that on the old unit too and export again, or take it out here first", someOf(words))
		}
	}
	if err == nil && !im.dryRun {
		err = im.settle(s)
		if began := (*unfinishedError)(nil); errors.As(err, &began) {
			return err
		}
	}
	if err != nil || im.dryRun {
		err = errors.Join(err, s.remove())
	}
	if err != nil {
		return unchanged(im.explain(err))
	}
	return nil
}

// unfinishedError says that the archive is in force, and the import not at its end.
type unfinishedError struct {
	path string
	err  error
}

func (e *unfinishedError) Error() string {
	return fmt.Sprintf("%v\n%s is whole, the old one or the new one; do the import again, with -replace, to finish it", e.err, e.path)
}

func (e *unfinishedError) Unwrap() error { return e.err }

// settle puts everything in place.
func (im *importer) settle(s *stage) error {
	if len(s.files)+len(im.extras)+len(im.newDirectories()) == 0 && im.present == same {
		return im.clean(s)
	}
	if err := im.keepOld(s); err != nil {
		return err
	}
	if err := s.lasting(); err != nil {
		return err
	}
	began, err := im.commit(s)
	if err != nil && began {
		return &unfinishedError{im.path, err}
	}
	if err != nil {
		return err
	}
	if err := im.clean(s); err != nil {
		im.report.Warnings = append(im.report.Warnings, fmt.Sprintf("the import is done, but what it prepared cannot be removed: %v", err))
	}
	return nil
}
