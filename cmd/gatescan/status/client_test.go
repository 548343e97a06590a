package status

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// Of X-Forwarded-For only what a proxy of the configuration wrote is believed.
func TestClient(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	const socket = "unix:/run/gatescan/status.sock"
	for _, tc := range []struct {
		address, remote string
		forwarded       []string
		want            string // "invalid IP" for none
	}{
		{DefaultAddress, "192.0.2.1:4711", nil, "192.0.2.1"},
		{DefaultAddress, "192.0.2.1:4711", []string{"198.51.100.1"}, "192.0.2.1"}, // it is no proxy
		{DefaultAddress, "127.0.0.1:4711", nil, "127.0.0.1"},
		{DefaultAddress, "127.0.0.1:4711", []string{"198.51.100.1"}, "198.51.100.1"},
		{DefaultAddress, "[::ffff:127.0.0.1]:4711", []string{"198.51.100.1"}, "198.51.100.1"},
		{DefaultAddress, "127.0.0.1:4711", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"}, // the client wrote the first itself
		{DefaultAddress, "127.0.0.1:4711", []string{"203.0.113.9, 198.51.100.1, 10.1.2.3"}, "198.51.100.1"},
		{DefaultAddress, "127.0.0.1:4711", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"}, // two headers are one list
		{DefaultAddress, "10.9.9.9:4711", []string{"10.1.2.3"}, "10.9.9.9"},
		{DefaultAddress, "127.0.0.1:4711", []string{"198.51.100.1:5000"}, "198.51.100.1"},
		{DefaultAddress, "127.0.0.1:4711", []string{"2001:db8::1"}, "2001:db8::"},
		{DefaultAddress, "127.0.0.1:4711", []string{"[2001:db8::1]:5000"}, "2001:db8::"},
		{DefaultAddress, "127.0.0.1:4711", []string{"198.51.100.1, unknown"}, "127.0.0.1"},
		{DefaultAddress, "127.0.0.1:4711", []string{""}, "127.0.0.1"},
		{DefaultAddress, "127.0.0.1:4711", []string{",,,"}, "127.0.0.1"},
		{socket, "@", nil, "invalid IP"},
		{socket, "@", []string{"198.51.100.1"}, "198.51.100.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.remote
		r.Header["X-Forwarded-For"] = tc.forwarded
		c := Config{Address: tc.address, Proxies: proxies}
		if got := c.client(r).String(); got != tc.want {
			t.Errorf("%s, %q: %s, want %s", tc.remote, tc.forwarded, got, tc.want)
		}
		c.Proxies = nil
		if got, want := c.client(r), prefixOf(addressOf(tc.remote)); got != want {
			t.Errorf("%s, %q, without a proxy: %s, want %s", tc.remote, tc.forwarded, got, want)
		}
	}
}

func TestParseProxy(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1": "127.0.0.1/32", "::1": "::1/128", "10.0.0.0/8": "10.0.0.0/8", "fd00::/8": "fd00::/8", "::ffff:10.0.0.1": "10.0.0.1/32",
		"": "", "proxy": "", "10.0.0.1/8": "", "fe80::1%eth0": "", "10.0.0.0/33": "", "127.0.0.1:80": "",
	} {
		got, err := ParseProxy(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q: %v, %v, want %s", text, got, err, want)
		}
	}
}

// Wrong tokens are answered with less and less, and never keep the right one out: neither from the same address nor from
// behind the same proxy.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Config{Address: DefaultAddress, Tokens: someTokens(t), Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}}, daemonOf(fixture(t), nil))
		try := func(from, client, token string) int {
			w := answer(s, http.MethodGet, "/livez", from, func(r *http.Request) {
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("X-Forwarded-For", client)
			})
			if closes := w.Header().Get("Connection") == "close"; closes != (w.Code != 200) {
				t.Errorf("%d: the connection ends: %v", w.Code, closes)
			}
			return w.Code
		}
		const wrong = "wrong-horse-battery"
		for range 50 { // a browser that has not asked yet is no guess
			if w := answer(s, http.MethodGet, "/", "[2001:db8::1]:1", nil); w.Code != 401 {
				t.Fatal(w.Code)
			}
		}
		for i := range 10_000 {
			want := 401
			if i >= maxFailures {
				want = 429
			}
			if code := try(fmt.Sprintf("[2001:db8::%x]:1", i), "", wrong); code != want {
				t.Fatalf("guess %d: %d, want %d", i, code, want)
			}
		}
		if code := try("[2001:db8::ffff]:1", "", goodToken); code != 200 {
			t.Errorf("%d for the right token after 10,000 wrong ones", code)
		}
		if code := try("[2001:db8:0:1::1]:1", "", wrong); code != 401 {
			t.Errorf("%d for a mistake of somebody else", code)
		}
		for range 2 * maxFailures {
			try("10.0.0.1:1", "198.51.100.1", wrong)
		}
		if code := try("10.0.0.1:1", "198.51.100.1", wrong); code != 429 {
			t.Errorf("%d for a client behind a proxy that guesses", code)
		}
		if code := try("10.0.0.1:1", "198.51.100.2", wrong); code != 401 {
			t.Errorf("%d for another one behind the same proxy", code)
		}
		time.Sleep(failureWindow)
		if code := try("[2001:db8::ffff]:1", "", wrong); code != 401 {
			t.Errorf("%d after a minute", code)
		}
		for i := range 3 * maxClients {
			try(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String()+":1", "", wrong)
		}
		if n := len(s.failures.byClient); n > maxClients {
			t.Errorf("%d addresses are kept", n)
		}
		if code := try("198.51.100.3:1", "", wrong); code != 429 {
			t.Errorf("%d for one of those who share what is left", code)
		}
		if code := try("198.51.100.3:1", "", goodToken); code != 200 {
			t.Errorf("%d for one of those with the right token", code)
		}
	})
}

// One client takes half of what is answered at once; this device itself may take all.
func TestSlots(t *testing.T) {
	var s slots
	take := func(client string, n int) (taken int) {
		for range n {
			if s.take(addressOf(client)) {
				taken++
			}
		}
		return taken
	}
	if n := take("198.51.100.1", maxRequests); n != maxOfClient {
		t.Errorf("one client has %d", n)
	}
	if n := take("127.0.0.1", maxRequests+1); n != maxRequests-maxOfClient {
		t.Errorf("this device has %d", n)
	}
	s.give(addressOf("198.51.100.1"))
	if n := take("198.51.100.2", 2); n != 1 {
		t.Errorf("another client has %d", n)
	}
	for range maxOfClient - 1 {
		s.give(addressOf("198.51.100.1"))
	}
	if _, is := s.byClient[addressOf("198.51.100.1")]; is {
		t.Error("a client without requests is kept")
	}
}
