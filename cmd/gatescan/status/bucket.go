package status

import (
	"cmp"
	"slices"
	"time"
)

// Bucket is what was counted from Start to End. Nobody is told more about when something happened.
type Bucket struct {
	Start, End time.Time // both zero while Undated
	Undated    bool      // the clock was not believed meanwhile
	Lost       bool      // there may have been more: a file that held this time is damaged
	Counts
}

// row is a bucket as it is told.
type row struct {
	Bucket
	running bool // it is not over yet
}

// rows makes rows of what was counted in a span, in the order of time. A row that is still running is there even if it is
// empty, so that it does not show up with the first pass. Those that are undated are summed up apart; nil for none.
func (s *span) rows(buckets []Bucket, now time.Time) (rows []row, undated *row) {
	running := !now.Before(s.from) && now.Before(s.to)
	at := map[time.Time]int{}
	add := func(start, end time.Time, b *Bucket) {
		i, is := at[start]
		if !is {
			i = len(rows)
			at[start] = i
			rows = append(rows, row{Bucket: Bucket{Start: start, End: end}, running: !now.Before(start) && now.Before(end)})
		}
		rows[i].Lost = rows[i].Lost || b.Lost
		rows[i].Add(&b.Counts)
	}
	if running {
		start, end := s.around(now)
		add(start, end, &Bucket{})
	}
	for i := range buckets {
		b := &buckets[i]
		switch {
		case b.Undated:
			if undated == nil {
				undated = &row{Bucket: Bucket{Undated: true}, running: true} // who knows
			}
			undated.Lost = undated.Lost || b.Lost
			undated.Add(&b.Counts)
		case b.Start.Before(s.from) || !b.Start.Before(s.to):
		case s.daily:
			start, end := s.around(b.Start)
			add(start, end, b)
		default:
			start, end := b.Start, b.End
			if running {
				if s, e := s.around(now); !start.Before(s) && start.Before(e) {
					start, end = s, e
				}
			}
			add(start, end, b)
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End)) })
	return rows, undated
}

// sum adds up rows. The sum is running if one of them is.
func sum(rows []row) (total row) {
	for i := range rows {
		total.Add(&rows[i].Counts)
		total.running = total.running || rows[i].running
		total.Lost = total.Lost || rows[i].Lost
	}
	return total
}
