package certlogic

import "time"

// unit is what plusTime counts in.
type unit uint8

const (
	hours unit = iota
	days
	months
	years
)

func unitOf(word string) (u unit, ok bool) {
	switch word {
	case "hour":
		return hours, true
	case "day":
		return days, true
	case "month":
		return months, true
	case "year":
		return years, true
	}
	return 0, false
}

const (
	msPerSecond = 1000
	msPerMinute = 60 * msPerSecond
	msPerHour   = 60 * msPerMinute
	msPerDay    = 24 * msPerHour

	// maxInstant is how far from 1970 a date-time may be, in ms (ECMAScript, time values). The specification is
	// written in terms of ECMAScript's Date.
	maxInstant = 8_640_000_000_000_000
	// minText and maxText are the first and the last millisecond of the years 0000 to 9999, which RFC 3339 can write.
	minText = -62_167_219_200_000
	maxText = 253_402_300_799_999
)

// parseDateTime reads a date or date-time as ms since 1970: YYYY, YYYY-MM (the last day is meant), YYYY-MM-DD (its
// first millisecond), or RFC 3339 with these liberties: no offset at all (UTC), no colon in it, one digit for its
// hours, no minutes. What is finer than a millisecond is cut off.
func parseDateTime(s []byte) (ms int64, ok bool) {
	if len(s) <= len("2006-01-02") {
		return parseDate(s)
	}
	const shortest = len("2006-01-02T15:04:05")
	if len(s) < shortest || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	ms, ok = parseDate(s[:10])
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	if !ok || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return 0, false
	}
	ms += hour*msPerHour + minute*msPerMinute + second*msPerSecond
	s = s[shortest:]
	if len(s) > 0 && s[0] == '.' {
		fraction, rest, ok := parseFraction(s[1:])
		if !ok {
			return 0, false
		}
		ms += fraction
		s = rest
	}
	offset, ok := parseOffset(s)
	return ms - offset, ok
}

// parseDate reads a date, perhaps without day or month.
func parseDate(s []byte) (ms int64, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	year, month, day := digits(s[:4]), int64(12), int64(31)
	switch len(s) {
	case len("2006"):
	case len("2006-01"), len("2006-01-02"):
		if s[4] != '-' {
			return 0, false
		}
		month = digits(s[5:7])
		if month < 1 || month > 12 {
			return 0, false
		}
		day = daysIn(year, month)
		if len(s) == len("2006-01") {
			break
		}
		if s[7] != '-' {
			return 0, false
		}
		last := day
		if day = digits(s[8:10]); day < 1 || day > last {
			return 0, false
		}
	default:
		return 0, false
	}
	if year < 0 {
		return 0, false
	}
	return dayNumber(year, month, day) * msPerDay, true
}

// parseFraction reads the digits behind a decimal point as ms.
func parseFraction(s []byte) (ms int64, rest []byte, ok bool) {
	unit := int64(100)
	i := 0
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		ms += int64(s[i]-'0') * unit
		unit /= 10
	}
	return ms, s[i:], i > 0
}

// parseOffset reads Z, nothing, ±h, ±hh, ±hmm, ±hhmm, ±h:mm or ±hh:mm as ms.
func parseOffset(s []byte) (ms int64, ok bool) {
	if len(s) == 0 || string(s) == "Z" {
		return 0, true
	}
	sign := int64(1)
	switch s[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return 0, false
	}
	hour, minute := s[1:], []byte("00")
	if n := len(hour); n >= 3 {
		hour, minute = hour[:n-2], hour[n-2:]
		if hour[len(hour)-1] == ':' {
			hour = hour[:len(hour)-1]
		}
	}
	if len(hour) < 1 || len(hour) > 2 {
		return 0, false
	}
	h, m := digits(hour), digits(minute)
	if h < 0 || h > 23 || m < 0 || m > 59 {
		return 0, false
	}
	return sign * (h*msPerHour + m*msPerMinute), true
}

// digits reads a number that has nothing but digits, or gives -1.
func digits(s []byte) (n int64) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

func leap(year int64) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func daysIn(year, month int64) int64 {
	if month == 2 && leap(year) {
		return 29
	}
	return daysBefore[month] - daysBefore[month-1]
}

// daysBefore counts the days of a common year up to the end of a month.
var daysBefore = [...]int64{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}

// dayNumber counts the days from 1970-01-01 to a date of the Gregorian calendar, of a year that is not negative.
func dayNumber(year, month, day int64) int64 {
	n := daysBeforeYear(year) - daysBeforeYear(1970) + daysBefore[month-1] + day - 1
	if month > 2 && leap(year) {
		n++
	}
	return n
}

// daysBeforeYear counts from the year -400, so that nothing is negative.
func daysBeforeYear(year int64) int64 {
	complete := year + 399
	return 365*complete + complete/4 - complete/100 + complete/400
}

// plusTime adds to an instant. Months and years are added in the calendar, in UTC; a day that the month does not have
// runs over into the next, as it does with Date of ECMAScript.
func plusTime(ms, amount int64, u unit) (sum int64, ok bool) {
	const most = 10_000_000_000 // leaves the range with any unit, and overflows with none
	if amount < -most || amount > most {
		return 0, false
	}
	switch u {
	case hours:
		ms += amount * msPerHour
	case days:
		ms += amount * msPerDay
	default:
		const mostMonths = 10_000_000
		if amount < -mostMonths || amount > mostMonths {
			return 0, false
		}
		t := time.UnixMilli(ms).UTC()
		if u == months {
			t = t.AddDate(0, int(amount), 0)
		} else {
			t = t.AddDate(int(amount), 0, 0)
		}
		ms = t.UnixMilli()
	}
	return ms, -maxInstant <= ms && ms <= maxInstant
}

// dateTimeText is an instant as rules see the clock.
type dateTimeText [len("2006-01-02T15:04:05.000Z")]byte

// writeDateTime writes an instant of the years 0000 to 9999 as RFC 3339 does.
func writeDateTime(b *dateTimeText, ms int64) {
	year, month, day := time.UnixMilli(ms).UTC().Date()
	ms -= minText // not negative
	copy(b[:], "0000-00-00T00:00:00.000Z")
	writeDigits(b[0:4], int64(year))
	writeDigits(b[5:7], int64(month))
	writeDigits(b[8:10], int64(day))
	writeDigits(b[11:13], ms/msPerHour%24)
	writeDigits(b[14:16], ms/msPerMinute%60)
	writeDigits(b[17:19], ms/msPerSecond%60)
	writeDigits(b[20:23], ms%msPerSecond)
}

func writeDigits(b []byte, n int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(n%10)
		n /= 10
	}
}
