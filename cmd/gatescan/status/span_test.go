package status

import (
	"errors"
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	zone := berlin(t)
	now := instant(t, noon)
	for _, tc := range []struct{ query, from, to string }{
		{"", "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00"},
		{"bucket=day", "2026-11-22T00:00:00+01:00", "2026-11-23T00:00:00+01:00"},
		{"from=2026-11-01&to=2026-11-30", "2026-11-01T00:00:00+01:00", "2026-12-01T00:00:00+01:00"},
		{"from=2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"}, // of 25 hours
		{"from=2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"}, // of 23
		{"from=2026-11-22T08:10:00Z&to=2026-11-22T10:00:00Z", "2026-11-22T09:00:00+01:00", "2026-11-22T11:00:00+01:00"},
		{"from=2026-11-22T08:10:00Z&to=2026-11-22T10:00:01Z", "2026-11-22T09:00:00+01:00", "2026-11-22T12:00:00+01:00"},
		{"from=2026-11-22T09:10:00%2B01:00&to=2026-11-22T09:20:00%2B01:00", "2026-11-22T09:00:00+01:00", "2026-11-22T10:00:00+01:00"},
		{"from=2026-11-20T23:10:00Z&to=2026-11-21T23:10:00Z&bucket=day", "2026-11-21T00:00:00+01:00", "2026-11-23T00:00:00+01:00"},
		{"from=2025-11-01&to=2026-11-30", "2025-11-01T00:00:00+01:00", "2026-12-01T00:00:00+01:00"}, // 395 days
	} {
		s, err := parseSpan(tc.query, now, zone)
		if err != nil || s.from.Format(time.RFC3339) != tc.from || s.to.Format(time.RFC3339) != tc.to {
			t.Errorf("%q: %v to %v, %v", tc.query, s.from, s.to, err)
		}
	}
	for _, query := range []string{
		"from=yesterday", "from=2026-02-30", "from=2026-11-22T24:00:00Z", "from=1999-12-31", "from=9999-12-31", "to=2200-01-01",
		"from=0000-00-00", "from=2026-11-23&to=2026-11-22", "to=2026-11-21", "from=2026-11-22T08:00:00Z&to=2026-11-22T08:00:00Z",
		"from=2025-01-01&to=2026-11-30", "from=2000-01-01&to=2199-12-31", "bucket=minute", "bucket=", "form=2026-11-22", "from=2026-11-22&from=2026-11-21",
		"from=%zz", "from=2026-11-22;to=2026-11-23", "from=-1", "from=1763769600", "from=2026-11-22T08:00:00+01:00", "from=%00", "FROM=2026-11-22",
	} {
		_, err := parseSpan(query, now, zone)
		if m := (*mistake)(nil); !errors.As(err, &m) || m.what == "" || m.hint == "" {
			t.Errorf("%q: %v", query, err)
		}
	}
}

func TestRows(t *testing.T) {
	zone := berlin(t)
	now := instant(t, noon)
	day := today(now, zone)
	rows, undated := day.rows(someBuckets(t), now)
	if len(rows) != 8 || undated == nil || undated.Accepted != 2 {
		t.Fatalf("%d rows, undated %v", len(rows), undated)
	}
	for i := range rows {
		if rows[i].running != (i == 7) || i > 0 && !rows[i].Start.After(rows[i-1].Start) || rows[i].Lost {
			t.Errorf("row %d: %v", i, rows[i].Start)
		}
	}
	// Without a bucket the hour that goes on is there all the same; two of one hour are one row.
	b := someBuckets(t)[2:4]
	b[1].Start, b[1].End = b[0].Start, b[0].End
	rows, undated = day.rows(b, now)
	if len(rows) != 2 || undated != nil || rows[0].Accepted != 183 || !rows[1].running || rows[1].Accepted != 0 {
		t.Errorf("%+v", rows)
	}
	s, err := parseSpan("from=2026-11-20&to=2026-11-22&bucket=day", now, zone)
	if err != nil {
		t.Fatal(err)
	}
	rows, _ = s.rows(someBuckets(t), now)
	if len(rows) != 2 || rows[0].Accepted != 40 || !rows[0].Lost || rows[0].running || rows[1].Accepted != 1267 || !rows[1].running ||
		!rows[0].End.Equal(rows[1].Start) {
		t.Errorf("%+v", rows)
	}
	if total := sum(rows); total.Accepted != 1307 || !total.running || !total.Lost || total.Back != 22 {
		t.Errorf("%+v", total)
	}
}

func FuzzSpan(f *testing.F) {
	for _, seed := range []string{"", "from=2026-11-01&to=2026-11-30&bucket=day", "from=2026-11-22T08:10:00Z", "from=2026-03-29T02:30:00%2B01:00&to=2026-03-30"} {
		f.Add(seed)
	}
	zone := berlin(f)
	now := instant(f, noon)
	f.Fuzz(func(t *testing.T, query string) {
		s, err := parseSpan(query, now, zone)
		if err != nil {
			return
		}
		if from, _ := s.around(s.from); !from.Equal(s.from) || !s.from.Before(s.to) || s.to.Sub(s.from) > maxSpan {
			t.Errorf("%v to %v", s.from, s.to)
		}
		if from, _ := s.around(s.to); !from.Equal(s.to) {
			t.Errorf("ends at %v, within a bucket", s.to)
		}
	})
}
