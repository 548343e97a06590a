package counters

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"gatescan/driver/flash"
)

// The files of a book. All others in the directory are left alone.
//
// The newest state is in one of two files that are written in place in turn, so that the other one is whole whatever
// happens to the power. It has all totals, and every part that is not in the file of its day (in UTC) yet. To write in
// place leaves the directory and the length alone: it works on a full disk, and costs the flash no more than its pages.
const (
	slotPrefix    = "now-" // and 0 or 1, by the parity of the sequence number
	dayPrefix     = "day-" // and the date
	newName       = "new"
	damagedSuffix = ".damaged"

	pageSize = 4096
	slotSize = 16 * pageSize // some weeks of hours that could not be filed
	maxDay   = 1 << 20
)

func slotName(seq uint64) string { return fmt.Sprintf("%s%d", slotPrefix, seq%2) }

func dayName(t time.Time) string { return dayPrefix + t.UTC().Format(time.DateOnly) }

func dayOfName(name string) (time.Time, bool) {
	date, is := strings.CutPrefix(name, dayPrefix)
	day, err := time.Parse(time.DateOnly, date)
	return day, is && err == nil && dayName(day) == name
}

// ours says whether a name is of a book, and for which file.
func ours(name string) (of string, damaged, is bool) {
	of, damaged = strings.CutSuffix(name, damagedSuffix)
	_, day := dayOfName(of)
	return of, damaged, day || of == newName && !damaged || of == slotName(0) || of == slotName(1)
}

// setAside renames what is damaged. It takes the place of what was set aside under that name before; a day goes when it was
// kept long enough.
func (b *Book) setAside(name string, why error) {
	if err := b.disk.Rename(name, name+damagedSuffix); err != nil {
		b.note(name, name, why)
		return
	}
	b.dirLasting = false
	b.repaired(name)
	b.note(name+damagedSuffix, name+", set aside as "+name+damagedSuffix, why)
}

// syncDirectory makes lasting what happened to the directory.
func (b *Book) syncDirectory() error {
	if b.dirLasting {
		return nil
	}
	err := b.disk.SyncDir(".")
	b.dirLasting = err == nil
	return err
}

// writeSlot writes a state over the one before the last.
func (b *Book) writeSlot(seq uint64, data []byte) error {
	name := slotName(seq)
	file, err := openOurs(b.disk.OpenInPlace, name)
	if errors.Is(err, fs.ErrNotExist) {
		b.dirLasting = false
		file, err = b.disk.Create(name, flash.Private)
	}
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil {
		length := (len(data) + pageSize - 1) / pageSize * pageSize
		if info.Size() < slotSize {
			length = slotSize // its room is taken now, and stays when the disk is full
		}
		padded := make([]byte, length)
		copy(padded, data)
		_, err = file.WriteAt(padded, 0)
		b.wrote(length)
	}
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = b.syncDirectory()
	}
	b.absent[seq%2] = b.absent[seq%2] && err != nil
	return err
}

// readDay reads the file of a day. Nil is an empty one.
func (b *Book) readDay(name string) (*record, error) {
	data, err := b.read(name, maxDay)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeRecord(data, false)
}

func isDamage(err error) bool { return errors.Is(err, errDamaged) || errors.Is(err, flash.ErrTooLarge) }

// writeDay adds parts to the file of a day. They are lasting after the directory was synced.
func (b *Book) writeDay(name string, parts []part, held map[uint64]bool) error {
	old, err := b.readDay(name)
	if err != nil {
		if !isDamage(err) {
			return err
		}
		b.setAside(name, err)
	}
	r := record{seq: b.acked.seq, totals: b.acked.totals, undated: b.acked.undated}
	if old != nil {
		r.parts = old.parts
	}
	r.parts = unite(r.parts, parts)
	for i := range r.parts {
		if held[r.parts[i].id] {
			r.parts[i].filed = r.seq
		}
	}
	if r.seq > 2 { // what was filed before the last two states is in none of them
		r.parts = merge(r.parts, r.seq-2)
	}
	data := r.encode()
	if len(data) > maxDay {
		return fmt.Errorf("%s would have %d bytes (%d are allowed)", name, len(data), maxDay)
	}
	b.dirLasting = false
	if err := (flash.Writer{Disk: b.disk, Access: flash.Private, Temporary: newName}).Put(name, data); err != nil {
		return err
	}
	b.wrote(len(data))
	return nil
}

// readDays reads what was filed of the days from from to to, and says which of them are lost. It changes nothing: inspect
// finds what is damaged, sets it aside and reports it.
func (b *Book) readDays(from, to time.Time) (parts []part, lost []Bucket, err error) {
	entries, err := b.disk.List(".")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	isLost := map[time.Time]bool{}
	for _, e := range entries {
		name, damaged, _ := ours(e.Name)
		day, is := dayOfName(name)
		if !is || !day.Before(to) || !day.Add(24*time.Hour).After(from) {
			continue
		}
		if damaged {
			isLost[day] = true
			continue
		}
		r, err := b.readDay(name)
		if err != nil {
			isLost[day] = true
		} else if r != nil {
			parts = append(parts, r.parts...)
		}
	}
	for day := range isLost {
		lost = append(lost, Bucket{Start: day, Length: 24 * time.Hour, Lost: true})
	}
	return parts, lost, nil
}
