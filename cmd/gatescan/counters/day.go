package counters

import "time"

// The venue's hours and days. Counters and the status server use these and no others.

// Day returns the venue's day that t is in: its first instant, and that of the next day. A day is as long as the venue's
// clock makes it: 24 hours as a rule. Where the clock skips midnight, the day begins at the instant after the gap; where
// midnight comes twice, it begins at the first one.
func Day(t time.Time, zone *time.Location) (from, to time.Time) {
	year, month, day := t.In(zone).Date()
	from, to = midnight(year, month, day, zone), midnight(year, month, day+1, zone)
	for !t.Before(to) { // the clock went back behind midnight: that day has begun, and does not end again
		day++
		from, to = to, midnight(year, month, day+1, zone)
	}
	return from, to
}

// Date returns the venue's day with that date. It is empty, from equals to, if the venue skipped it.
func Date(year int, month time.Month, day int, zone *time.Location) (from, to time.Time) {
	return midnight(year, month, day, zone), midnight(year, month, day+1, zone)
}

// Hour returns the hour of the venue's clock that t is in: its first instant, and that of the next hour. It is shorter where
// the clock is changed within it.
func Hour(t time.Time, zone *time.Location) (from, to time.Time) {
	start, length := bucketAt(t, zone, time.Hour)
	return start.In(zone), start.Add(length).In(zone)
}

// midnight returns the first instant at which the clock of a zone shows a date, or a later one.
func midnight(year int, month time.Month, day int, zone *time.Location) time.Time {
	shown := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
	at := time.Unix(shown, 0).Add(-48 * time.Hour).In(zone) // no zone is that far from UTC
	for {
		_, offset := at.Zone()
		first := max(at.Unix(), shown-int64(offset))
		_, end := at.ZoneBounds()
		if end.IsZero() || first < end.Unix() {
			return time.Unix(first, 0).In(zone)
		}
		at = end.In(zone)
	}
}

// bucketAt returns the bucket that holds an instant. Buckets begin with the hours of the venue's clock, which are not those
// of UTC where the offset is not a whole number of hours. Where the venue's clock is changed, a bucket ends and another
// begins, so that every instant is in one bucket, and every bucket in one day.
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
