package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"gatescan/trustsync/internal/source"

	"github.com/go-jose/go-jose/v4"
)

// JWS is a compact JWS (RFC 7515 §7.1), decoded and not yet checked.
type JWS struct {
	text            string
	Header, Payload []byte
}

// SplitJWS splits a document. Base64 has one spelling here, so that no bit of the document means nothing.
func SplitJWS(body []byte) (j JWS, err error) {
	if len(body) > source.MaxListSize {
		return JWS{}, fmt.Errorf("%w: %d bytes", source.ErrTooLarge, len(body))
	}
	j.text = string(bytes.Trim(body, JSONSpace))
	parts := strings.SplitN(j.text, ".", 4)
	if len(parts) != 3 || strings.ContainsAny(j.text, "\r\n") {
		return JWS{}, fmt.Errorf("%w: not a compact JWS", source.ErrMalformed)
	}
	for i, into := range []*[]byte{&j.Header, &j.Payload, new([]byte)} {
		if *into, err = base64.RawURLEncoding.Strict().DecodeString(parts[i]); err != nil {
			return JWS{}, fmt.Errorf("%w: JWS: %w", source.ErrMalformed, err)
		}
	}
	return j, nil
}

// Verify says whether an anchor that fits signed the document with the algorithm, or an anchor certified the first certificate of
// its header (x5c), whose key fits, and that signed it: then it is returned. At is when the certificates of a chain must be valid.
func (j JWS) Verify(algorithm jose.SignatureAlgorithm, fits func(crypto.PublicKey) bool, a Anchors, at time.Time) (signer *x509.Certificate, err error) {
	signature, err := jose.ParseSignedCompact(j.text, []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		return nil, err
	}
	for _, key := range a.Keys {
		if fits(key) {
			if _, err := signature.Verify(key); err == nil {
				return a.CertificateOf(key), nil
			}
		}
	}
	var header struct {
		X5C [][]byte `json:"x5c"` // standard base64 (RFC 7515 §4.1.6)
	}
	if err := json.Unmarshal(j.Header, &header); err != nil {
		return nil, err
	}
	if len(header.X5C) == 0 {
		return nil, errors.New("not signed by an anchor, and no certificate came along")
	}
	if len(header.X5C) > MaxIntermediates+1 {
		return nil, fmt.Errorf("%d certificates came along (%d are allowed)", len(header.X5C), MaxIntermediates+1)
	}
	var certs []*x509.Certificate
	for _, der := range header.X5C {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	signer = certs[0]
	if err := a.Certify(signer, certs[1:], at); err != nil {
		return nil, fmt.Errorf("signed by %.80q: %w", signer.Subject, err)
	}
	if !fits(signer.PublicKey) {
		return nil, fmt.Errorf("the signer's key is not one for %s", algorithm)
	}
	_, err = signature.Verify(signer.PublicKey)
	return signer, err
}

// NumericDate reads a time (RFC 7519 §2), which must be there.
func NumericDate(seconds *float64) (time.Time, error) {
	if seconds == nil {
		return time.Time{}, errors.New("missing")
	}
	if *seconds < 0 || *seconds > float64(source.EndOfTime.Unix()) {
		return time.Time{}, errors.New("not a time")
	}
	return time.Unix(int64(math.Floor(*seconds)), 0).UTC(), nil
}

const JSONSpace = " \t\r\n" // RFC 8259 §2
