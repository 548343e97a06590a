// Package store keeps trust data on disk: generations that are verified whole, swapped atomically, and never older than before, and floors that
// outlive a damaged generation. It must never know how trust data are fetched: no network, no source.
package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"strconv"
	"sync"
)

// The names of the store's files. All others are left alone.
const (
	generationPrefix = "generation-" // and 20 digits
	damagedSuffix    = ".damaged"
	floorsName       = "floors"
	temporaryPrefix  = "new-" // and a digit

	keptWhole   = 2
	keptDamaged = 2
	maxChecked  = 16 // generations that are read besides the one in force, just to see whether they are damaged
)

// Store keeps generations in a directory. Whatever happens to the power, to the process or to the disk, the newest
// generation that Save acknowledged is there, or one that was saved later; and no floor is lower than it was then.
//
// Each file is written under another name, made lasting, read back, and only then given its name. The floors are switched
// before the generation, so a floor may be ahead of the holding of its source by what a power cut left out.
//
// Its methods may be called from any goroutine. Two processes must not write the same directory; any may read it.
type Store struct {
	disk disk

	mu     sync.Mutex
	floors floors // all that this process has seen
}

// Fault is a file of the store that is not as it should be. It is an error.
type Fault struct {
	File  string // its name in the directory
	Err   error
	Aside string // the name that it was given, empty if it was left where it was
}

func (f Fault) Error() string {
	if f.Aside != "" {
		return fmt.Sprintf("%s: %v; set aside as %s", f.File, f.Err, f.Aside)
	}
	return fmt.Sprintf("%s: %v", f.File, f.Err)
}

// Unwrap returns what is wrong with the file.
func (f Fault) Unwrap() error { return f.Err }

// Open opens the store in a directory, which it makes with mode 0700 if it is not there. Its parent must be there.
func Open(dir string) (*Store, error) {
	if err := prepareDirectory(dir); err != nil {
		return nil, err
	}
	return &Store{disk: dirDisk(dir)}, nil
}

// Is says whether a directory holds a store.
func Is(dir string) bool {
	c, err := contentsOf(dirDisk(dir))
	return err == nil && (c.highest > 0 || c.floors)
}

// Read is Load for a directory that somebody else writes: it changes nothing there.
func Read(dir string) (*Generation, []Fault, error) {
	f, err := readDisk(dirDisk(dir))
	if err != nil {
		return nil, nil, fmt.Errorf("trust store %s: %w", dir, err)
	}
	return f.inForce(), f.faults, nil
}

// ReadGenerationFile reads one generation, of at most 64 MiB, from a regular file of any name.
func ReadGenerationFile(path string) (*Generation, error) {
	data, err := readBounded(dirDisk(filepath.Dir(path)), filepath.Base(path), maxGenerationSize)
	if err != nil {
		return nil, err
	}
	return Decode(data)
}

// Load returns the newest generation that is whole, with the highest floor that the store knows of each source. A source
// that has left nothing but its floor is there with that alone. It is nil if the store is empty; if all that is there are
// floors, its number is 0.
//
// What is damaged is a fault each, and is set aside under a name that ends in ".damaged", of which two are kept, if the disk
// lets us. What was written by a newer version of the program, or cannot be read for now, is a fault and stays. The error
// is about the directory as a whole.
func (s *Store) Load() (*Generation, []Fault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := readDisk(s.disk)
	if err != nil {
		return nil, nil, fmt.Errorf("trust store: %w", err)
	}
	s.setAside(&f)
	f.known = f.known.with(s.floors)
	s.floors = f.known
	if f.lost { // if that fails, the next Save does it
		if file, err := f.known.encode(); err == nil {
			_ = s.replace(floorsName, file)
		}
	}
	return f.inForce(), f.faults, nil
}

// Save writes g as the next generation and sets its number. Of the floor in g and the one that the store knows, the higher
// is written. If there is an error, g is not acknowledged: what was in force stays, and Save may be called again. (If the
// very last step failed, a restart may find either.)
func (s *Store) Save(g *Generation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := contentsOf(s.disk)
	if err != nil {
		return fmt.Errorf("trust store: %w", err)
	}
	for _, name := range c.temporaries { // of one who was killed; they may be what fills the disk
		_ = s.disk.remove(name)
	}
	known, err := s.knownFloors()
	if err != nil {
		return fmt.Errorf("trust store: %w", err)
	}
	next := *g
	if next.Number, err = known.next(c); err != nil {
		return err
	}
	known.raise(&next)
	next.Sources = known.lift(next.Sources)
	if len(next.Sources) > maxStored { // the floors are in their own file as well
		maps.DeleteFunc(next.Sources, func(_ string, s Stored) bool { return s.onlyFloor() })
	}
	generation, err := Encode(&next)
	if err != nil {
		return fmt.Errorf("trust data: %w", err)
	}
	known.trim()
	floors, err := known.encode()
	if err != nil {
		return fmt.Errorf("trust data: %w", err)
	}
	if err := s.replace(floorsName, floors); err != nil {
		return err
	}
	s.floors = known
	if err := s.replace(generationName(next.Number), generation); err != nil {
		return err
	}
	g.Number = next.Number
	s.prune(c)
	return nil
}

// ForgetFloor lets a source go backwards: once the newest time that it ever signed is forgotten, an older list is accepted
// again. It is how an operator recovers from a list that was signed with a date in the future; nothing that comes over
// the network may cause it. What the source vouched for stays in force until it says something else. A later Save of a
// generation with the old floor would bring that back.
func (s *Store) ForgetFloor(source string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := contentsOf(s.disk)
	if err != nil {
		return fmt.Errorf("trust store: %w", err)
	}
	known, err := s.knownFloors()
	if err != nil {
		return fmt.Errorf("trust store: %w", err)
	}
	if err := known.forget(source, c.highest); err != nil {
		return err
	}
	known.trim()
	file, err := known.encode()
	if err != nil {
		return err
	}
	if err := s.replace(floorsName, file); err != nil {
		return err
	}
	s.floors = known
	return nil
}

// knownFloors are the highest that this process or the disk knows. If the file cannot be read for now they are not known:
// another could only be written with less in it.
func (s *Store) knownFloors() (floors, error) {
	data, err := readBounded(s.disk, floorsName, maxFloorsSize)
	if err == nil {
		var known floors
		if known, err = decodeFloors(data); err == nil {
			return known.with(s.floors), nil
		}
	} else if !isDamage(err) && !errors.Is(err, fs.ErrNotExist) {
		return floors{}, fmt.Errorf("%s: %w", floorsName, err)
	}
	f, err := readDisk(s.disk) // the generations have them too
	return f.known.with(s.floors), err
}

// replace writes a file so that at every moment either the old or the new one is there, whole.
func (s *Store) replace(name string, data []byte) (err error) {
	temporary, file, err := s.createTemporary()
	if err == nil {
		_, err = file.Write(data)
		if err == nil {
			err = file.Sync()
		}
		if e := file.Close(); err == nil {
			err = e
		}
		if err == nil {
			err = s.readBack(temporary, data)
		}
		if err == nil {
			err = s.disk.rename(temporary, name)
		}
		if err != nil {
			_ = s.disk.remove(temporary)
		}
	}
	if err == nil {
		err = s.disk.sync()
	}
	if err != nil {
		return fmt.Errorf("trust store: %s is not written: %w", name, err)
	}
	return nil
}

// createTemporary avoids names under which something stands that cannot be removed.
func (s *Store) createTemporary() (name string, file diskFile, err error) {
	for digit := range 10 {
		name = temporaryPrefix + strconv.Itoa(digit)
		if file, err = s.disk.create(name); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return name, file, err
}

// readBack compares a file with what was written to it.
func (s *Store) readBack(name string, data []byte) error {
	file, size, err := openBounded(s.disk, name, maxGenerationSize)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, io.LimitReader(file, size)); err != nil {
		return err
	}
	if want := sha256.Sum256(data); !bytes.Equal(hash.Sum(nil), want[:]) {
		return errors.New("it does not read as it was written: the disk is bad")
	}
	return nil
}

// prune removes the generations that were there before the last Save, except for the newest whole one. What is not
// known to be whole is left for Load to report.
func (s *Store) prune(before contents) {
	whole := 1 // the one just saved
	for _, number := range before.generations[:min(len(before.generations), maxChecked)] {
		name := generationName(number)
		data, err := readBounded(s.disk, name, maxGenerationSize)
		if err == nil {
			_, _, err = unseal(generationMagic, generationFormat, data)
		}
		if err != nil {
			continue
		}
		if whole++; whole > keptWhole {
			_ = s.disk.remove(name)
		}
	}
}

// setAside renames what is damaged.
func (s *Store) setAside(f *found) {
	moved := false
	for i := range f.faults {
		fault := &f.faults[i]
		newerFloors := fault.File == floorsName && errors.Is(fault.Err, ErrNewer) // others are to take their place
		if !isDamage(fault.Err) && !newerFloors {
			continue // an unreadable sector may be read the next time
		}
		if s.disk.rename(fault.File, fault.File+damagedSuffix) == nil {
			fault.Aside = fault.File + damagedSuffix
			moved = true
		}
	}
	if !moved {
		return
	}
	if c, err := contentsOf(s.disk); err == nil {
		for _, name := range c.damaged[min(len(c.damaged), keptDamaged):] {
			_ = s.disk.remove(name)
		}
	}
	_ = s.disk.sync()
}
