package status

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// someone is a connection from an address.
type someone struct {
	net.Conn
	from  string
	ended bool
}

func (s *someone) Close() error { s.ended = true; return nil }

func (s *someone) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s.from))
}

func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bounded{proxied: func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.1") }}
		var all []*someone
		enter := func(from string, n int) (in []*place) {
			for range n {
				who := &someone{from: from}
				all = append(all, who)
				time.Sleep(time.Millisecond)
				if p := b.enter(who, time.Now()); p != nil {
					in = append(in, p)
				}
			}
			return in
		}
		hostile := enter("192.0.2.1:1", 20)
		if len(hostile) != maxOfAddress {
			t.Errorf("%d of one host", len(hostile))
		}
		if in := len(enter("[2001:db8::1]:1", 8)) + len(enter("[2001:db8::2]:1", 20)); in != maxOfAddress {
			t.Errorf("%d of one host with two addresses", in)
		}
		if in := enter("10.0.0.1:1", 31); len(in) != 31 {
			t.Errorf("%d of a proxy", len(in))
		}
		local := enter("127.0.0.1:1", 1)[0]
		if len(b.conns) != maxConnections {
			t.Fatalf("%d places are taken", len(b.conns))
		}
		// All are taken: who comes gets the place of the oldest of whom has most.
		for _, p := range hostile {
			p.set(true, false)
		}
		if in := enter("198.51.100.1:1", 15); len(in) != 15 || len(b.conns) != maxConnections {
			t.Errorf("%d more, %d places", len(in), len(b.conns))
		}
		if of := b.of(prefixOf(addressOf("10.0.0.1:1"))); of != 16 || local.closed {
			t.Errorf("the proxy has %d left, the one of this device is closed: %v", of, local.closed)
		}
		for _, who := range all[40+8 : 40+8+15] { // 20 and 28 came before the proxy's 31
			if !who.ended {
				t.Error("the oldest of the proxy is still there")
			}
		}
		// Nobody without a request: who comes has to go.
		for _, p := range b.conns {
			p.set(true, false)
		}
		if in := enter("198.51.100.2:1", 1); len(in) != 0 {
			t.Error("a request in progress was ended")
		}
		// Whoever has shown a token stays, if there is another one.
		b.conns[0].set(false, true)
		b.conns[1].set(false, false)
		known, other := b.conns[0], b.conns[1]
		if in := enter("198.51.100.2:1", 1); len(in) != 1 || known.closed || !other.closed {
			t.Error("who showed a token had to go")
		}
		for _, p := range append([]*place(nil), b.conns...) {
			_ = p.Close()
			_ = p.Close()
		}
		if len(b.conns) != 0 {
			t.Errorf("%d remain", len(b.conns))
		}
	})
}

// While half of the places are taken, who asks nothing leaves within seconds; who is answered stays.
func TestIdleLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bounded{}
		enter := func() *place { return b.enter(&someone{from: "127.0.0.1:1"}, time.Now()) }
		for range crowded - 1 {
			enter()
		}
		time.Sleep(time.Minute)
		if len(b.conns) != crowded-1 {
			t.Errorf("%d places, while less than half are taken", len(b.conns))
		}
		for range crowded {
			enter().set(true, false)
		}
		time.Sleep(2 * crowdedIdle)
		synctest.Wait()
		if len(b.conns) != crowded {
			t.Errorf("%d places after %v", len(b.conns), 2*crowdedIdle)
		}
		for _, p := range b.conns {
			if !p.busy {
				t.Error("one that asks nothing is there")
			}
			p.set(false, false)
		}
		time.Sleep(2 * crowdedIdle)
		synctest.Wait()
		if len(b.conns) != crowded-1 || b.sweeping {
			t.Errorf("%d places at last", len(b.conns))
		}
	})
}

// 64 hostile connections that wait for a request to come, 64 that asked without a token, and 10,000 wrong tokens meanwhile: the
// right one is served at once, and a refused connection ends.
func TestStrangers(t *testing.T) {
	_, address := run(t, Config{Address: "127.0.0.1:0", Tokens: someTokens(t)}, daemonOf(fixture(t), nil))
	ask := "GET /livez HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n"
	right := func(when string) {
		t.Helper()
		begun := time.Now()
		line := raw(t, address, fmt.Sprintf(ask, goodToken))
		if took := time.Since(begun); line != "HTTP/1.1 200 OK" || took > 5*time.Second {
			t.Errorf("%s: %q after %v", when, line, took)
		} else {
			t.Logf("%s: served after %v", when, took)
		}
	}
	open := func(text string) (conn net.Conn) {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, text)
		return conn
	}
	for range maxConnections {
		open("")
	}
	right("64 connections are silent")
	var asked []net.Conn
	for range maxConnections {
		asked = append(asked, open("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	}
	right("64 connections were refused")
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /nothing HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + goodToken + "\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + venueToken + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: attacker.example\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
		"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
	} {
		conn := open(text)
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		r := bufio.NewReader(conn)
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Errorf("%.30q: %v", text, err)
			continue
		}
		_, _ = io.Copy(io.Discard, response.Body)
		if _, err := r.ReadByte(); err != io.EOF || !response.Close {
			t.Errorf("%s is kept alive: %v", response.Status, err)
		}
	}
	for _, conn := range asked {
		_ = conn.Close()
	}
	if testing.Short() {
		return
	}
	for range 10_000 {
		if line := raw(t, address, fmt.Sprintf(ask, "wrong-horse-battery")); !strings.Contains(line, " 401 ") && !strings.Contains(line, " 429 ") {
			t.Fatal(line)
		}
	}
	right("10,000 wrong tokens")
}
