package status

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gatescan/verify"
)

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatalf("%v: install tzdata", err)
	}
	return zone
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// noon is when the fixture looks: 14:20 in Berlin, in winter.
const noon = "2026-11-22T13:20:00Z"

// fixture is a daemon with which all is well, and with something of everything.
func fixture(t testing.TB) *Snapshot {
	t.Helper()
	now := instant(t, noon)
	s := &Snapshot{
		Version: "1.4.0", Time: now, Started: now.Add(-30 * time.Hour),
		Gate: Gate{Mode: "open", Open: true, PassageInput: true},
		Reader: Reader{
			Up: true, Since: now.Add(-29 * time.Hour), Problem: "wrong_parity", Likely: "7 data bits, even", Keys: []string{"reader.parity"},
			Line: []LineCount{{"bytes", 81920}, {"no_reads", 12}},
		},
		Clock: Clock{
			State: "synced", Required: "rtc", Believed: true, Time: now, Floor: now.Add(-time.Hour), LastSynced: now,
			MaxError: .25, Ahead: -.5, Jumps: 2, Explanation: "the clock is synchronised",
		},
		Trust: Trust{Generation: 41, DSCs: 1287, Sources: []Source{
			{
				Name: "who", Kind: "who", Attempts: 30, LastAttempt: now.Add(-20 * time.Minute), NextAttempt: now.Add(40 * time.Minute),
				Confirmed: now.Add(-20 * time.Minute), Signed: now.Add(-5 * time.Hour), FreshUntil: now.Add(6 * 24 * time.Hour), DSCs: 1275, Skipped: 3,
			},
			{
				Name: "de", Kind: "de", Attempts: 12, Failures: 4, Error: "https://de.example/trustList/DSC/: 503 Service Unavailable",
				LastAttempt: now.Add(-5 * time.Minute), NextAttempt: now.Add(55 * time.Minute),
				Confirmed: now.Add(-9 * time.Hour), FreshUntil: now.Add(40 * time.Hour), Expires: now.Add(50 * time.Hour), DSCs: 832,
			},
		}},
		Tolerated: 1, Families: [verify.NumFamilies]uint64{verify.UnknownFamily: 2, verify.RailTicket: 7}, ByRule: []ByRule{{"VR-DE-0001", 4}, {"", 1}}, Watchdogs: Watchdogs{Manager: 10},
	}
	buckets := someBuckets(t)
	for i := range buckets {
		s.Totals.Add(&buckets[i].Counts)
	}
	return s
}

// someBuckets are the hours of the fixture's day, one of the day before, and one of when the clock was not believed.
func someBuckets(t testing.TB) []Bucket {
	t.Helper()
	buckets := []Bucket{{Undated: true, Counts: some(2, 1, 0)}, {
		Start: instant(t, "2026-11-21T17:00:00Z"), End: instant(t, "2026-11-21T18:00:00Z"), Lost: true, Counts: some(40, 0, 6),
	}}
	start := instant(t, "2026-11-22T06:00:00Z")
	for _, counts := range []Counts{some(3, 0, 1), some(180, 4, 11), some(412, 9, 20), some(265, 3, 14), some(120, 2, 9), some(96, 1, 30), some(130, 0, 4), some(61, 1, 2)} {
		buckets = append(buckets, Bucket{Start: start, End: start.Add(time.Hour), Counts: counts})
		start = start.Add(time.Hour)
	}
	return buckets
}

// some is an hour in which so many were accepted, run out, and not read.
func some(accepted, expired, unreadable uint64) (c Counts) {
	c.Accepted, c.Refused = accepted, expired+unreadable
	c.ByReason[verify.Accepted], c.ByReason[verify.Expired], c.ByReason[verify.BadBase45] = accepted, expired, unreadable
	c.ByKind[verify.Recovery] = accepted / 10
	c.ByKind[verify.Test] = accepted / 5
	c.ByKind[verify.Vaccination] = accepted - accepted/10 - accepted/5
	c.Granted, c.Passages, c.NotEntered, c.Unexpected, c.Back = accepted, accepted-accepted/20, accepted/20, accepted/100, accepted/50
	return c
}

// within are the buckets that a daemon gives for a span.
func within(buckets []Bucket, from, to time.Time) (in []Bucket) {
	for _, b := range buckets {
		if b.Undated || !b.Start.Before(from) && b.Start.Before(to) {
			in = append(in, b)
		}
	}
	return in
}

func daemonOf(s *Snapshot, buckets []Bucket) Daemon {
	return Daemon{
		State:   func() Snapshot { return *s },
		Counts:  func(from, to time.Time) ([]Bucket, error) { return within(buckets, from, to), nil },
		Stalled: func() []string { return nil },
	}
}

var silent = slog.New(slog.DiscardHandler)

func newServer(t testing.TB, c Config, d Daemon) *Server {
	t.Helper()
	s, err := New(c, d, silent)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve has a server answer on loopback, as far as it goes without Run.
func serve(t testing.TB, c Config, d Daemon) *httptest.Server {
	t.Helper()
	if c.Address == "" {
		c.Address = DefaultAddress
	}
	server := httptest.NewServer(newServer(t, c, d).handler)
	t.Cleanup(server.Close)
	return server
}

func get(t testing.TB, address string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, request)
}

func do(t testing.TB, request *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}
