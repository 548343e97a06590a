package pki

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

var (
	ErrPrivateKey = errors.New("holds a private key; it does not belong here")
	ErrDamagedPEM = errors.New("damaged PEM block")
)

// Block is one certificate of a file, or why there is none where one might be.
type Block struct {
	DER []byte
	Err error
}

// CertificateBlocks splits a file into its certificates: all blocks of a PEM file, else the whole as DER. The error says
// what a file is that holds neither.
func CertificateBlocks(data []byte) ([]Block, error) {
	if len(data) == 0 {
		return nil, errors.New("an empty file")
	}
	parts := SplitPEM(data)
	switch {
	case len(parts) > 0:
		blocks := make([]Block, len(parts))
		for i, part := range parts {
			blocks[i] = decodePEM(part)
		}
		return blocks, nil
	case data[0] != asn1.TagSequence|0x20:
		return nil, errors.New("not a certificate: neither PEM nor DER")
	}
	return []Block{{DER: data}}, nil
}

const pemBegin = "-----BEGIN "

// SplitPEM cuts a file wherever a PEM block begins, so that none that is damaged goes unnoticed, as it would in pem.Decode,
// which looks for the next good one, and so that none is lost where files without a final newline were joined.
func SplitPEM(data []byte) (parts [][]byte) {
	_, rest, more := bytes.Cut(data, []byte(pemBegin))
	for more {
		var body []byte
		body, rest, more = bytes.Cut(rest, []byte(pemBegin))
		parts = append(parts, append([]byte(pemBegin), body...))
	}
	return parts
}

func decodePEM(part []byte) Block {
	b, _ := pem.Decode(part)
	if b == nil {
		if line, _, _ := bytes.Cut(part, []byte("\n")); bytes.Contains(line, []byte("PRIVATE KEY")) {
			return Block{Err: ErrPrivateKey}
		}
		return Block{Err: ErrDamagedPEM}
	}
	switch {
	case b.Type == "CERTIFICATE", b.Type == "X509 CERTIFICATE":
		return Block{DER: b.Bytes}
	case strings.Contains(b.Type, "PRIVATE KEY"):
		return Block{Err: ErrPrivateKey}
	}
	return Block{Err: fmt.Errorf("PEM of a %.40q, not of a CERTIFICATE", b.Type)}
}

// IsPrivateKey tells a private key in DER by its shape: PKCS #8 in the clear (RFC 5958) or encrypted, PKCS #1 (RFC 8017
// A.1.2) or SEC 1 (RFC 5915).
func IsPrivateKey(der []byte) bool {
	var outer asn1.RawValue
	if len(der) > MaxCertificateSize || unmarshal(der, &outer) != nil || !isSequence(outer) {
		return false
	}
	fields, err := elements(outer.Bytes)
	if err != nil || len(fields) < 2 {
		return false
	}
	if isSequence(fields[0]) { // encrypted: algorithm, encryptedData
		return len(fields) == 2 && isUniversal(fields[1], asn1.TagOctetString)
	}
	if !isUniversal(fields[0], asn1.TagInteger) { // the others start with a version
		return false
	}
	switch {
	case isUniversal(fields[1], asn1.TagOctetString): // SEC 1
		return true
	case len(fields) < 3:
		return false
	case isSequence(fields[1]): // PKCS #8
		return isUniversal(fields[2], asn1.TagOctetString)
	}
	return len(fields) >= 9 && isUniversal(fields[8], asn1.TagInteger) // PKCS #1
}
