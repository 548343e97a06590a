package pki

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// MaxIntermediates bounds the certificates between a signer and its authority. There is one, or none.
const MaxIntermediates = 8

// errNoAuthority: nothing chains to a bare key or to the certificate of a signer.
var errNoAuthority = errors.New("none of the anchors is the certificate of an authority")

// Certify says whether an anchor certifies leaf, over any of the other certificates that came along. Each certificate of the path
// must be valid at the time, anchor included; all above leaf must be authorities that may sign certificates, by their basic
// constraints and by their key usage, and leaf must be allowed to sign. Names are not compared: whoever makes an authority
// an anchor trusts all to whom it gives certificates.
func (a Anchors) Certify(leaf *x509.Certificate, others []*x509.Certificate, at time.Time) error {
	if len(others) > MaxIntermediates {
		return fmt.Errorf("%d certificates came along (%d are allowed)", len(others), MaxIntermediates)
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return errors.New("the key usage of the signer's certificate does not allow signatures")
	}
	roots, between, authorities := x509.NewCertPool(), x509.NewCertPool(), 0
	for _, cert := range a.Certificates {
		if IsAuthority(cert) {
			roots.AddCert(cert)
			authorities++
		}
	}
	if authorities == 0 {
		return errNoAuthority
	}
	for _, cert := range others {
		if IsAuthority(cert) {
			between.AddCert(cert)
		}
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

// IsAuthority says whether a certificate may sign others (RFC 5280 §4.2.1.3, §4.2.1.9). crypto/x509 does not ask this of a
// root, and lets a missing key usage pass.
func IsAuthority(cert *x509.Certificate) bool {
	return cert.BasicConstraintsValid && cert.IsCA && cert.KeyUsage&x509.KeyUsageCertSign != 0
}

// CertificateOf is the certificate that a key of the anchors came in, nil for a bare key.
func (a Anchors) CertificateOf(key crypto.PublicKey) *x509.Certificate {
	for _, cert := range a.Certificates {
		if k, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && k.Equal(key) {
			return cert
		}
	}
	return nil
}
