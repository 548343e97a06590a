package pki

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"gatescan/verify"
)

// Object identifiers of public key algorithms and named curves, dotted.
const (
	oidRSAEncryption = "1.2.840.113549.1.1.1"  // RFC 3279 §2.3.1
	oidRSASSAPSS     = "1.2.840.113549.1.1.10" // RFC 4055 §3.1
	oidECPublicKey   = "1.2.840.10045.2.1"     // RFC 5480 §2.1.1
	oidP256          = "1.2.840.10045.3.1.7"   // RFC 5480 §2.1.1.1
)

// unusableKeys names key algorithms and curves for people who wonder why a certificate was skipped.
var unusableKeys = map[string]string{
	"1.2.840.10040.4.1":     "DSA",
	"1.3.101.110":           "X25519",
	"1.3.101.111":           "X448",
	"1.3.101.112":           "Ed25519",
	"1.3.101.113":           "Ed448",
	"1.3.132.0.10":          "secp256k1",
	"1.3.132.0.33":          "P-224",
	"1.3.132.0.34":          "P-384",
	"1.3.132.0.35":          "P-521",
	"1.3.36.3.3.2.8.1.1.7":  "brainpoolP256r1",
	"1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
}

// readPublicKey reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
func readPublicKey(spki asn1.RawValue) (verify.PublicKey, error) {
	fields, err := sequence(spki, 2, 2)
	if err != nil {
		return verify.PublicKey{}, fmt.Errorf("public key: %w", err)
	}
	algorithm, err := sequence(fields[0], 1, 2)
	if err != nil {
		return verify.PublicKey{}, fmt.Errorf("public key algorithm: %w", err)
	}
	oid, err := oidOf(algorithm[0])
	if err != nil {
		return verify.PublicKey{}, fmt.Errorf("public key algorithm: %w", err)
	}
	var parameters []byte // nil if absent
	if len(algorithm) == 2 {
		parameters = algorithm[1].FullBytes
	}
	var bits asn1.BitString
	if err := unmarshal(fields[1].FullBytes, &bits); err != nil {
		return verify.PublicKey{}, fmt.Errorf("public key: %w", err)
	}
	key := bits.RightAlign()

	switch oid {
	case oidECPublicKey:
		return readECKey(parameters, key)
	case oidRSAEncryption:
		// RFC 3279 §2.3.1 demands NULL; EE leaves it out.
		if parameters != nil && !bytes.Equal(parameters, asn1.NullBytes) {
			return verify.PublicKey{}, errors.New("RSA key with parameters")
		}
		return readRSAKey(key)
	case oidRSASSAPSS:
		if err := checkPSSParameters(parameters); err != nil {
			return verify.PublicKey{}, err
		}
		return readRSAKey(key)
	}
	return verify.PublicKey{}, unusableOID(oid)
}

// unusableOID names a key that cannot sign passes by its algorithm or curve.
func unusableOID(oid string) error {
	if name, ok := unusableKeys[oid]; ok {
		return unusableKey(name)
	}
	return unusableKey(oid)
}

// readRSAKey reads an RSAPublicKey (RFC 8017 A.1.1).
func readRSAKey(der []byte) (verify.PublicKey, error) {
	var outer asn1.RawValue
	if err := unmarshal(der, &outer); err != nil {
		return verify.PublicKey{}, fmt.Errorf("RSA key: %w", err)
	}
	fields, err := sequence(outer, 2, 2)
	if err != nil {
		return verify.PublicKey{}, fmt.Errorf("RSA key: %w", err)
	}
	var modulus, exponent *big.Int
	if err := unmarshal(fields[0].FullBytes, &modulus); err != nil {
		return verify.PublicKey{}, fmt.Errorf("RSA modulus: %w", err)
	}
	if err := unmarshal(fields[1].FullBytes, &exponent); err != nil {
		return verify.PublicKey{}, fmt.Errorf("RSA exponent: %w", err)
	}
	if modulus.Sign() <= 0 {
		return verify.PublicKey{}, errors.New("RSA modulus is not positive")
	}
	return verify.NewPS256(modulus.Bytes(), exponent)
}

// checkPSSParameters refuses a key that is bound to another form of RSASSA-PSS than PS256. A key without parameters is not
// bound; the salt length in a key is the least that is allowed (RFC 4055 §3.3).
func checkPSSParameters(der []byte) error {
	if der == nil {
		return nil
	}
	const oidSHA256, oidMGF1 = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.8"
	var p struct {
		Hash    pkix.AlgorithmIdentifier `asn1:"explicit,tag:0,optional"` // SHA-1 if absent
		Mask    pkix.AlgorithmIdentifier `asn1:"explicit,tag:1,optional"` // MGF1 with SHA-1 if absent
		Salt    int                      `asn1:"explicit,tag:2,optional,default:20"`
		Trailer int                      `asn1:"explicit,tag:3,optional,default:1"`
	}
	var maskHash pkix.AlgorithmIdentifier
	if err := unmarshal(der, &p); err != nil {
		return fmt.Errorf("RSASSA-PSS parameters: %w", err)
	}
	if p.Hash.Algorithm.String() != oidSHA256 || p.Mask.Algorithm.String() != oidMGF1 ||
		unmarshal(p.Mask.Parameters.FullBytes, &maskHash) != nil || maskHash.Algorithm.String() != oidSHA256 ||
		p.Salt < 0 || p.Salt > 32 || p.Trailer != 1 {
		return errors.New("RSASSA-PSS key for another hash or salt than PS256 has")
	}
	return nil
}

// readECKey reads the key of an elliptic curve: the parameters must say P-256.
func readECKey(parameters, point []byte) (verify.PublicKey, error) {
	var curve asn1.RawValue
	if err := unmarshal(parameters, &curve); err != nil {
		return verify.PublicKey{}, fmt.Errorf("EC parameters: %w", err)
	}
	switch {
	case isSequence(curve):
		if !isExplicitP256(parameters) {
			return verify.PublicKey{}, errors.New("EC key with explicit parameters that are not those of P-256")
		}
	default:
		oid, err := oidOf(curve)
		if err != nil {
			return verify.PublicKey{}, errors.New("EC key without a named curve")
		}
		if oid != oidP256 {
			return verify.PublicKey{}, unusableOID(oid)
		}
	}
	return verify.NewES256(point)
}

// isExplicitP256 says whether der is one of the ways to write the parameters of P-256 in full (RFC 3279 §2.3.5). There are
// few, so they are compared byte by byte: a reader that checked fewer fields would take a curve with another generator
// for P-256, for which anybody can make signatures (CVE-2020-0601).
func isExplicitP256(der []byte) bool {
	type fieldID struct {
		Type  asn1.ObjectIdentifier
		Prime *big.Int
	}
	type curve struct {
		A, B []byte
		Seed asn1.BitString `asn1:"optional"`
	}
	type ecParameters struct {
		Version  int
		Field    fieldID
		Curve    curve
		Base     []byte
		Order    *big.Int
		Cofactor int `asn1:"optional"`
	}
	p256 := elliptic.P256().Params()
	size := (p256.BitSize + 7) / 8
	a := new(big.Int).Sub(p256.P, big.NewInt(3))
	base := append(append([]byte{4}, p256.Gx.FillBytes(make([]byte, size))...), p256.Gy.FillBytes(make([]byte, size))...)
	compressed := append([]byte{2 + byte(p256.Gy.Bit(0))}, base[1:1+size]...)

	for _, base := range [][]byte{base, compressed} {
		for _, seed := range []asn1.BitString{{}, {Bytes: p256Seed, BitLength: 8 * len(p256Seed)}} {
			for _, cofactor := range []int{0, 1} { // 0: absent
				form, err := asn1.Marshal(ecParameters{
					Version:  1,
					Field:    fieldID{asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 1}, p256.P},
					Curve:    curve{a.Bytes(), p256.B.FillBytes(make([]byte, size)), seed},
					Base:     base,
					Order:    p256.N,
					Cofactor: cofactor,
				})
				if err == nil && bytes.Equal(form, der) {
					return true
				}
			}
		}
	}
	return false
}

// p256Seed is what the curve was made from (SP 800-186 §3.2.1.3).
var p256Seed = []byte{
	0xc4, 0x9d, 0x36, 0x08, 0x86, 0xe7, 0x04, 0x93, 0x6a, 0x66,
	0x78, 0xe1, 0x13, 0x9d, 0x26, 0xb7, 0x81, 0x9f, 0x7e, 0x90,
}

// IsSPKI tells a SubjectPublicKeyInfo from a certificate by its shape (RFC 5280 §4.1).
func IsSPKI(der []byte) bool {
	var outer asn1.RawValue
	if len(der) > MaxCertificateSize || unmarshal(der, &outer) != nil {
		return false
	}
	fields, err := sequence(outer, 2, 2)
	return err == nil && isSequence(fields[0]) && isUniversal(fields[1], asn1.TagBitString)
}
