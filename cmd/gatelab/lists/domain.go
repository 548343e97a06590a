// Package lists plays the other side of every kind of trust source: it writes the lists as their publishers do, byte by
// byte, signed by keys of its own. It knows nothing of what reads them.
package lists

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"
)

// Credential is a certificate with its private key.
type Credential struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// KID is the first 8 bytes of the SHA-256 of the certificate.
func (c Credential) KID() []byte {
	sum := sha256.Sum256(c.Cert.Raw)
	return sum[:8]
}

// PEM is the certificate, as an anchor in a configuration.
func (c Credential) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Cert.Raw})
}

// PublicPEM is the key alone, as an anchor in a configuration.
func (c Credential) PublicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(c.Key.Public())
	if err != nil {
		panic(err) // every key here is of a kind that x509 knows
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// Domain is one trust domain: who signs what, and what its lists hold.
type Domain struct {
	Country string     // ISO 3166-1 alpha-2
	CSCA    Credential // signed the DSCs
	DSCs    []*x509.Certificate
	PH4H    []*x509.Certificate // sign ICVPs, in the WHO network's domain of that name; may be empty

	Signer   Credential // signs whole lists; P-256
	Anchor   Credential // the gateway's trust anchor; P-256
	Uploader Credential // the country's upload certificate at the gateway; P-256

	Rules     []Rule // WithRules makes some
	ValueSets []ValueSet
}

// Validity of what a new domain makes.
var (
	notBefore = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2040, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// NewDomain makes a domain with n DSCs, all P-256, for tests and for a bench that has no lab.
func NewDomain(country string, n int) (*Domain, error) {
	d := &Domain{Country: country}
	var err error
	if d.CSCA, err = newCredential(country, "CSCA", true, nil); err != nil {
		return nil, err
	}
	for _, c := range []struct {
		to   *Credential
		role string
	}{{&d.Signer, "list signer"}, {&d.Anchor, "trust anchor"}, {&d.Uploader, "upload"}} {
		if *c.to, err = newCredential(country, c.role, false, nil); err != nil {
			return nil, err
		}
	}
	for range n {
		dsc, err := newCredential(country, "DSC", false, &d.CSCA)
		if err != nil {
			return nil, err
		}
		d.DSCs = append(d.DSCs, dsc.Cert)
	}
	return d, d.WithRules()
}

// newCredential makes a certificate under parent, self-signed if that is nil.
func newCredential(country, role string, ca bool, parent *Credential) (Credential, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Credential{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return Credential{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Country: []string{country}, CommonName: "gatelab " + role + " (lab, not for production)"},
		NotBefore:    notBefore,
		NotAfter:     notAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if ca {
		template.KeyUsage, template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = x509.KeyUsageCertSign, true, true, true
	}
	issuer, signer := template, crypto.Signer(key)
	if parent != nil {
		issuer, signer = parent.Cert, parent.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		return Credential{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return Credential{cert, key}, err
}
