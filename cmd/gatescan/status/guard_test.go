package status

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// paths are all that there are.
var paths = []string{"/", "/api/v1/state", "/api/v1/counters", "/counters.csv", "/metrics", "/livez", "/readyz"}

// answer has the handler itself answer, as if the request had come from an address.
func answer(s *Server, method, target, from string, change func(*http.Request)) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, nil)
	request.RemoteAddr, request.Host = from, "127.0.0.1:8080"
	if change != nil {
		change(request)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, request)
	return w
}

func TestAuthorisation(t *testing.T) {
	s := newServer(t, Config{Address: DefaultAddress, Tokens: someTokens(t)}, daemonOf(fixture(t), nil))
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	basic := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth("anybody", token) }
	}
	for i, tc := range []struct {
		name   string
		change func(*http.Request)
		code   int
		venue  int // of /metrics, if it is another
	}{
		{"nothing", nil, 401, 0},
		{"bearer", bearer(goodToken), 200, 0},
		{"bearer in lower case", func(r *http.Request) { r.Header.Set("Authorization", "bearer "+goodToken) }, 200, 0},
		{"password", basic(goodToken), 200, 0},
		{"venue", bearer(venueToken), 200, 403},
		{"venue's password", basic(venueToken), 200, 403},
		{"wrong", bearer("wrong-horse-battery-staple"), 401, 0},
		{"wrong password", basic("wrong-horse-battery-staple"), 401, 0},
		{"user", func(r *http.Request) { r.SetBasicAuth(goodToken, "") }, 401, 0},
		{"other scheme", func(r *http.Request) { r.Header.Set("Authorization", "Digest "+goodToken) }, 401, 0},
		{"in the address", func(r *http.Request) { r.URL.RawQuery = "token=" + goodToken }, 401, 0},
		{"cookie", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "token", Value: goodToken}) }, 401, 0},
	} {
		for j, path := range append(paths, "/nothing") {
			from := fmt.Sprintf("192.0.2.%d:4711", 20*i+j) // an address for each, so that nobody is blocked
			w := answer(s, http.MethodGet, path, from, tc.change)
			want := tc.code
			switch {
			case path == "/metrics" && tc.venue != 0:
				want = tc.venue
			case path == "/nothing" && tc.code == 200:
				want = 404
			}
			if w.Code != want {
				t.Errorf("%s, %s: %d, want %d", tc.name, path, w.Code, want)
			}
			asks := w.Header().Values("WWW-Authenticate")
			if (w.Code == 401) != (len(asks) == 2 && strings.HasPrefix(asks[0], "Bearer ") && strings.HasPrefix(asks[1], "Basic ")) {
				t.Errorf("%s, %s: %d asks for %q", tc.name, path, w.Code, asks)
			}
		}
	}
	// Another spelling of the path does not get round the scope.
	for _, path := range []string{"/%6detrics", "//metrics", "/./metrics", "/metrics?", "/livez/../metrics"} {
		if w := answer(s, http.MethodGet, "http://127.0.0.1"+path, "192.0.2.250:1", bearer(venueToken)); strings.Contains(w.Body.String(), "gatescan_ready") {
			t.Errorf("%s: a venue reads the metrics", path)
		}
	}
}

func TestHost(t *testing.T) {
	for _, tc := range []struct {
		address, host string
		want          int
	}{
		{DefaultAddress, "127.0.0.1:8080", 200},
		{DefaultAddress, "localhost", 200},
		{DefaultAddress, "LOCALHOST.:9999", 200}, // through a tunnel
		{DefaultAddress, "[::1]:8080", 200},
		{DefaultAddress, "[::1]", 200},
		{DefaultAddress, "gate.example:8080", 200},
		{DefaultAddress, "attacker.example:8080", 421},
		{DefaultAddress, "127.0.0.1.attacker.example", 421},
		{DefaultAddress, "localhost.attacker.example", 421},
		{DefaultAddress, "gate.example.attacker.example", 421},
		{DefaultAddress, "192.0.2.1:8080", 421},
		{DefaultAddress, "a b", 421},
		{"unix:/run/gatescan/status.sock", "attacker.example", 200},
	} {
		s := newServer(t, Config{Address: tc.address, Hosts: []string{"gate.example"}}, daemonOf(fixture(t), nil))
		for _, path := range paths {
			w := answer(s, http.MethodGet, path, "127.0.0.1:1", func(r *http.Request) { r.Host = tc.host })
			if w.Code != tc.want {
				t.Errorf("%s asked as %q, %s: %d, want %d", tc.address, tc.host, path, w.Code, tc.want)
			}
			if tc.want != 200 && strings.Contains(w.Body.String(), "1.4.0") {
				t.Errorf("%q, %s: something is told", tc.host, path)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	s := newServer(t, Config{Address: DefaultAddress}, daemonOf(fixture(t), someBuckets(t)))
	for _, path := range append(paths, "/nothing", "/api/v1/nothing", "/api/v1/state/") {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "SEARCH"} {
			if w := answer(s, method, path, "127.0.0.1:1", nil); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
		known := !strings.Contains(path, "nothing") && path != "/api/v1/state/"
		for _, method := range []string{"GET", "HEAD"} {
			w := answer(s, method, path, "127.0.0.1:1", nil)
			if known && w.Code != 200 || !known && w.Code != 404 {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
			h := w.Header()
			if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") ||
				h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" ||
				h.Get("Cross-Origin-Resource-Policy") != "same-origin" || h.Get("Access-Control-Allow-Origin") != "" || h.Get("Set-Cookie") != "" {
				t.Errorf("%s %s: %v", method, path, h)
			}
			if strings.HasPrefix(path, "/api/") && (h.Get("Content-Type") != "application/json" || !json.Valid(w.Body.Bytes())) {
				t.Errorf("%s: %s: %s", path, h.Get("Content-Type"), w.Body)
			}
		}
		w := answer(s, "GET", path, "127.0.0.1:1", func(r *http.Request) { r.ContentLength = -1 })
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with a body: %d", path, w.Code)
		}
	}
}

// TestTooMany has the daemon hang while many ask: a few wait, and the others are told at once.
func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := daemonOf(fixture(t), nil)
		hang := make(chan struct{})
		calls := 0
		d.State = func() Snapshot { calls++; <-hang; return Snapshot{} }
		s := newServer(t, Config{Address: DefaultAddress}, d)
		codes := make(chan int, 100)
		for range cap(codes) {
			go func() { codes <- answer(s, "GET", "/readyz", "127.0.0.1:1", nil).Code }()
		}
		synctest.Wait()
		if told := len(codes); told != cap(codes)-maxRequests {
			t.Errorf("%d were told at once", told)
		}
		if w := answer(s, "GET", "/livez", "127.0.0.1:1", nil); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%d", w.Code)
		}
		time.Sleep(stateTimeout)
		synctest.Wait()
		for range cap(codes) {
			if code := <-codes; code != 503 {
				t.Errorf("%d", code)
			}
		}
		if calls != 1 {
			t.Errorf("the daemon was asked %d times at once", calls)
		}
		if w := answer(s, "GET", "/livez", "127.0.0.1:1", nil); w.Code != 200 {
			t.Errorf("%d after they gave up", w.Code)
		}
		close(hang)
	})
}

// TestPanics has the daemon's functions panic: the gate outlives that.
func TestPanics(t *testing.T) {
	d := Daemon{
		State:   func() Snapshot { panic("state") },
		Counts:  func(time.Time, time.Time) ([]Bucket, error) { panic("counts") },
		Stalled: func() []string { return nil },
	}
	s := newServer(t, Config{Address: DefaultAddress}, d)
	for path, want := range map[string]int{"/": 503, "/api/v1/state": 503, "/readyz": 503, "/livez": 200, "/counters.csv": 503, "/metrics": 200} {
		if w := answer(s, "GET", path, "127.0.0.1:1", nil); w.Code != want {
			t.Errorf("%s: %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
	d.State = func() Snapshot { return *fixture(t) }
	s = newServer(t, Config{Address: DefaultAddress}, d)
	for path, want := range map[string]int{"/": 200, "/api/v1/counters": 503, "/counters.csv": 503} {
		if w := answer(s, "GET", path, "127.0.0.1:1", nil); w.Code != want || !strings.Contains(w.Body.String(), "counters cannot be read") {
			t.Errorf("%s: %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
}
