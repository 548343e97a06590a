package counters

import (
	"testing"
	"time"
	_ "time/tzdata"
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
		"America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Asia/Pyongyang", "Atlantic/Azores", "America/Havana",
	} {
		for _, size := range []time.Duration{time.Hour, 5 * time.Minute} {
			z := zone(t, name)
			at := time.Date(2010, 9, 1, 0, 0, 0, 0, time.UTC)
			if size < time.Hour {
				at = time.Date(2018, 2, 1, 0, 0, 0, 0, time.UTC)
			}
			end := at.AddDate(2, 0, 0)
			at, _ = bucketAt(at, z, size)
			day, next := Day(at, z)
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
				if from, to := Day(at, z); from.After(day) {
					if !from.Equal(next) || !from.Equal(at) {
						t.Fatalf("%s: after %v comes %v, not %v, at %v", name, day, next, from, at)
					}
					day, next = from, to
				}
			}
		}
	}
}
