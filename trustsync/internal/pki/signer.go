package pki

import (
	"bytes"
	"encoding/asn1"
	"fmt"

	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// labMark stands in the subject of every certificate that gatelab makes.
const labMark = "(lab, not for production)"

// ParseSigner reads a signer from the DER of its certificate, as ParseCertificate does.
func ParseSigner(der []byte) (source.Signer, error) {
	d, err := ParseCertificate(der)
	if err != nil {
		return source.Signer{}, err
	}
	spki, err := spkiOf(der)
	if err != nil {
		return source.Signer{}, err
	}
	if _, err := ParseKey(spki, d.KID, "", 0); err != nil { // it is stored as that
		return source.Signer{}, err
	}
	return source.Signer{DSC: d, SPKI: spki, Lab: bytes.Contains(der, []byte(labMark))}, nil
}

// ParseKey reads a signer from a bare SubjectPublicKeyInfo in DER, for lists that hold keys instead of certificates
// (NL, IT, GB). Its kid cannot be checked: it is whatever the list says.
func ParseKey(spki []byte, kid verify.KID, country string, usage verify.Usage) (source.Signer, error) {
	if len(spki) > MaxCertificateSize {
		return source.Signer{}, fmt.Errorf("public key of %d bytes (%d are allowed)", len(spki), MaxCertificateSize)
	}
	var outer asn1.RawValue
	if err := unmarshal(spki, &outer); err != nil {
		return source.Signer{}, fmt.Errorf("public key: %w", err)
	}
	key, err := readPublicKey(outer)
	if err != nil {
		return source.Signer{}, err
	}
	return source.Signer{
		DSC: verify.DSC{
			KID: kid, Country: CountryCode(country), NotBefore: source.BeginningOfTime, NotAfter: source.EndOfTime, Usage: usage, Key: key,
		},
		SPKI: spki, Lab: false,
	}, nil
}

// spkiOf cuts the SubjectPublicKeyInfo out of a certificate that could be read.
func spkiOf(der []byte) ([]byte, error) {
	var outer asn1.RawValue
	if err := unmarshal(der, &outer); err != nil {
		return nil, fmt.Errorf("not a certificate: %w", err)
	}
	fields, err := sequence(outer, 3, 3)
	if err != nil {
		return nil, fmt.Errorf("not a certificate: %w", err)
	}
	tbs, err := sequence(fields[0], 6, 10)
	if err != nil {
		return nil, fmt.Errorf("not a certificate: %w", err)
	}
	if isContext(tbs[0], 0, true) {
		tbs = tbs[1:]
	}
	const spki = 5
	if len(tbs) <= spki {
		return nil, fmt.Errorf("not a certificate: %w", ErrASN1)
	}
	return bytes.Clone(tbs[spki].FullBytes), nil // or it would keep the whole certificate in memory
}
