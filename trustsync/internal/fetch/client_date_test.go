package fetch

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// What a server says of the time is passed on, and nothing is made of it.
func TestClientTellsDate(t *testing.T) {
	said := time.Date(2031, time.May, 5, 5, 5, 5, 0, time.UTC)
	for header, want := range map[string]time.Time{said.Format(http.TimeFormat): said, "soon": {}, "": {}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = []string{header}
		}))
		var told time.Time
		now := synced
		now.Date = func(date time.Time) { told = date }
		if _, err := webGet(webClient(t, true, Transport{}, server.URL), now, nil); err != nil {
			t.Error(err)
		}
		if !told.Equal(want) {
			t.Errorf("Date: %q: told %v", header, told)
		}
		server.Close()
	}
}
