package status

import (
	"fmt"
	"net/url"
	"time"

	"gatescan/cmd/gatescan/counters"
)

// maxSpan is the longest time that one request may ask for.
const maxSpan = 400 * 24 * time.Hour

// span is what a request asks for: whole hours or days of the venue's clock, from inclusive, to exclusive.
type span struct {
	from, to time.Time
	daily    bool
	zone     *time.Location
}

// mistake is a request that cannot be answered, and what to ask instead.
type mistake struct{ what, hint string }

func (m *mistake) Error() string { return m.what + "; " + m.hint }

const timeHint = "write a day as 2026-11-22, or an instant as 2026-11-22T08:00:00Z (a + is %2B in an address)"

// today is the venue's day that now is in, by the hour.
func today(now time.Time, zone *time.Location) span {
	from, to := counters.Day(now, zone)
	return span{from: from, to: to, zone: zone}
}

// parseSpan reads from, to and bucket. A day as from is from its beginning, as to it is to its end; without to it is the end
// of from's day, without both it is today.
func parseSpan(query string, now time.Time, zone *time.Location) (span, error) {
	s := today(now, zone)
	values, err := url.ParseQuery(query)
	if err != nil {
		return s, &mistake{"the query cannot be read", "write ?from=2026-11-01&to=2026-11-30&bucket=day"}
	}
	for key, value := range values {
		if len(value) != 1 {
			return s, &mistake{"a parameter is there more than once", "name each once"}
		}
		switch key {
		case "from", "to":
		case "bucket":
			if s.daily = value[0] == "day"; !s.daily && value[0] != "hour" {
				return s, &mistake{"no such bucket", "write bucket=hour or bucket=day"}
			}
		default:
			return s, &mistake{"there is a parameter that means nothing here", "there are from, to and bucket"}
		}
	}
	if text := values.Get("from"); text != "" {
		if s.from, s.to, err = parseTime("from", text, zone); err != nil {
			return s, err
		}
		_, s.to = counters.Day(s.from, zone)
	}
	if text := values.Get("to"); text != "" {
		if _, s.to, err = parseTime("to", text, zone); err != nil {
			return s, err
		}
	}
	if s.from, _ = s.around(s.from); !s.from.Before(s.to) {
		return s, &mistake{"to is not later than from", "exchange them, or leave to away for one day"}
	}
	if start, end := s.around(s.to); !start.Equal(s.to) {
		s.to = end
	}
	if s.to.Sub(s.from) > maxSpan {
		return s, &mistake{fmt.Sprintf("from and to are more than %d days apart", maxSpan/(24*time.Hour)), "ask for each year by itself"}
	}
	return s, nil
}

// parseTime reads a day or an instant, and returns when it begins and ends; an instant does so at once.
func parseTime(key, text string, zone *time.Location) (from, to time.Time, err error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		if from, to = counters.Date(day.Year(), day.Month(), day.Day(), zone); sane(from) {
			return from, to, nil
		}
	}
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil || !sane(instant) {
		return from, to, &mistake{key + " is no time between 2000 and 2199", timeHint}
	}
	instant = instant.In(zone)
	return instant, instant, nil
}

func sane(t time.Time) bool { return t.Year() >= 2000 && t.Year() < 2200 }

// around is the hour or day that t is in.
func (s *span) around(t time.Time) (from, to time.Time) {
	if s.daily {
		return counters.Day(t, s.zone)
	}
	return counters.Hour(t, s.zone)
}
