package counters

import (
	"maps"
	"slices"
	"time"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// Frames is how many frames of one kind came to one reason.
type Frames struct {
	Kind   verify.Kind
	Reason verify.Reason
	N      uint64 // never 0
}

// Bucket is what was counted from Start to Start+Length. Nobody knows more about when something happened.
type Bucket struct {
	Start  time.Time // UTC; zero for what was counted while the clock was not believed
	Length time.Duration
	Frames []Frames // those that are not zero, by kind and then by reason
	turnstile.Counts

	// Lost says that the file which held this time was damaged or cannot be read: there may have been more.
	Lost bool
}

// Accepted is how many frames were accepted.
func (b *Bucket) Accepted() (n uint64) {
	for _, f := range b.Frames {
		if f.Reason == verify.Accepted {
			n += f.N
		}
	}
	return n
}

// Refused is how many frames were refused, for whatever reason.
func (b *Bucket) Refused() (n uint64) {
	for _, f := range b.Frames {
		if f.Reason != verify.Accepted {
			n += f.N
		}
	}
	return n
}

// Tally is the same, with its zeros.
func (b *Bucket) Tally() (t Tally) {
	for _, f := range b.Frames {
		t.Frames[f.Kind][f.Reason] += f.N
	}
	t.Counts = b.Counts
	return t
}

func newBucket(start time.Time, length time.Duration, t *Tally) Bucket {
	return Bucket{Start: start, Length: length, Frames: slices.Collect(t.frames()), Counts: t.Counts}
}

// bucketAt is the bucket that holds an instant. Buckets begin with the hours of the venue's clock, which are not those of
// UTC where the offset is not of whole hours. Where the venue's clock is changed, a bucket ends and another begins, so that
// every instant is in one bucket, and every bucket in one day.
func bucketAt(t time.Time, zone *time.Location, size time.Duration) (start time.Time, length time.Duration) {
	t = t.In(zone)
	_, offset := t.Zone()
	seconds, step := t.Unix()+int64(offset), int64(size/time.Second)
	into := seconds % step
	if into < 0 {
		into += step
	}
	start = time.Unix(t.Unix()-into, 0)
	end := start.Add(size)
	from, to := t.ZoneBounds()
	if !from.IsZero() && start.Before(from) {
		start = from
	}
	if !to.IsZero() && end.After(to) {
		end = to
	}
	return start.UTC(), end.Sub(start)
}

// DayStart is the first instant of the venue's day that t is in. Such a day is of 24 hours, of 23 or 25 where the venue's
// clock is changed, and begins at another hour than 0 where it is changed at midnight.
func DayStart(t time.Time, zone *time.Location) time.Time {
	year, month, day := t.In(zone).Date()
	for {
		t = t.In(zone)
		hour, minute, second := t.Clock()
		midnight := time.Unix(t.Unix()-int64(hour*3600+minute*60+second), 0)
		from, _ := t.ZoneBounds()
		if from.IsZero() || !midnight.Before(from) {
			return midnight.In(zone)
		}
		before := from.Add(-time.Second).In(zone)
		if y, m, d := before.Date(); y != year || m != month || d != day {
			return from.In(zone)
		}
		t = before
	}
}

// NextDay is the first instant of the venue's day after the one that t is in. A venue may skip a day altogether.
func NextDay(t time.Time, zone *time.Location) time.Time {
	year, month, day := t.In(zone).Date()
	for {
		day++
		if next := DayStart(time.Date(year, month, day, 12, 0, 0, 0, zone), zone); next.After(t) {
			return next
		}
	}
}

// Days sums buckets by the venue's day, in order. Each result begins with its day in the venue's zone, and is as long as that.
// What is undated stays by itself, first. A bucket that was made for another zone counts for the day in which it begins. Of a
// bucket that is lost, every day is that it touches.
func Days(buckets []Bucket, zone *time.Location) []Bucket {
	type day struct {
		sum  Tally
		lost bool
	}
	days := map[int64]*day{} // by what their first second is in Unix time
	at := func(start time.Time) *day {
		d := days[start.Unix()]
		if d == nil {
			d = &day{}
			days[start.Unix()] = d
		}
		return d
	}
	for i := range buckets {
		b := &buckets[i]
		start := b.Start
		if !start.IsZero() {
			start = DayStart(start, zone)
		}
		t := b.Tally()
		at(start).sum.add(&t)
		if b.Lost {
			for ; start.Before(b.Start.Add(b.Length)); start = NextDay(start, zone) {
				at(start).lost = true
			}
		}
	}
	sums := make([]Bucket, 0, len(days))
	for _, second := range slices.Sorted(maps.Keys(days)) {
		var start time.Time
		var length time.Duration
		if second != start.Unix() {
			start = time.Unix(second, 0).In(zone)
			length = NextDay(start, zone).Sub(start)
		}
		d := days[second]
		sum := newBucket(start, length, &d.sum)
		sum.Lost = d.lost
		sums = append(sums, sum)
	}
	return sums
}
