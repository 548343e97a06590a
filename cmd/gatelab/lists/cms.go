package lists

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"
)

// CMS says how a CMS is made (RFC 5652 §5). The zero CMS is what the gateway's clients make but for its encoding: detached, attributes with a
// signing time, one certificate.
type CMS struct {
	Attached bool         // it holds what it signs
	BER      bool         // of indefinite length, as Bouncy Castle writes it; else DER
	Time     time.Time    // signing time; zero for none
	Bare     bool         // no signed attributes
	More     []Credential // whose certificates come along

	Attributes [][]byte // DER of each signed attribute, in the order of a SET OF; nil for the usual ones
}

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidECDSASHA256   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
)

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial asn1.RawValue
}

type signerInfo struct {
	Version    int
	ID         issuerAndSerial
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue `asn1:"optional"`
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
}

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values asn1.RawValue
}

// Sign makes a CMS over content with SHA-256 and the signer's key, P-256 or RSA.
func (c CMS) Sign(signer Credential, content []byte) ([]byte, error) {
	info, err := c.signerInfo(signer, content)
	if err != nil {
		return nil, err
	}
	certificates := slices.Clone(signer.Cert.Raw)
	for _, more := range c.More {
		certificates = append(certificates, more.Cert.Raw...)
	}
	digests := element(0x31, marshal(pkix.AlgorithmIdentifier{Algorithm: oidSHA256}))
	wrap := element
	if c.BER {
		wrap = indefinite
	}
	encapsulated := marshal(oidData)
	if c.Attached {
		octets := element(0x04, content)
		if c.BER { // in pieces
			half := len(content) / 2
			octets = indefinite(0x24, element(0x04, content[:half]), element(0x04, content[half:]))
		}
		encapsulated = append(encapsulated, wrap(0xa0, octets)...)
	}
	signedData := wrap(0x30,
		marshal(1),
		digests,
		wrap(0x30, encapsulated),
		wrap(0xa0, certificates),
		element(0x31, info),
	)
	return wrap(0x30, marshal(oidSignedData), wrap(0xa0, signedData)), nil
}

func (c CMS) signerInfo(signer Credential, content []byte) ([]byte, error) {
	info := signerInfo{
		Version:   1,
		ID:        issuerAndSerial{asn1.RawValue{FullBytes: signer.Cert.RawIssuer}, asn1.RawValue{FullBytes: marshal(signer.Cert.SerialNumber)}},
		Digest:    pkix.AlgorithmIdentifier{Algorithm: oidSHA256},
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidRSA, Parameters: asn1.NullRawValue},
	}
	if _, ok := signer.Key.Public().(*ecdsa.PublicKey); ok {
		info.Algorithm = pkix.AlgorithmIdentifier{Algorithm: oidECDSASHA256}
	}
	toBeSigned := content
	if !c.Bare {
		attributes := slices.Concat(c.Attributes...)
		if c.Attributes == nil {
			attributes = slices.Concat(c.UsualAttributes(content)...)
		}
		info.Attributes = asn1.RawValue{FullBytes: element(0xa0, attributes)}
		toBeSigned = element(0x31, attributes)
	}
	hash := sha256.Sum256(toBeSigned)
	var err error
	if info.Signature, err = signer.Key.Sign(rand.Reader, hash[:], crypto.SHA256); err != nil {
		return nil, err
	}
	return asn1.Marshal(info)
}

// UsualAttributes are the signed ones, sorted as DER sorts a SET OF: content type, message digest and, unless Time is zero, signing
// time.
func (c CMS) UsualAttributes(content []byte) [][]byte {
	digest := sha256.Sum256(content)
	all := [][]byte{
		marshal(attribute{oidContentType, asn1.RawValue{FullBytes: element(0x31, marshal(oidData))}}),
		marshal(attribute{oidMessageDigest, asn1.RawValue{FullBytes: element(0x31, marshal(digest[:]))}}),
	}
	if !c.Time.IsZero() {
		all = append(all, marshal(attribute{oidSigningTime, asn1.RawValue{FullBytes: element(0x31, marshal(c.Time.UTC()))}}))
	}
	slices.SortFunc(all, bytes.Compare)
	return all
}

// element is tag, length and content in DER.
func element(tag byte, content ...[]byte) []byte {
	all := slices.Concat(content...)
	return marshal(asn1.RawValue{Class: int(tag >> 6), Tag: int(tag & 0x1f), IsCompound: tag&0x20 != 0, Bytes: all})
}

// indefinite is an element of indefinite length (ITU-T X.690 §8.1.3.6).
func indefinite(tag byte, content ...[]byte) []byte {
	return slices.Concat([]byte{tag, 0x80}, slices.Concat(content...), []byte{0, 0})
}

func marshal(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err) // all that is marshalled here can be
	}
	return der
}
