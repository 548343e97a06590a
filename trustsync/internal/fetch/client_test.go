package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
)

// hasty is a patience that tests can wait for.
var hasty = patience{
	dial: time.Second, handshake: 300 * time.Millisecond, header: 300 * time.Millisecond, idle: 100 * time.Millisecond,
	window: 200 * time.Millisecond, floor: 100,
}

// webClient makes a hasty client whose deadline is far beyond its patience.
func webClient(t testing.TB, signed bool, transport Transport, urls ...string) *Client {
	t.Helper()
	if transport.Timeout == 0 {
		transport.Timeout = 20 * time.Second
	}
	c, err := newPatientClient(urls, transport, signed, hasty)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

// webGet asks for at most 1000 bytes.
func webGet(c *Client, now source.Moment, header map[string]string) (got *Response, err error) {
	err = c.Get(context.Background(), now, Request{Limit: 1000, Header: header}, func(r *Response) error {
		got = r
		return nil
	})
	return got, err
}

var synced = source.Moment{Time: sourcetest.WebNow, Synced: true}

func TestClientAnswers(t *testing.T) {
	send := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, text)
		}
	}
	hang := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			send(text)(conn)
			io.Copy(io.Discard, conn) // until the client has enough
		}
	}
	endless := func(head, more string, pause time.Duration) func(net.Conn) {
		return func(conn net.Conn) {
			send(head)(conn)
			for {
				if _, err := io.WriteString(conn, more); err != nil {
					return
				}
				time.Sleep(pause)
			}
		}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 400_000))
	z.Close()
	gzipped := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", bomb.Len(), &bomb)

	const ok = "HTTP/1.1 200 OK\r\n"
	status := func(code int) error { return &StatusError{Code: code} }
	for _, c := range []struct {
		name   string
		serve  func(net.Conn)
		header map[string]string // of the request
		want   error             // nil for an answer
		text   string            // of the error, or the body
		status int
	}{
		{"good", send(ok + "Content-Length: 5\r\n\r\nhello"), nil, nil, "hello", 200},
		{"good, chunked", send(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), nil, nil, "hello", 200},
		{"as large as allowed", send(ok + "Content-Length: 1000\r\n\r\n" + strings.Repeat("x", 1000)), nil, nil, strings.Repeat("x", 1000), 200},
		{"identity, as asked", send(ok + "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi"), nil, nil, "hi", 200},
		{"204", send("HTTP/1.1 204 No Content\r\n\r\n"), nil, nil, "", 204},
		{"304 asked by tag", send("HTTP/1.1 304 Not Modified\r\n\r\n"), map[string]string{"If-None-Match": `"a"`}, nil, "", 304},
		{"304 asked by date", send("HTTP/1.1 304 Not Modified\r\n\r\n"), map[string]string{"If-Modified-Since": "x"}, nil, "", 304},
		{"304 unasked", send("HTTP/1.1 304 Not Modified\r\n\r\n"), nil, status(304), "status 304 Not Modified", 0},

		{"500", send("HTTP/1.1 500 No\r\nContent-Length: 8\r\n\r\nout\x1b[31m"), nil, status(500), `status 500 Internal Server Error: "out\x1b[31m"`, 0},
		{"500 that says much", endless("HTTP/1.1 500 No\r\n\r\n", "spam", 0), nil, status(500), `spamspam"`, 0},
		{"500 that says nothing", hang("HTTP/1.1 500 No\r\nContent-Length: 8\r\n\r\n"), nil, status(500), "status 500", 0},
		{"206", send("HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\nx"), nil, status(206), "status 206", 0},
		{"redirect to nowhere", send("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), nil, status(302), "", 0},
		{"status 999", send("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"), nil, status(999), "status 999", 0},

		{"endless body", endless(ok+"\r\n", strings.Repeat("x", 1000), 0), nil, source.ErrTooLarge, "more than 1000 bytes", 0},
		{"endless chunks", endless(ok+"Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n", 0), nil, source.ErrTooLarge, "", 0},
		{"one byte more", send(ok + "\r\n" + strings.Repeat("x", 1001)), nil, source.ErrTooLarge, "", 0},
		{"large by its own word", hang(ok + "Content-Length: 99999999999\r\n\r\n"), nil, source.ErrTooLarge, "99999999999 bytes (1000 are allowed)", 0},
		{"one byte at a time", endless(ok+"\r\n", "x", 50*time.Millisecond), nil, nil, "too slow", 0},
		{"body that stops", hang(ok + "Content-Length: 10\r\n\r\nhello"), nil, nil, "too slow: 5 bytes", 0},
		{"cut short", send(ok + "Content-Length: 10\r\n\r\nhello"), nil, source.ErrMalformed, "cut short after 5 bytes", 0},
		{"cut short, chunked", send(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), nil, source.ErrMalformed, "cut short", 0},
		{"gzip, unasked", send(gzipped), nil, source.ErrMalformed, `encoded as "gzip"`, 0},
		{"negative length", send(ok + "Content-Length: -1\r\n\r\n"), nil, nil, "Content-Length", 0},
		{"two lengths", send(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), nil, nil, "Content-Length", 0},

		{"no answer", hang(""), nil, nil, "timeout", 0},
		{"headers that do not end", endless(ok, "X-A: b\r\n", time.Millisecond), nil, nil, "", 0},
		{"headers, one byte at a time", endless(ok+"X-A: ", "b", 50*time.Millisecond), nil, nil, "timeout", 0},
		{"huge header", endless(ok+"X-A: ", strings.Repeat("b", 10_000), 0), nil, nil, "headers exceeded", 0},
		{"hung up", send(""), nil, nil, "", 0},
		{"not HTTP", send("\x16\x03\x01\x1b[2J" + strings.Repeat("x", 10_000) + "\r\n\r\n"), nil, nil, `x1b[2J`, 0},
		{"1xx for ever", endless("", "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", time.Millisecond), nil, nil, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			asked := webClient(t, true, Transport{}, "http://"+sourcetest.WebRaw(t, c.serve)+"/list")
			start := time.Now()
			got, err := webGet(asked, synced, c.header)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v: only the deadline ended it", took)
			}
			if c.status != 0 {
				if err != nil || got.Status != c.status || string(got.Body) != c.text {
					t.Fatalf("got %+v, error %v; want status %d and %q", got, err, c.status, c.text)
				}
				return
			}
			if err == nil {
				t.Fatalf("got %+v, want an error", got)
			}
			var status, want *StatusError
			if errors.As(c.want, &want) {
				if !errors.As(err, &status) || status.Code != want.Code {
					t.Errorf("error %v, want status %d", err, want.Code)
				}
			} else if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %q does not say %q", err, c.text)
			}
			// The mirror's name and our own words have some 100 bytes; four escaped bytes may stand for one.
			if text := err.Error(); len(text) > 100+4*maxSaid || !isPlain(text) {
				t.Errorf("error of %d bytes: %q", len(text), text)
			}
		})
	}
}

// A deadline holds where patience does not: data that comes fast enough and never ends in time.
func TestClientDeadline(t *testing.T) {
	s := sourcetest.WebPlain(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write(make([]byte, 100))
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}))
	c := webClient(t, true, Transport{Timeout: 700 * time.Millisecond}, s.URL)
	start := time.Now()
	err := c.Get(t.Context(), synced, Request{Limit: 1 << 30}, func(*Response) error { return nil })
	if took := time.Since(start); err == nil || took < 600*time.Millisecond || took > 3*time.Second {
		t.Errorf("ended after %v with error %v", took, err)
	}
	if !strings.Contains(fmt.Sprint(err), "no answer within 700ms") {
		t.Errorf("error %v does not say the deadline", err)
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(errors.New("going home")) })
	c = webClient(t, true, Transport{}, s.URL, s.URL)
	err = c.Get(ctx, synced, Request{Limit: 1 << 30}, func(*Response) error { return nil })
	if !strings.Contains(fmt.Sprint(err), "going home") || strings.Count(err.Error(), s.URL) != 1 {
		t.Errorf("error %v: want the reason, and no other mirror asked", err)
	}
}

// The floor is of each window, not of what is left until the deadline.
func TestClientSlowButSteady(t *testing.T) {
	s := sourcetest.WebPlain(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 20 { // four windows
			w.Write(make([]byte, 2*hasty.floor))
			w.(http.Flusher).Flush()
			time.Sleep(hasty.window / 5)
		}
	}))
	var got int
	err := webClient(t, true, Transport{}, s.URL).Get(t.Context(), synced, Request{Limit: 1 << 20}, func(r *Response) error {
		got = len(r.Body)
		return nil
	})
	if err != nil || got != 20*2*int(hasty.floor) {
		t.Errorf("got %d bytes, error %v", got, err)
	}
}

func TestClientSends(t *testing.T) {
	var mu sync.Mutex
	var seen []*http.Request
	s := sourcetest.WebPlain(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r)
		http.SetCookie(w, &http.Cookie{Name: "follow", Value: "me"})
		w.Header().Set("Date", "Tue, 15 Nov 1994 08:12:31 GMT")
	}))
	c := webClient(t, true, Transport{Header: map[string]string{"X-Key": "k"}}, s.URL+"/base/")
	for range 2 {
		err := c.Get(t.Context(), synced, Request{Path: "list?x=1", Header: map[string]string{"X-Resume": "7"}, Limit: 9}, func(r *Response) error {
			if want := s.URL + "/base/list?x=1"; r.URL != want || r.Header.Get("Date") != "Tue, 15 Nov 1994 08:12:31 GMT" {
				t.Errorf("answer %+v, want that of %s, with its date", r, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range seen {
		if r.Method != "GET" || r.RequestURI != "/base/list?x=1" || r.Header.Get("X-Key") != "k" || r.Header.Get("X-Resume") != "7" ||
			r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("User-Agent") != "gatescan" {
			t.Errorf("sent %s %s %v", r.Method, r.RequestURI, r.Header)
		}
		if r.Header.Get("Cookie") != "" {
			t.Error("sent a cookie")
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d requests, want 2", len(seen))
	}
}

func TestClientPaths(t *testing.T) {
	for _, c := range []struct{ mirror, path, want string }{
		{"https://h/a", "", "https://h/a"},
		{"https://h/a/", "", "https://h/a/"},
		{"https://h/a?key=1", "", "https://h/a?key=1"},
		{"https://h", "b/c", "https://h/b/c"},
		{"https://h/a/", "/b", "https://h/a/b"},
		{"https://h/a", "?x=1", "https://h/a?x=1"},
		{"https://h/a?key=1", "b", ""},
		{"https://h/a?key=1", "?b=1", ""},
	} {
		got, err := appendPath(c.mirror, c.path)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s and %s: %s, error %v; want %s", c.mirror, c.path, got, err, c.want)
		}
	}
}

func TestClientMirrors(t *testing.T) {
	good := sourcetest.WebPlain(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "truth") }))
	liar := sourcetest.WebPlain(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "lie") }))
	broken := sourcetest.WebPlain(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	dead := httptest.NewServer(nil)
	dead.Close()
	accept := func(r *Response) error {
		if string(r.Body) != "truth" {
			return fmt.Errorf("%w: %q", source.ErrNotAuthentic, r.Body)
		}
		return nil
	}
	get := func(urls ...string) error {
		return webClient(t, true, Transport{}, urls...).Get(t.Context(), synced, Request{Limit: 100}, accept)
	}
	for name, urls := range map[string][]string{
		"first": {good.URL, dead.URL}, "after a dead one": {dead.URL, good.URL}, "after a liar": {liar.URL, good.URL},
		"after a broken one": {broken.URL, good.URL}, "last": {dead.URL, liar.URL, broken.URL, good.URL},
	} {
		if err := get(urls...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := get(dead.URL, liar.URL, broken.URL)
	var status *StatusError
	if !errors.Is(err, source.ErrNotAuthentic) || !errors.As(err, &status) || status.Code != 503 {
		t.Errorf("error %v: want what each did", err)
	}
	for _, part := range []string{dead.URL, "refused", liar.URL, `"lie"`, broken.URL, "503"} {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("error %v does not say %s", err, part)
		}
	}

	asked := 0
	c := webClient(t, true, Transport{}, good.URL, good.URL)
	err = c.Get(t.Context(), synced, Request{Limit: 100}, func(*Response) error {
		asked++
		return fmt.Errorf("seen that: %w", source.ErrUnchanged)
	})
	if err != source.ErrUnchanged || asked != 1 { // exactly: nobody is to read more into it
		t.Errorf("error %v after %d mirrors, want %v after one", err, asked, source.ErrUnchanged)
	}
}

// What is asked once in hours must not hold anything between.
func TestClientLeaksNothing(t *testing.T) {
	var open atomic.Int64
	root := sourcetest.WebRoot(t)
	id := sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-1, 0, 0), sourcetest.WebNow.AddDate(1, 0, 0), "127.0.0.1")
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
	s.Config.ErrorLog = sourcetest.Silence
	s.StartTLS()
	s.TLS.Certificates[0] = id.TLS()
	defer s.Close()
	slow := "https://" + sourcetest.WebRaw(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })

	before := runtime.NumGoroutine()
	c := webClient(t, true, Transport{CA: root.PEM()}, s.URL)
	hung := webClient(t, true, Transport{CA: root.PEM()}, slow)
	for _, synced := range []bool{true, false} {
		for range 3 {
			if _, err := webGet(c, source.Moment{Time: sourcetest.WebNow, Synced: synced}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := webGet(hung, synced, nil); err == nil || !strings.Contains(err.Error(), "handshake timeout") {
		t.Errorf("a handshake that hangs: error %v", err)
	}
	if n := open.Load(); n > 2 {
		t.Errorf("%d connections for 6 requests: none was used again", n)
	}
	for end := time.Now().Add(5 * time.Second); open.Load() > 0 || runtime.NumGoroutine() > before; {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d connections open, %d goroutines more than before\n%s", open.Load(), runtime.NumGoroutine()-before,
				stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestClientIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("THIS MACHINE HAS NO IPv6, NOT EVEN ::1: nothing here shows that the client speaks it: %v", err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "six") }))
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"[::1]", "localhost"} { // the second has two addresses, of which one refuses
		if host == "localhost" {
			if ips, _ := net.LookupHost(host); !strings.Contains(strings.Join(ips, " "), "::1") {
				t.Logf("LOCALHOST HAS NO IPv6 ADDRESS HERE (%v): the fallback between address families was not tested", ips)
				continue
			}
		}
		got, err := webGet(webClient(t, true, Transport{}, "http://"+host+":"+port), synced, nil)
		if err != nil || string(got.Body) != "six" {
			t.Errorf("%s: %+v, error %v", host, got, err)
		}
	}
}
