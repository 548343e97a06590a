package status

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// element is what is read of a page.
type element struct {
	name       string
	attributes map[string]string
}

// parse reads a page as XML, which it is as well, and so has every element closed, every attribute quoted and named once,
// and every < escaped.
func parse(t *testing.T, page string) (elements []element, text string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(strings.Replace(page, "<!DOCTYPE html>", "", 1)))
	decoder.Entity = xml.HTMLEntity
	var all strings.Builder
	var open []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return elements, all.String()
		}
		if err != nil {
			line, column := decoder.InputPos()
			t.Fatalf("line %d, column %d: %v", line, column, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{token.Name.Local, map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := e.attributes[a.Name.Local]; twice {
					t.Errorf("<%s> has %s twice", e.name, a.Name.Local)
				}
				e.attributes[a.Name.Local] = a.Value
			}
			elements = append(elements, e)
			open = append(open, e.name)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 && open[len(open)-1] != "style" {
				all.Write(token)
			}
		}
	}
}

func pageOf(t *testing.T, s *Snapshot, buckets []Bucket, c Config) string {
	t.Helper()
	if c.Zone == nil {
		c.Zone = berlin(t)
	}
	c.Address = DefaultAddress
	w := answer(newServer(t, c, daemonOf(s, buckets)), "GET", "/", "127.0.0.1:1", nil)
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestPage(t *testing.T) {
	page := pageOf(t, fixture(t), someBuckets(t), Config{Name: "South entrance"})
	elements, text := parse(t, page)
	counts, ids := map[string]int{}, map[string]bool{}
	for _, e := range elements {
		counts[e.name]++
		if id := e.attributes["id"]; id != "" {
			if ids[id] {
				t.Errorf("the id %s is there twice", id)
			}
			ids[id] = true
		}
	}
	for _, e := range elements {
		for key, value := range e.attributes {
			switch {
			case strings.HasPrefix(key, "on") || key == "style" || key == "srcset" || key == "action":
				t.Errorf("<%s %s>", e.name, key)
			case (key == "href" || key == "src") && value != "data:," && (strings.Contains(value, ":") || strings.HasPrefix(value, "/")):
				t.Errorf("<%s %s=%q>: what is not below the page cannot be behind a proxy", e.name, key, value)
			case key == "aria-labelledby":
				for _, id := range strings.Fields(value) {
					if !ids[id] {
						t.Errorf("there is no %s that labels <%s>", id, e.name)
					}
				}
			}
		}
		if e.name == "svg" && e.attributes["aria-hidden"] != "true" && (e.attributes["role"] != "img" || e.attributes["aria-labelledby"] == "") {
			t.Error("a picture without words")
		}
	}
	for name, want := range map[string]int{"html": 1, "main": 1, "h1": 1, "title": 2, "desc": 1, "details": 2, "script": 0, "img": 0, "form": 0, "iframe": 0, "link": 1} {
		if counts[name] != want {
			t.Errorf("%d times <%s>, want %d", counts[name], name, want)
		}
	}
	if bars := strings.Count(page, `<rect class="a" x=`); bars != 8 {
		t.Errorf("%d bars", bars)
	}
	for _, want := range []string{
		"South entrance", "Sunday, 22 November 2026, as of 14:20:00", "1\u202f267", "111", "07:00–08:00", "14:00–15:00 (now)", "23:00–00:00",
		"Busiest from 09:00 to 10:00: 412 accepted, 29 refused.", "Look at de (good, but not renewed).", "1.4.0",
		"2 accepted and 1 refused while the clock was not believed",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for r := range refusals() { // groups, not reasons
		if strings.Contains(text, r.String()) && strings.Contains(r.String(), "_") {
			t.Errorf("the page says %s", r)
		}
	}
	style := page[strings.Index(page, "<style>")+7 : strings.Index(page, "</style>")]
	hash := sha256.Sum256([]byte(style))
	if policy := newPage().policy; !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'") {
		t.Errorf("the style is not the one of %s", policy)
	}
	if strings.Contains(style, "url(") || strings.Contains(style, "@import") || strings.Contains(style, "@font-face") {
		t.Error("the style wants something from elsewhere")
	}
	if len(page) > 40_000 {
		t.Errorf("%d bytes", len(page))
	}
}

// TestPageHostile has markup in every text that comes from elsewhere.
func TestPageHostile(t *testing.T) {
	const evil = `</style></title><script>alert(1)</script><img src=x onerror="alert(1)">'"&`
	s := fixture(t)
	s.Version, s.Gate.Why, s.Gate.Mode, s.Reader.Fault, s.Clock.Explanation, s.Clock.Fault = evil, evil, evil, evil, evil, evil
	s.Faults, s.Trust.Faults = []string{evil}, []string{evil}
	s.Trust.Sources[1] = Source{Name: evil, Kind: evil, Error: evil, Failures: 1}
	for _, open := range []bool{true, false} {
		s.Gate.Open, s.Reader.Up, s.Clock.Believed = open, open, open
		d := daemonOf(s, nil)
		d.Stalled = func() []string { return []string{evil} }
		d.Counts = func(time.Time, time.Time) ([]Bucket, error) { return nil, errors.New(evil) }
		w := answer(newServer(t, Config{Address: DefaultAddress, Name: evil}, d), "GET", "/", "127.0.0.1:1", nil)
		elements, text := parse(t, w.Body.String())
		for _, e := range elements {
			if e.name == "script" || e.name == "img" {
				t.Errorf("there is a <%s>", e.name)
			}
		}
		if n := strings.Count(text, evil); n < 8 {
			t.Errorf("said %d times", n)
		}
	}
}

func TestPageStates(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*Snapshot)
		want  []string
	}{
		{"well", func(*Snapshot) {}, []string{"Open", "Good passes are let through."}},
		{"maintenance", func(s *Snapshot) { s.Gate = Gate{Mode: "maintenance"} }, []string{"Nobody is let through", "maintenance"}},
		{"reader", func(s *Snapshot) { s.Reader.Up = false }, []string{"Nobody is let through", "The barcode module does not answer; look at its cable and power."}},
		{"two", func(s *Snapshot) { s.Reader.Up, s.Clock.Believed = false, false }, []string{"That is one cause of 2; see below."}},
		{"stale", func(s *Snapshot) {
			s.Trust.Sources[0].FreshUntil, s.Trust.Sources[1].FreshUntil = s.Time.Add(-time.Hour), s.Time.Add(-time.Hour)
		}, []string{"Nobody is let through", "too old"}},
		{"empty", func(s *Snapshot) { s.Trust = Trust{} }, []string{"No trust data was ever loaded"}},
	} {
		s := fixture(t)
		tc.spoil(s)
		_, text := parse(t, pageOf(t, s, nil, Config{}))
		for _, want := range tc.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the page does not say %q", tc.name, want)
			}
		}
		if !strings.Contains(text, "No passes to show yet") {
			t.Errorf("%s: the chart is empty without a word", tc.name)
		}
	}
}

// TestGroups has every refusal in the group that it belongs to. Those that are in the first by their zero value alone are
// named here.
func TestGroups(t *testing.T) {
	want := map[group]string{
		unreadable:    "other_code not_hcert unsupported_version too_large bad_base45 bad_deflate bad_cbor bad_cose bad_alg bad_cwt bad_dcc not_one_entry",
		untrusted:     "no_trust trust_stale unknown_kid barred dsc_not_valid bad_signature issuer_mismatch wrong_domain key_usage",
		untimely:      "not_yet_valid expired",
		againstPolicy: "kind_not_allowed revocation_unavailable revoked rules_unavailable rule_failed rule_open icvp_incomplete icvp_product icvp_too_early icvp_not_valid",
		byGate:        "internal clock_untrusted repeated second_pass gate_closed gate_busy no_answer",
	}
	of := map[string]group{verify.Accepted.String(): unreadable} // it is in none, and never looked up
	for g, words := range want {
		for _, word := range strings.Fields(words) {
			of[word] = g
		}
	}
	for r := range verify.Reason(verify.NumReasons) {
		g, named := of[r.String()]
		if !named || groupOf[r] != g {
			t.Errorf("%s is in the group %q", r, groupText[groupOf[r]][0])
		}
	}
	if len(of) != verify.NumReasons {
		t.Errorf("%d of %d reasons", len(of), verify.NumReasons)
	}
}

func TestChart(t *testing.T) {
	zone := berlin(t)
	open := func(running bool) mask { return (&Config{}).mask(All, running) }
	for date, hours := range map[string]int{"2026-11-22": 24, "2026-10-25": 25, "2026-03-29": 23} {
		now := instant(t, date+"T12:00:00Z")
		day := today(now, zone)
		ch := newChart(&day, nil, now, open)
		marked := 0
		for _, b := range ch.Bars {
			if b.Now {
				marked++
			}
		}
		if len(ch.Bars) != hours || marked != 1 || !ch.Empty {
			t.Errorf("%s: %d bars, %d now", date, len(ch.Bars), marked)
		}
	}
	for most, want := range map[uint64]uint64{0: 2, 1: 2, 2: 2, 3: 4, 5: 6, 9: 10, 10: 10, 11: 20, 21: 40, 99: 100, 101: 200, 999_999: 1_000_000, 1 << 63: 1 << 63} {
		if got := axis(most); got != want {
			t.Errorf("%d: %d, want %d", most, got, want)
		}
	}
	day := today(instant(t, noon), zone)
	rows := []row{{Bucket: Bucket{Start: day.from, Counts: Counts{Accepted: 30, Refused: 10}}}}
	ch := newChart(&day, rows, instant(t, noon), open)
	const height = plotBottom - plotTop
	b := ch.Bars[0]
	if b.Accept != fmt.Sprintf("%.1f", .75*height) || b.Refuse != fmt.Sprintf("%.1f", .25*height) || b.RefusedY != fmt.Sprintf("%.1f", float64(plotTop)) ||
		len(ch.Lines) != 2 || ch.Lines[0].Text != "20" || ch.Lines[1].Text != "40" {
		t.Errorf("%+v %+v", b, ch.Lines)
	}
}

// Without a passage input the page does not say that nobody went through.
func TestPageWithoutPassages(t *testing.T) {
	s := fixture(t)
	s.Gate.PassageInput = false
	for name, tc := range map[string]struct {
		buckets []Bucket
		says    bool
	}{
		"none was ever seen": {[]Bucket{{Start: instant(t, "2026-11-22T06:00:00Z"), End: instant(t, "2026-11-22T07:00:00Z"), Counts: Counts{Accepted: 3, Counts: turnstile.Counts{Granted: 3}}}}, false},
		"there was one":      {someBuckets(t), true},
	} {
		_, body := get(t, serve(t, Config{Zone: berlin(t)}, daemonOf(s, tc.buckets)).URL+"/")
		if went := strings.Contains(body, "Went through"); went != tc.says || strings.Contains(body, "No passage input is wired") == tc.says {
			t.Errorf("%s: tells of passages: %v", name, went)
		}
	}
}
