package status

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// run has a server listen until the test ends, and returns where.
func run(t *testing.T, c Config, d Daemon) (s *Server, address string) {
	t.Helper()
	s = newServer(t, c, d)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if at := s.Addr(); at != nil {
			return s, at.String()
		}
	}
	t.Fatal("it does not listen")
	return nil, ""
}

// newCertificate is a certificate for 127.0.0.1.
func newCertificate(t *testing.T, serial int64) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "gate"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestTLS listens on every address with a token and a certificate, and has both replaced while it runs.
func TestTLS(t *testing.T) {
	certificate, pool := newCertificate(t, 1)
	c := Config{Address: "0.0.0.0:0", Tokens: someTokens(t), Certificate: certificate}
	s, address := run(t, c, daemonOf(fixture(t), nil))
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(pool *x509.CertPool, version uint16, token string) (*http.Response, error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: version, MinVersion: tls.VersionTLS10}, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		request, err := http.NewRequest(http.MethodGet, "https://127.0.0.1:"+port+"/livez", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := transport.RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
		}
		return response, err
	}
	if response, err := ask(pool, tls.VersionTLS13, goodToken); err != nil || response.StatusCode != 200 || response.ProtoMajor != 1 {
		t.Errorf("%v, %v", response, err)
	}
	if response, err := ask(pool, tls.VersionTLS12, "no-such-token-here"); err != nil || response.StatusCode != 401 {
		t.Errorf("%v, %v", response, err)
	}
	if _, err := ask(pool, tls.VersionTLS11, goodToken); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	plain, err := http.Get("http://127.0.0.1:" + port + "/livez")
	if err == nil {
		_ = plain.Body.Close()
		if plain.StatusCode != 400 {
			t.Errorf("without TLS: %s", plain.Status)
		}
	}

	if c.Certificate, pool = newCertificate(t, 2); s.Configure(Config{Tokens: c.Tokens[:1], Certificate: c.Certificate}) != nil {
		t.Error("not configured")
	}
	if response, err := ask(pool, tls.VersionTLS13, goodToken); err != nil || response.StatusCode != 401 {
		t.Errorf("a withdrawn token: %v, %v", response, err)
	}
	if response, err := ask(pool, tls.VersionTLS13, venueToken); err != nil || response.StatusCode != 200 {
		t.Errorf("the one that stays: %v, %v", response, err)
	}
	if err := s.Configure(Config{Certificate: c.Certificate}); err == nil {
		t.Error("the last token could be taken away beyond loopback")
	}
	if response, err := ask(pool, tls.VersionTLS13, venueToken); err != nil || response.StatusCode != 200 {
		t.Errorf("after a refused configuration: %v, %v", response, err)
	}
	if err := s.Configure(Config{Tokens: c.Tokens}); err != nil {
		t.Error(err)
	}
	if response, err := ask(pool, tls.VersionTLS13, goodToken); err != nil || response.StatusCode != 200 {
		t.Errorf("without a certificate the old one stays: %v, %v", response, err)
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "status.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close()
	run(t, Config{Address: "unix:" + path}, daemonOf(fixture(t), nil))
	if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://gate/readyz")
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("%v, %v", response, err)
	}
	_ = response.Body.Close()

	file := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(t.Context(), &Config{Address: "unix:" + file}); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("a file that is no socket is gone")
	}
}

// TestAddressTaken begins while somebody else has the address.
func TestAddressTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(500*time.Millisecond, func() { _ = other.Close() })
	_, address := run(t, Config{Address: other.Addr().String()}, daemonOf(fixture(t), nil))
	if response, _ := get(t, "http://"+address+"/livez"); response.StatusCode != 200 {
		t.Error(response.Status)
	}
}

func TestOff(t *testing.T) {
	s := newServer(t, Config{}, daemonOf(fixture(t), nil))
	s.Run(t.Context()) // returns at once
	if s.Addr() != nil {
		t.Error("it listens")
	}
}

// raw sends bytes, and returns the first line of the answer.
func raw(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, text) }() // the server may stop to read
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestHostile(t *testing.T) {
	_, address := run(t, Config{Address: "127.0.0.1:0"}, daemonOf(fixture(t), someBuckets(t)))
	const host = "\r\nHost: localhost\r\n"
	for _, tc := range []struct{ name, text, want string }{
		{"good", "GET /livez HTTP/1.1" + host + "\r\n", "HTTP/1.1 200 OK"},
		{"old", "GET /livez HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"},
		{"large header", "GET /livez HTTP/1.1" + host + "X: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
		{"many headers", "GET /livez HTTP/1.1" + host + strings.Repeat("X: y\r\n", 1<<16) + "\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
		{"long path", "GET /" + strings.Repeat("x", 1<<20) + " HTTP/1.1" + host + "\r\n", "HTTP/1.1 431 Request Header Fields Too Large"},
		{"no host", "GET /livez HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request: missing required Host header"},
		{"two hosts", "GET /livez HTTP/1.1" + host + "Host: localhost\r\n\r\n", "HTTP/1.1 400 Bad Request"},
		{"other host in the address", "GET http://attacker.example/ HTTP/1.1" + host + "\r\n", "HTTP/1.1 421 Misdirected Request"},
		{"chunks", "GET /livez HTTP/1.1" + host + "Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		{"body", "GET /livez HTTP/1.1" + host + "Content-Length: 9999999999\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		{"smuggled", "GET /livez HTTP/1.1" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"},
		{"CONNECT", "CONNECT attacker.example:443 HTTP/1.1" + host + "\r\n", "HTTP/1.1 405 Method Not Allowed"},
		{"asterisk", "OPTIONS * HTTP/1.1" + host + "\r\n", "HTTP/1.1 405 Method Not Allowed"},
		{"dots", "GET /../../etc/passwd HTTP/1.1" + host + "\r\n", "HTTP/1.1 404 Not Found"},
		{"a pass", "HC1:NCFOXN%TS3DH3ZSUZK+.V0ETD%65NL-AH-R6IOO6+IUKRG*I.I5BROCWAAT4V22F/8X*G3M9JUPY0BX/KR96R/S09T./0LWTKD33236J3TA3M*4VV2\r\n\r\n", "HTTP/1.1 400 Bad Request"},
	} {
		if got := raw(t, address, tc.text); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if response, _ := get(t, "http://"+address+"/readyz"); response.StatusCode != 200 {
		t.Errorf("after all that: %s", response.Status)
	}
}

// TestSlow opens as many connections as there may be, sends a byte now and then on each, and waits until they are closed.
func TestSlow(t *testing.T) {
	_, address := run(t, Config{Address: "127.0.0.1:0"}, daemonOf(fixture(t), nil))
	begun := time.Now()
	var slow []net.Conn
	for range maxConnections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		slow = append(slow, conn)
		_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\n")
	}
	if line := raw(t, address, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); line != "HTTP/1.1 200 OK" {
		t.Errorf("one more is answered with %q", line)
	}
	stop := make(chan struct{})
	var dripping sync.WaitGroup
	dripping.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
			}
			for _, conn := range slow {
				_, _ = io.WriteString(conn, "X")
			}
		}
	})
	for _, conn := range slow {
		_ = conn.SetReadDeadline(begun.Add(3 * headerTimeout))
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatal("a slow one is still there")
		}
	}
	close(stop)
	dripping.Wait()
	if took := time.Since(begun); took < headerTimeout {
		t.Errorf("they were closed after %v, sooner than meant", took)
	}
	if response, _ := get(t, "http://"+address+"/livez"); response.StatusCode != 200 {
		t.Errorf("after that: %s", response.Status)
	}
}

// TestNoLeak asks 50 times a second for everything, then looks at what remains.
func TestNoLeak(t *testing.T) {
	_, address := run(t, Config{Address: "127.0.0.1:0", Zone: berlin(t)}, daemonOf(fixture(t), someBuckets(t)))
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	client := http.Client{Transport: transport}
	round := func(n int) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := range n {
			<-tick.C
			response, err := client.Get(fmt.Sprintf("http://%s%s", address, paths[i%len(paths)]))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != 200 {
				t.Fatalf("%s: %s, %v", paths[i%len(paths)], response.Status, err)
			}
			_ = response.Body.Close()
			if i%10 == 0 {
				transport.CloseIdleConnections()
			}
		}
		transport.CloseIdleConnections()
	}
	measure := func() (goroutines int, heap uint64) {
		time.Sleep(200 * time.Millisecond)
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapAlloc
	}
	round(70)
	goroutines, heap := measure()
	round(210)
	if g, h := measure(); g > goroutines+3 || h > heap+(1<<20) {
		t.Errorf("%d goroutines, %d bytes; before %d, %d", g, h, goroutines, heap)
	}
}
