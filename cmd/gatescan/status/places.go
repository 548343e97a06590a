package status

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Limits of connections.
const (
	maxConnections = 64
	maxOfAddress   = 16 // of one host, other than this one and a proxy of the configuration
	// Once half of all places are taken, a connection without a request may stay for crowdedIdle.
	crowded     = maxConnections / 2
	crowdedIdle = 2 * time.Second
)

// bounded is a listener with a bounded number of connections. When all places are taken, a new connection takes that of one
// which waits for nothing of ours: strangers who only hold places do not keep others out. Its zero value has no connections.
type bounded struct {
	net.Listener
	proxied  func(netip.Addr) bool // of an address whose connections are not bounded by themselves; nil for none
	mu       sync.Mutex
	conns    []*place
	sweeping bool
}

// place is a connection that takes one of the places.
type place struct {
	net.Conn
	places *bounded
	from   netip.Addr
	known  bool      // a right token came over it
	busy   bool      // a request is being answered
	since  time.Time // that it is busy or not
	closed bool
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if p := b.enter(conn, time.Now()); p != nil {
			return p, nil
		}
		_ = conn.Close()
	}
}

// enter gives a connection a place; nil for none.
func (b *bounded) enter(conn net.Conn, now time.Time) *place {
	peer := addressOf(conn.RemoteAddr().String())
	p := &place{Conn: conn, places: b, from: prefixOf(peer), since: now}
	b.mu.Lock()
	defer b.mu.Unlock()
	if distant(peer) && (b.proxied == nil || !b.proxied(peer)) && b.of(p.from) >= maxOfAddress {
		return nil
	}
	if len(b.conns) >= maxConnections && !b.makeRoom() {
		return nil
	}
	b.conns = append(b.conns, p)
	if len(b.conns) >= crowded && !b.sweeping {
		b.sweeping = true
		time.AfterFunc(crowdedIdle, b.sweep)
	}
	return p
}

// of is how many places an address has. mu is held.
func (b *bounded) of(from netip.Addr) (n int) {
	for _, p := range b.conns {
		if p.from == from {
			n++
		}
	}
	return n
}

// makeRoom closes one connection on which no request is being answered: of those that have not shown a token if there is one,
// of the address with the most connections, the oldest. mu is held.
func (b *bounded) makeRoom() bool {
	var out *place
	var most int
	for _, p := range b.conns {
		if p.busy {
			continue
		}
		of := b.of(p.from)
		if out == nil || cmp.Or(boolean(out.known, p.known), cmp.Compare(of, most), out.since.Compare(p.since)) > 0 {
			out, most = p, of
		}
	}
	if out == nil {
		return false
	}
	b.remove(out)
	return true
}

// boolean orders false before true.
func boolean(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// remove takes the place of a connection away and ends it. mu is held.
func (b *bounded) remove(p *place) {
	if p.closed {
		return
	}
	p.closed = true
	b.conns = slices.DeleteFunc(b.conns, func(other *place) bool { return other == p })
	_ = p.Conn.Close()
}

// sweep ends connections that stayed without a request although half of the places are taken.
func (b *bounded) sweep() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, p := range slices.Clone(b.conns) {
		if len(b.conns) >= crowded && !p.busy && now.Sub(p.since) >= crowdedIdle {
			b.remove(p)
		}
	}
	if b.sweeping = len(b.conns) >= crowded; b.sweeping {
		time.AfterFunc(crowdedIdle/2, b.sweep)
	}
}

// Close ends the connection and gives its place back.
func (p *place) Close() error {
	p.places.mu.Lock()
	gone := p.closed
	if !gone {
		p.closed = true
		p.places.conns = slices.DeleteFunc(p.places.conns, func(other *place) bool { return other == p })
	}
	p.places.mu.Unlock()
	if gone {
		return nil
	}
	return p.Conn.Close()
}

// set notes what a connection does.
func (p *place) set(busy, known bool) {
	p.places.mu.Lock()
	defer p.places.mu.Unlock()
	if p.busy != busy {
		p.busy, p.since = busy, time.Now()
	}
	p.known = p.known || known
}

// placeOf is the place of a connection of the server; nil for a connection that has none, as in tests.
func placeOf(conn net.Conn) *place {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	p, _ := conn.(*place)
	return p
}

type placeKey struct{}

// withPlace is for http.Server.ConnContext.
func withPlace(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, placeKey{}, placeOf(conn))
}

// occupied is for http.Server.ConnState. A request counts as being answered once all of its header has come.
func occupied(conn net.Conn, state http.ConnState) {
	if p := placeOf(conn); p != nil && (state == http.StateActive || state == http.StateIdle) {
		p.set(state == http.StateActive, false)
	}
}

// recognised notes that a request showed a right token.
func recognised(r *http.Request) {
	if p, _ := r.Context().Value(placeKey{}).(*place); p != nil {
		p.set(true, true)
	}
}

// dismissed gives the place of a request that is refused to the next who comes.
func dismissed(r *http.Request) {
	if p, _ := r.Context().Value(placeKey{}).(*place); p != nil {
		p.set(false, false)
	}
}
