package counters

import (
	"errors"
	"io/fs"
	"time"
)

// Old files are read again and again, so that damage is found by the book and not by who asks for its numbers.
const (
	inspectEvery  = 24 * time.Hour
	inspectAtOnce = 16 // files in a tick
)

// inspect reads some files of days. It sets aside those that are damaged and reports them. io is held.
func (b *Book) inspect(now time.Time) {
	if len(b.unseen) == 0 {
		if !b.inspected.IsZero() && now.Sub(b.inspected) < inspectEvery {
			return
		}
		b.inspected = now
		entries, err := b.disk.List(".")
		if err != nil {
			return // what is at fault with the directory is reported by who writes to it
		}
		for _, e := range entries {
			if _, is := dayOfName(e.Name); is {
				b.unseen = append(b.unseen, e.Name)
			}
		}
	}
	some := b.unseen[:min(inspectAtOnce, len(b.unseen))]
	b.unseen = b.unseen[len(some):]
	for _, name := range some {
		_, err := b.readDay(name)
		switch {
		case err == nil, errors.Is(err, fs.ErrNotExist):
			b.repaired(name)
		case isDamage(err):
			b.setAside(name, err)
			_ = b.syncDirectory() // the next write tries again
		default:
			b.note(name, name, err)
		}
	}
}
