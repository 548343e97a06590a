package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// Errors of the step from a DSC to its CSCA.
var (
	ErrSHA1        = errors.New("signed with SHA-1") // genuine, and forgeable: eight such DSCs were live in 2024
	ErrUnknownCSCA = errors.New("issued by none of the CSCAs")
	ErrNotByCSCA   = errors.New("not signed by the CSCA of its issuer's name")
	ErrNotCSCA     = errors.New("not a CSCA: its extensions do not allow it to sign certificates")
)

// Authorities are CSCAs by the bytes of their subjects. The zero value holds none, so that nothing is signed by them.
//
// Dates are not judged, neither of the CSCA nor of the DSC: states let a CSCA run out while DSCs of it are in use, and what says
// that a certificate counts is that it stands in the list (hcert_spec §5.1; the gateway's own library does the same). Nor are path lengths, of
// which a chain of two has none, and key identifiers, which only help to choose.
type Authorities map[string][]*authority

// authority is what a CSCA is needed for.
type authority struct {
	name []byte // subject, DER
	key  x509.Certificate
}

// ParseAuthorities reads CSCAs from PEM. One that cannot be one is an error, as is none at all.
func ParseAuthorities(data []byte) (Authorities, error) {
	a := Authorities{}
	parts := SplitPEM(data)
	for i, part := range parts {
		b, _ := pem.Decode(part)
		if b == nil {
			return nil, fmt.Errorf("CSCA %d: %w", i+1, ErrDamagedPEM)
		}
		if b.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("CSCA %d: PEM of a %.40q, not of a CERTIFICATE", i+1, b.Type)
		}
		if err := a.Add(b.Bytes); err != nil {
			return nil, fmt.Errorf("CSCA %d: %w", i+1, err)
		}
	}
	if len(parts) == 0 {
		return nil, errors.New("no CSCA: give PEM certificates, or leave it out")
	}
	return a, nil
}

// Add adds a CSCA from its DER.
func (a Authorities) Add(der []byte) error {
	csca, err := readAuthority(der)
	if err != nil {
		return err
	}
	a[string(csca.name)] = append(a[string(csca.name)], csca)
	return nil
}

// Verify says whether the certificate der is issued by one of the authorities: its issuer is the subject of one, byte for
// byte, and the signature is of that one's key. Of several with the same name each is tried. A signature with SHA-1 is ErrSHA1.
//
// It reads what ParseSigner reads; the signature is checked over the bytes that came.
func (a Authorities) Verify(der []byte) error {
	if len(der) > MaxCertificateSize {
		return fmt.Errorf("certificate of %d bytes (%d are allowed)", len(der), MaxCertificateSize)
	}
	c, err := readIssued(der)
	if err != nil {
		return err
	}
	named := a[string(c.issuer)]
	if len(named) == 0 {
		return ErrUnknownCSCA
	}
	algorithm, err := c.algorithm()
	if err != nil {
		return err
	}
	for _, csca := range named {
		if csca.key.CheckSignature(algorithm, c.tbs, c.signature) == nil {
			return nil
		}
	}
	return ErrNotByCSCA
}

// issued is what a certificate says of its issuer.
type issued struct {
	tbs       []byte // as signed
	issuer    []byte // DER
	method    []byte // signatureAlgorithm, DER
	signature []byte

	subject    []byte
	spki       asn1.RawValue
	version    int
	extensions []asn1.RawValue
}

// readIssued takes a certificate apart (RFC 5280 §4.1) and checks no more of it than that.
func readIssued(der []byte) (c issued, err error) {
	bad := func(err error) (issued, error) { return issued{}, fmt.Errorf("not a certificate: %w", err) }
	var outer asn1.RawValue
	if err := unmarshal(der, &outer); err != nil {
		return bad(err)
	}
	fields, err := sequence(outer, 3, 3)
	if err != nil {
		return bad(err)
	}
	const serial, method, issuer, subject, spki, required = 0, 1, 2, 4, 5, 6
	tbs, err := sequence(fields[0], required, required+4)
	if err != nil {
		return bad(err)
	}
	c.tbs, c.method = fields[0].FullBytes, fields[1].FullBytes
	if isContext(tbs[0], 0, true) {
		if err := unmarshal(tbs[0].Bytes, &c.version); err != nil {
			return bad(err)
		}
		tbs = tbs[1:]
	}
	if len(tbs) < required || !isUniversal(tbs[serial], asn1.TagInteger) || !isSequence(tbs[issuer]) || !isSequence(tbs[subject]) {
		return bad(ErrASN1)
	}
	if !bytes.Equal(tbs[method].FullBytes, c.method) { // RFC 5280 §4.1.1.2
		return bad(errors.New("two signature algorithms"))
	}
	var signature asn1.BitString
	if err := unmarshal(fields[2].FullBytes, &signature); err != nil || signature.BitLength%8 != 0 {
		return bad(ErrASN1)
	}
	c.issuer, c.subject, c.spki, c.signature = tbs[issuer].FullBytes, tbs[subject].FullBytes, tbs[spki], signature.Bytes
	for _, optional := range tbs[required:] {
		if !isContext(optional, 3, true) {
			continue
		}
		var list asn1.RawValue
		if err := unmarshal(optional.Bytes, &list); err != nil {
			return bad(err)
		}
		if c.extensions, err = sequenceOf(list); err != nil {
			return bad(err)
		}
	}
	return c, nil
}

// readAuthority reads a CSCA from its DER.
func readAuthority(der []byte) (*authority, error) {
	if len(der) > MaxCertificateSize {
		return nil, fmt.Errorf("certificate of %d bytes (%d are allowed)", len(der), MaxCertificateSize)
	}
	c, err := readIssued(der)
	if err != nil {
		return nil, err
	}
	if err := c.maySignCertificates(); err != nil {
		return nil, err
	}
	key, err := authorityKey(c.spki)
	if err != nil {
		return nil, err
	}
	if err := CheckSignerKey(key); err != nil {
		return nil, err
	}
	return &authority{c.subject, x509.Certificate{PublicKey: key}}, nil
}

// Extensions of RFC 5280 §4.2.1.3 and §4.2.1.9, dotted.
const (
	oidKeyUsage         = "2.5.29.15"
	oidBasicConstraints = "2.5.29.19"
)

// maySignCertificates asks for the basic constraints of an authority, which every CSCA seen has, and for the right to sign
// certificates if there is a key usage.
func (c *issued) maySignCertificates() error {
	isCA := false
	seen := map[string]bool{}
	for _, extension := range c.extensions {
		fields, err := sequence(extension, 2, 3)
		if err != nil {
			return err
		}
		oid, err := oidOf(fields[0])
		if err != nil {
			return err
		}
		value := fields[len(fields)-1]
		if oid != oidKeyUsage && oid != oidBasicConstraints {
			continue
		}
		if seen[oid] || !isUniversal(value, asn1.TagOctetString) {
			return fmt.Errorf("%w extensions", ErrASN1)
		}
		seen[oid] = true
		if oid == oidBasicConstraints {
			var constraints asn1.RawValue
			if err := unmarshal(value.Bytes, &constraints); err != nil {
				return err
			}
			parts, err := sequence(constraints, 0, 2)
			if err != nil {
				return err
			}
			if len(parts) > 0 && isUniversal(parts[0], asn1.TagBoolean) {
				if err := unmarshal(parts[0].FullBytes, &isCA); err != nil {
					return err
				}
			}
			continue
		}
		var usage asn1.BitString
		if err := unmarshal(value.Bytes, &usage); err != nil {
			return err
		}
		const keyCertSign = 5
		if usage.At(keyCertSign) == 0 {
			return ErrNotCSCA
		}
	}
	if !isCA {
		return ErrNotCSCA
	}
	return nil
}

// authorityKey reads a key that signs certificates. What x509 refuses is read by the rules for DSCs (spki.go).
func authorityKey(spki asn1.RawValue) (crypto.PublicKey, error) {
	if key, err := x509.ParsePKIXPublicKey(spki.FullBytes); err == nil {
		return key, nil
	}
	fields, err := sequence(spki, 2, 2)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	algorithm, err := sequence(fields[0], 1, 2)
	if err != nil {
		return nil, fmt.Errorf("public key algorithm: %w", err)
	}
	oid, err := oidOf(algorithm[0])
	if err != nil {
		return nil, err
	}
	var bits asn1.BitString
	if err := unmarshal(fields[1].FullBytes, &bits); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	switch {
	case oid == oidRSAEncryption && len(algorithm) == 1, oid == oidRSASSAPSS:
		return x509.ParsePKCS1PublicKey(bits.RightAlign())
	case oid == oidECPublicKey && len(algorithm) == 2 && isSequence(algorithm[1]) && isExplicitP256(algorithm[1].FullBytes):
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), bits.RightAlign())
	}
	return nil, errors.New("key of a kind that signs no certificates here (RSA, P-256, P-384 and P-521 do)")
}

// SubjectCountry is the country of a certificate's subject, empty if it names none.
func SubjectCountry(der []byte) (string, error) {
	c, err := readIssued(der)
	if err != nil {
		return "", err
	}
	var name asn1.RawValue
	if err := unmarshal(c.subject, &name); err != nil {
		return "", err
	}
	return readCountry(name)
}
