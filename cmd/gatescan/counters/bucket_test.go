package counters

import (
	"testing"
	"time"
	_ "time/tzdata"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestBucketAt(t *testing.T) {
	for _, c := range []struct {
		zone, at, start string
		size, length    time.Duration
	}{
		{"UTC", "2026-03-29T10:59:59Z", "2026-03-29T10:00:00Z", time.Hour, time.Hour},
		{"UTC", "2026-03-29T10:59:59Z", "2026-03-29T10:55:00Z", 5 * time.Minute, 5 * time.Minute},
		{"Europe/Lisbon", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", time.Hour, time.Hour},
		{"Asia/Kathmandu", "2026-03-29T10:20:00Z", "2026-03-29T10:15:00Z", time.Hour, time.Hour}, // 16:00 there
		{"Asia/Kathmandu", "2026-03-29T10:14:59Z", "2026-03-29T09:15:00Z", time.Hour, time.Hour},
		{"Asia/Kathmandu", "2026-03-29T10:14:59Z", "2026-03-29T09:45:00Z", 30 * time.Minute, 30 * time.Minute},
		{"Asia/Kolkata", "2026-03-29T10:29:59Z", "2026-03-29T09:30:00Z", time.Hour, time.Hour},
		{"Pacific/Kiritimati", "2026-03-29T10:29:59Z", "2026-03-29T10:00:00Z", time.Hour, time.Hour},
		// Lord Howe goes from +10:30 to +11 at 15:30Z, when it is 2:00, and back at 15:00Z, when it is 2:00 as well.
		{"Australia/Lord_Howe", "2026-10-03T15:29:59Z", "2026-10-03T14:30:00Z", time.Hour, time.Hour},
		{"Australia/Lord_Howe", "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z", time.Hour, 30 * time.Minute},
		{"Australia/Lord_Howe", "2026-10-03T16:00:00Z", "2026-10-03T16:00:00Z", time.Hour, time.Hour},
		{"Australia/Lord_Howe", "2026-04-04T15:29:59Z", "2026-04-04T15:00:00Z", time.Hour, 30 * time.Minute},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		start, length := bucketAt(at, zone(t, c.zone), c.size)
		if got := start.Format(time.RFC3339); got != c.start || length != c.length {
			t.Errorf("%s %s: bucket of %v at %s, want %v at %s", c.zone, c.at, length, got, c.length, c.start)
		}
	}
}

// Buckets follow each other without a gap and without an overlap, and begin with the venue's hour, whatever the zone does;
// days are made of whole buckets.
func TestBucketsTile(t *testing.T) {
	for _, name := range []string{
		"UTC", "Europe/Lisbon", "America/Sao_Paulo", "Pacific/Kiritimati", "Asia/Kathmandu", "Australia/Lord_Howe",
		"America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Asia/Pyongyang",
	} {
		for _, size := range []time.Duration{time.Hour, 5 * time.Minute} {
			z := zone(t, name)
			at := time.Date(2010, 9, 1, 0, 0, 0, 0, time.UTC)
			if size < time.Hour {
				at = time.Date(2018, 2, 1, 0, 0, 0, 0, time.UTC)
			}
			end := at.AddDate(2, 0, 0)
			at, _ = bucketAt(at, z, size)
			day := DayStart(at, z)
			for buckets := 0; at.Before(end); buckets++ {
				start, length := bucketAt(at, z, size)
				if !start.Equal(at) || length <= 0 || length > size {
					t.Fatalf("%s: after %v comes one of %v at %v", name, at, length, start)
				}
				if again, same := bucketAt(at.Add(length-1), z, size); !again.Equal(start) || same != length {
					t.Fatalf("%s: the end of %v is in %v", name, start, again)
				}
				if length == size && at.In(z).Minute()%int(size/time.Minute) != 0 && at.In(z).Minute() != 1 { // St. John's changed at 0:01
					t.Fatalf("%s: a bucket begins at %v", name, at.In(z))
				}
				if y1, m1, d1 := at.In(z).Date(); true {
					if y2, m2, d2 := at.Add(length - 1).In(z).Date(); y1 != y2 || m1 != m2 || d1 != d2 {
						t.Fatalf("%s: a bucket in two days: %v", name, at.In(z))
					}
				}
				at = at.Add(length)
				if now := DayStart(at, z); now.After(day) && name != "America/St_Johns" {
					if next := NextDay(day, z); !next.Equal(now) || !now.Equal(at) {
						t.Fatalf("%s: after %v comes %v, not %v, at %v", name, day, next, now, at)
					}
					day = now
				}
			}
		}
	}
}

func TestDays(t *testing.T) {
	for _, c := range []struct {
		zone, at, start string
		hours           int
	}{
		{"Europe/Lisbon", "2026-03-29T12:00:00Z", "2026-03-29T00:00:00Z", 23},
		{"Europe/Lisbon", "2026-10-25T12:00:00Z", "2026-10-24T23:00:00Z", 25},
		{"Europe/Lisbon", "2026-07-01T23:00:00Z", "2026-07-01T23:00:00Z", 24},
		{"America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", 23}, // it begins at 1:00
		{"America/Sao_Paulo", "2019-02-16T12:00:00Z", "2019-02-16T02:00:00Z", 25}, // 23:00 comes twice
		{"America/Sao_Paulo", "2019-02-17T02:30:00Z", "2019-02-16T02:00:00Z", 25},
		{"America/Sao_Paulo", "2026-11-01T12:00:00Z", "2026-11-01T03:00:00Z", 24}, // abolished
		{"Pacific/Kiritimati", "2026-03-29T10:00:00Z", "2026-03-29T10:00:00Z", 24},
		{"Asia/Kathmandu", "2026-03-29T18:14:00Z", "2026-03-28T18:15:00Z", 24},
		{"Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", 24}, // the day before the one that was left out
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", 24}, // the 31st
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		z := zone(t, c.zone)
		start := DayStart(at, z)
		if got := start.UTC().Format(time.RFC3339); got != c.start {
			t.Errorf("%s %s: the day begins at %s, want %s", c.zone, c.at, got, c.start)
		}
		if hours := NextDay(at, z).Sub(start).Hours(); hours != float64(c.hours) {
			t.Errorf("%s %s: a day of %v hours, want %d", c.zone, c.at, hours, c.hours)
		}
	}

	lisbon := zone(t, "Europe/Lisbon")
	var buckets []Bucket
	one := []Frames{{verify.Test, verify.Accepted, 2}}
	for hour := range 49 { // 24 + 25: from midnight to midnight
		buckets = append(buckets, Bucket{Start: time.Date(2026, 10, 23, 23, 0, 0, 0, time.UTC).Add(time.Duration(hour) * time.Hour), Length: time.Hour, Frames: one, Counts: turnstile.Counts{Back: 1}})
	}
	buckets = append(buckets, Bucket{Frames: one}, Bucket{Start: time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC), Length: 24 * time.Hour, Lost: true})
	days := Days(buckets, lisbon)
	if len(days) != 5 {
		t.Fatalf("%d days: %v", len(days), days)
	}
	for i, want := range []struct {
		start  string
		hours  float64
		n      uint64
		lost   bool
		zeroed bool
	}{
		{"0001-01-01T00:00:00Z", 0, 2, false, true},
		{"2026-07-02T00:00:00+01:00", 24, 0, true, false},
		{"2026-07-03T00:00:00+01:00", 24, 0, true, false}, // a file is of a day of UTC
		{"2026-10-24T00:00:00+01:00", 24, 48, false, false},
		{"2026-10-25T00:00:00+01:00", 25, 50, false, false},
	} {
		d := days[i]
		if d.Start.Format(time.RFC3339) != want.start || d.Length.Hours() != want.hours || d.Accepted() != want.n ||
			d.Refused() != 0 || d.Lost != want.lost || d.Start.IsZero() != want.zeroed {
			t.Errorf("day %d: %+v", i, d)
		}
	}
}
