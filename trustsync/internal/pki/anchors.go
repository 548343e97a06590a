package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Anchors are the keys that what is fetched must be signed by. They come from the configuration, never from the network.
type Anchors struct {
	Keys         []crypto.PublicKey  // of the certificates too
	Certificates []*x509.Certificate // what came as a certificate
}

// ErrNoAnchor: an empty set would verify nothing, and must not be mistaken for one that verifies everything.
var ErrNoAnchor = errors.New("no anchor: name the key or certificate that the list must be signed by")

// ParseAnchors reads PEM blocks of CERTIFICATE and PUBLIC KEY. No anchor is an error.
func ParseAnchors(data []byte) (Anchors, error) {
	var a Anchors
	for i, part := range SplitPEM(data) {
		b, _ := pem.Decode(part)
		if b == nil {
			return Anchors{}, fmt.Errorf("anchor %d: %w", i+1, ErrDamagedPEM)
		}
		switch b.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				return Anchors{}, fmt.Errorf("anchor %d: %w", i+1, err)
			}
			a.Certificates = append(a.Certificates, cert)
			a.Keys = append(a.Keys, cert.PublicKey)
		case "PUBLIC KEY":
			key, err := x509.ParsePKIXPublicKey(b.Bytes)
			if err != nil {
				return Anchors{}, fmt.Errorf("anchor %d: %w", i+1, err)
			}
			a.Keys = append(a.Keys, key)
		default:
			return Anchors{}, fmt.Errorf("anchor %d: PEM of a %.40q, not of a CERTIFICATE or PUBLIC KEY", i+1, b.Type)
		}
	}
	if len(a.Keys) == 0 {
		return Anchors{}, ErrNoAnchor
	}
	return a, nil
}

// Holds says whether the certificate itself is an anchor, byte for byte.
func (a Anchors) Holds(cert *x509.Certificate) bool {
	for _, c := range a.Certificates {
		if bytes.Equal(c.Raw, cert.Raw) {
			return true
		}
	}
	return false
}
