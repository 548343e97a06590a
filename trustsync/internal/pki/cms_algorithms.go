package pki

import (
	"crypto"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384, crypto.SHA512
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
)

// cmsHashes are the message digests that count (RFC 5754 §2).
var cmsHashes = map[string]crypto.Hash{
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// cmsSignatures are the signature algorithms that count (RFC 3370 §3.2, RFC 5754 §3); without a hash, it is that of the message.
var cmsSignatures = map[string]struct {
	key  x509.PublicKeyAlgorithm
	hash crypto.Hash
}{
	oidRSAEncryption:        {x509.RSA, 0},
	"1.2.840.113549.1.1.11": {x509.RSA, crypto.SHA256},
	"1.2.840.113549.1.1.12": {x509.RSA, crypto.SHA384},
	"1.2.840.113549.1.1.13": {x509.RSA, crypto.SHA512},
	"1.2.840.10045.4.3.2":   {x509.ECDSA, crypto.SHA256},
	"1.2.840.10045.4.3.3":   {x509.ECDSA, crypto.SHA384},
	"1.2.840.10045.4.3.4":   {x509.ECDSA, crypto.SHA512},
}

var x509Algorithms = map[x509.PublicKeyAlgorithm]map[crypto.Hash]x509.SignatureAlgorithm{
	x509.RSA:   {crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA},
	x509.ECDSA: {crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384, crypto.SHA512: x509.ECDSAWithSHA512},
}

// algorithm is how the signature is checked: what the message says must agree with the kind of the signer's key.
func (m *cms) algorithm(key x509.PublicKeyAlgorithm) (x509.SignatureAlgorithm, error) {
	a, known := cmsSignatures[m.signatureOID]
	switch {
	case !known:
		return 0, fmt.Errorf("signature algorithm %s is not allowed", m.signatureOID)
	case a.hash != 0 && a.hash != m.hash: // RFC 8933 §2
		return 0, errors.New("another hash for the signature than for the content")
	case a.key != key:
		return 0, fmt.Errorf("signature algorithm %s of a signer with an %v key", m.signatureOID, key)
	}
	return x509Algorithms[key][m.hash], nil
}

// readHash reads a message digest algorithm.
func readHash(v asn1.RawValue) (crypto.Hash, error) {
	oid, err := readAlgorithm(v)
	if err != nil {
		return 0, err
	}
	hash, known := cmsHashes[oid]
	if !known {
		return 0, fmt.Errorf("message digest %s is not allowed", oid)
	}
	return hash, nil
}

// readAlgorithm reads an AlgorithmIdentifier whose parameters are NULL or absent, as they are for all that count here.
func readAlgorithm(v asn1.RawValue) (string, error) {
	fields, err := sequence(v, 1, 2)
	if err != nil {
		return "", err
	}
	if len(fields) == 2 && (!isUniversal(fields[1], asn1.TagNull) || len(fields[1].Bytes) != 0) {
		return "", fmt.Errorf("%w parameters of an algorithm", ErrASN1)
	}
	return oidOf(fields[0])
}
