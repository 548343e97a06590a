package counters

import (
	"errors"
	"time"
)

// State says how a book is kept. Its zero value is that of a book in memory.
type State struct {
	Fault     string    // why counts are not safe from a power cut for now; empty if they are
	Damage    []string  // what was found damaged or missing since the process began, at most 16
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
	s.Damage = append([]string(nil), s.Damage...)
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

// note tells of damage, once.
func (b *Book) note(what string, err error) {
	text := what
	if err != nil {
		text += ": " + err.Error()
	}
	b.mu.Lock()
	known := len(b.state.Damage) == maxDamage
	for _, d := range b.state.Damage {
		known = known || d == text
	}
	if !known {
		b.state.Damage = append(b.state.Damage, text)
	}
	b.mu.Unlock()
	if !known {
		b.log.Error("kept counts are damaged", "what", what, "err", err)
	}
}

// measure counts the files.
func (b *Book) measure() {
	entries, err := b.disk.List(".")
	if err != nil {
		return
	}
	days, bytes := 0, int64(0)
	for _, e := range entries {
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
}
