package trustsync

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// anchors are the keys that what is fetched must be signed by. They come from the configuration, never from the network.
type anchors struct {
	keys  []crypto.PublicKey  // of the certificates too
	certs []*x509.Certificate // what came as a certificate
}

// errNoAnchor: an empty set would verify nothing, and must not be mistaken for one that verifies everything.
var errNoAnchor = errors.New("no anchor: name the key or certificate that the list must be signed by")

// parseAnchors reads PEM blocks of CERTIFICATE and PUBLIC KEY. No anchor is an error.
func parseAnchors(data []byte) (anchors, error) {
	var a anchors
	for i, part := range pemParts(data) {
		b, _ := pem.Decode(part)
		if b == nil {
			return anchors{}, fmt.Errorf("anchor %d: %w", i+1, errDamagedPEM)
		}
		switch b.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				return anchors{}, fmt.Errorf("anchor %d: %w", i+1, err)
			}
			a.certs = append(a.certs, cert)
			a.keys = append(a.keys, cert.PublicKey)
		case "PUBLIC KEY":
			key, err := x509.ParsePKIXPublicKey(b.Bytes)
			if err != nil {
				return anchors{}, fmt.Errorf("anchor %d: %w", i+1, err)
			}
			a.keys = append(a.keys, key)
		default:
			return anchors{}, fmt.Errorf("anchor %d: PEM of a %.40q, not of a CERTIFICATE or PUBLIC KEY", i+1, b.Type)
		}
	}
	if len(a.keys) == 0 {
		return anchors{}, errNoAnchor
	}
	return a, nil
}

// holds says whether the certificate itself is an anchor, byte for byte.
func (a anchors) holds(cert *x509.Certificate) bool {
	for _, c := range a.certs {
		if bytes.Equal(c.Raw, cert.Raw) {
			return true
		}
	}
	return false
}
