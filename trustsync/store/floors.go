package store

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"time"
	"unicode/utf8"

	"gatescan/trustsync/internal/source"
)

const (
	maxFloors     = 256       // sources whose floor is remembered, of those that are configured no more the latest
	maxFloorsSize = 256 << 10 // bytes of the file
)

// floors are what outlives a damaged generation, and a source that is taken out of the configuration. They stand in a
// file of their own, which is switched before the generation is.
type floors struct {
	last uint64 // number that was given to a generation, or was about to be
	of   map[string]floor
}

// floor is the floor of one source.
type floor struct {
	at        time.Time // newest signed time that was ever accepted; zero if there is none
	seen      uint64    // last generation in which the source had a holding
	forgotten uint64    // up to this generation, what a generation says of the floor does not count
}

type floorsForm struct {
	Last uint64               `cbor:"1,keyasint"`
	Of   map[string]floorForm `cbor:"2,keyasint"`
}

type floorForm struct {
	_         struct{} `cbor:",toarray"`
	At        stamp
	Seen      uint64
	Forgotten uint64
}

// onlyFloor says whether nothing but a floor is left of a source.
func (s Stored) onlyFloor() bool {
	return s.Confirmed.IsZero() && s.Holding.Empty() && len(s.Holding.Withdrawn) == 0
}

// with is the higher of both, source by source. Whoever forgot later is right.
func (f floors) with(other floors) floors {
	both := floors{max(f.last, other.last), map[string]floor{}}
	maps.Copy(both.of, f.of)
	for name, b := range other.of {
		a, known := both.of[name]
		seen := max(a.seen, b.seen)
		if !known || b.forgotten > a.forgotten || b.forgotten == a.forgotten && b.at.After(a.at) {
			a = b
		}
		a.seen = seen
		both.of[name] = a
	}
	return both
}

// raise takes over what a generation says.
func (f *floors) raise(g *Generation) {
	f.last = max(f.last, g.Number)
	for name, s := range g.Sources {
		one, known := f.of[name]
		if g.Number > one.forgotten && s.Floor.After(one.at) {
			one.at = s.Floor
		}
		if !s.onlyFloor() {
			one.seen = max(one.seen, g.Number)
		}
		if known || !one.at.IsZero() {
			f.of[name] = one
		}
	}
}

// lift returns the sources with these floors, and with those that have nothing else.
func (f *floors) lift(sources map[string]Stored) map[string]Stored {
	lifted := make(map[string]Stored, len(sources))
	maps.Copy(lifted, sources)
	for name, one := range f.of {
		if s, there := lifted[name]; there || !one.at.IsZero() {
			s.Floor = one.at
			lifted[name] = s
		}
	}
	return lifted
}

// forget drops the floor of a source, now and in all generations that there are.
func (f *floors) forget(source string, highest uint64) error {
	if len(source) > maxStoredName || !utf8.ValidString(source) {
		return fmt.Errorf("trust store: no source is called %.40q", source)
	}
	f.last = max(f.last, highest)
	f.of[source] = floor{seen: f.of[source].seen, forgotten: f.last}
	return nil
}

// next is the number of the next generation, higher than all that were ever seen.
func (f *floors) next(c contents) (uint64, error) {
	last := max(f.last, c.highest)
	if last >= math.MaxUint64-1 {
		return 0, errors.New("trust store: the numbers of generations are used up; empty the directory")
	}
	return last + 1, nil
}

// trim drops what was not seen for longest, until as many are left as are allowed.
func (f *floors) trim() {
	for len(f.of) > maxFloors {
		oldest, found := "", false
		for name, one := range f.of {
			if o := f.of[oldest]; !found || one.seen < o.seen || one.seen == o.seen && name < oldest {
				oldest, found = name, true
			}
		}
		delete(f.of, oldest)
	}
}

func (f *floors) encode() ([]byte, error) {
	form := floorsForm{f.last, make(map[string]floorForm, len(f.of))}
	for name, one := range f.of {
		form.Of[name] = floorForm{At: stampOf(one.at), Seen: one.seen, Forgotten: one.forgotten}
	}
	return seal(floorsMagic, floorsFormat, form)
}

func decodeFloors(file []byte) (floors, error) {
	f := floors{of: map[string]floor{}}
	payload, _, err := unseal(floorsMagic, floorsFormat, file)
	if err != nil {
		return f, err
	}
	var form floorsForm
	if err := decodeStored(payload, &form, 0); err != nil {
		return f, err
	}
	for name, one := range form.Of {
		if len(name) > maxStoredName || !one.At.valid() {
			return f, fmt.Errorf("%w: the floor of %.40q", source.ErrMalformed, name)
		}
		f.of[name] = floor{one.At.time(), one.Seen, one.Forgotten}
	}
	f.last = form.Last
	return f, nil
}
