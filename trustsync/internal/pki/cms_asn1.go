package pki

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"gatescan/trustsync/internal/source"
)

// Object identifiers of RFC 5652, dotted.
const (
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidData          = "1.2.840.113549.1.7.1"
	oidContentType   = "1.2.840.113549.1.9.3"
	oidMessageDigest = "1.2.840.113549.1.9.4"
	oidSigningTime   = "1.2.840.113549.1.9.5"
)

// setTag is the identifier octet of a SET.
const setTag = asn1.TagSet | berConstructed

// cms is a SignedData with one signer, read and not yet checked (RFC 5652 §5).
type cms struct {
	content      []byte // nil if it is detached
	certificates []*x509.Certificate

	signerID         signerID
	hash             crypto.Hash
	signedAttributes []byte // as they are signed: DER of a SET; nil if there are none
	messageDigest    []byte
	signingTime      time.Time // zero if there is none
	signatureOID     string
	signature        []byte
}

// parseCMS reads a ContentInfo with a SignedData. Every field is read and must be as RFC 5652 has it, so that no byte means nothing
// but those of revocation lists and of attributes that are not signed.
func parseCMS(blob []byte) (*cms, error) {
	if len(blob) > MaxCMSSize {
		return nil, fmt.Errorf("%w: CMS of %d bytes (%d are allowed)", source.ErrTooLarge, len(blob), MaxCMSSize)
	}
	m, err := readContentInfo(blob)
	if err != nil {
		return nil, fmt.Errorf("%w: CMS: %w", source.ErrMalformed, err)
	}
	return m, nil
}

func readContentInfo(blob []byte) (*cms, error) {
	der, err := definite(blob)
	if err != nil {
		return nil, err
	}
	var outer, signedData asn1.RawValue
	if err := unmarshal(der, &outer); err != nil {
		return nil, err
	}
	fields, err := sequence(outer, 2, 2)
	if err != nil {
		return nil, err
	}
	if oid, err := oidOf(fields[0]); err != nil || oid != oidSignedData {
		return nil, errors.New("not signed data")
	}
	if !isContext(fields[1], 0, true) {
		return nil, ErrASN1
	}
	if err := unmarshal(fields[1].Bytes, &signedData); err != nil {
		return nil, err
	}
	return readSignedData(signedData)
}

// readSignedData reads what RFC 5652 §5.1 has.
func readSignedData(v asn1.RawValue) (*cms, error) {
	const version, digests, encapsulated, required = 0, 1, 2, 4
	fields, err := sequence(v, required, required+2)
	if err != nil {
		return nil, err
	}
	m := &cms{}
	if m.content, err = readEncapsulated(fields[encapsulated]); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	rest := fields[encapsulated+1:]
	if isContext(rest[0], 0, true) {
		if m.certificates, err = readCMSCertificates(rest[0].Bytes); err != nil {
			return nil, err
		}
		rest = rest[1:]
	}
	if len(rest) > 0 && isContext(rest[0], 1, true) { // revocation lists, of which nothing here makes use
		rest = rest[1:]
	}
	if len(rest) != 1 {
		return nil, fmt.Errorf("%w: fields of signed data", ErrASN1)
	}
	signers, err := setOf(rest[0])
	if err != nil {
		return nil, fmt.Errorf("signers: %w", err)
	}
	if len(signers) != 1 {
		return nil, fmt.Errorf("%d signers, not one", len(signers))
	}
	if err := m.readSigner(signers[0]); err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}

	if err := readVersion(fields[version], m.signerID.version()); err != nil { // of the content's types none is newer
		return nil, err
	}
	hashes, err := setOf(fields[digests])
	if err != nil || len(hashes) != 1 {
		return nil, fmt.Errorf("%w: message digests for one signer", ErrASN1)
	}
	if hash, err := readHash(hashes[0]); err != nil || hash != m.hash {
		return nil, errors.New("the message digest is not that of the signer")
	}
	return m, nil
}

// readEncapsulated returns the content, nil if there is none.
func readEncapsulated(v asn1.RawValue) ([]byte, error) {
	fields, err := sequence(v, 1, 2)
	if err != nil {
		return nil, err
	}
	if oid, err := oidOf(fields[0]); err != nil || oid != oidData {
		return nil, errors.New("its type is not data")
	}
	if len(fields) == 1 {
		return nil, nil
	}
	var octets asn1.RawValue
	if !isContext(fields[1], 0, true) || unmarshal(fields[1].Bytes, &octets) != nil || !isUniversal(octets, asn1.TagOctetString) {
		return nil, ErrASN1
	}
	return append([]byte{}, octets.Bytes...), nil // never nil
}

func readCMSCertificates(der []byte) ([]*x509.Certificate, error) {
	all, err := elements(der)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	if len(all) > MaxIntermediates+1 {
		return nil, fmt.Errorf("%d certificates (%d are allowed)", len(all), MaxIntermediates+1)
	}
	var certs []*x509.Certificate
	for i, v := range all {
		cert, err := x509.ParseCertificate(v.FullBytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i+1, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// readSigner reads a SignerInfo (RFC 5652 §5.3).
func (m *cms) readSigner(v asn1.RawValue) (err error) {
	const version, sid, digest, required = 0, 1, 2, 5
	fields, err := sequence(v, required, required+2)
	if err != nil {
		return err
	}
	if m.signerID, err = readSignerID(fields[sid]); err != nil {
		return err
	}
	if err := readVersion(fields[version], m.signerID.version()); err != nil {
		return err
	}
	if m.hash, err = readHash(fields[digest]); err != nil {
		return err
	}
	rest := fields[digest+1:]
	if isContext(rest[0], 0, true) {
		if err := m.readAttributes(rest[0]); err != nil {
			return fmt.Errorf("signed attributes: %w", err)
		}
		rest = rest[1:]
	}
	if len(rest) == 3 && isContext(rest[2], 1, true) { // attributes that are not signed: a time stamp
		rest = rest[:2]
	}
	if len(rest) != 2 || !isUniversal(rest[1], asn1.TagOctetString) {
		return ErrASN1
	}
	if m.signatureOID, err = readAlgorithm(rest[0]); err != nil {
		return err
	}
	m.signature = rest[1].Bytes
	return nil
}

// readAttributes reads the signed attributes (RFC 5652 §11).
func (m *cms) readAttributes(v asn1.RawValue) error {
	all, err := elements(v.Bytes)
	if err != nil {
		return err
	}
	values := map[string]asn1.RawValue{}
	for _, attribute := range all {
		fields, err := sequence(attribute, 2, 2)
		if err != nil {
			return err
		}
		oid, err := oidOf(fields[0])
		if err != nil {
			return err
		}
		set, err := setOf(fields[1])
		if err != nil {
			return err
		}
		if _, again := values[oid]; again || len(set) != 1 {
			return fmt.Errorf("attribute %s has not one value", oid)
		}
		values[oid] = set[0]
	}
	if oid, err := oidOf(values[oidContentType]); err != nil || oid != oidData {
		return errors.New("content type is not data")
	}
	digest := values[oidMessageDigest]
	if !isUniversal(digest, asn1.TagOctetString) || len(digest.Bytes) != m.hash.Size() {
		return errors.New("no message digest")
	}
	m.messageDigest = digest.Bytes
	if at, ok := values[oidSigningTime]; ok {
		if err := unmarshal(at.FullBytes, &m.signingTime); err != nil {
			return fmt.Errorf("signing time: %w", err)
		}
		m.signingTime = m.signingTime.UTC()
	}
	// They are sent under an implicit tag and signed under that of a SET (RFC 5652 §5.4).
	m.signedAttributes = append([]byte{}, v.FullBytes...)
	m.signedAttributes[0] = setTag
	return nil
}

func readVersion(v asn1.RawValue, expected int) error {
	var version int
	if err := unmarshal(v.FullBytes, &version); err != nil || version != expected {
		return fmt.Errorf("version is not %d", expected)
	}
	return nil
}

// setOf returns the elements of a SET OF.
func setOf(v asn1.RawValue) ([]asn1.RawValue, error) {
	if v.Class != asn1.ClassUniversal || v.Tag != asn1.TagSet || !v.IsCompound {
		return nil, ErrASN1
	}
	return elements(v.Bytes)
}
