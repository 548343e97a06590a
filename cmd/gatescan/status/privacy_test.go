package status

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// texts are all members of a Snapshot that hold text. Each says something of the device, its configuration or its sources.
// Whoever adds one here has thought about what of a holder could get into it.
var texts = []string{
	"Version", "Name", "Selftest.Failed", "ByRule.Rule", "Faults", "Stalled", "Gate.Mode", "Gate.Why", "Reader.Fault", "Reader.Problem", "Reader.Likely", "Reader.Keys", "Reader.Note",
	"Clock.State", "Clock.Required", "Clock.Fault", "Clock.Explanation",
	"Reader.Line.Event", "Trust.Faults", "Trust.Sources.Name", "Trust.Sources.Kind", "Trust.Sources.State", "Trust.Sources.Error",
}

// TestNoRoomForHolders looks at everything that the daemon hands over: besides the texts above there are only numbers and
// times, no maps and nothing of an open type.
func TestNoRoomForHolders(t *testing.T) {
	var found []string
	var walk func(path string, of reflect.Type)
	walk = func(path string, of reflect.Type) {
		switch of.Kind() {
		case reflect.Struct:
			if of.PkgPath() == "time" {
				return
			}
			for i := range of.NumField() {
				walk(strings.TrimPrefix(path+"."+of.Field(i).Name, "."), of.Field(i).Type)
			}
		case reflect.Slice, reflect.Array:
			walk(path, of.Elem())
		case reflect.String:
			found = append(found, path)
		case reflect.Bool, reflect.Int, reflect.Uint64, reflect.Float64:
		default:
			t.Errorf("%s is a %s", path, of)
		}
	}
	walk("", reflect.TypeFor[Snapshot]())
	walk("Bucket", reflect.TypeFor[Bucket]())
	slices.Sort(found)
	want := slices.Sorted(slices.Values(texts))
	if !slices.Equal(found, want) {
		t.Errorf("texts are %q, want %q", found, want)
	}
}

// TestHidden looks for small counts in everything that a venue may read while they are hidden.
func TestHidden(t *testing.T) {
	const least = 50 // more than any count of the fixture below
	s := fixture(t)
	s.Totals = some(37, 7, 3)
	buckets := someBuckets(t)[2:3]
	buckets[0].Counts = some(37, 7, 3)
	server := serve(t, Config{MinCount: least, Zone: berlin(t)}, daemonOf(s, buckets))
	for _, path := range []string{"/", "/api/v1/counters", "/api/v1/counters?bucket=day", "/counters.csv", "/counters.csv?bucket=day"} {
		_, body := get(t, server.URL+path)
		if path == "/" {
			body = body[strings.Index(body, "<body>"):]
			body = body[strings.Index(body, `id="today"`):strings.Index(body, `id="chart-title"`)] + body[strings.Index(body, "<details>"):strings.Index(body, "</details>")] +
				body[strings.Index(body, `id="refusals"`):strings.Index(body, "<footer>")]
		}
		for _, cell := range strings.FieldsFunc(body, func(r rune) bool { return r < '0' || r > '9' && r < 'A' || r > 'z' }) {
			if slices.Contains([]string{"37", "36", "3", "7"}, cell) && path != "/" {
				t.Errorf("%s tells %s", path, cell)
			}
		}
		if strings.Contains(body, ">37<") || strings.Contains(body, ">10<") || strings.Contains(body, ">7<") || strings.Contains(body, ">3<") {
			t.Errorf("%s tells a small count:\n%s", path, body)
		}
	}
}
