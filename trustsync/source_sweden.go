package trustsync

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"gatescan/trustsync/internal/source"

	"github.com/go-jose/go-jose/v4"
)

const kindSweden = "sweden"

// newSweden makes the source of the Swedish list (DSC Trust List 1.0.0). A URL is that of the document itself. An anchor is
// the publisher's signing key or certificate, or the authority that gave it its certificate.
func newSweden(c SourceConfig) (source.Source, error) {
	a, err := parseAnchors(c.Anchors)
	if err != nil {
		return nil, err
	}
	for i, key := range a.keys {
		if cert := a.certificateOf(key); isP256(key) || cert != nil && isAuthority(cert) {
			continue
		}
		return nil, fmt.Errorf("anchor %d: neither a P-256 key, with which the list is signed, nor the certificate of an authority", i+1)
	}
	asker, err := newClient(c.URLs, c.Transport, true)
	if err != nil {
		return nil, err
	}
	return &document{
		client: asker,
		traits: source.Traits{
			Kind: kindSweden, Signs: "the list, with a pinned key or one that a pinned authority certifies", Age: source.AgeSigned, Rollback: true,
			Absence: "no longer listed",
		},
		open: func(body []byte, now source.Moment) (payload []byte, signed, expires time.Time, err error) {
			return openSweden(body, a, now.Time)
		},
		parse: parseSweden,
	}, nil
}

// openSweden returns the payload of a document, and when it was issued and expires, if an anchor signed it, or an anchor certified
// the first certificate of its header (x5c) and that signed it. Only ES256 counts: it is what the publisher uses.
//
// A pinned signing certificate counts as its key, whose dates are not judged; at is when the certificates of a chain must be valid.
func openSweden(body []byte, a anchors, at time.Time) (payload []byte, issued, expires time.Time, err error) {
	j, err := splitJWS(body)
	if err != nil {
		return nil, issued, expires, err
	}
	if _, err := j.verify(jose.ES256, isP256, a, at); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: %w", source.ErrNotAuthentic, err)
	}
	var claims struct {
		Issued  *float64 `json:"iat"`
		Expires *float64 `json:"exp"`
	}
	if err := json.Unmarshal(j.payload, &claims); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: %w", source.ErrMalformed, err)
	}
	if issued, err = numericDate(claims.Issued); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: iat: %w", source.ErrMalformed, err)
	}
	if expires, err = numericDate(claims.Expires); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: exp: %w", source.ErrMalformed, err)
	}
	return j.payload, issued, expires, nil
}

// looksLikeSweden says whether data is a compact JWS with this list in it.
func looksLikeSweden(data []byte) bool {
	if !bytes.HasPrefix(bytes.TrimLeft(data[:min(len(data), 16)], jsonSpace), []byte("eyJ")) {
		return false
	}
	j, err := splitJWS(data)
	return err == nil && bytes.Contains(j.payload, []byte(`"dsc_trust_list"`))
}

// readSweden reads a document whose signature is not checked.
func readSweden(data []byte) ([]source.Signer, source.Report, error) {
	j, err := splitJWS(data)
	if err != nil {
		return nil, source.Report{}, err
	}
	return parseSweden(j.payload)
}
