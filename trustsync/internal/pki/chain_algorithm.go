package pki

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

// chainAlgorithms are how CSCAs sign (RFC 5758 §3.2, RFC 8017 A.2.4). MD5 and what else x509 knows is not among them.
var chainAlgorithms = map[string]x509.SignatureAlgorithm{
	"1.2.840.10045.4.1":     x509.ECDSAWithSHA1,
	"1.2.840.10045.4.3.2":   x509.ECDSAWithSHA256,
	"1.2.840.10045.4.3.3":   x509.ECDSAWithSHA384,
	"1.2.840.10045.4.3.4":   x509.ECDSAWithSHA512,
	"1.2.840.113549.1.1.5":  x509.SHA1WithRSA,
	"1.3.14.3.2.29":         x509.SHA1WithRSA,
	"1.2.840.113549.1.1.11": x509.SHA256WithRSA,
	"1.2.840.113549.1.1.12": x509.SHA384WithRSA,
	"1.2.840.113549.1.1.13": x509.SHA512WithRSA,
}

// chainPSS are the algorithms of RSASSA-PSS by hash, with the salt of that hash's length, which is all that x509 checks.
var chainPSS = map[string]struct {
	algorithm x509.SignatureAlgorithm
	salt      int
}{
	"2.16.840.1.101.3.4.2.1": {x509.SHA256WithRSAPSS, 32},
	"2.16.840.1.101.3.4.2.2": {x509.SHA384WithRSAPSS, 48},
	"2.16.840.1.101.3.4.2.3": {x509.SHA512WithRSAPSS, 64},
}

// algorithm is how the certificate is signed. SHA-1 is ErrSHA1.
func (c *issued) algorithm() (x509.SignatureAlgorithm, error) {
	var outer asn1.RawValue
	if err := unmarshal(c.method, &outer); err != nil {
		return 0, fmt.Errorf("signature algorithm: %w", err)
	}
	fields, err := sequence(outer, 1, 2)
	if err != nil {
		return 0, fmt.Errorf("signature algorithm: %w", err)
	}
	oid, err := oidOf(fields[0])
	if err != nil {
		return 0, fmt.Errorf("signature algorithm: %w", err)
	}
	if oid == oidRSASSAPSS {
		if len(fields) == 1 { // the defaults are SHA-1 throughout (RFC 4055 §3.1)
			return 0, ErrSHA1
		}
		return pssAlgorithm(fields[1].FullBytes)
	}
	algorithm, known := chainAlgorithms[oid]
	switch {
	case !known:
		return 0, fmt.Errorf("signature algorithm %s is not allowed", oid)
	case algorithm == x509.ECDSAWithSHA1, algorithm == x509.SHA1WithRSA:
		return 0, ErrSHA1
	case len(fields) == 2 && !bytes.Equal(fields[1].FullBytes, asn1.NullBytes):
		return 0, errors.New("parameters for a signature algorithm that has none")
	}
	return algorithm, nil
}

// pssAlgorithm reads RSASSA-PSS-params (RFC 4055 §3.1). One hash must be used throughout, which is more than it demands and what
// all do.
func pssAlgorithm(der []byte) (x509.SignatureAlgorithm, error) {
	var p struct {
		Hash    pkix.AlgorithmIdentifier `asn1:"explicit,tag:0,optional"` // SHA-1 if absent
		Mask    pkix.AlgorithmIdentifier `asn1:"explicit,tag:1,optional"` // MGF1 with SHA-1 if absent
		Salt    int                      `asn1:"explicit,tag:2,optional,default:20"`
		Trailer int                      `asn1:"explicit,tag:3,optional,default:1"`
	}
	if err := unmarshal(der, &p); err != nil {
		return 0, fmt.Errorf("RSASSA-PSS parameters: %w", err)
	}
	const oidSHA1, oidMGF1 = "1.3.14.3.2.26", "1.2.840.113549.1.1.8"
	if hash := p.Hash.Algorithm.String(); hash == "" || hash == oidSHA1 {
		return 0, ErrSHA1
	}
	form, known := chainPSS[p.Hash.Algorithm.String()]
	var maskHash pkix.AlgorithmIdentifier
	if !known || p.Mask.Algorithm.String() != oidMGF1 || unmarshal(p.Mask.Parameters.FullBytes, &maskHash) != nil ||
		!maskHash.Algorithm.Equal(p.Hash.Algorithm) || p.Salt != form.salt || p.Trailer != 1 {
		return 0, fmt.Errorf("RSASSA-PSS with hash %v, salt of %d bytes: not one of the usual forms", p.Hash.Algorithm, p.Salt)
	}
	return form.algorithm, nil
}
