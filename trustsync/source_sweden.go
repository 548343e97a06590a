package trustsync

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const kindSweden = "sweden"

// newSweden makes the source of the Swedish list (DSC Trust List 1.0.0). A URL is that of the document itself. An anchor is
// the publisher's signing key or certificate, or the authority that gave it its certificate.
func newSweden(c SourceConfig) (Source, error) {
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
		traits: Traits{
			Kind: kindSweden, Signs: "the list, with a pinned key or one that a pinned authority certifies", Age: AgeSigned, Rollback: true,
			Absence: "no longer listed",
		},
		open: func(body []byte, now Moment) (payload []byte, signed, expires time.Time, err error) {
			return openSweden(body, a, now.Time)
		},
		parse: parseSweden,
	}, nil
}

// jws is a compact JWS (RFC 7515 §7.1), decoded and not yet checked.
type jws struct {
	text            string
	header, payload []byte
}

// splitSweden splits a document. Base64 has one spelling here, so that no bit of the document means nothing.
func splitSweden(body []byte) (j jws, err error) {
	if len(body) > maxListSize {
		return jws{}, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	j.text = string(bytes.Trim(body, jsonSpace))
	parts := strings.SplitN(j.text, ".", 4)
	if len(parts) != 3 || strings.ContainsAny(j.text, "\r\n") {
		return jws{}, fmt.Errorf("%w: not a compact JWS", ErrMalformed)
	}
	for i, into := range []*[]byte{&j.header, &j.payload, new([]byte)} {
		if *into, err = base64.RawURLEncoding.Strict().DecodeString(parts[i]); err != nil {
			return jws{}, fmt.Errorf("%w: JWS: %w", ErrMalformed, err)
		}
	}
	return j, nil
}

// openSweden returns the payload of a document, and when it was issued and expires, if an anchor signed it, or an anchor certified
// the first certificate of its header (x5c) and that signed it. Only ES256 counts: it is what the publisher uses.
//
// A pinned signing certificate counts as its key, whose dates are not judged; at is when the certificates of a chain must be valid.
func openSweden(body []byte, a anchors, at time.Time) (payload []byte, issued, expires time.Time, err error) {
	j, err := splitSweden(body)
	if err != nil {
		return nil, issued, expires, err
	}
	signature, err := jose.ParseSignedCompact(j.text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, issued, expires, fmt.Errorf("%w: %w", ErrNotAuthentic, err)
	}
	if err := verifySweden(signature, j, a, at); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: %w", ErrNotAuthentic, err)
	}
	var claims struct {
		Issued  *float64 `json:"iat"`
		Expires *float64 `json:"exp"`
	}
	if err := json.Unmarshal(j.payload, &claims); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if issued, err = numericDate(claims.Issued); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: iat: %w", ErrMalformed, err)
	}
	if expires, err = numericDate(claims.Expires); err != nil {
		return nil, issued, expires, fmt.Errorf("%w: exp: %w", ErrMalformed, err)
	}
	return j.payload, issued, expires, nil
}

// verifySweden tries the anchors as keys, then as authorities.
func verifySweden(signature *jose.JSONWebSignature, j jws, a anchors, at time.Time) error {
	for _, key := range a.keys {
		if isP256(key) {
			if _, err := signature.Verify(key); err == nil {
				return nil
			}
		}
	}
	var header struct {
		X5C [][]byte `json:"x5c"` // standard base64 (RFC 7515 §4.1.6)
	}
	if err := json.Unmarshal(j.header, &header); err != nil {
		return err
	}
	if len(header.X5C) == 0 {
		return errors.New("not signed by an anchor, and no certificate came along")
	}
	if len(header.X5C) > maxIntermediates+1 {
		return fmt.Errorf("%d certificates came along (%d are allowed)", len(header.X5C), maxIntermediates+1)
	}
	var certs []*x509.Certificate
	for _, der := range header.X5C {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		certs = append(certs, cert)
	}
	signer := certs[0]
	if err := a.certify(signer, certs[1:], at); err != nil {
		return fmt.Errorf("signed by %.80q: %w", signer.Subject, err)
	}
	if !isP256(signer.PublicKey) {
		return errors.New("the signer's key is not on P-256")
	}
	_, err := signature.Verify(signer.PublicKey)
	return err
}

// numericDate reads a time (RFC 7519 §2), which must be there.
func numericDate(seconds *float64) (time.Time, error) {
	if seconds == nil {
		return time.Time{}, errors.New("missing")
	}
	if *seconds < 0 || *seconds > float64(endOfTime.Unix()) {
		return time.Time{}, errors.New("not a time")
	}
	return time.Unix(int64(math.Floor(*seconds)), 0).UTC(), nil
}

// looksLikeSweden says whether data is a compact JWS with this list in it.
func looksLikeSweden(data []byte) bool {
	if !bytes.HasPrefix(bytes.TrimLeft(data[:min(len(data), 16)], jsonSpace), []byte("eyJ")) {
		return false
	}
	j, err := splitSweden(data)
	return err == nil && bytes.Contains(j.payload, []byte(`"dsc_trust_list"`))
}
