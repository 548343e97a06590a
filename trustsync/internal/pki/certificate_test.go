package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

func TestParseCertificatePool(t *testing.T) {
	usages, keys, refused := map[verify.Usage]int{}, map[verify.Alg]int{}, 0
	for _, p := range sourcetest.Pool(t) {
		d, err := ParseCertificate(p.DER)
		if want, ok := sourcetest.Unusable[p.KID]; ok {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s: error %v, want %q", p.Country, p.KID, err, want)
			}
			refused++
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", p.Country, p.KID, err)
			continue
		}
		if d.KID.String() != p.KID || d.Country != p.Country {
			t.Errorf("%s %s: kid %s, country %q", p.Country, p.KID, d.KID, d.Country)
		}
		usages[d.Usage]++
		keys[d.Key.Alg()]++
	}
	if refused != len(sourcetest.Unusable) {
		t.Errorf("%d certificates refused, want %d", refused, len(sourcetest.Unusable))
	}
	const v, r, te = verify.SignsVaccination, verify.SignsRecovery, verify.SignsTest
	if want := map[verify.Usage]int{0: 965, v | r | te: 273, v: 240, r: 190, te: 117, v | te: 4}; !maps.Equal(usages, want) {
		t.Errorf("usages %v, want %v", usages, want)
	}
	if want := map[verify.Alg]int{verify.ES256: 1572, verify.PS256: 217}; !maps.Equal(keys, want) {
		t.Errorf("keys %v, want %v", keys, want)
	}
}

// TestParseCertificateDates has one certificate for each way to read one.
func TestParseCertificateDates(t *testing.T) {
	for _, test := range []struct {
		kid                 string
		notBefore, notAfter string // by OpenSSL
		usage               verify.Usage
	}{
		{"6b5b2682e66901ee", "2021-11-09T17:28:01Z", "2023-11-09T17:28:01Z", 7 << verify.Vaccination}, // AD
		{"0f7cbf59c0b4fc2c", "2023-10-01T10:38:59Z", "2024-04-01T10:38:59Z", verify.SignsVaccination}, // LB, as all seven below
		{"108b9d1001c1cdd1", "2023-06-30T21:05:01Z", "2023-12-31T22:05:01Z", verify.SignsVaccination},
		{"1b8288e7585e9155", "2023-02-28T22:05:25Z", "2023-08-31T21:05:25Z", verify.SignsVaccination},
		{"1e7b922de8c9986a", "2023-09-01T10:39:00Z", "2024-03-01T11:39:00Z", verify.SignsVaccination},
		{"5f1a97a0f5b2f92b", "2022-12-31T22:05:02Z", "2023-06-30T21:05:02Z", verify.SignsVaccination},
		{"72d9ef8e77d830fd", "2023-06-01T10:39:00Z", "2023-12-01T11:39:00Z", verify.SignsVaccination},
		{"e6e9097288e7638b", "2022-11-30T22:05:14Z", "2023-05-31T21:05:14Z", verify.SignsVaccination},
		{"e7b13bdfdb8976cb", "2023-11-01T11:39:00Z", "2024-05-01T10:39:00Z", verify.SignsVaccination},
		{"ca74a37bf8b4b5a7", "2020-08-21T06:09:23Z", "2033-11-23T06:09:23Z", 0}, // EE
	} {
		d, err := ParseCertificate(sourcetest.FromPool(t, test.kid))
		if err != nil {
			t.Errorf("%s: %v", test.kid, err)
			continue
		}
		if got := d.NotBefore.Format(time.RFC3339); got != test.notBefore {
			t.Errorf("%s: not before %s, want %s", test.kid, got, test.notBefore)
		}
		if got := d.NotAfter.Format(time.RFC3339); got != test.notAfter {
			t.Errorf("%s: not after %s, want %s", test.kid, got, test.notAfter)
		}
		if d.Usage != test.usage {
			t.Errorf("%s: usage %b, want %b", test.kid, d.Usage, test.usage)
		}
	}
}

// issue makes a certificate for a key with what the template says.
func issue(t testing.TB, public any, template x509.Certificate) []byte {
	t.Helper()
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Unix(1600000000, 0), time.Unix(1700000000, 0)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, issuer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// rsaKey is an RSA key whose modulus has that many bits and unknown factors, if it has any.
func rsaKey(bits, e int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: e}
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PublicKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &k.PublicKey
}

func TestParseCertificateKeys(t *testing.T) {
	for name, test := range map[string]struct {
		key  any
		want string // empty: usable
	}{
		"P-256":        {ecKey(t, elliptic.P256()), ""},
		"P-224":        {ecKey(t, elliptic.P224()), "P-224 key"},
		"P-384":        {ecKey(t, elliptic.P384()), "P-384 key"},
		"P-521":        {ecKey(t, elliptic.P521()), "P-521 key"},
		"Ed25519":      {ed25519.PublicKey(make([]byte, 32)), "Ed25519 key"},
		"RSA 1024":     {rsaKey(1024, 65537), "RSA key of 1024 bits"},
		"RSA 2047":     {rsaKey(2047, 65537), "RSA key of 2047 bits"},
		"RSA 2048":     {rsaKey(2048, 65537), ""},
		"RSA 4096":     {rsaKey(4096, 65537), ""},
		"RSA 4097":     {rsaKey(4097, 65537), "RSA key of 4097 bits"},
		"RSA e=1":      {rsaKey(2048, 1), "exponent"},
		"RSA e=3":      {rsaKey(2048, 3), "exponent"},
		"RSA e=65538":  {rsaKey(2048, 65538), "exponent"},
		"RSA e=2^31-1": {rsaKey(2048, 1<<31-1), ""},
		"RSA even":     {&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}, "modulus"},
	} {
		der := issue(t, test.key, x509.Certificate{})
		_, err := ParseCertificate(der)
		sourcetest.CheckError(t, name, err, test.want)
		_, err = readCertificate(der)
		sourcetest.CheckError(t, name+" by the second reader", err, test.want)
	}
}

func TestParseCertificateUsage(t *testing.T) {
	oid := func(arc int, last ...int) []asn1.ObjectIdentifier { // 0: the right arc, 1: the one with the extra 0
		var oids []asn1.ObjectIdentifier
		for _, n := range last {
			root := [][]int{{1, 3, 6, 1, 4, 1, 1847, 2021, 1}, {1, 3, 6, 1, 4, 1, 0, 1847, 2021, 1}}[arc]
			oids = append(oids, append(append(asn1.ObjectIdentifier{}, root...), n))
		}
		return oids
	}
	key := ecKey(t, elliptic.P256())
	for name, test := range map[string]struct {
		template x509.Certificate
		want     verify.Usage
	}{
		"none":           {x509.Certificate{}, 0},
		"others":         {x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageAny}}, 0},
		"not one of six": {x509.Certificate{UnknownExtKeyUsage: append(oid(0, 0, 4), oid(1, 4, 23)...)}, 0},
		"t":              {x509.Certificate{UnknownExtKeyUsage: oid(0, 1)}, verify.SignsTest},
		"v":              {x509.Certificate{UnknownExtKeyUsage: oid(0, 2)}, verify.SignsVaccination},
		"r":              {x509.Certificate{UnknownExtKeyUsage: oid(0, 3)}, verify.SignsRecovery},
		"t, other arc":   {x509.Certificate{UnknownExtKeyUsage: oid(1, 1)}, verify.SignsTest},
		"v, other arc":   {x509.Certificate{UnknownExtKeyUsage: oid(1, 2)}, verify.SignsVaccination},
		"r, other arc":   {x509.Certificate{UnknownExtKeyUsage: oid(1, 3)}, verify.SignsRecovery},
		"v and others": {
			x509.Certificate{UnknownExtKeyUsage: oid(0, 4, 2), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
			verify.SignsVaccination,
		},
		"v and t of two arcs": {
			x509.Certificate{UnknownExtKeyUsage: append(oid(0, 1), oid(1, 2)...)}, verify.SignsVaccination | verify.SignsTest,
		},
		// quirks of genuine issuers, which are not judged
		"CA, no digital signature": {x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, 0},
	} {
		der := issue(t, key, test.template)
		for reader, read := range map[string]func([]byte) (verify.DSC, error){"x509": ParseCertificate, "second": readCertificate} {
			if d, err := read(der); err != nil || d.Usage != test.want {
				t.Errorf("%s, %s: usage %b, error %v, want %b", name, reader, d.Usage, err, test.want)
			}
		}
	}
}

func TestParseCertificateCountry(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	for _, test := range []struct {
		c    []string
		want string
	}{
		{nil, ""},
		{[]string{"FR"}, "FR"},
		{[]string{" fr "}, "FR"},
		{[]string{"fR\n"}, "FR"},
		{[]string{""}, ""},
		{[]string{"F"}, ""},
		{[]string{"FRA"}, ""},
		{[]string{"F1"}, ""},
		{[]string{"é"}, ""},  // two bytes
		{[]string{"ıſ"}, ""}, // IS, to strings.ToUpper
		{[]string{"FR", "DE"}, "FR"},
		{[]string{"France", "FR"}, ""}, // the first speaks
	} {
		var subject pkix.Name
		subject.CommonName = "DSC"
		for _, c := range test.c { // in this order, which Country would not keep
			subject.ExtraNames = append(subject.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: c})
		}
		der := issue(t, key, x509.Certificate{Subject: subject})
		for reader, read := range map[string]func([]byte) (verify.DSC, error){"x509": ParseCertificate, "second": readCertificate} {
			if d, err := read(der); err != nil || d.Country != test.want {
				t.Errorf("%q, %s: country %q, error %v, want %q", test.c, reader, d.Country, err, test.want)
			}
		}
	}
}

func TestParseCertificateOffCurve(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	der := issue(t, key, x509.Certificate{})
	point, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(der, point)
	if at < 0 {
		t.Fatal("no point in the certificate")
	}
	der[at+64] ^= 1
	_, err = ParseCertificate(der)
	sourcetest.CheckError(t, "off the curve", err, "not a point on P-256")
	der[at+64] ^= 1
	der[at] = 2 + point[64]&1 // as a compressed point it is the right length no more
	_, err = ParseCertificate(der)
	sourcetest.CheckError(t, "wrong form", err, "not an uncompressed P-256 point")
}

// TestParseCertificateCut wants no certificate to load that lacks its end or has something behind it.
func TestParseCertificateCut(t *testing.T) {
	for _, kid := range []string{
		"6b5b2682e66901ee", // AD: x509, P-256
		"0f7cbf59c0b4fc2c", // LB: second reader, P-256
		"ca74a37bf8b4b5a7", // EE: second reader, RSA
		"361d60ba426322de", // FJ: second reader, explicit parameters
	} {
		der := sourcetest.FromPool(t, kid)
		for n := range der {
			if _, err := ParseCertificate(der[:n]); err == nil {
				t.Errorf("%s: loads when cut after %d of %d bytes", kid, n, len(der))
			}
			if _, err := readCertificate(der[:n]); err == nil {
				t.Errorf("%s: loads by the second reader when cut after %d of %d bytes", kid, n, len(der))
			}
		}
		for _, tail := range []string{"\x00", "\n", "\x05\x00", string(der)} {
			if _, err := ParseCertificate(append(der[:len(der):len(der)], tail...)); !errors.Is(err, ErrTrailingData) {
				t.Errorf("%s: error %v for tail %.10q, want %v", kid, err, tail, ErrTrailingData)
			}
		}
	}
}

func TestParseCertificateTooLarge(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	padded := func(size int) []byte {
		return issue(t, key, x509.Certificate{ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, size)}}})
	}
	if _, err := ParseCertificate(padded(63 << 10)); err != nil {
		t.Errorf("63 KiB: %v", err)
	}
	_, err := ParseCertificate(padded(64 << 10))
	sourcetest.CheckError(t, "over 64 KiB", err, "65536 are allowed")
	for _, der := range [][]byte{nil, {}, {0x30}, {0x30, 0}, []byte("hello"), bytes.Repeat([]byte{0x30, 0x80}, 1000)} {
		if _, err := ParseCertificate(der); err == nil {
			t.Errorf("%.10x loads", der)
		}
	}
}
