package store

import (
	"errors"
	"fmt"
	"io/fs"

	"gatescan/trustsync/internal/source"
)

// found is what was read of a directory.
type found struct {
	generation *Generation // newest whole one, as it was written; nil if there is none
	known      floors      // by the file, and by that generation
	lost       bool        // the file of floors is missing or damaged
	faults     []Fault
}

// inForce is what Load returns.
func (f *found) inForce() *Generation {
	g := Generation{}
	if f.generation != nil {
		g = *f.generation
	}
	g.Sources = f.known.lift(g.Sources)
	if g.Number == 0 && len(g.Sources) == 0 {
		return nil
	}
	return &g
}

func (f *found) fault(name string, err error) {
	f.faults = append(f.faults, Fault{File: name, Err: err})
}

// readDisk reads a directory, which another process may be writing.
func readDisk(d disk) (found, error) {
	for attempts := 10; ; attempts-- {
		f, moved, err := readOnce(d)
		if err != nil || !moved || attempts == 0 {
			return f, err
		}
	}
}

// readOnce says whether a generation went while it was reading: then there is a newer one.
func readOnce(d disk) (f found, moved bool, err error) {
	f.known.of = map[string]floor{}
	c, err := contentsOf(d)
	if err != nil {
		return f, false, err
	}
	f.known.last = c.highest
	if data, err := readBounded(d, floorsName, maxFloorsSize); err == nil {
		var known floors
		if known, err = decodeFloors(data); err == nil {
			f.known = f.known.with(known)
		} else {
			f.fault(floorsName, err)
			f.lost = true
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		f.fault(floorsName, err)
		f.lost = isDamage(err)
	} else if f.lost = c.highest > 0; f.lost { // the first floors are there before the first generation is
		f.fault(floorsName, errors.New("missing"))
	}
	checked := 0
	for _, number := range c.generations {
		if f.generation != nil {
			if checked++; checked > maxChecked {
				break
			}
		}
		name := generationName(number)
		data, err := readBounded(d, name, maxGenerationSize)
		if errors.Is(err, fs.ErrNotExist) {
			moved = true
			continue
		}
		if err == nil && f.generation != nil {
			_, _, err = unseal(generationMagic, generationFormat, data)
		} else if err == nil {
			err = f.take(data, number)
		}
		if err != nil {
			f.fault(name, err)
		}
	}
	return f, moved, nil
}

// Take makes a file the generation in force, if it is whole.
func (f *found) take(data []byte, number uint64) error {
	g, err := Decode(data)
	if err != nil {
		return err
	}
	if g.Number != number {
		return fmt.Errorf("%w: it holds generation %d", source.ErrMalformed, g.Number)
	}
	f.generation = g
	f.known.raise(g)
	if len(g.Skipped) > 0 { // not wrapped: the file itself is as it should be
		f.fault(generationName(number), fmt.Errorf("%d signers cannot be used any more, the first is %s: %v",
			len(g.Skipped), g.Skipped[0].Name, g.Skipped[0].Err))
	}
	return nil
}

// isDamage says whether it is the file that is wrong, for good.
func isDamage(err error) bool {
	return errors.Is(err, source.ErrMalformed) || errors.Is(err, source.ErrTooLarge) || errors.Is(err, errNotRegular)
}
