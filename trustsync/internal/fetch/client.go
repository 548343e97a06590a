// Package fetch asks servers for documents: bounded, paced, over TLS with pins, from mirrors in turn, or from a file on a stick. It is the only
// room of trustsync that imports net/http. It must never know what a document says: a source gives it the function that accepts an answer.
//
// What an answer may weigh is Request.Limit, which each source sets; nothing is allocated beyond it.
package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"gatescan/trustsync/internal/source"
)

// DefaultTimeout is the deadline of a request to one mirror, from the dial to the last byte of the body.
const DefaultTimeout = 60 * time.Second

// MaxFetchTime bounds one Fetch of a source that asks for many documents. What came before the end is not lost.
const MaxFetchTime = 30 * time.Minute

const (
	maxRedirects      = 3
	maxResponseHeader = 64 << 10 // bytes
	maxURLSize        = 2048     // bytes: a mirror's URL must fit into a cursor
)

// Client fetches documents from a list of mirrors. It keeps no cookies, undoes no compression, speaks HTTP/1.1 and TLS 1.2
// or later, and leaves no connection open for longer than a few seconds after the last request.
//
// Redirects: at most three; never from https to http; to another host only from https to https, never if we show a
// certificate of our own, and without the headers of the Transport, any of which may be secret.
type Client struct {
	mirrors  []mirror
	header   map[string]string
	timeout  time.Duration
	patience patience
	showsOwn bool // a certificate of our own

	tls tlsTrust
	now atomic.Pointer[time.Time] // by which certificates are judged
}

// mirror is one place to ask.
type mirror struct {
	url     string
	strict  *http.Client
	lenient *http.Client // passes over certificate dates; only for what is signed itself, and used only without a clock
	file    bool         // none of these: it is a place in the file system
}

// Request is what every mirror is asked alike.
type Request struct {
	Path   string            // appended to the mirror's URL, may hold a query
	Header map[string]string // not secret: it follows a redirect to another host
	Limit  int64             // bytes of body
}

// Response is the answer of a mirror, read to its end. Nothing in it is authentic but by TLS; Date in the header is a hint.
type Response struct {
	Status int // 200, 204 or 304
	Header http.Header
	Body   []byte
	URL    string // that was asked, before redirects
}

// New makes a client of mirrors. signed says that what is fetched is signed itself: then http:// is allowed, and dates of
// server certificates may be passed over while the clock is not known to be right.
func New(urls []string, t Transport, signed bool) (*Client, error) {
	return newPatientClient(urls, t, signed, defaultPatience)
}

func newPatientClient(urls []string, t Transport, signed bool, p patience) (*Client, error) {
	if len(urls) == 0 {
		return nil, errors.New("no URL: say where it is published")
	}
	if t.Timeout < 0 {
		return nil, fmt.Errorf("timeout of %v: give a positive one, or 0 for %v", t.Timeout, DefaultTimeout)
	}
	if err := checkHeader(t.Header); err != nil {
		return nil, err
	}
	proxy, err := proxyOf(t.Proxy)
	if err != nil {
		return nil, err
	}
	c := &Client{header: t.Header, timeout: t.Timeout, patience: p, showsOwn: t.Certificate != nil}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if c.tls, err = newTLSTrust(t); err != nil {
		return nil, err
	}
	for _, raw := range urls {
		u, err := parseMirror(raw, signed)
		if err != nil {
			return nil, err
		}
		m := mirror{url: raw, file: u.Scheme == "file"}
		m.strict = c.newHTTP(proxy, c.tls.strict(c.time))
		if signed {
			m.lenient = c.newHTTP(proxy, c.tls.lenient(c.time, u.Hostname()))
		}
		c.mirrors = append(c.mirrors, m)
	}
	return c, nil
}

// time is the time by which certificates are judged. It is never zero, for which TLS would take the system's.
func (c *Client) time() time.Time {
	if now := c.now.Load(); now != nil && !now.IsZero() {
		return *now
	}
	return source.BeginningOfTime
}

// Get asks the mirrors in turn until one answers with 200, 204 or, if r holds a condition, 304, and accept, which authenticates
// the answer, returns nil. If accept returns ErrUnchanged, so does get. The error says what each mirror did: it holds a
// StatusError, ErrTooLarge or ErrMalformed (cut short, or encoded without having been asked), or what accept said.
//
// It is called by one goroutine at a time.
func (c *Client) Get(ctx context.Context, now source.Moment, r Request, accept func(*Response) error) error {
	c.now.Store(&now.Time)
	var failed mirrorErrors
	for _, m := range c.mirrors {
		target, err := appendPath(m.url, r.Path)
		if err != nil {
			return err
		}
		answer, err := c.ask(ctx, now, m, target, r)
		if err == nil {
			tellDate(now, answer)
			err = accept(answer)
		}
		if err == nil {
			return nil
		}
		if errors.Is(err, source.ErrUnchanged) {
			return source.ErrUnchanged
		}
		failed = append(failed, fmt.Errorf("%s: %w", WithoutQuery(target), err))
		if ctx.Err() != nil {
			break
		}
	}
	return failed
}

// CloseIdle closes the connections that are kept for the next request.
func (c *Client) CloseIdle() {
	for _, m := range c.mirrors {
		m.strict.CloseIdleConnections()
		if m.lenient != nil {
			m.lenient.CloseIdleConnections()
		}
	}
}

// ask sends one request to one mirror, for target, and reads the answer.
func (c *Client) ask(ctx context.Context, now source.Moment, m mirror, target string, r Request) (*Response, error) {
	if m.file {
		return readFileMirror(target, r.Limit)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %v", c.timeout))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil) // ends the watch over the body, too

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, brief(err)
	}
	req.Header.Set("User-Agent", "gatescan")
	for _, header := range []map[string]string{c.header, r.Header} {
		for name, value := range header {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set("Accept-Encoding", "identity")

	asking := m.strict
	if !now.Synced && m.lenient != nil {
		asking = m.lenient
	}
	resp, err := asking.Do(req)
	if err != nil {
		return nil, because(ctx, err)
	}
	defer resp.Body.Close()
	body := c.watch(ctx, stop, resp.Body)

	switch {
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusNoContent:
	case resp.StatusCode == http.StatusNotModified && isConditional(req):
	default:
		said, _ := io.ReadAll(io.LimitReader(body, maxSaid)) // as far as it came
		return nil, &StatusError{Code: resp.StatusCode, Said: string(said)}
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, fmt.Errorf("%w: encoded as %s, which was not asked for", source.ErrMalformed, Quote(encoding))
	}
	if resp.ContentLength > r.Limit {
		return nil, fmt.Errorf("%w: %d bytes (%d are allowed)", source.ErrTooLarge, resp.ContentLength, r.Limit)
	}
	data, err := io.ReadAll(io.LimitReader(body, r.Limit+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: cut short after %d bytes", source.ErrMalformed, len(data))
	case err != nil:
		return nil, because(ctx, err)
	case int64(len(data)) > r.Limit:
		return nil, fmt.Errorf("%w: more than %d bytes", source.ErrTooLarge, r.Limit)
	}
	return &Response{resp.StatusCode, resp.Header, data, target}, nil
}

func isConditional(req *http.Request) bool {
	return req.Header.Get("If-None-Match") != "" || req.Header.Get("If-Modified-Since") != ""
}

// newHTTP makes what asks one mirror.
func (c *Client) newHTTP(proxy func(*http.Request) (*url.URL, error), config *tls.Config) *http.Client {
	dialer := net.Dialer{Timeout: c.patience.dial} // both IP versions (RFC 8305)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Client{
		CheckRedirect: c.checkRedirect,
		Transport: &http.Transport{
			Proxy:                  proxy,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    c.patience.handshake,
			ResponseHeaderTimeout:  c.patience.header,
			IdleConnTimeout:        c.patience.idle,
			MaxIdleConnsPerHost:    1,
			MaxResponseHeaderBytes: maxResponseHeader,
			DisableCompression:     true,
			Protocols:              &protocols,
		},
	}
}

// checkRedirect judges a redirect, as http.Client.CheckRedirect does.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[len(via)-1].URL, req.URL
	bothTLS := from.Scheme == "https" && to.Scheme == "https"
	sameHost := strings.EqualFold(from.Hostname(), to.Hostname())
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("redirected more than %d times", maxRedirects)
	case from.Scheme == "https" && !bothTLS:
		return fmt.Errorf("redirected from https to %s", Quote(to.Scheme))
	case !bothTLS && !sameHost:
		return errors.New("redirected to another host without TLS")
	case c.showsOwn && !sameHost:
		return errors.New("redirected to another host, which is not to see our certificate")
	}
	to.User = nil // else it would become an Authorization
	req.Header.Del("Referer")
	if !strings.EqualFold(via[0].URL.Host, to.Host) {
		for name := range c.header {
			req.Header.Del(name)
		}
	}
	return nil
}

// NotModified says whether what was asked for under a condition is the same as before.
func (r *Response) NotModified() bool { return r.Status == http.StatusNotModified }

// NoContent says whether there is nothing to answer with.
func (r *Response) NoContent() bool { return r.Status == http.StatusNoContent }

// Field returns a field of the header, empty if it is missing.
func (r *Response) Field(name string) string { return r.Header.Get(name) }

// Date returns the time that the server states (RFC 9110 §6.6.1), zero if it states none. It proves nothing.
func (r *Response) Date() time.Time {
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date
}

// OK is nil for status 200.
func (r *Response) OK() error {
	if r.Status != http.StatusOK {
		return fmt.Errorf("%w: status %d", source.ErrMalformed, r.Status)
	}
	return nil
}

// tellDate passes on the time that a server states.
func tellDate(now source.Moment, r *Response) {
	if date := r.Date(); !date.IsZero() && now.Date != nil {
		now.Date(date)
	}
}
