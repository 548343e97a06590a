package certlogic

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // Lisbon, wherever the test runs
)

func TestParseDateTime(t *testing.T) {
	for _, tt := range []struct{ text, want string }{ // want in UTC, or empty
		{"2021", "2021-12-31T00:00:00.000Z"},
		{"2021-02", "2021-02-28T00:00:00.000Z"},
		{"2020-02", "2020-02-29T00:00:00.000Z"},
		{"1900-02", "1900-02-28T00:00:00.000Z"},
		{"2000-02", "2000-02-29T00:00:00.000Z"},
		{"2021-12", "2021-12-31T00:00:00.000Z"},
		{"2021-06-01", "2021-06-01T00:00:00.000Z"},
		{"2020-02-29", "2020-02-29T00:00:00.000Z"},
		{"0000-02-29", "0000-02-29T00:00:00.000Z"},
		{"0000-01-01", "0000-01-01T00:00:00.000Z"},
		{"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"},
		{"2021-06-01T10:20:30", "2021-06-01T10:20:30.000Z"},
		{"2021-06-01T10:20:30Z", "2021-06-01T10:20:30.000Z"},
		{"2021-06-01T10:20:30.1", "2021-06-01T10:20:30.100Z"},
		{"2021-06-01T10:20:30.12Z", "2021-06-01T10:20:30.120Z"},
		{"2021-06-01T10:20:30.9999999999999999999999Z", "2021-06-01T10:20:30.999Z"},
		{"2021-06-01T10:20:30+2", "2021-06-01T08:20:30.000Z"},
		{"2021-06-01T10:20:30-02", "2021-06-01T12:20:30.000Z"},
		{"2021-06-01T10:20:30+130", "2021-06-01T08:50:30.000Z"},
		{"2021-06-01T10:20:30+0130", "2021-06-01T08:50:30.000Z"},
		{"2021-06-01T10:20:30+1:30", "2021-06-01T08:50:30.000Z"},
		{"2021-06-01T10:20:30.5-01:30", "2021-06-01T11:50:30.500Z"},
		{"2021-01-01T00:20:30+14:00", "2020-12-31T10:20:30.000Z"},
		{"2021-12-31T23:00:00-23:59", "2022-01-01T22:59:00.000Z"},

		{"", ""},
		{"202", ""},
		{"20210", ""},
		{"2021-", ""},
		{"2021-1", ""},
		{"2021-00", ""},
		{"2021-13", ""},
		{"2021/06", ""},
		{"2021-06-", ""},
		{"2021-06-0", ""},
		{"2021-06-00", ""},
		{"2021-06-31", ""},
		{"2021-02-29", ""},
		{"1900-02-29", ""},
		{"2021-06/01", ""},
		{"-001-06-01", ""},
		{"+021-06-01", ""},
		{"２０２１", ""},
		{"2021-06-01T", ""},
		{"2021-06-01T10:20", ""},
		{"2021-06-01T10:20Z", ""},
		{"2021-06-01 10:20:30", ""},
		{"2021-06-01t10:20:30", ""},
		{"2021-06-01T10:20:30z", ""},
		{"2021-06-01T24:00:00", ""},
		{"2021-06-01T23:60:00", ""},
		{"2021-06-01T23:59:60", ""},
		{"2021-06-01T-1:20:30", ""},
		{"2021-06-31T10:20:30", ""},
		{"2021-06-01T10:20:30.", ""},
		{"2021-06-01T10:20:30.Z", ""},
		{"2021-06-01T10:20:30,5Z", ""},
		{"2021-06-01T10:20:30.5x", ""},
		{"2021-06-01T10:20:30+", ""},
		{"2021-06-01T10:20:30+:", ""},
		{"2021-06-01T10:20:30+:00", ""},
		{"2021-06-01T10:20:30+01:", ""},
		{"2021-06-01T10:20:30+1:2", ""},
		{"2021-06-01T10:20:30+12:3", ""},
		{"2021-06-01T10:20:30+001:00", ""},
		{"2021-06-01T10:20:30+01:00Z", ""},
		{"2021-06-01T10:20:30+24:00", ""},
		{"2021-06-01T10:20:30+01:60", ""},
		{"2021-06-01T10:20:30Z ", ""},
		{"2021-06-01T10:20:30ZZ", ""},
	} {
		ms, ok := parseDateTime([]byte(tt.text))
		if ok != (tt.want != "") {
			t.Errorf("%q: %v", tt.text, ok)
			continue
		}
		if got := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"); ok && got != tt.want {
			t.Errorf("%q: %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestPlusTime(t *testing.T) {
	for _, tt := range []struct {
		text   string
		amount int64
		unit   unit
		want   string // empty: out of range
	}{
		{"2020-02-29", 1, years, "2021-03-01T00:00:00.000Z"},
		{"2020-02-29", 4, years, "2024-02-29T00:00:00.000Z"},
		{"2020-02-29", -1, years, "2019-03-01T00:00:00.000Z"},
		{"2021-01-31", 1, months, "2021-03-03T00:00:00.000Z"},
		{"2020-01-31", 1, months, "2020-03-02T00:00:00.000Z"},
		{"2021-03-31", -1, months, "2021-03-03T00:00:00.000Z"},
		{"2021-12-31", -25, months, "2019-12-01T00:00:00.000Z"},
		{"2021-10-30T23:30:00-02:00", 1, months, "2021-12-01T01:30:00.000Z"}, // 31 October in UTC
		{"2021-03-27", 1, days, "2021-03-28T00:00:00.000Z"},
		{"2021-03-28T00:30:00Z", 1, hours, "2021-03-28T01:30:00.000Z"}, // no hour is missing in UTC
		{"2021-05-29", 365, days, "2022-05-29T00:00:00.000Z"},
		{"2021-05-29", -48, hours, "2021-05-27T00:00:00.000Z"},
		{"1969-12-31T23:59:59.999Z", 0, hours, "1969-12-31T23:59:59.999Z"},
		{"0000-01-01", -1, days, "-0001-12-31T00:00:00.000Z"},
		{"1970-01-01", 100_000_000, days, "275760-09-13T00:00:00.000Z"},
		{"1970-01-01", 100_000_001, days, ""},
		{"1970-01-01", -100_000_001, days, ""},
		{"1970-01-01", 2_400_000_001, hours, ""},
		{"1970-01-01", 273_791, years, ""},
		{"1970-01-01", -273_792, years, ""},
		{"1970-01-01", 4_000_000, months, ""},
		{"1970-01-01", maxWhole, days, ""},
		{"1970-01-01", -maxWhole, hours, ""},
		{"1970-01-01", maxWhole, years, ""},
		{"1970-01-01", -maxWhole, months, ""},
	} {
		ms, ok := parseDateTime([]byte(tt.text))
		if !ok {
			t.Fatal(tt.text)
		}
		ms, ok = plusTime(ms, tt.amount, tt.unit)
		got := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
		if ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("%s + %d: %s %v, want %s", tt.text, tt.amount, got, ok, tt.want)
		}
	}
}

// Every day of seven cycles of the calendar is where the standard library has it.
func TestDayNumber(t *testing.T) {
	days := 0
	for at := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2800; at = at.AddDate(0, 0, 1) {
		year, month, day := at.Date()
		if got := dayNumber(int64(year), int64(month), int64(day)) * msPerDay; got != at.UnixMilli() {
			t.Fatalf("%v: %d", at, got)
		}
		if tomorrow := at.AddDate(0, 0, 1); (tomorrow.Day() == 1) != (int64(day) == daysIn(int64(year), int64(month))) {
			t.Fatalf("%v: the month has %d days", at, daysIn(int64(year), int64(month)))
		}
		days++
	}
	if want := 7 * 146_097; days != want { // seven times 400 years
		t.Errorf("%d days", days)
	}
}

func TestWriteDateTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 10_000 {
		ms := minText + random.Int64N(maxText-minText+1)
		switch i {
		case 0:
			ms = minText
		case 1:
			ms = maxText
		case 2:
			ms = -1
		}
		var b dateTimeText
		writeDateTime(&b, ms)
		if want := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"); string(b[:]) != want {
			t.Fatalf("%s, want %s", b, want)
		}
	}
}

// The time zone of the process changes nothing.
func TestTimeZone(t *testing.T) {
	lisbon, err := time.LoadLocation("Europe/Lisbon")
	if err != nil {
		t.Fatal(err)
	}
	defer func(local *time.Location) { time.Local = local }(time.Local)
	cases := loadRuleCases(t)
	m := NewMachine()
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", -12*3600), time.FixedZone("", 14*3600), lisbon} {
		time.Local = zone
		for _, c := range cases {
			d := c.split(t)
			d.Clock = d.Clock.Local()
			if got := m.Eval(c.program, d); got != c.expected {
				t.Errorf("%s in %v: %v, want %v", c.id, zone, got, c.expected)
			}
		}
		clock := compile(t, []byte(`{"===":[{"var":"external.validationClock"},"2021-10-31T01:30:00.250Z"]}`))
		d := &Data{Payload: encodeCBOR(t, nil), Clock: time.Date(2021, 10, 31, 1, 30, 0, 250_999_999, time.UTC).Local()}
		if got := m.Eval(clock, d); got != Passed {
			t.Errorf("the clock in %v: %v (%v)", zone, got, m.Fault())
		}
		day := compile(t, []byte(`{"===":[{"var":"external.validationClockAtStartOfDay"},"2021-10-31T00:00:00.000Z"]}`))
		if got := m.Eval(day, d); got != Passed {
			t.Errorf("the beginning of the day in %v: %v (%v)", zone, got, m.Fault())
		}
		for _, sum := range []string{
			`{"plusTime":["2021-01-31T12:00:00Z",1,"month"]},{"plusTime":["2021-03-03T12:00:00Z",0,"day"]}`,      // 1 February in the east
			`{"plusTime":["2021-10-31T00:30:00+02:00",1,"month"]},{"plusTime":["2021-11-30T22:30:00Z",0,"day"]}`, // summer time in Lisbon
			`{"plusTime":["2020-02-29T06:00:00Z",1,"year"]},{"plusTime":["2021-03-01T06:00:00Z",0,"day"]}`,       // 28 February in the west
		} {
			p := compile(t, []byte(`{"and":[{"not-before":[`+sum+`]},{"not-after":[`+sum+`]}]}`))
			if got := m.Eval(p, d); got != Passed {
				t.Errorf("%s in %v: %v (%v)", sum, zone, got, m.Fault())
			}
		}
	}
}

func TestExtractFromUVCI(t *testing.T) {
	for _, tt := range []struct {
		uvci string
		want []string
	}{
		{"", []string{""}},
		{"a::c/#/f", []string{"a", "", "c", "", "", "f"}},
		{"URN:UVCI:01DE/IZ12345A/5CWL#W", []string{"01DE", "IZ12345A", "5CWL", "W"}},
		{"URN:UVCI:", []string{""}},
		{"URN:UVCI:URN:UVCI:x", []string{"URN", "UVCI", "x"}},
		{"urn:uvci:01:NL", []string{"urn", "uvci", "01", "NL"}},
		{"URN:UCI:01:AT", []string{"URN", "UCI", "01", "AT"}},
		{":", []string{"", ""}},
		{"é/ü", []string{"é", "ü"}},
	} {
		for i := -2; i < len(tt.want)+2; i++ {
			got, ok := extractFromUVCI([]byte(tt.uvci), int64(i))
			there := i >= 0 && i < len(tt.want)
			if ok != there || there && string(got) != tt.want[i] {
				t.Errorf("%q, %d: %q %v", tt.uvci, i, got, ok)
			}
		}
		if _, ok := extractFromUVCI([]byte(tt.uvci), maxWhole); ok {
			t.Errorf("%q has a very large fragment", tt.uvci)
		}
	}
}
