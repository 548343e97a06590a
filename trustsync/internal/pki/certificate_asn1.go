package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"gatescan/verify"
)

// This file reads certificates that crypto/x509 refuses although their key is usable. Live lists hold such with a negative
// serial number (LB), with explicit EC parameters (FJ) and with an RSA key that lacks its NULL (EE). It reads what a DSC
// needs and skips the rest unread; where x509 reads a certificate too, both agree.

var ErrASN1 = errors.New("malformed")

// Object identifiers of RFC 5280, dotted.
const (
	oidCountryName = "2.5.4.6"
	oidExtKeyUsage = "2.5.29.37"
)

// readCertificate is ParseCertificate without x509 (RFC 5280 §4.1).
func readCertificate(der []byte) (verify.DSC, error) {
	var outer asn1.RawValue
	if err := unmarshal(der, &outer); err != nil {
		return verify.DSC{}, fmt.Errorf("not a certificate: %w", err)
	}
	fields, err := sequence(outer, 3, 3) // tbsCertificate, signatureAlgorithm, signatureValue
	if err != nil {
		return verify.DSC{}, fmt.Errorf("not a certificate: %w", err)
	}
	if !isSequence(fields[1]) || !isUniversal(fields[2], asn1.TagBitString) {
		return verify.DSC{}, fmt.Errorf("not a certificate: %w signature", ErrASN1)
	}
	d, err := readTBS(fields[0])
	if err != nil {
		return verify.DSC{}, err
	}
	d.KID = KIDOf(der)
	return d, nil
}

// readTBS reads all of a DSC but its kid from a TBSCertificate.
func readTBS(tbs asn1.RawValue) (d verify.DSC, err error) {
	const serial, signature, issuer, validity, subject, spki, required = 0, 1, 2, 3, 4, 5, 6
	fields, err := sequence(tbs, required, required+4)
	if err != nil {
		return d, fmt.Errorf("not a certificate: %w", err)
	}
	version := 0 // v1 (RFC 5280 §4.1.2.1)
	if isContext(fields[0], 0, true) {
		if err := unmarshal(fields[0].Bytes, &version); err != nil || version < 0 || version > 2 {
			return d, fmt.Errorf("%w version", ErrASN1)
		}
		fields = fields[1:]
	}
	if len(fields) < required || !isUniversal(fields[serial], asn1.TagInteger) || !isSequence(fields[signature]) || !isSequence(fields[issuer]) {
		return d, fmt.Errorf("not a certificate: %w", ErrASN1)
	}
	if d.NotBefore, d.NotAfter, err = readValidity(fields[validity]); err != nil {
		return d, fmt.Errorf("validity: %w", err)
	}
	if d.Country, err = readCountry(fields[subject]); err != nil {
		return d, fmt.Errorf("subject: %w", err)
	}
	if d.Key, err = readPublicKey(fields[spki]); err != nil {
		return d, err
	}

	optional := fields[required:]
	for _, uniqueID := range []int{1, 2} {
		if version >= 1 && len(optional) > 0 && isContext(optional[0], uniqueID, false) {
			optional = optional[1:]
		}
	}
	if version == 2 && len(optional) > 0 && isContext(optional[0], 3, true) {
		if d.Usage, err = readUsage(optional[0]); err != nil {
			return d, fmt.Errorf("extensions: %w", err)
		}
		optional = optional[1:]
	}
	if len(optional) > 0 {
		return d, ErrTrailingData
	}
	return d, nil
}

// readValidity reads notBefore and notAfter (RFC 5280 §4.1.2.5).
func readValidity(v asn1.RawValue) (notBefore, notAfter time.Time, err error) {
	fields, err := sequence(v, 2, 2)
	if err != nil {
		return notBefore, notAfter, err
	}
	if err := unmarshal(fields[0].FullBytes, &notBefore); err != nil {
		return notBefore, notAfter, err
	}
	if err := unmarshal(fields[1].FullBytes, &notAfter); err != nil {
		return notBefore, notAfter, err
	}
	return notBefore.UTC(), notAfter.UTC(), nil
}

// readCountry returns the first C of a name, which is a sequence of sets of pairs of type and value (RFC 5280 §4.1.2.4).
func readCountry(name asn1.RawValue) (string, error) {
	rdns, err := sequenceOf(name)
	if err != nil {
		return "", err
	}
	country, found := "", false
	for _, rdn := range rdns {
		if rdn.Class != asn1.ClassUniversal || rdn.Tag != asn1.TagSet || !rdn.IsCompound {
			return "", ErrASN1
		}
		attributes, err := elements(rdn.Bytes)
		if err != nil {
			return "", err
		}
		for _, attribute := range attributes {
			pair, err := sequence(attribute, 2, 2)
			if err != nil {
				return "", err
			}
			oid, err := oidOf(pair[0])
			if err != nil {
				return "", err
			}
			if oid != oidCountryName || found {
				continue
			}
			found = true
			var value string
			if unmarshal(pair[1].FullBytes, &value) == nil {
				country = CountryCode(value)
			}
		}
	}
	return country, nil
}

// readUsage finds the extended key usage in the explicitly tagged extensions (RFC 5280 §4.1.2.9, §4.2.1.12).
func readUsage(tagged asn1.RawValue) (verify.Usage, error) {
	var list asn1.RawValue
	if err := unmarshal(tagged.Bytes, &list); err != nil {
		return 0, err
	}
	extensions, err := sequenceOf(list)
	if err != nil {
		return 0, err
	}
	usage, found := verify.Usage(0), false
	for _, extension := range extensions {
		fields, err := sequence(extension, 2, 3) // extnID, critical DEFAULT FALSE, extnValue
		if err != nil {
			return 0, err
		}
		oid, err := oidOf(fields[0])
		if err != nil {
			return 0, err
		}
		if oid != oidExtKeyUsage {
			continue
		}
		if found {
			return 0, errors.New("two extended key usages")
		}
		found = true
		if len(fields) == 3 {
			if isUniversal(fields[1], asn1.TagOctetString) {
				return 0, ErrTrailingData
			}
			if !isUniversal(fields[1], asn1.TagBoolean) {
				return 0, ErrASN1
			}
		}
		value := fields[len(fields)-1]
		if !isUniversal(value, asn1.TagOctetString) {
			return 0, ErrASN1
		}
		if usage, err = readExtKeyUsage(value.Bytes); err != nil {
			return 0, err
		}
	}
	return usage, nil
}

func readExtKeyUsage(der []byte) (usage verify.Usage, err error) {
	var list asn1.RawValue
	if err := unmarshal(der, &list); err != nil {
		return 0, err
	}
	purposes, err := sequenceOf(list)
	if err != nil {
		return 0, err
	}
	for _, purpose := range purposes {
		oid, err := oidOf(purpose)
		if err != nil {
			return 0, err
		}
		usage |= dccUsage[oid]
	}
	return usage, nil
}

// unmarshal is asn1.Unmarshal for der that must hold v and nothing else.
func unmarshal(der []byte, v any) error {
	rest, err := asn1.Unmarshal(der, v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrASN1, err)
	}
	if len(rest) > 0 {
		return ErrTrailingData
	}
	return nil
}

// sequence returns the elements of a SEQUENCE that must have least to most of them. Structs are not used for this:
// encoding/asn1 ignores what follows the last field of one.
func sequence(v asn1.RawValue, least, most int) ([]asn1.RawValue, error) {
	if !isSequence(v) {
		return nil, ErrASN1
	}
	all, err := elements(v.Bytes)
	switch {
	case len(all) > most, err != nil && len(all) >= least:
		return nil, ErrTrailingData
	case err != nil:
		return nil, err
	case len(all) < least:
		return nil, ErrASN1
	}
	return all, nil
}

// sequenceOf returns the elements of a SEQUENCE OF.
func sequenceOf(v asn1.RawValue) ([]asn1.RawValue, error) {
	if !isSequence(v) {
		return nil, ErrASN1
	}
	return elements(v.Bytes)
}

// elements returns those of der that can be read, and an error if that is not all of it.
func elements(der []byte) (all []asn1.RawValue, err error) {
	for len(der) > 0 {
		var v asn1.RawValue
		if der, err = asn1.Unmarshal(der, &v); err != nil {
			return all, fmt.Errorf("%w: %w", ErrASN1, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// maxOIDSize bounds an object identifier in bytes; those that matter have up to 11, one made of a UUID has 20.
const maxOIDSize = 32

// oidOf returns an object identifier in dotted form. encoding/asn1 refuses arcs of more than 31 bits, which are legal.
func oidOf(v asn1.RawValue) (string, error) {
	if !isUniversal(v, asn1.TagOID) {
		return "", fmt.Errorf("%w object identifier", ErrASN1)
	}
	if len(v.Bytes) > maxOIDSize { // legal, but nothing that is known here, and slow to convert
		return "(overlong)", nil
	}
	var oid x509.OID
	if oid.UnmarshalBinary(v.Bytes) != nil {
		return "", fmt.Errorf("%w object identifier", ErrASN1)
	}
	return oid.String(), nil
}

func isSequence(v asn1.RawValue) bool {
	return v.Class == asn1.ClassUniversal && v.Tag == asn1.TagSequence && v.IsCompound
}

// isUniversal says whether v is a primitive element of a universal tag.
func isUniversal(v asn1.RawValue, tag int) bool {
	return v.Class == asn1.ClassUniversal && v.Tag == tag && !v.IsCompound
}

func isContext(v asn1.RawValue, tag int, compound bool) bool {
	return v.Class == asn1.ClassContextSpecific && v.Tag == tag && v.IsCompound == compound
}
