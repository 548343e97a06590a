package counters

import (
	"testing"
	"time"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// When a day begins and how long it is; the transitions are those of the time zone database.
func TestDay(t *testing.T) {
	for _, c := range []struct {
		zone, at, from string
		length         time.Duration
	}{
		{"Europe/Lisbon", "2026-03-29T12:00:00Z", "2026-03-29T00:00:00Z", 23 * time.Hour},
		{"Europe/Lisbon", "2026-10-25T12:00:00Z", "2026-10-24T23:00:00Z", 25 * time.Hour},
		{"Europe/Lisbon", "2026-07-01T23:00:00Z", "2026-07-01T23:00:00Z", 24 * time.Hour},
		// Midnight is skipped: 0:00 is 1:00.
		{"Atlantic/Azores", "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z", 23 * time.Hour},
		{"Atlantic/Azores", "2026-03-29T00:59:59Z", "2026-03-28T01:00:00Z", 24 * time.Hour},
		{"America/Havana", "2025-03-09T12:00:00Z", "2025-03-09T05:00:00Z", 23 * time.Hour},
		{"America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", 23 * time.Hour},
		// Midnight comes twice: 1:00 is 0:00 again.
		{"Atlantic/Azores", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", 25 * time.Hour}, // the first 0:30
		{"Atlantic/Azores", "2026-10-25T01:30:00Z", "2026-10-25T00:00:00Z", 25 * time.Hour}, // the second
		{"Atlantic/Azores", "2026-10-25T01:00:00Z", "2026-10-25T00:00:00Z", 25 * time.Hour}, // the second midnight
		{"Atlantic/Azores", "2026-10-25T22:00:00Z", "2026-10-25T00:00:00Z", 25 * time.Hour},
		{"Atlantic/Azores", "2026-10-24T23:59:59Z", "2026-10-24T00:00:00Z", 24 * time.Hour},
		{"America/Havana", "2025-11-02T04:30:00Z", "2025-11-02T04:00:00Z", 25 * time.Hour},
		{"America/Havana", "2025-11-02T05:30:00Z", "2025-11-02T04:00:00Z", 25 * time.Hour},
		{"America/Havana", "2025-11-02T20:00:00Z", "2025-11-02T04:00:00Z", 25 * time.Hour},
		// 23:00 comes twice.
		{"America/Sao_Paulo", "2019-02-16T12:00:00Z", "2019-02-16T02:00:00Z", 25 * time.Hour},
		{"America/Sao_Paulo", "2019-02-17T02:30:00Z", "2019-02-16T02:00:00Z", 25 * time.Hour},
		{"America/Sao_Paulo", "2026-11-01T12:00:00Z", "2026-11-01T03:00:00Z", 24 * time.Hour}, // abolished
		// At 0:01 the clock goes back to 23:01: the 7th has begun a minute before, and goes on.
		{"America/St_Johns", "2010-11-07T02:31:30Z", "2010-11-07T02:30:00Z", 25 * time.Hour},
		{"America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-07T02:30:00Z", 25 * time.Hour},
		{"America/St_Johns", "2010-11-07T02:29:59Z", "2010-11-06T02:30:00Z", 24 * time.Hour},
		{"Pacific/Kiritimati", "2026-03-29T10:00:00Z", "2026-03-29T10:00:00Z", 24 * time.Hour},
		{"Asia/Kathmandu", "2026-03-29T18:14:00Z", "2026-03-28T18:15:00Z", 24 * time.Hour},
		{"Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", 24 * time.Hour}, // the 29th
		{"Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", 24 * time.Hour}, // the 31st
	} {
		from, to := Day(at(t, c.at), zone(t, c.zone))
		if got := from.UTC().Format(time.RFC3339); got != c.from || to.Sub(from) != c.length {
			t.Errorf("%s %s: a day of %v from %s, want %v from %s", c.zone, c.at, to.Sub(from), got, c.length, c.from)
		}
	}
	if from, to := Date(2011, 12, 30, zone(t, "Pacific/Apia")); !from.Equal(to) {
		t.Errorf("the day that Apia skipped is from %v to %v", from, to)
	}
	if from, to := Date(2026, 10, 25, zone(t, "Atlantic/Azores")); to.Sub(from) != 25*time.Hour {
		t.Errorf("the 25th is from %v to %v", from, to)
	}
}

// Days and hours of years follow each other without a gap, whatever the zone does.
func TestDaysTile(t *testing.T) {
	for name, years := range map[string][2]int{
		"Europe/Berlin": {2026, 2027}, "America/Santiago": {2018, 2020}, "Asia/Kolkata": {2026, 2026}, "Australia/Lord_Howe": {2026, 2027},
		"Pacific/Apia": {2011, 2012}, "Africa/Cairo": {2024, 2025}, "America/Havana": {2024, 2025}, "Atlantic/Azores": {2025, 2026},
		"America/St_Johns": {2009, 2011},
	} {
		zone := zone(t, name)
		end := time.Date(years[1]+1, 1, 1, 0, 0, 0, 0, zone)
		day, _ := Day(time.Date(years[0], 1, 1, 12, 0, 0, 0, zone), zone)
		days, hours := 0, 0
		for day.Before(end) {
			from, to := Day(day, zone)
			if !from.Equal(day) || !to.After(from) || to.Sub(from) > 25*time.Hour {
				t.Fatalf("%s: the day of %v is from %v to %v", name, day, from, to)
			}
			for hour := from; hour.Before(to); hours++ {
				if f, _ := Day(hour, zone); !f.Equal(from) {
					t.Fatalf("%s: the day of %v begins at %v, not %v", name, hour, f, from)
				}
				f, e := Hour(hour, zone)
				if !f.Equal(hour) || !e.After(f) || e.Sub(f) > time.Hour || e.After(to) {
					t.Fatalf("%s: the hour of %v is from %v to %v", name, hour, f, e)
				}
				hour = e
			}
			day = to
			days++
		}
		if days < 365 || hours < 24*365 {
			t.Errorf("%s: %d days, %d hours", name, days, hours)
		}
	}
}
