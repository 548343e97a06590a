package fetch

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatescan/trustsync/internal/pki"
)

// errNotPinned says that a server is authentic, and yet not the one that was meant.
var errNotPinned = errors.New("no certificate in the server's chain has a pinned key")

// tlsTrust is by what a server is recognised, and we by it.
type tlsTrust struct {
	roots *x509.CertPool // nil for the system's
	pins  [][sha256.Size]byte
	own   []tls.Certificate
}

func newTLSTrust(t Transport) (tlsTrust, error) {
	trust := tlsTrust{pins: t.Pins}
	if t.Certificate != nil {
		trust.own = []tls.Certificate{*t.Certificate}
	}
	if t.CA == nil {
		return trust, nil
	}
	trust.roots = x509.NewCertPool()
	parts := pki.SplitPEM(t.CA)
	for i, part := range parts {
		b, _ := pem.Decode(part)
		if b == nil {
			return tlsTrust{}, fmt.Errorf("CA %d: %w", i+1, pki.ErrDamagedPEM)
		}
		if b.Type != "CERTIFICATE" {
			return tlsTrust{}, fmt.Errorf("CA %d: PEM of a %.40q, not of a CERTIFICATE", i+1, b.Type)
		}
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return tlsTrust{}, fmt.Errorf("CA %d: %w", i+1, err)
		}
		trust.roots.AddCert(cert)
	}
	if len(parts) == 0 { // an empty set would trust nobody, and look like a fault of the server
		return tlsTrust{}, errors.New("CA: no certificate; give one in PEM, or leave it out to trust the system's")
	}
	return trust, nil
}

// strict judges a server as TLS does, by that clock.
func (t tlsTrust) strict(now func() time.Time) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Time:         now,
		RootCAs:      t.roots,
		Certificates: t.own,
		VerifyConnection: func(cs tls.ConnectionState) error {
			return t.checkPins(cs.VerifiedChains)
		},
	}
}

// lenient judges a server as strict does, but forgives a chain whose only fault is its dates. host is the mirror's: TLS does
// not say which server is meant where that is an IP address.
func (t tlsTrust) lenient(now func() time.Time, host string) *tls.Config {
	config := t.strict(now)
	config.InsecureSkipVerify = true // VerifyConnection verifies instead; the standard check cannot be told to forgive
	config.VerifyConnection = func(cs tls.ConnectionState) error {
		name := cs.ServerName
		if name == "" {
			name = host
		}
		chains, err := t.verify(cs.PeerCertificates, name, now())
		if err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: err}
		}
		return t.checkPins(chains)
	}
	return config
}

// Verify builds the chains of a server, at now or, if there is none, at the ends of the leaf's own validity: if it can be
// verified at one of them, its dates were all that was wrong with it.
func (t tlsTrust) verify(certs []*x509.Certificate, name string, now time.Time) ([][]*x509.Certificate, error) {
	if len(certs) == 0 || name == "" { // an empty name would be any name
		return nil, errors.New("no certificate, or no name to verify it for")
	}
	leaf := certs[0]
	options := x509.VerifyOptions{Roots: t.roots, Intermediates: x509.NewCertPool(), DNSName: name, CurrentTime: now}
	for _, cert := range certs[1:] {
		options.Intermediates.AddCert(cert)
	}
	chains, err := leaf.Verify(options)
	if err == nil {
		return chains, nil
	}
	for _, options.CurrentTime = range []time.Time{leaf.NotBefore, leaf.NotAfter} {
		if chains, errThen := leaf.Verify(options); errThen == nil {
			return chains, nil
		}
	}
	return nil, err
}

// checkPins says whether a verified chain holds a pinned key.
func (t tlsTrust) checkPins(chains [][]*x509.Certificate) error {
	if len(t.pins) == 0 {
		return nil
	}
	for _, chain := range chains {
		for _, cert := range chain {
			if slices.Contains(t.pins, sha256.Sum256(cert.RawSubjectPublicKeyInfo)) {
				return nil
			}
		}
	}
	return errNotPinned
}
