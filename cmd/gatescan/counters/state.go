package counters

import (
	"errors"
	"slices"
	"time"
)

// State says how a book is kept. Its zero value is that of a book in memory.
type State struct {
	Fault     string    // why counts are not safe from a power cut for now; empty if they are
	Damage    []string  // what was found damaged or missing since the process began and is still there, at most 16
	LastFlush time.Time // by the clock; zero for none since the process began

	BytesToday  uint64 // handed to the disk in the venue's day, file contents only
	WritesToday uint64 // that these were

	Pending int   // buckets that are not in the file of their day yet
	Days    int   // files of days
	Bytes   int64 // size of all files, those that were set aside as well
}

const maxDamage = 16

// Kinds of fault. Each stands until that went well.
const (
	faultLoad = iota
	faultFlush
	faultRoom
	faultFile
	faultPrune
	numFaults
)

// State says how the book is kept.
func (b *Book) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.state
	for _, d := range b.damage {
		s.Damage = append(s.Damage, d.text)
	}
	s.Pending = len(b.parts)
	if !b.sameDay() {
		s.BytesToday, s.WritesToday = 0, 0
	}
	if err := errors.Join(b.faults[:]...); err != nil {
		s.Fault = err.Error()
	}
	return s
}

func (b *Book) sameDay() bool {
	today, _ := Day(b.now(), b.config.Zone)
	return today.Equal(b.today)
}

// wrote adds to what was written today.
func (b *Book) wrote(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.sameDay() {
		b.today, _ = Day(b.now(), b.config.Zone)
		b.state.BytesToday, b.state.WritesToday = 0, 0
	}
	b.state.BytesToday += uint64(n)
	b.state.WritesToday++
}

// setFault notes how something went, and logs it when that changes.
func (b *Book) setFault(kind int, err error) {
	b.mu.Lock()
	before := b.faults[kind]
	b.faults[kind] = err
	b.mu.Unlock()
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		b.log.Error("counts are not safe from a power cut; counting goes on", "err", err)
	case err == nil && before != nil:
		b.log.Info("counts are kept on the disk again", "was", before)
	}
}

// damage is something that was found damaged or missing.
type damage struct {
	file string // it is reported as long as this file exists; empty for as long as the process lives
	text string
}

// note reports damage, once.
func (b *Book) note(file, what string, err error) {
	text := what
	if err != nil {
		text += ": " + err.Error()
	}
	b.mu.Lock()
	known := len(b.damage) == maxDamage || slices.Contains(b.damage, damage{file, text})
	if !known {
		b.damage = append(b.damage, damage{file, text})
	}
	b.mu.Unlock()
	if !known {
		b.log.Error("kept counts are damaged", "what", what, "err", err)
	}
}

// repaired forgets what was reported of a file.
func (b *Book) repaired(file string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.damage = slices.DeleteFunc(b.damage, func(d damage) bool { return d.file == file })
}

// measure counts the files, and forgets what was reported of those that are gone.
func (b *Book) measure() {
	b.mu.Lock()
	b.measured = time.Now()
	b.mu.Unlock()
	entries, err := b.disk.List(".")
	if err != nil {
		return
	}
	days, bytes := 0, int64(0)
	found := map[string]bool{"": true}
	for _, e := range entries {
		found[e.Name] = true
		if _, _, is := ours(e.Name); !is {
			continue
		}
		bytes += e.Size
		if _, is := dayOfName(e.Name); is {
			days++
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.Days, b.state.Bytes = days, bytes
	b.damage = slices.DeleteFunc(b.damage, func(d damage) bool { return !found[d.file] })
}
