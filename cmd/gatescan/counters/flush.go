package counters

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gatescan/driver/flash"
)

// pruneEvery and prunedAtOnce let a clock that is wrong for some hours take away some days at most.
const (
	pruneEvery   = 6 * time.Hour
	prunedAtOnce = 4
)

// keep does what is due.
func (b *Book) keep(now time.Time) {
	b.io.Lock()
	defer b.io.Unlock()
	b.mu.Lock()
	again := now.Sub(b.tried) >= b.due
	flush := again && (!b.loaded || !b.dirtySince.IsZero() && now.Sub(b.dirtySince) >= b.due)
	file := now.Sub(b.filed) >= b.filing && now.Sub(b.fileTried) >= b.due
	prune := now.Sub(b.pruned) >= pruneEvery
	measure := len(b.damage) > 0 && now.Sub(b.measured) >= b.due
	b.mu.Unlock()
	if flush {
		_ = b.flush() // is in the state
	}
	if !b.loaded {
		return
	}
	if file {
		b.file(now)
	}
	if prune {
		b.prune(now)
	}
	b.inspect(now)
	if measure {
		b.measure()
	}
}

// flush makes everything lasting that was counted until now. io is held.
func (b *Book) flush() error {
	start := time.Now()
	b.mu.Lock()
	b.tried = start
	b.mu.Unlock()
	if !b.loaded {
		if err := b.load(); err != nil {
			return err
		}
	}
	b.mu.Lock()
	b.collect()
	state := &record{seq: b.acked.seq + 1, totals: b.totals, undated: b.undated, parts: slices.Clone(b.parts)}
	changed := b.totals != b.lasting
	b.mu.Unlock()
	if !changed {
		return nil
	}
	data, left := state.encodeSlot()
	err := b.writeSlot(state.seq, data)
	if err == nil && b.absent[(state.seq+1)%2] { // both files take their room at once
		state.seq++
		data, _ = state.encodeSlot()
		err = b.writeSlot(state.seq, data)
	}
	b.setFault(faultFlush, err)
	if err != nil {
		return err
	}
	err = nil
	if left > 0 {
		err = fmt.Errorf("the oldest %d of %d buckets are only in memory until they can be filed", left, len(state.parts))
	}
	b.setFault(faultRoom, err)
	b.acked = state
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lasting, b.state.LastFlush = state.totals, b.now()
	b.dirtySince = time.Time{}
	if b.totals != state.totals {
		b.dirtySince = start
	}
	return nil
}

// encodeSlot leaves out the oldest parts if there is no room, and says how many.
func (r *record) encodeSlot() (data []byte, left int) {
	fitting := *r
	fitting.parts = slices.Clone(r.parts)
	slices.SortStableFunc(fitting.parts, func(a, b part) int { return cmp.Compare(a.start, b.start) })
	for data = fitting.encode(); len(data) > slotSize; data = fitting.encode() {
		out := len(fitting.parts)/8 + 1
		fitting.parts, left = fitting.parts[out:], left+out
	}
	return data, left
}

// file moves what is over to the files of the days. io is held.
func (b *Book) file(now time.Time) {
	start, length, dated := b.current()
	over := func(p part) bool { return !dated || p.start != start || p.length != length }
	b.mu.Lock()
	due := slices.ContainsFunc(b.parts, over)
	if due {
		b.fileTried = now
	}
	b.mu.Unlock()
	if !due || b.flush() != nil { // what is in the file of a day must be in the totals that are lasting
		return
	}
	days := map[string][]part{}
	for _, p := range b.acked.parts {
		if over(p) {
			p.filed = b.acked.seq
			days[dayName(p.at())] = append(days[dayName(p.at())], p)
		}
	}
	held := map[uint64]bool{}
	b.mu.Lock()
	for _, p := range b.parts {
		held[p.id] = true
	}
	b.mu.Unlock()
	var err error // of the oldest day
	var filed []part
	for _, name := range slices.Sorted(maps.Keys(days)) {
		if e := b.writeDay(name, days[name], held); e == nil {
			filed = append(filed, days[name]...)
		} else if err == nil {
			err = fmt.Errorf("counters: %s cannot be filed: %w", name, e)
		}
	}
	e := b.syncDirectory()
	if e == nil {
		b.drop(filed)
	}
	err = cmp.Or(err, e)
	b.setFault(faultFile, err)
	if err == nil {
		b.mu.Lock()
		b.filed = now
		b.mu.Unlock()
	}
	b.measure()
}

// drop forgets parts that are filed, but for those that have grown meanwhile.
func (b *Book) drop(filed []part) {
	counts := make(map[uint64]sparse, len(filed))
	for _, p := range filed {
		counts[p.id] = p.counts
	}
	gone := func(p part) bool {
		c, is := counts[p.id]
		return is && slices.Equal(c, p.counts)
	}
	acked := *b.acked
	acked.parts = slices.DeleteFunc(slices.Clone(acked.parts), gone)
	b.acked = &acked
	b.mu.Lock()
	defer b.mu.Unlock()
	b.parts = slices.DeleteFunc(b.parts, gone)
}

// prune removes days that were kept long enough.
func (b *Book) prune(now time.Time) {
	b.mu.Lock()
	_, _, dated := b.current()
	oldest := b.now().Add(-b.config.Keep - 24*time.Hour)
	if dated {
		b.pruned = now
	}
	b.mu.Unlock()
	if !dated {
		return
	}
	entries, err := b.disk.List(".")
	slices.SortFunc(entries, func(a, b flash.Entry) int { return strings.Compare(a.Name, b.Name) })
	removed := 0
	for _, e := range entries {
		of, _, is := ours(e.Name)
		day, isDay := dayOfName(of)
		if !is || !isDay || !day.Before(oldest) || removed == prunedAtOnce {
			continue
		}
		if e := b.disk.Remove(e.Name); e != nil {
			err = errors.Join(err, e)
		}
		removed++
	}
	if removed > 0 {
		b.dirLasting = false
	}
	b.setFault(faultPrune, err)
	b.measure()
}
