package main

import (
	"crypto/tls"
	"errors"
	"time"

	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/status"
)

type statusConfig struct {
	Address       string   `toml:"address"`
	Name          string   `toml:"name"`
	Tokens        string   `toml:"tokens" carry:"secret"`
	Certificate   string   `toml:"certificate" carry:"file"`
	Key           string   `toml:"key" carry:"secret"`
	Hosts         []string `toml:"hosts"`
	Proxies       []string `toml:"proxies"`
	MinCount      int      `toml:"min_count"`
	VenueMinCount int      `toml:"venue_min_count"`
}

func defaultStatus() statusConfig {
	return statusConfig{Address: status.DefaultAddress, Hosts: []string{}, Proxies: []string{}, VenueMinCount: status.DefaultVenueMinCount}
}

// build reads the files that a status server needs. Relative paths count from dir. The group owns a unix socket.
func (c *statusConfig) build(dir, group string, zone *time.Location) (s status.Config, mistakes []mistake) {
	bad := func(key string, err error) {
		for _, err := range unjoin(err) {
			mistakes = append(mistakes, mistake{key: "status." + key, text: err.Error()})
		}
	}
	if c.Tokens != "" {
		var err error
		s.Tokens, err = status.ReadTokens(under(dir, c.Tokens))
		bad("tokens", err)
	}
	switch {
	case (c.Certificate == "") != (c.Key == ""):
		bad("certificate", errors.New("a certificate needs its key, and a key its certificate"))
	case c.Certificate != "":
		pair, err := readPair(under(dir, c.Certificate), under(dir, c.Key))
		bad("certificate", err)
		s.Certificate = pair
	}
	if len(mistakes) > 0 {
		return s, mistakes
	}
	s.Address = c.Address
	bad("address", s.Validate())
	gid, err := control.FindGroup(group)
	if err == nil && gid > 0 {
		s.Group = gid
	}
	s.Name = c.Name
	bad("name", (&status.Config{Name: c.Name}).Validate())
	s.Hosts = c.Hosts
	bad("hosts", (&status.Config{Hosts: c.Hosts}).Validate())
	for _, text := range c.Proxies {
		proxy, err := status.ParseProxy(text)
		bad("proxies", err)
		s.Proxies = append(s.Proxies, proxy)
	}
	bad("proxies", (&status.Config{Proxies: s.Proxies}).Validate())
	s.VenueMinCount = c.VenueMinCount
	bad("venue_min_count", (&status.Config{VenueMinCount: c.VenueMinCount}).Validate())
	s.MinCount = c.MinCount
	bad("min_count", (&status.Config{MinCount: c.MinCount}).Validate())
	s.Zone = zone
	return s, mistakes
}

// readPair reads a certificate and its key, both PEM.
func readPair(certificate, key string) (*tls.Certificate, error) {
	certificatePEM, err := readSmall(certificate, maxAnchorFile)
	if err != nil {
		return nil, err
	}
	keyPEM, err := readSmall(key, maxAnchorFile)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	if err != nil {
		return nil, err
	}
	return &pair, nil
}
