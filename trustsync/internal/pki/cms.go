package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"gatescan/trustsync/internal/source"
)

// MaxCMSSize bounds a CMS with what it holds, in bytes. That of an entry of the gateway has 4,000, that of a batch of
// revocations 100,000.
const MaxCMSSize = 1 << 20

// CMSForm is what is asked of a CMS. The zero form asks the most.
type CMSForm struct {
	Chained bool // the signer may have its certificate from an anchor; else it must be an anchor, byte for byte
	Several bool // certificates beside the signer's may come along; the gateway sends exactly one
	Bare    bool // attributes need not be signed, the content itself may be; then there is no signing time
}

// VerifyCMS checks a CMS that does not hold what it signs (RFC 5652 §5.2), in DER or BER, and says who signed content, and when
// according to a signed attribute; zero if there is none. A third of what countries uploaded to the gateway holds the
// content nevertheless, which is fine if it is the same. See openCMS.
func VerifyCMS(blob, content []byte, roots Anchors, at time.Time, form CMSForm) (signer *x509.Certificate, signed time.Time, err error) {
	m, err := parseCMS(blob)
	if err != nil {
		return nil, time.Time{}, err
	}
	if m.content != nil && !bytes.Equal(m.content, content) {
		return nil, time.Time{}, fmt.Errorf("%w: CMS with another content than the one that it should sign", source.ErrNotAuthentic)
	}
	return m.verify(content, roots, at, form)
}

// openCMS checks a CMS that holds what it signs, in DER or BER, and returns that. at is when the certificates of a chain must be
// valid; a signer that is itself an anchor is pinned, and its dates are not judged.
//
// There must be exactly one signer, who signs attributes: the content's type (data) and its hash, SHA-256 or longer, with
// RSA PKCS#1 v1.5 of 2048 bits or more, or ECDSA.
//
// An error wraps ErrTooLarge, ErrMalformed or ErrNotAuthentic. A CMS has at most 1 MiB.
func openCMS(blob []byte, roots Anchors, at time.Time, form CMSForm) (content []byte, signer *x509.Certificate, signed time.Time, err error) {
	m, err := parseCMS(blob)
	if err != nil {
		return nil, nil, time.Time{}, err
	}
	if m.content == nil {
		return nil, nil, time.Time{}, fmt.Errorf("%w: CMS without content", source.ErrMalformed)
	}
	if signer, signed, err = m.verify(m.content, roots, at, form); err != nil {
		return nil, nil, time.Time{}, err
	}
	return m.content, signer, signed, nil
}

// Verify says whether the signer signed content, and whether it is one that the anchors know.
func (m *cms) verify(content []byte, roots Anchors, at time.Time, form CMSForm) (*x509.Certificate, time.Time, error) {
	refuse := func(format string, args ...any) (*x509.Certificate, time.Time, error) {
		return nil, time.Time{}, fmt.Errorf("%w: CMS: %w", source.ErrNotAuthentic, fmt.Errorf(format, args...))
	}
	signer, others := m.signerCertificate()
	switch {
	case signer == nil:
		return refuse("the signer's certificate did not come along")
	case len(others) > 0 && !form.Several:
		return refuse("%d certificates came along, not one", len(others)+1)
	}
	if !roots.Holds(signer) {
		if !form.Chained {
			return refuse("signed by %.80q, which is not an anchor", signer.Subject)
		}
		if err := roots.Certify(signer, others, at); err != nil {
			return refuse("signed by %.80q: %w", signer.Subject, err)
		}
	}
	if err := CheckSignerKey(signer.PublicKey); err != nil {
		return refuse("%w", err)
	}
	algorithm, err := m.algorithm(signer.PublicKeyAlgorithm)
	if err != nil {
		return refuse("%w", err)
	}
	toBeSigned := m.signedAttributes
	switch h := m.hash.New(); {
	case toBeSigned != nil:
		h.Write(content)
		if !bytes.Equal(h.Sum(nil), m.messageDigest) {
			return refuse("not what was signed")
		}
	case !form.Bare:
		return refuse("no signed attributes")
	case len(content) > 0 && content[0] == setTag: // attributes that were signed for another content
		return refuse("the content looks like signed attributes")
	default:
		toBeSigned = content
	}
	if err := signer.CheckSignature(algorithm, toBeSigned, m.signature); err != nil {
		return refuse("%w", err)
	}
	return signer, m.signingTime, nil
}

// signerCertificate picks the certificate that the signer is named by, and the rest.
func (m *cms) signerCertificate() (signer *x509.Certificate, others []*x509.Certificate) {
	for _, cert := range m.certificates {
		if signer == nil && m.signerID.names(cert) {
			signer = cert
		} else {
			others = append(others, cert)
		}
	}
	return signer, others
}

// signerID names a certificate (RFC 5652 §5.3).
type signerID struct {
	issuer       []byte // DER of the name
	serial       *big.Int
	subjectKeyID []byte // instead of these, if serial is nil
}

// version is that of the SignerInfo, and of the SignedData with it (RFC 5652 §5.1).
func (id signerID) version() int {
	if id.serial == nil {
		return 3
	}
	return 1
}

// names says whether cert is meant. An uploader to the gateway (BH) names the subject where the issuer should stand; both
// are in the certificate, so nothing else can be meant.
func (id signerID) names(cert *x509.Certificate) bool {
	if id.serial == nil {
		return len(id.subjectKeyID) > 0 && bytes.Equal(cert.SubjectKeyId, id.subjectKeyID)
	}
	name := bytes.Equal(cert.RawIssuer, id.issuer) || bytes.Equal(cert.RawSubject, id.issuer)
	return name && cert.SerialNumber.Cmp(id.serial) == 0
}

func readSignerID(v asn1.RawValue) (id signerID, err error) {
	if isContext(v, 0, false) {
		return signerID{subjectKeyID: v.Bytes}, nil
	}
	fields, err := sequence(v, 2, 2)
	if err != nil {
		return signerID{}, err
	}
	if err := unmarshal(fields[1].FullBytes, &id.serial); err != nil {
		return signerID{}, err
	}
	id.issuer = fields[0].FullBytes
	return id, nil
}
