package status

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatescan/verify"
)

var update = flag.Bool("update", false, "write the golden files anew, to be read through")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 {
		t.Fatalf("%s is empty", path)
	}
	if got != string(want) {
		t.Errorf("%s is not what is answered:\n%s", path, got)
	}
}

func indented(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(text), "", " "); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return strings.TrimSpace(out.String()) + "\n"
}

func TestGolden(t *testing.T) {
	plain := Config{Zone: berlin(t), Name: "=South|entrance, \"lane\" 3"}
	few := plain
	few.MinCount = 5
	for _, tc := range []struct {
		file, path string
		config     Config
		kind       string
	}{
		{"state.json", "/api/v1/state", plain, "application/json"},
		{"state-few.json", "/api/v1/state", few, "application/json"},
		{"hours.json", "/api/v1/counters?from=2026-11-22T06:00:00Z&to=2026-11-22T08:00:00Z", plain, "application/json"},
		{"days.json", "/api/v1/counters?from=2026-11-20&to=2026-11-22&bucket=day", plain, "application/json"},
		{"few.json", "/api/v1/counters?from=2026-11-22T07:00:00%2B01:00&to=2026-11-22T09:00:00%2B01:00", few, "application/json"},
		{"hours.csv", "/counters.csv", plain, "text/csv; charset=utf-8; header=present"},
		{"few.csv", "/counters.csv?from=2026-11-20&bucket=day&to=2026-11-22", few, "text/csv; charset=utf-8; header=present"},
	} {
		server := serve(t, tc.config, daemonOf(fixture(t), someBuckets(t)))
		response, body := get(t, server.URL+tc.path)
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != tc.kind {
			t.Errorf("%s: %s, %s", tc.path, response.Status, response.Header.Get("Content-Type"))
		}
		if strings.HasSuffix(tc.file, ".json") {
			body = indented(t, body)
		}
		golden(t, tc.file, body)
	}
}

// TestCSV reads it as RFC 4180 has it, and looks at every cell as a spreadsheet would.
func TestCSV(t *testing.T) {
	for _, name := range []string{"", "@SUM(1+1)*cmd|' /C calc'!A0", "+1", "-1", "=1", "\t=1", "a\r\n=1", "\"=1"} {
		server := serve(t, Config{Name: name}, daemonOf(fixture(t), someBuckets(t)))
		response, body := get(t, server.URL+"/counters.csv?from=2026-11-21&to=2026-11-22")
		if want := `attachment; filename="gatescan-2026-11-21-2026-11-22-by-hour.csv"`; response.Header.Get("Content-Disposition") != want {
			t.Errorf("%s", response.Header.Get("Content-Disposition"))
		}
		if strings.Count(body, "\n") != strings.Count(body, "\r\n") {
			t.Errorf("%q: a line ends in LF alone", name)
		}
		rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil || len(rows) != 1+1+1+8 || len(rows[0]) != 13+verify.NumKinds-1+verify.NumReasons-1 {
			t.Fatalf("%q: %v, %d rows", name, err, len(rows))
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r|") {
					t.Errorf("the cell %q is a formula", cell)
				}
			}
		}
	}
}

// TestBadRequests has what cannot be answered named, in JSON for programs.
func TestBadRequests(t *testing.T) {
	server := serve(t, Config{}, daemonOf(fixture(t), someBuckets(t)))
	for _, path := range []string{"/api/v1/counters", "/counters.csv"} {
		response, body := get(t, server.URL+path+"?from=2020-01-01&to=2026-01-01")
		if response.StatusCode != 400 || !strings.Contains(body, "400 days") || !strings.Contains(body, "each year") {
			t.Errorf("%s: %s: %s", path, response.Status, body)
		}
		var f failure
		if err := json.Unmarshal([]byte(body), &f); (err == nil && f.Error != "" && f.Hint != "") != strings.HasPrefix(path, "/api/") {
			t.Errorf("%s: %v: %s", path, err, body)
		}
	}
	d := daemonOf(fixture(t), nil)
	d.Counts = func(time.Time, time.Time) ([]Bucket, error) { return make([]Bucket, maxBuckets+1), nil }
	if response, body := get(t, serve(t, Config{}, d).URL+"/api/v1/counters"); response.StatusCode != 503 || !strings.Contains(body, "ask for less") {
		t.Errorf("%s: %s", response.Status, body)
	}
	d.Counts = func(time.Time, time.Time) ([]Bucket, error) { return nil, errors.New("input/output error\n<script>") }
	if response, body := get(t, serve(t, Config{}, d).URL+"/api/v1/counters"); response.StatusCode != 503 || !strings.Contains(body, "input/output error") {
		t.Errorf("%s: %s", response.Status, body)
	}
}

// TestYear asks for as much as may be asked for.
func TestYear(t *testing.T) {
	d := daemonOf(fixture(t), nil)
	d.Counts = func(from, to time.Time) (buckets []Bucket, err error) {
		for ; from.Before(to); from = from.Add(time.Hour) {
			buckets = append(buckets, Bucket{Start: from, End: from.Add(time.Hour), Counts: some(100, 2, 3)})
		}
		return buckets, nil
	}
	_, body := get(t, serve(t, Config{Zone: berlin(t)}, d).URL+"/api/v1/counters?from=2025-11-01&to=2026-11-30")
	var answer struct {
		Total struct{ Accepted, Refused uint64 }
		Rows  []struct {
			Start, End time.Time
			Accepted   uint64
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if hours := 395 * 24; len(answer.Rows) != hours || answer.Total.Accepted != uint64(100*hours) || answer.Total.Refused != uint64(5*hours) {
		t.Errorf("%d rows, %+v", len(answer.Rows), answer.Total)
	}
}
