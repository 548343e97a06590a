package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
)

var webHello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })

func TestClientCertificates(t *testing.T) {
	from, until := sourcetest.WebNow.AddDate(0, -1, 0), sourcetest.WebNow.AddDate(0, 1, 0)
	root, stranger := sourcetest.WebRoot(t), sourcetest.WebRoot(t)
	between := sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-2, 0, 0), sourcetest.WebNow.AddDate(2, 0, 0))
	brief := sourcetest.WebCert(t, &root, from.AddDate(0, -1, 0), until.AddDate(0, 0, 1)) // an intermediate that is not valid for much longer
	leaf := func(parent *sourcetest.WebIdentity, hosts ...string) sourcetest.WebIdentity {
		return sourcetest.WebCert(t, parent, from, until, hosts...)
	}
	good := leaf(&between, "127.0.0.1")
	var both Transport // a CA and a pin
	both.CA, both.Pins = root.PEM(), [][32]byte{good.Pin()}

	in, before, after := sourcetest.WebNow, sourcetest.WebNow.AddDate(-1, 0, 0), sourcetest.WebNow.AddDate(1, 0, 0)
	const yes, no = true, false
	for _, c := range []struct {
		name           string
		server         sourcetest.WebIdentity
		trust          Transport
		now            time.Time
		signed, synced bool
		want           bool
	}{
		{"good", good, both, in, no, yes, yes},
		{"good, no clock", good, both, in, no, no, yes},
		{"good, signed", good, both, in, yes, yes, yes},
		{"good, signed, no clock", good, both, in, yes, no, yes},
		{"pin of the leaf, among others", good, Transport{CA: root.PEM(), Pins: [][32]byte{stranger.Pin(), good.Pin()}}, in, no, yes, yes},
		{"pin of the intermediate", good, Transport{CA: root.PEM(), Pins: [][32]byte{between.Pin()}}, in, no, yes, yes},
		{"pin of the root", good, Transport{CA: root.PEM(), Pins: [][32]byte{root.Pin()}}, in, yes, no, yes},
		{"two CAs", good, Transport{CA: append(stranger.PEM(), root.PEM()...)}, in, no, yes, yes},

		{"expired", good, both, after, no, yes, no},
		{"expired, no clock", good, both, after, no, no, no},
		{"expired, signed", good, both, after, yes, yes, no},
		{"expired, signed, no clock", good, both, after, yes, no, yes},
		{"not yet valid", good, both, before, yes, yes, no},
		{"not yet valid, signed, no clock", good, both, before, yes, no, yes},
		{"no time at all", good, both, time.Time{}, no, yes, no},
		{"no time at all, signed, no clock", good, both, time.Time{}, yes, no, yes},
		{"1970", good, both, time.Unix(0, 0), yes, no, yes},
		{"the intermediate, too", leaf(&brief, "127.0.0.1"), both, after, yes, no, no}, // other key than the pinned one
		{"the intermediate, too, unpinned", leaf(&brief, "127.0.0.1"), Transport{CA: root.PEM()}, after, yes, no, yes},
		{"the intermediate was never valid with the leaf", func() sourcetest.WebIdentity {
			past := sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-2, 0, 0), sourcetest.WebNow.AddDate(-1, 0, 0))
			return leaf(&past, "127.0.0.1")
		}(), Transport{CA: root.PEM()}, in, yes, no, no},

		{"wrong host", leaf(&between, "other.example"), Transport{CA: root.PEM()}, in, no, yes, no},
		{"wrong host, signed, no clock", leaf(&between, "other.example"), Transport{CA: root.PEM()}, in, yes, no, no},
		{"wrong host, expired, signed, no clock", leaf(&between, "other.example", "127.0.0.2"), Transport{CA: root.PEM()}, after, yes, no, no},
		{"wrong CA", good, Transport{CA: stranger.PEM()}, in, no, yes, no},
		{"wrong CA, signed, no clock", good, Transport{CA: stranger.PEM()}, in, yes, no, no},
		{"wrong CA, expired, signed, no clock", good, Transport{CA: stranger.PEM()}, after, yes, no, no},
		{"system's CAs", good, Transport{}, in, yes, no, no},
		{"wrong pin", good, Transport{CA: root.PEM(), Pins: [][32]byte{stranger.Pin()}}, in, no, yes, no},
		{"wrong pin, signed, no clock", good, Transport{CA: root.PEM(), Pins: [][32]byte{stranger.Pin()}}, in, yes, no, no},
		{"wrong pin, expired, signed, no clock", good, Transport{CA: root.PEM(), Pins: [][32]byte{stranger.Pin()}}, after, yes, no, no},
		{"right pin, wrong CA", good, Transport{CA: stranger.PEM(), Pins: [][32]byte{good.Pin()}}, in, no, yes, no},
		{"self-signed", sourcetest.WebCert(t, nil, from, until, "127.0.0.1"), Transport{CA: root.PEM()}, in, no, yes, no},
		{"self-signed, expired, signed, no clock", sourcetest.WebCert(t, nil, from, until, "127.0.0.1"), Transport{CA: root.PEM()}, after, yes, no, no},
		{"an authority as server", root, Transport{CA: root.PEM()}, in, yes, no, no},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sourcetest.WebServer(t, c.server, webHello)
			got, err := webGet(webClient(t, c.signed, c.trust, s.URL), source.Moment{Time: c.now, Synced: c.synced}, nil)
			if c.want && (err != nil || string(got.Body) != "hello") {
				t.Errorf("got %+v, error %v", got, err)
			}
			if !c.want && err == nil {
				t.Errorf("got %+v, want an error", got)
			}
			if strings.HasPrefix(c.name, "wrong pin") && !errors.Is(err, errNotPinned) {
				t.Errorf("error %v, want %v", err, errNotPinned)
			}
		})
	}
}

// A host that is a name is verified by that name, whatever the mirror's is.
func TestClientHostNames(t *testing.T) {
	root := sourcetest.WebRoot(t)
	for _, c := range []struct {
		cert string
		want bool
	}{{"localhost", true}, {"127.0.0.1", false}, {"localhost.example", false}} {
		id := sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-2, 0, 0), sourcetest.WebNow.AddDate(-1, 0, 0), c.cert)
		s := sourcetest.WebServer(t, id, webHello)
		u := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
		_, err := webGet(webClient(t, true, Transport{CA: root.PEM()}, u), source.Moment{Time: sourcetest.WebNow}, nil)
		if (err == nil) != c.want {
			t.Errorf("localhost with a certificate for %s: error %v", c.cert, err)
		}
		first := sourcetest.WebServer(t, sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-2, 0, 0), sourcetest.WebNow.AddDate(-1, 0, 0), "127.0.0.1"), http.RedirectHandler(u, http.StatusFound))
		_, err = webGet(webClient(t, true, Transport{CA: root.PEM()}, first.URL), source.Moment{Time: sourcetest.WebNow}, nil)
		if (err == nil) != c.want {
			t.Errorf("redirected to localhost with a certificate for %s: error %v", c.cert, err)
		}
	}
}

// What was let in without a clock is not good enough with one.
func TestClientForgetsLeniency(t *testing.T) {
	root := sourcetest.WebRoot(t)
	s := sourcetest.WebServer(t, sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-2, 0, 0), sourcetest.WebNow.AddDate(-1, 0, 0), "127.0.0.1"), webHello)
	c, err := New([]string{s.URL}, Transport{CA: root.PEM()}, true) // keeps connections for long
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdle()
	if _, err := webGet(c, source.Moment{Time: sourcetest.WebNow}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := webGet(c, synced, nil); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("with a clock: error %v", err)
	}
}

func TestClientOwnCertificate(t *testing.T) {
	root, stranger := sourcetest.WebRoot(t), sourcetest.WebRoot(t)
	from, until := sourcetest.WebNow.AddDate(-1, 0, 0), sourcetest.WebNow.AddDate(1, 0, 0)
	id := sourcetest.WebCert(t, &root, from, until, "127.0.0.1")
	own, other := sourcetest.WebCert(t, &root, from, until, "gate").TLS(), sourcetest.WebCert(t, &stranger, from, until, "gate").TLS()
	s := sourcetest.WebServer(t, id, webHello, func(config *tls.Config) {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AddCert(root.Cert)
	})
	for name, c := range map[string]struct {
		own  *tls.Certificate
		want bool
	}{"shown": {&own, true}, "none": {nil, false}, "of a stranger": {&other, false}} {
		_, err := webGet(webClient(t, false, Transport{CA: root.PEM(), Certificate: c.own}, s.URL), synced, nil)
		if (err == nil) != c.want {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestClientOldTLS(t *testing.T) {
	root := sourcetest.WebRoot(t)
	id := sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-1, 0, 0), sourcetest.WebNow.AddDate(1, 0, 0), "127.0.0.1")
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		s := sourcetest.WebServer(t, id, webHello, func(config *tls.Config) { config.MinVersion, config.MaxVersion = tls.VersionTLS10, version })
		for _, synced := range []bool{true, false} {
			_, err := webGet(webClient(t, true, Transport{CA: root.PEM()}, s.URL), source.Moment{Time: sourcetest.WebNow, Synced: synced}, nil)
			if (err == nil) != want {
				t.Errorf("%s: error %v", tls.VersionName(version), err)
			}
		}
	}
}

func TestClientRedirects(t *testing.T) {
	root := sourcetest.WebRoot(t)
	id := sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-1, 0, 0), sourcetest.WebNow.AddDate(1, 0, 0), "127.0.0.1", "localhost")
	var seen http.Header // of the request that was answered
	target := http.NewServeMux()
	target.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		io.WriteString(w, "hello")
	})
	target.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("url"), http.StatusFound)
	})
	target.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://%zz/\x1b"+strings.Repeat("x", 5000))
		w.WriteHeader(http.StatusFound)
	})
	secure, secure2, plain, plain2 := sourcetest.WebServer(t, id, target), sourcetest.WebServer(t, id, target), sourcetest.WebPlain(t, target), sourcetest.WebPlain(t, target)
	named := func(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) }
	to := func(server, target string) string { return server + "/to?url=" + url.QueryEscape(target) }
	own := sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-1, 0, 0), sourcetest.WebNow.AddDate(1, 0, 0), "gate").TLS()

	const kept, dropped = "kept", "dropped"
	for _, c := range []struct {
		name, url string
		own       *tls.Certificate
		want      string // what became of the secret header, or empty for an error
		text      string // of the error
	}{
		{"none", secure.URL + "/end", nil, kept, ""},
		{"same server", to(secure.URL, "/end"), nil, kept, ""},
		{"other port, https", to(secure.URL, secure2.URL+"/end"), nil, dropped, ""},
		{"other host, https", to(secure.URL, named(secure2.URL)+"/end"), nil, dropped, ""},
		{"other host, with our certificate", to(secure.URL, named(secure2.URL)+"/end"), &own, "", "certificate"},
		{"same host, with our certificate", to(secure.URL, "/end"), &own, kept, ""},
		{"there and back", to(secure.URL, to(named(secure2.URL), secure.URL+"/end")), nil, kept, ""},
		{"https to http", to(secure.URL, plain.URL+"/end"), nil, "", "from https"},
		{"https to https to http", to(secure.URL, to(secure2.URL, plain.URL+"/end")), nil, "", "from https"},
		{"http to http, same host", to(plain.URL, "/end"), nil, kept, ""},
		{"http to http, other host", to(plain.URL, named(plain2.URL)+"/end"), nil, "", "without TLS"},
		{"http to https, same host", to(plain.URL, secure.URL+"/end"), nil, dropped, ""},
		{"http to https, other host", to(plain.URL, named(secure.URL)+"/end"), nil, "", "without TLS"},
		{"three", to(secure.URL, to(secure.URL, to(secure.URL, "/end"))), nil, kept, ""},
		{"four", to(secure.URL, to(secure.URL, to(secure.URL, to(secure.URL, "/end")))), nil, "", "more than 3"},
		{"other scheme", to(secure.URL, "file:///etc/passwd"), nil, "", "file"},
		{"not a URL", secure.URL + "/bad", nil, "", "Location"},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen = nil
			asked := webClient(t, true, Transport{CA: root.PEM(), Header: map[string]string{"X-Token": "secret", "Authorization": "Bearer secret"}, Certificate: c.own}, c.url)
			got, err := webGet(asked, synced, map[string]string{"X-Resume": "7"})
			if c.want == "" {
				if err == nil || !strings.Contains(err.Error(), c.text) || len(err.Error()) > 1000 {
					t.Errorf("got %+v, error %v", got, err)
				}
				return
			}
			if err != nil || string(got.Body) != "hello" {
				t.Fatalf("got %+v, error %v", got, err)
			}
			if seen.Get("X-Resume") != "7" || seen.Get("Referer") != "" {
				t.Errorf("sent %v", seen)
			}
			if is := seen.Get("X-Token") == "secret"; is != (c.want == kept) {
				t.Errorf("X-Token %q, want it %s", seen.Get("X-Token"), c.want)
			}
			if seen.Get("Authorization") != "" && c.want == dropped {
				t.Error("Authorization was sent to another host")
			}
		})
	}

	loop := http.NewServeMux()
	loop.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusMovedPermanently) })
	if _, err := webGet(webClient(t, false, Transport{CA: root.PEM()}, sourcetest.WebServer(t, id, loop).URL), synced, nil); err == nil ||
		!strings.Contains(err.Error(), "more than 3") {
		t.Errorf("a loop: error %v", err)
	}
}

func TestClientProxy(t *testing.T) {
	root := sourcetest.WebRoot(t)
	id := sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-1, 0, 0), sourcetest.WebNow.AddDate(1, 0, 0), "list.example")
	s := sourcetest.WebServer(t, id, webHello)
	var asked []string
	proxy := sourcetest.WebPlain(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host+" "+r.Header.Get("Proxy-Authorization"))
		if r.Method != http.MethodConnect {
			io.WriteString(w, "by proxy")
			return
		}
		to, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer to.Close()
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(to, buffered)
		io.Copy(conn, to)
	}))
	address := strings.Replace(proxy.URL, "http://", "http://u:p@", 1)
	for _, c := range []struct{ url, body, asked string }{
		{"https://list.example/list", "hello", "CONNECT list.example:443 Basic dTpw"},
		{"http://list.example/list", "by proxy", "GET list.example Basic dTpw"},
	} {
		asked = nil
		for _, synced := range []bool{true, false} {
			got, err := webGet(webClient(t, true, Transport{CA: root.PEM(), Proxy: address}, c.url), source.Moment{Time: sourcetest.WebNow, Synced: synced}, nil)
			if err != nil || string(got.Body) != c.body {
				t.Errorf("%s: got %+v, error %v", c.url, got, err)
			}
		}
		if len(asked) != 2 || asked[0] != c.asked {
			t.Errorf("%s: the proxy was asked %q, want %q", c.url, asked, c.asked)
		}
	}

	proxy.Close()
	_, err := webGet(webClient(t, true, Transport{Proxy: address}, "https://list.example/list?key=secret"), synced, nil)
	if err == nil || strings.Contains(err.Error(), "u:p") || strings.Contains(err.Error(), "secret") {
		t.Errorf("a dead proxy: error %v", err)
	}
}

func TestClientConfiguration(t *testing.T) {
	root := sourcetest.WebRoot(t)
	const u = "https://list.example/list"
	damaged := append([]byte(nil), root.PEM()...)
	damaged[60] = '!'
	for _, c := range []struct {
		name   string
		urls   []string
		t      Transport
		signed bool
		text   string // of the error, empty for none
	}{
		{"https", []string{u}, Transport{}, false, ""},
		{"http, signed", []string{"http://list.example"}, Transport{}, true, ""},
		{"IPv6", []string{"https://[2001:db8::1]:8443/x?y"}, Transport{}, false, ""},
		{"proxies", []string{u}, Transport{Proxy: "socks5://u:p@[::1]:1080"}, false, ""},
		{"none", nil, Transport{}, true, "no URL"},
		{"http, unsigned", []string{u, "http://list.example"}, Transport{}, false, "write https://"},
		{"a path", []string{"/etc/passwd"}, Transport{}, true, "https://host/path"},
		{"other scheme", []string{"ftp://list.example"}, Transport{}, true, "https://host/path"},
		{"empty", []string{""}, Transport{}, true, "https://host/path"},
		{"opaque", []string{"https:list.example"}, Transport{}, true, "https://host/path"},
		{"no host", []string{"https:///list"}, Transport{}, true, "no host"},
		{"broken", []string{"https://list.example/%zz\x1b"}, Transport{}, true, `\x1b`},
		{"too long", []string{u + strings.Repeat("x", maxURLSize)}, Transport{}, true, "2048 are allowed"},
		{"password", []string{"https://me:secret@list.example"}, Transport{}, true, "Authorization"},
		{"fragment", []string{u + "#top"}, Transport{}, true, "#"},
		{"bare fragment", []string{u + "#"}, Transport{}, true, "#"},
		{"timeout", []string{u}, Transport{Timeout: -1}, true, "timeout"},
		{"empty CA", []string{u}, Transport{CA: []byte{}}, true, "no certificate"},
		{"CA without PEM", []string{u}, Transport{CA: root.Cert.Raw}, true, "no certificate"},
		{"damaged CA", []string{u}, Transport{CA: append(root.PEM(), damaged...)}, true, "CA 2"},
		{"key as CA", []string{u}, Transport{CA: []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")}, true, "PUBLIC KEY"},
		{"no certificate as CA", []string{u}, Transport{CA: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}, true, "CA 1"},
		{"proxy of another scheme", []string{u}, Transport{Proxy: "https://u:secret@proxy:1"}, true, "http://host:port"},
		{"proxy without a scheme", []string{u}, Transport{Proxy: "proxy:3128"}, true, "http://host:port"},
		{"broken proxy", []string{u}, Transport{Proxy: "http://u:secret@%zz"}, true, "http://host:port"},
		{"proxy without a host", []string{u}, Transport{Proxy: "http://:80"}, true, "http://host:port"},
		{"header name", []string{u}, Transport{Header: map[string]string{"X Key": "secret"}}, true, "X Key"},
		{"empty header name", []string{u}, Transport{Header: map[string]string{"": "secret"}}, true, "name of a header"},
		{"header value", []string{u}, Transport{Header: map[string]string{"X-Key": "secret\r\nHost: evil"}}, true, "X-Key"},
	} {
		_, err := New(c.urls, c.t, c.signed)
		if c.text == "" && err != nil || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.text)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || len(err.Error()) > 500) {
			t.Errorf("%s: error says too much: %v", c.name, err)
		}
	}
}
