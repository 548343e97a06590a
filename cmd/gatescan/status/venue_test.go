package status

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatescan/verify"
)

// What a venue's token reads: kinds and reasons of hours that are over, small numbers hidden, and of the running hour totals.
func TestVenue(t *testing.T) {
	over, running := some(100, 0, 7), some(30, 0, 2)
	over.ByReason[verify.Revoked], over.Refused = 9, over.Refused+9
	over.ByReason[verify.KeyUsage], over.Refused = 1, over.Refused+1
	running.ByReason[verify.Revoked], running.Refused = 6, running.Refused+6
	now := instant(t, noon)
	start := now.Truncate(time.Hour)
	buckets := []Bucket{
		{Start: start.Add(-time.Hour), End: start, Counts: over},
		{Start: start, End: start.Add(time.Hour), Counts: running},
		{Undated: true, Counts: some(50, 6, 6)},
	}
	s := fixture(t)
	server := newServer(t, Config{Address: DefaultAddress, Zone: berlin(t), Tokens: someTokens(t), VenueMinCount: 5}, daemonOf(s, buckets))
	as := func(token, path string) string {
		return answer(server, http.MethodGet, path, "192.0.2.1:1", func(r *http.Request) { r.SetBasicAuth("x", token) }).Body.String()
	}

	type row struct {
		Running           bool
		Accepted, Refused *uint64
		Kinds             map[string]*uint64 `json:"accepted_by_kind"`
		Reasons           map[string]*uint64 `json:"refused_by_reason"`
		Granted           *uint64
	}
	var a struct {
		MinCount       int `json:"min_count"`
		Rows           []row
		Total, Undated row
	}
	read := func(token, path string) {
		t.Helper()
		a.Rows, a.Total, a.Undated = nil, row{}, row{}
		if err := json.Unmarshal([]byte(as(token, path)), &a); err != nil {
			t.Fatal(err)
		}
	}
	read(venueToken, "/api/v1/counters")
	if a.MinCount != 5 || len(a.Rows) != 2 {
		t.Fatalf("%+v", a)
	}
	closed, open := a.Rows[0], a.Rows[1]
	if n := closed.Reasons["revoked"]; n == nil || *n != 5 || closed.Kinds["r"] == nil || *closed.Kinds["r"] != 10 || *closed.Accepted != 100 {
		t.Errorf("an hour that is over: %+v", closed)
	}
	if n, is := closed.Reasons["key_usage"]; !is || n != nil {
		t.Errorf("a small number of an hour that is over is told: %+v", closed)
	}
	if !open.Running || open.Kinds != nil || open.Reasons != nil || *open.Accepted != 30 || *open.Refused != 5 || *open.Granted != 30 {
		t.Errorf("the running hour: %+v", open)
	}
	if *a.Total.Reasons["revoked"] != 5 || *a.Total.Accepted != 130 || a.Undated.Reasons != nil || *a.Undated.Accepted != 50 {
		t.Errorf("total %+v, undated %+v", a.Total, a.Undated)
	}
	read(venueToken, "/api/v1/counters?bucket=day")
	if len(a.Rows) != 1 || a.Rows[0].Reasons != nil || *a.Rows[0].Accepted != 130 {
		t.Errorf("today: %+v", a.Rows)
	}
	read(goodToken, "/api/v1/counters")
	if a.MinCount != 0 || *a.Rows[1].Reasons["revoked"] != 6 || *a.Rows[1].Kinds["r"] != 3 {
		t.Errorf("with a token for all: %+v", a)
	}

	rows, err := csv.NewReader(strings.NewReader(as(venueToken, "/counters.csv"))).ReadAll()
	if err != nil || len(rows) != 4 { // header, undated, over, running
		t.Fatalf("%q, %v", rows, err)
	}
	for i, name := range rows[0] {
		for _, r := range []int{1, 3} {
			if detail := strings.HasPrefix(name, "accepted_") || strings.HasPrefix(name, "refused_"); detail != (rows[r][i] == "") && name != "start" && name != "end" && name != "gate" {
				t.Errorf("row %d tells %q in %s", r, rows[r][i], name)
			}
		}
		if name == "refused_revoked" && rows[2][i] != "5" {
			t.Errorf("%s of an hour that is over: %s", name, rows[2][i])
		}
	}

	for _, member := range []string{"accepted_by_kind", "refused_by_reason"} {
		if state := as(venueToken, "/api/v1/state"); !strings.Contains(state, `"`+member+`":null`) {
			t.Errorf("the state tells %s: %s", member, state)
		}
		if state := as(goodToken, "/api/v1/state"); strings.Contains(state, `"`+member+`":null`) {
			t.Errorf("the state does not tell %s with a token for all", member)
		}
	}
	notAdmitted := func(token string) string {
		_, rest, _ := strings.Cut(as(token, "/"), groupText[againstPolicy][1]+`</span></th><td class="n">`)
		n, _, _ := strings.Cut(rest, "<")
		return n
	}
	if venue, all := notAdmitted(venueToken), notAdmitted(goodToken); venue != "5" || all != "15" {
		t.Errorf("not admitted: %q for a venue, %q for all", venue, all)
	}
	if page := as(venueToken, "/"); !strings.Contains(page, "The hour that goes on is not among them.") || !strings.Contains(page, "a multiple of 5") {
		t.Error("the page does not say what it leaves out")
	}
}

// Who watches the lane and asks after every pass learns no kind and no reason of it.
func TestVenueWatches(t *testing.T) {
	now := instant(t, noon)
	start := now.Truncate(time.Hour)
	s := fixture(t)
	before := func(kind verify.Kind, reason verify.Reason) string {
		c := some(50, 5, 5)
		c.ByReason[reason]++
		if reason == verify.Accepted {
			c.ByKind[kind]++
			c.Accepted++
		} else {
			c.Refused++
		}
		one := *s
		one.Totals = c
		server := newServer(t, Config{Address: DefaultAddress, Zone: berlin(t), Tokens: someTokens(t)}, daemonOf(&one, []Bucket{{Start: start, End: start.Add(time.Hour), Counts: c}}))
		var all strings.Builder
		for _, path := range []string{"/", "/api/v1/state", "/api/v1/counters", "/api/v1/counters?bucket=day", "/counters.csv", "/readyz?verbose"} {
			w := answer(server, http.MethodGet, path, "192.0.2.1:1", func(r *http.Request) { r.SetBasicAuth("x", venueToken) })
			if w.Code != 200 {
				t.Fatalf("%s: %d", path, w.Code)
			}
			all.WriteString(body(w))
		}
		return all.String()
	}
	for name, pair := range map[string][2]string{
		"kind":   {before(verify.Recovery, verify.Accepted), before(verify.Vaccination, verify.Accepted)},
		"reason": {before(verify.NoKind, verify.Revoked), before(verify.NoKind, verify.BadBase45)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("two passes that differ in %s are told apart", name)
		}
	}
}

func body(w *httptest.ResponseRecorder) string { return w.Body.String() }
