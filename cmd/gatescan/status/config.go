package status

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// DefaultAddress is heard by this device alone.
const DefaultAddress = "127.0.0.1:8080"

// DefaultVenueMinCount hides what one or a few people did.
const DefaultVenueMinCount = 5

// Limits of a configuration.
const (
	MaxMinCount   = 1000
	maxName       = 100 // bytes
	maxHosts      = 16
	maxProxies    = 16
	maxSocketPath = 107 // bytes: sun_path of unix(7) less its NUL
)

// Config says where the server listens, and what it tells. Its zero value listens nowhere.
type Config struct {
	// Address is "127.0.0.1:8080", "[::1]:8080", "localhost:8080", "unix:/run/gatescan/status.sock", or empty for off.
	// Another one than loopback needs Tokens and Certificate. Port 0 takes any that is free.
	Address string
	// Tokens, if there are any, are asked for on every address, loopback and socket too.
	Tokens Tokens
	// Certificate makes it HTTPS.
	Certificate *tls.Certificate
	// Hosts are the names under which a loopback address may be asked besides localhost and its IP addresses, as by a
	// reverse proxy that keeps the Host header. Without port.
	Hosts []string
	// Proxies are the addresses of reverse proxies whose X-Forwarded-For is believed: wrong tokens and requests are then
	// counted by the client that it names. On a unix socket every peer is a proxy, if there is any address here.
	Proxies []netip.Prefix
	// Group owns the unix socket together with the daemon's user; 0 for the daemon's own group.
	Group int
	// Name is how people call this gate: "South entrance, lane 3". It stands on the page and in the CSV.
	Name string
	// Zone is where days begin. Nil for UTC.
	Zone *time.Location
	// MinCount hides small counts on the page and from the API and the CSV: a count below it is told as "fewer than", any
	// other is rounded down to a multiple of it. 0 hides nothing.
	MinCount int
	// VenueMinCount is the same for tokens with the scope Venue; the larger one of both holds.
	VenueMinCount int
}

// Validate returns every mistake of a configuration, each with what to do about it; nil for none.
func (c *Config) Validate() error {
	var mistakes []error
	if c.Address != "" {
		mistakes = append(mistakes, c.validateAddress())
	}
	if c.MinCount < 0 || c.MinCount > MaxMinCount {
		mistakes = append(mistakes, fmt.Errorf("small counts below %d cannot be hidden; write 0 to hide none, or a number up to %d", c.MinCount, MaxMinCount))
	}
	if c.VenueMinCount < 0 || c.VenueMinCount > MaxMinCount {
		mistakes = append(mistakes, fmt.Errorf("small counts below %d cannot be hidden from a venue; write 0 to hide none, or a number up to %d", c.VenueMinCount, MaxMinCount))
	}
	if len(c.Proxies) > maxProxies {
		mistakes = append(mistakes, fmt.Errorf("%d proxies; leave %d, or write a prefix such as 10.0.0.0/8", len(c.Proxies), maxProxies))
	}
	if len(c.Name) > maxName {
		mistakes = append(mistakes, fmt.Errorf("the name of the gate has %d bytes; shorten it to %d", len(c.Name), maxName))
	}
	if len(c.Hosts) > maxHosts {
		mistakes = append(mistakes, fmt.Errorf("%d names of hosts; leave %d", len(c.Hosts), maxHosts))
	}
	for _, host := range c.Hosts {
		if host == "" || strings.ContainsAny(host, "/:*@ ") {
			mistakes = append(mistakes, fmt.Errorf("%q is no name of a host; write it as in an address, without scheme, port and asterisk: gate.example", host))
		}
	}
	return errors.Join(mistakes...)
}

func (c *Config) validateAddress() error {
	if path, is := strings.CutPrefix(c.Address, "unix:"); is {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path || len(path) > maxSocketPath {
			return fmt.Errorf("%q is no path of a socket; write an absolute one of at most %d bytes: unix:/run/gatescan/status.sock", c.Address, maxSocketPath)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return fmt.Errorf("%q is no address; write IP address and port, as %s, or unix:/run/gatescan/status.sock", c.Address, DefaultAddress)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is no port; write a number up to 65535, as in %s", port, DefaultAddress)
	}
	if host != "" && host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Errorf("%q is no IP address; write the one to listen on, as in %s: names are not looked up at boot", host, DefaultAddress)
		}
	}
	if c.local() {
		return nil
	}
	var missing []string
	if len(c.Tokens) == 0 {
		missing = append(missing, "a token file")
	}
	if c.Certificate == nil {
		missing = append(missing, "a TLS certificate with its key")
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s is heard beyond this device, and there is not %s; name both, or listen on %s", c.Address, strings.Join(missing, " and "), DefaultAddress)
	}
	return nil
}

// ParseProxy reads the address of a proxy, or a prefix of such addresses: "127.0.0.1", "10.0.0.0/8", "fd00::/8".
func ParseProxy(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil && prefix == prefix.Masked() {
		return prefix, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is not the address of a proxy; write an IP address or a prefix, such as 127.0.0.1 or 10.0.0.0/8", text)
	}
	return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), nil
}

// local says whether only this device can connect.
func (c *Config) local() bool { return c.socket() != "" || c.loopback() }

// socket is the path of the unix socket, empty for none.
func (c *Config) socket() string {
	path, is := strings.CutPrefix(c.Address, "unix:")
	if !is {
		return ""
	}
	return path
}

func (c *Config) loopback() bool {
	host, _, err := net.SplitHostPort(c.Address)
	return err == nil && isLoopback(host)
}

// isLoopback knows localhost by its name (RFC 6761 §6.3), and no other name.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

func (c *Config) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}
