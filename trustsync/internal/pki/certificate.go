// Package pki reads certificates, keys, and signatures over them: one certificate to a DSC, a DSC to its CSCA, CMS and JWS to the
// anchor that signed. It must never know where bytes came from: no network, no file, no clock.
//
// ASN.1, BER and CMS are read here and not by a library: genuine certificates break what crypto/x509 and the CMS libraries ask for, and each
// step must be bounded before it allocates.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"gatescan/verify"
)

// MaxCertificateSize bounds a certificate in bytes. Genuine DSCs have 400 to 2,300.
const MaxCertificateSize = 64 << 10

// ErrTrailingData says that a certificate, or an element in it, is followed by bytes that belong to no field.
var ErrTrailingData = errors.New("trailing data")

// ParseCertificate reads one DSC from its DER: exactly the certificate, at most 64 KiB.
//
// The kid is the one of the Decision, from a hash over der. The country is the first C of the subject. The usage comes from
// the extended key usage, of which only the DCC's own purposes count: without any of them, as without the extension, the
// DSC may sign every kind. The key must be P-256 or RSA of 2048 to 4096 bits; the error names any other.
//
// Key usage bits, the CA flag and the signature on the certificate are not judged: genuine issuers break the profile in
// all three, and what vouches for a DSC is the list or the directory that it came from.
func ParseCertificate(der []byte) (verify.DSC, error) {
	if len(der) > MaxCertificateSize {
		return verify.DSC{}, fmt.Errorf("certificate of %d bytes (%d are allowed)", len(der), MaxCertificateSize)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil || cert.PublicKey == nil {
		// Refused by x509, or of a key algorithm that it does not know, which does not mean that the key is unusable.
		return readCertificate(der)
	}
	return fromX509(cert)
}

// fromX509 reduces a certificate that x509 could read.
func fromX509(cert *x509.Certificate) (verify.DSC, error) {
	key, err := keyFromX509(cert)
	if err != nil {
		return verify.DSC{}, err
	}
	d := verify.DSC{
		KID:       KIDOf(cert.Raw),
		NotBefore: cert.NotBefore.UTC(),
		NotAfter:  cert.NotAfter.UTC(),
		Key:       key,
	}
	if len(cert.Subject.Country) > 0 {
		d.Country = CountryCode(cert.Subject.Country[0])
	}
	for _, oid := range cert.UnknownExtKeyUsage { // x509 knows none of the DCC's
		d.Usage |= dccUsage[oid.String()]
	}
	return d, nil
}

func keyFromX509(cert *x509.Certificate) (verify.PublicKey, error) {
	switch k := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return verify.PublicKey{}, unusableKey(k.Curve.Params().Name)
		}
		point, err := k.Bytes()
		if err != nil {
			return verify.PublicKey{}, err
		}
		return verify.NewES256(point)
	case *rsa.PublicKey:
		return verify.NewPS256(k.N.Bytes(), big.NewInt(int64(k.E)))
	}
	return verify.PublicKey{}, unusableKey(cert.PublicKeyAlgorithm.String())
}

// unusableKey names a key that cannot sign passes.
func unusableKey(name string) error {
	return fmt.Errorf("%s key (P-256 and RSA are allowed)", name)
}

// KIDOf is the kid of a certificate (Decision (EU) 2021/1073 Annex I §3.3.3).
func KIDOf(der []byte) verify.KID {
	h := sha256.Sum256(der)
	return verify.KID(h[:len(verify.KID{})])
}

// dccUsage has the extended key usages of the DCC (certificate profile §5). Both arcs are live: the one with the extra 0
// was a mistake that many issuers made.
var dccUsage = map[string]verify.Usage{
	"1.3.6.1.4.1.1847.2021.1.1":   verify.SignsTest,
	"1.3.6.1.4.1.1847.2021.1.2":   verify.SignsVaccination,
	"1.3.6.1.4.1.1847.2021.1.3":   verify.SignsRecovery,
	"1.3.6.1.4.1.0.1847.2021.1.1": verify.SignsTest,
	"1.3.6.1.4.1.0.1847.2021.1.2": verify.SignsVaccination,
	"1.3.6.1.4.1.0.1847.2021.1.3": verify.SignsRecovery,
}

// UsageOf is the usage that an extended key usage of the DCC allows, zero for any other.
func UsageOf(oid string) verify.Usage { return dccUsage[oid] }

// CountryCode is c in capitals and without surrounding space, or empty if that is not two letters (ISO 3166-1 alpha-2).
// Only ASCII is folded: Unicode has letters outside of it whose capital is inside.
func CountryCode(c string) string {
	c = strings.Trim(c, " \t\r\n")
	if len(c) != 2 {
		return ""
	}
	code := []byte(c)
	for i, b := range code {
		if 'a' <= b && b <= 'z' {
			code[i] = b - 'a' + 'A'
		} else if b < 'A' || b > 'Z' {
			return ""
		}
	}
	return string(code)
}

// MaxCertificateText bounds a certificate in base64, with room for line ends, in bytes.
const MaxCertificateText = MaxCertificateSize * 3 / 2
