package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"
)

// The validity of everything a lab signs. Fixed, so that passes of any date of interest can be minted.
var (
	labNotBefore = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	labNotAfter  = time.Date(2040, time.January, 1, 0, 0, 0, 0, time.UTC)
)

// dccUsage holds the extended key usages that restrict a DSC to one group of the DCC (eHN HCERT specification, A.4).
var dccUsage = map[rune]asn1.ObjectIdentifier{
	't': {1, 3, 6, 1, 4, 1, 1847, 2021, 1, 1},
	'v': {1, 3, 6, 1, 4, 1, 1847, 2021, 1, 2},
	'r': {1, 3, 6, 1, 4, 1, 1847, 2021, 1, 3},
}

// algorithm is a COSE signature algorithm that the DCC allows, by its name in RFC 9053 and RFC 8230.
type algorithm string

const (
	es256 algorithm = "ES256" // ECDSA on P-256 with SHA-256
	ps256 algorithm = "PS256" // RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes
)

// A credential is a certificate with its private key, and the algorithm that the key signs with.
type credential struct {
	alg  algorithm
	cert *x509.Certificate
	key  crypto.Signer
}

// kid is the identifier by which passes and trust lists name the certificate: the first 8 bytes of the SHA-256 of its
// DER form (eHN HCERT specification, A.1).
func (c *credential) kid() []byte {
	sum := sha256.Sum256(c.cert.Raw)
	return sum[:8]
}

// newCSCA makes the self-signed authority of a country: keyCertSign, pathLen 0.
func newCSCA(country string) (credential, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return credential{}, err
	}
	template := &x509.Certificate{
		Subject:               labName(country, "CSCA"),
		NotBefore:             labNotBefore,
		NotAfter:              labNotAfter,
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	return certify(template, es256, key, credential{cert: template, key: key})
}

// newDSC makes a document signer under csca. usages restricts it to groups of the DCC; none leaves it free.
// rsaBits matters to PS256 alone.
func newDSC(csca credential, country string, alg algorithm, rsaBits int, usages []asn1.ObjectIdentifier) (credential, error) {
	var key crypto.Signer
	var err error
	switch alg {
	case es256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ps256:
		key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		err = fmt.Errorf("no algorithm %q", alg)
	}
	if err != nil {
		return credential{}, err
	}
	template := &x509.Certificate{
		Subject:            labName(country, "DSC "+string(alg)),
		NotBefore:          labNotBefore,
		NotAfter:           labNotAfter,
		KeyUsage:           x509.KeyUsageDigitalSignature,
		UnknownExtKeyUsage: usages,
	}
	return certify(template, alg, key, csca)
}

// certify has parent sign template for key.
func certify(template *x509.Certificate, alg algorithm, key crypto.Signer, parent credential) (credential, error) {
	ski, err := subjectKeyID(key.Public())
	if err != nil {
		return credential{}, err
	}
	template.SubjectKeyId = ski
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, key.Public(), parent.key)
	if err != nil {
		return credential{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return credential{alg, cert, key}, err
}

// subjectKeyID is method 1 of RFC 7093 section 2: the leftmost 160 bits of the SHA-256 of the public key's bits.
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(info.PublicKey.Bytes)
	return sum[:20], nil
}

func labName(country, role string) pkix.Name {
	return pkix.Name{
		Country:    []string{country},
		CommonName: "gatelab " + role + " (lab, not for production)",
	}
}
