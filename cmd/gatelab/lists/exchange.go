package lists

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// exchange is one request, and the answer to it.
type exchange struct {
	*counted
	r      *http.Request // as the gate sent it
	server *Server
	from   Listener
	fault  Fault
	path   string       // without the fault
	plain  http.Handler // what answers if nothing is wrong
	asked  *http.Request
	begun  func() // tells the log now, because the end may never come
}

// answer is what every listener does.
func (s *Server) answer(l Listener, w http.ResponseWriter, r *http.Request) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
		return
	}
	c := &counted{ResponseWriter: w}
	said := Served{Listener: l, Method: r.Method, Path: r.URL.Path}
	told := false
	tell := func() {
		if !told {
			told = true
			said.Status, said.Bytes = c.code, c.bytes
			s.log(said)
		}
	}
	defer tell()
	if rest, ok := strings.CutPrefix(r.URL.Path, "/~/"); ok {
		s.control(c, r, rest)
		return
	}
	x := &exchange{counted: c, r: r, server: s, from: l, path: r.URL.Path, begun: tell}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/~"); ok {
		text, path, _ := strings.Cut(rest, "/")
		var err error
		if x.fault, err = ParseFault(text); err != nil {
			http.Error(c, err.Error(), http.StatusNotFound)
			return
		}
		x.path = "/" + path
	}
	if err := x.route(&said); err != nil {
		http.Error(c, err.Error(), http.StatusNotFound)
		return
	}
	if x.fault.kind == nil || x.fault.kind.answer == nil {
		x.plain.ServeHTTP(c, x.asked)
		return
	}
	x.fault.kind.answer(x)
}

// route finds what answers.
func (x *exchange) route(said *Served) error {
	name, _, _ := strings.Cut(x.path[1:], "/")
	x.server.mu.Lock()
	one, err := x.server.sourceLocked(name)
	if err == nil && x.fault.kind == nil {
		x.fault = one.fault
	}
	x.server.mu.Unlock()
	if err != nil {
		return err
	}
	said.Source, said.Fault = name, x.fault
	if err := x.fault.suits(one.Offer); err != nil {
		return err
	}
	if x.plain, err = x.server.edition(one, x.fault.edition()); err != nil {
		return err
	}
	x.asked = x.r.Clone(x.r.Context())
	x.asked.URL.Path, x.asked.URL.RawPath = strings.TrimPrefix(x.path, "/"+name), ""
	return nil
}

// whole is the plain answer, whatever the gate has already.
func (x *exchange) whole() *recorder {
	if _, ok := x.plain.(service); !ok { // where If-Modified-Since is part of the question
		for _, condition := range []string{"If-None-Match", "If-Modified-Since", "Range"} {
			x.asked.Header.Del(condition)
		}
	}
	rec := &recorder{head: http.Header{}, code: http.StatusOK}
	x.plain.ServeHTTP(rec, x.asked)
	maps.Copy(x.Header(), rec.head)
	return rec
}

func (x *exchange) send(code int, body []byte) {
	if code != http.StatusNoContent {
		x.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	x.WriteHeader(code)
	_, _ = x.Write(body) // a gate that hangs up has its reasons
}

func (x *exchange) flip() {
	rec := x.whole()
	body := bytes.Clone(rec.body.Bytes())
	if len(body) > 0 {
		body[x.fault.at(len(body))] ^= 1
	}
	x.send(rec.code, body)
}

func (x *exchange) cut() {
	rec := x.whole()
	body := rec.body.Bytes()
	x.send(rec.code, body[:x.fault.at(len(body))])
}

func (x *exchange) torn() {
	rec := x.whole()
	body := rec.body.Bytes()
	if len(body) == 0 {
		x.send(rec.code, nil)
		return
	}
	x.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.WriteHeader(rec.code)
	_, _ = x.Write(body[:x.fault.at(len(body))])
	x.flush()
	panic(http.ErrAbortHandler) // cuts the connection
}

func (x *exchange) endless() {
	rec := x.whole()
	x.begun()
	x.Header().Del("Content-Length")
	if rec.code == http.StatusNoContent {
		rec.code = http.StatusOK
	}
	x.WriteHeader(rec.code)
	if _, err := x.Write(rec.body.Bytes()); err != nil {
		return
	}
	for spaces := bytes.Repeat([]byte(" "), 64<<10); ; {
		if _, err := x.Write(spaces); err != nil || x.r.Context().Err() != nil {
			return
		}
	}
}

func (x *exchange) slow() {
	const steps = 10 // a second
	rec := x.whole()
	x.begun()
	rate := max(x.fault.number, 1)
	portion, pause := max(rate/steps, 1), time.Second/time.Duration(min(rate, steps))
	body := rec.body.Bytes()
	if rec.code != http.StatusNoContent {
		x.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	x.WriteHeader(rec.code)
	x.flush()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for len(body) > 0 {
		select {
		case <-x.r.Context().Done():
			return
		case <-tick.C:
		}
		n := min(portion, int64(len(body)))
		if _, err := x.Write(body[:n]); err != nil {
			return
		}
		x.flush()
		body = body[n:]
	}
}

func (x *exchange) hang() {
	x.begun()
	<-x.r.Context().Done()
	panic(http.ErrAbortHandler) // or an empty answer would be sent
}

func (x *exchange) redirect() {
	x.Header().Set("Location", x.r.URL.RequestURI())
	x.WriteHeader(http.StatusFound)
}

func (x *exchange) downgrade() {
	target := x.server.URL(Plain, "/~"+faultNone+x.path)
	if x.from == Plain {
		target = strings.NewReplacer("//127.0.0.1:", "//localhost:", "//localhost:", "//127.0.0.1:", "//[::1]:", "//localhost:").Replace(target)
	}
	x.Header().Set("Location", target)
	x.WriteHeader(http.StatusFound)
}

func (x *exchange) status(code int) {
	if code == http.StatusNotModified {
		x.WriteHeader(code)
		return
	}
	http.Error(x, fmt.Sprintf("the fault %d was asked for", code), code)
}

// bomb sends one compressed MiB of zeros again and again (RFC 1952 §2.2: a file has any number of members).
func (x *exchange) bomb() {
	x.begun()
	var member bytes.Buffer
	pack := gzip.NewWriter(&member)
	_, err := pack.Write(make([]byte, 1<<20))
	if err == nil {
		err = pack.Close()
	}
	if err != nil {
		http.Error(x, err.Error(), http.StatusInternalServerError)
		return
	}
	x.Header().Set("Content-Encoding", "gzip")
	for range 10 << 10 {
		if _, err := x.Write(member.Bytes()); err != nil {
			return
		}
	}
}

func (x *exchange) skewed() {
	x.Header().Set("Date", time.Now().Add(x.fault.skew).UTC().Format(http.TimeFormat))
	x.plain.ServeHTTP(x.counted, x.asked)
}

// flush sends what was written so far.
func (x *exchange) flush() { _ = http.NewResponseController(x.counted).Flush() }

// counted notes what was sent.
type counted struct {
	http.ResponseWriter
	code  int
	bytes int64
}

func (c *counted) WriteHeader(code int) {
	c.code = code
	c.ResponseWriter.WriteHeader(code)
}

func (c *counted) Write(b []byte) (int, error) {
	if c.code == 0 {
		c.code = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// recorder keeps an answer.
type recorder struct {
	head http.Header
	code int
	body bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.head }
func (r *recorder) WriteHeader(code int)        { r.code = code }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
