// Package sweden is the source of the Swedish list, a JWS. It must never know the Syncer, the store or another source.
package sweden

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"

	"github.com/go-jose/go-jose/v4"
)

const Kind = "sweden"

// New makes the source of the Swedish list (DSC Trust List 1.0.0). A URL is that of the document itself. An anchor is
// the publisher's signing key or certificate, or the authority that gave it its certificate.
func New(c sources.Config) (source.Source, error) {
	a, err := pki.ParseAnchors(c.Anchors)
	if err != nil {
		return nil, err
	}
	for i, key := range a.Keys {
		if cert := a.CertificateOf(key); pki.IsP256(key) || cert != nil && pki.IsAuthority(cert) {
			continue
		}
		return nil, fmt.Errorf("anchor %d: neither a P-256 key, with which the list is signed, nor the certificate of an authority", i+1)
	}
	asker, err := fetch.New(c.URLs, c.Transport, true)
	if err != nil {
		return nil, err
	}
	return &fetch.Document{
		Client: asker,
		About: source.Traits{
			Kind: Kind, Signs: "the list, with a pinned key or one that a pinned authority certifies", Age: source.AgeSigned, Rollback: true,
			Absence: "no longer listed",
		},
		Open: func(body []byte, now source.Moment) (payload []byte, signed, expires time.Time, err error) {
			return openSweden(body, a, now.Time)
		},
		Parse: parseSweden,
	}, nil
}

// openSweden returns the payload of a document, and when it was issued and expires, if an anchor signed it, or an anchor certified
// the first certificate of its header (x5c) and that signed it. Only ES256 counts: it is what the publisher uses.
//
// A pinned signing certificate counts as its key, whose dates are not judged; at is when the certificates of a chain must be valid.
func openSweden(body []byte, a pki.Anchors, at time.Time) (payload []byte, issued, expires time.Time, err error) {
	j, err := pki.SplitJWS(body)
	if err != nil {
		return nil, issued, expires, err
	}
	if _, err := j.Verify(jose.ES256, pki.IsP256, a, at); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: %w", source.ErrNotAuthentic, err)
	}
	var claims struct {
		Issued  *float64 `json:"iat"`
		Expires *float64 `json:"exp"`
	}
	if err := json.Unmarshal(j.Payload, &claims); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: %w", source.ErrMalformed, err)
	}
	if issued, err = pki.NumericDate(claims.Issued); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: iat: %w", source.ErrMalformed, err)
	}
	if expires, err = pki.NumericDate(claims.Expires); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: exp: %w", source.ErrMalformed, err)
	}
	return j.Payload, issued, expires, nil
}

// LooksLike says whether data is a compact JWS with this list in it.
func LooksLike(data []byte) bool {
	if !bytes.HasPrefix(bytes.TrimLeft(data[:min(len(data), 16)], pki.JSONSpace), []byte("eyJ")) {
		return false
	}
	j, err := pki.SplitJWS(data)
	return err == nil && bytes.Contains(j.Payload, []byte(`"dsc_trust_list"`))
}

// Read reads a document whose signature is not checked.
func Read(data []byte) ([]source.Signer, source.Report, error) {
	j, err := pki.SplitJWS(data)
	if err != nil {
		return nil, source.Report{}, err
	}
	return parseSweden(j.Payload)
}
