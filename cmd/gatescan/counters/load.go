package counters

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"gatescan/driver/flash"
)

// unreadTries is after how many attempts a file that cannot be read counts as lost, if the other one is there.
const unreadTries = 4

// load takes over what an earlier process left, and adds it to what was counted meanwhile. Until it went well nothing is
// written, for that would be less than what is there. io is held.
func (b *Book) load() error {
	found, err := b.find()
	if err != nil {
		err = fmt.Errorf("counters: %w", err)
		b.setFault(faultLoad, err)
		return err
	}
	b.setFault(faultLoad, nil)
	b.loaded, b.acked = true, found
	b.mu.Lock()
	b.totals.add(&found.totals)
	b.undated.add(&found.undated)
	b.parts = append(slices.Clone(found.parts), b.parts...)
	b.lasting = found.totals
	b.mu.Unlock()
	b.measure()
	return nil
}

// find returns the newest state.
func (b *Book) find() (*record, error) {
	if err := b.disk.Prepare(); err != nil {
		return nil, err
	}
	entries, err := b.disk.List(".")
	if err != nil {
		return nil, err
	}
	var newest *record
	var unreadable error
	missing := 0
	b.absent = [2]bool{true, true}
	for slot := range uint64(2) {
		name := slotName(slot)
		data, err := b.read(name, slotSize)
		var r *record
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing++
			continue
		case err == nil && len(bytes.Trim(data, "\x00")) == 0: // the power was cut when it was made
			continue
		case err == nil:
			if r, err = decodeRecord(data, true); err == nil && r.seq%2 != slot {
				err = fmt.Errorf("%w: it belongs into the other file", errDamaged)
			}
		}
		switch {
		case err == nil:
			b.absent[slot] = false
			if newest == nil || r.seq > newest.seq {
				newest = r
			}
		case isDamage(err):
			b.setAside(name, err)
		case errors.Is(err, errNewer):
			return nil, fmt.Errorf("%s %w; it is left alone", name, err)
		case errors.Is(err, errForeign):
			return nil, err
		default:
			b.absent[slot] = false
			unreadable = errors.Join(unreadable, fmt.Errorf("%s: %w", name, err))
		}
	}
	if unreadable != nil {
		b.unread++
	}
	switch {
	case unreadable != nil && (newest == nil || b.unread < unreadTries):
		return nil, unreadable
	case unreadable != nil:
		b.note("", "the newest counts may be lost", unreadable)
	case newest != nil && missing > 0 && newest.seq > 1:
		b.note("", "one of now-0 and now-1 is missing: what was counted last may be lost", nil)
	}
	if newest == nil {
		return b.findInDays(entries)
	}
	return newest, nil
}

// findInDays is for when the newest state is lost: every file of a day has the totals of its time.
func (b *Book) findInDays(entries []flash.Entry) (*record, error) {
	r := &record{}
	found := false
	slices.SortFunc(entries, func(a, b flash.Entry) int { return strings.Compare(b.Name, a.Name) })
	for _, e := range entries {
		if _, is := dayOfName(e.Name); !is {
			continue
		}
		day, err := b.readDay(e.Name)
		switch {
		case err == nil && day != nil:
			found = true
			r.totals.raise(&day.totals)
			r.undated.raise(&day.undated)
			r.seq = max(r.seq, day.seq)
		case errors.Is(err, errNewer), errors.Is(err, errForeign):
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		case err != nil:
			b.note(e.Name, e.Name, err)
		}
	}
	if found {
		b.note("", "now-0 and now-1 are lost: what was counted in the last hours is", nil)
	}
	return r, nil
}
