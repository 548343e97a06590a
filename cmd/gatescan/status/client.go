package status

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// maxOfClient is how many requests of one client are answered at once, so that one cannot keep the others waiting.
const maxOfClient = maxRequests / 2

// client returns the address by which wrong tokens and requests are counted: that of the connection, or, behind a proxy of
// the configuration, that which the proxy names. It is the zero Addr for a unix socket without a proxy.
func (c *Config) client(r *http.Request) netip.Addr {
	peer := addressOf(r.RemoteAddr)
	if !c.proxied(peer) {
		return prefixOf(peer)
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := addressOf(strings.TrimSpace(hops[i]))
		if !hop.IsValid() {
			break // a proxy of ours names addresses; what stands further left may be of the client itself
		}
		if !c.proxied(hop) {
			return prefixOf(hop)
		}
	}
	return prefixOf(peer)
}

// proxied says whether an address is that of a proxy. Over a unix socket there are only proxies, if there are any.
func (c *Config) proxied(address netip.Addr) bool {
	if !address.IsValid() {
		return c.socket() != "" && len(c.Proxies) > 0
	}
	for _, proxy := range c.Proxies {
		if proxy.Contains(address) {
			return true
		}
	}
	return false
}

// addressOf reads an address with or without a port. It is the zero Addr if there is none, as of a unix socket.
func addressOf(text string) netip.Addr {
	at, err := netip.ParseAddrPort(text)
	if err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

// prefixOf is the address by which a client is counted: of IPv6 the /64, which one host may have whole (RFC 8981).
func prefixOf(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return netip.Addr{}
	}
	return prefix.Addr()
}

// slots bounds how many requests are answered at once, in all and of one client. Its zero value is ready.
type slots struct {
	mu       sync.Mutex
	taken    int
	byClient map[netip.Addr]int
}

// take takes a slot, and says whether there was one. Requests of this device itself are bounded together with all others.
func (s *slots) take(client netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= maxRequests || distant(client) && s.byClient[client] >= maxOfClient {
		return false
	}
	if s.byClient == nil {
		s.byClient = map[netip.Addr]int{}
	}
	s.taken++
	s.byClient[client]++
	return true
}

func (s *slots) give(client netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.byClient[client]--; s.byClient[client] == 0 {
		delete(s.byClient, client)
	}
}

// distant says whether an address is of another device.
func distant(address netip.Addr) bool { return address.IsValid() && !address.IsLoopback() }
