package pki

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"testing"
	"time"

	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// TestSecondReaderAgrees has x509 as the oracle for the second reader, over all of the pool that x509 can read.
func TestSecondReaderAgrees(t *testing.T) {
	both, neither := 0, 0
	for _, p := range sourcetest.Pool(t) {
		cert, err := x509.ParseCertificate(p.DER)
		if (err == nil) != (p.X509 == "ok") {
			t.Errorf("%s %s: x509 says %v, said %s when the pool was made", p.Country, p.KID, err, p.X509)
		}
		if err != nil {
			continue
		}
		want, wantErr := fromX509(cert)
		got, gotErr := readCertificate(p.DER)
		switch {
		case wantErr != nil && gotErr != nil:
			neither++
			if wantErr.Error() != gotErr.Error() {
				t.Errorf("%s %s: x509: %v, second reader: %v", p.Country, p.KID, wantErr, gotErr)
			}
		case wantErr != nil || gotErr != nil || !sourcetest.SameDSC(want, got):
			t.Errorf("%s %s: x509: %+v, %v; second reader: %+v, %v", p.Country, p.KID, want, wantErr, got, gotErr)
		default:
			both++
		}
	}
	if both != 1780 || neither != 11 {
		t.Errorf("both read %d and refuse %d, want 1780 and 11", both, neither)
	}
}

// TestSameDSC makes sure that the comparison above can fail.
func TestSameDSC(t *testing.T) {
	read := func(kid string) verify.DSC {
		d, err := ParseCertificate(sourcetest.FromPool(t, kid))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a := read("6b5b2682e66901ee")
	for _, change := range []func(*verify.DSC){
		func(d *verify.DSC) { d.KID[7]++ },
		func(d *verify.DSC) { d.Country = "XX" },
		func(d *verify.DSC) { d.NotBefore = d.NotBefore.Add(1) },
		func(d *verify.DSC) { d.NotAfter = d.NotAfter.Add(1) },
		func(d *verify.DSC) { d.Usage ^= verify.SignsTest },
		func(d *verify.DSC) { d.Key = read("0f7cbf59c0b4fc2c").Key }, // another of P-256
		func(d *verify.DSC) { d.Key = read("ca74a37bf8b4b5a7").Key }, // RSA
		func(d *verify.DSC) { d.Key = verify.PublicKey{} },
	} {
		b := a
		change(&b)
		if sourcetest.SameDSC(a, b) || !sourcetest.SameDSC(a, a) {
			t.Errorf("%+v and %+v are the same", a, b)
		}
	}
}

// TestSecondReaderMended mends what x509 refuses in a certificate, and wants both readings to agree in all but the kid.
func TestSecondReaderMended(t *testing.T) {
	mended := 0
	for _, p := range sourcetest.Pool(t) {
		der := slices.Clone(p.DER)
		switch p.X509 {
		case "ok":
			continue
		case "x509: negative serial number":
			serial := der[bytes.Index(der, []byte{0xa0, 3, 2, 1, 2})+5:] // after the version
			if serial[0] != asn1.TagInteger || serial[2]&0x80 == 0 {
				t.Fatalf("%s: no negative serial number where it should be", p.KID)
			}
			serial[2] &= 0x7f
		case "x509: RSA key missing NULL parameters":
			oid := []byte{0x30, 11, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1}
			at := bytes.Index(der, oid)
			if at < 0 {
				t.Fatalf("%s: no rsaEncryption", p.KID)
			}
			der = slices.Insert(der, at+len(oid), asn1.NullBytes...)
			der[at+1] += 2
			spki := at - 4
			for _, header := range []int{0, 4, spki} { // Certificate, TBSCertificate, SubjectPublicKeyInfo
				if der[header] != 0x30 || der[header+1] != 0x82 || der[header+3] > 0xfd {
					t.Fatalf("%s: no SEQUENCE with a long length that can grow at %d", p.KID, header)
				}
				der[header+3] += 2
			}
		case "x509: invalid ECDSA parameters":
			continue // P-384
		default:
			t.Fatalf("%s: %s", p.KID, p.X509)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Errorf("%s %s: mended: %v", p.Country, p.KID, err)
			continue
		}
		want, err := fromX509(cert)
		if err != nil {
			t.Errorf("%s %s: mended: %v", p.Country, p.KID, err)
			continue
		}
		got, err := ParseCertificate(p.DER)
		want.KID = got.KID
		if err != nil || !sourcetest.SameDSC(want, got) {
			t.Errorf("%s %s: read %+v, %v; mended %+v", p.Country, p.KID, got, err, want)
		}
		mended++
	}
	if mended != 9 {
		t.Errorf("%d certificates mended, want 9", mended)
	}
}

// certificateParts are the elements of a certificate, each in DER.
type certificateParts struct {
	version, serial, algorithm, issuer, validity, subject, spki []byte
	optional                                                    []byte // unique identifiers, extensions
	after                                                       []byte // behind the signature
}

func (p certificateParts) der() []byte {
	tbs := sourcetest.Element(0x30, p.version, p.serial, p.algorithm, p.issuer, p.validity, p.subject, p.spki, p.optional)
	return sourcetest.Element(0x30, tbs, p.algorithm, sourcetest.Element(3, []byte{0, 1}), p.after)
}

var (
	oidCommonNameDER  = []byte{6, 3, 0x55, 4, 3}
	oidCountryDER     = []byte{6, 3, 0x55, 4, 6}
	oidExtKeyUsageDER = []byte{6, 3, 0x55, 0x1d, 0x25}
	oidVaccinationDER = []byte{6, 0x0b, 0x2b, 6, 1, 4, 1, 0x8e, 0x37, 0x8f, 0x65, 1, 2}
	oidECPublicKeyDER = []byte{6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1}
	oidP256DER        = []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}
)

// p256Generator is a point on the curve in uncompressed form.
func p256Generator() []byte {
	p := elliptic.P256().Params()
	return append(append([]byte{4}, p.Gx.FillBytes(make([]byte, 32))...), p.Gy.FillBytes(make([]byte, 32))...)
}

func ecSPKI(parameters, point []byte) []byte {
	return sourcetest.Element(0x30, sourcetest.Element(0x30, oidECPublicKeyDER, parameters), sourcetest.Element(3, []byte{0}, point))
}

// goodParts are those of a certificate of FR for vaccinations.
func goodParts() certificateParts {
	return certificateParts{
		version:   sourcetest.Element(0xa0, []byte{2, 1, 2}),
		serial:    []byte{2, 1, 1},
		algorithm: sourcetest.Element(0x30, []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}),
		issuer:    sourcetest.Element(0x30),
		validity:  sourcetest.Element(0x30, sourcetest.Element(23, []byte("210601000000Z")), sourcetest.Element(24, []byte("20510601000000Z"))),
		subject: sourcetest.Element(0x30, sourcetest.Element(0x31, sourcetest.Element(0x30, oidCommonNameDER, sourcetest.Element(12, []byte("DSC")))),
			sourcetest.Element(0x31, sourcetest.Element(0x30, oidCountryDER, sourcetest.Element(19, []byte("FR"))))),
		spki:     ecSPKI(oidP256DER, p256Generator()),
		optional: extensions(sourcetest.Element(0x30, oidExtKeyUsageDER, sourcetest.Element(4, sourcetest.Element(0x30, oidVaccinationDER)))),
	}
}

func extensions(list ...[]byte) []byte {
	return sourcetest.Element(0xa3, sourcetest.Element(0x30, list...))
}

func TestSecondReaderParts(t *testing.T) {
	good := goodParts()
	want := verify.DSC{
		Country: "FR", Usage: verify.SignsVaccination,
		NotBefore: time.Date(2021, 6, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2051, 6, 1, 0, 0, 0, 0, time.UTC),
	}
	var err error
	if want.Key, err = verify.NewES256(p256Generator()); err != nil {
		t.Fatal(err)
	}
	want.KID = KIDOf(good.der())
	for reader, read := range map[string]func([]byte) (verify.DSC, error){"x509": ParseCertificate, "second": readCertificate} {
		if d, err := read(good.der()); err != nil || !sourcetest.SameDSC(d, want) {
			t.Fatalf("%s: %+v, error %v, want %+v", reader, d, err, want)
		}
	}

	null := asn1.NullBytes
	eku := sourcetest.Element(0x30, oidExtKeyUsageDER, sourcetest.Element(4, sourcetest.Element(0x30, oidVaccinationDER)))
	utc := sourcetest.Element(23, []byte("210601000000Z"))
	for name, test := range map[string]struct {
		change func(*certificateParts)
		usage  verify.Usage // if it loads
		err    error        // if it does not
	}{
		"no version": {func(p *certificateParts) { p.version, p.optional = nil, nil }, 0, nil},
		"v1":         {func(p *certificateParts) { p.version, p.optional = sourcetest.Element(0xa0, []byte{2, 1, 0}), nil }, 0, nil},
		"v2, identifiers": {func(p *certificateParts) {
			p.version, p.optional = sourcetest.Element(0xa0, []byte{2, 1, 1}), []byte{0x81, 1, 0, 0x82, 1, 0}
		}, 0, nil},
		"v3, one identifier": {func(p *certificateParts) { p.optional = append([]byte{0x82, 1, 0}, p.optional...) }, verify.SignsVaccination, nil},
		"critical": {func(p *certificateParts) {
			p.optional = extensions(sourcetest.Element(0x30, oidExtKeyUsageDER, []byte{1, 1, 0xff}, sourcetest.Element(4, sourcetest.Element(0x30, oidVaccinationDER))))
		}, verify.SignsVaccination, nil},
		"no extension":    {func(p *certificateParts) { p.optional = extensions() }, 0, nil},
		"negative serial": {func(p *certificateParts) { p.serial = []byte{2, 1, 0x80} }, verify.SignsVaccination, nil},
		"long OID": {func(p *certificateParts) {
			p.optional = extensions(sourcetest.Element(0x30, sourcetest.Element(6, bytes.Repeat([]byte{0x87}, 200), []byte{1}), sourcetest.Element(4)), eku)
		}, verify.SignsVaccination, nil},
		"UUID as purpose": {func(p *certificateParts) {
			uuid := sourcetest.Element(6, []byte{0x69, 0x83, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
			p.optional = extensions(sourcetest.Element(0x30, oidExtKeyUsageDER, sourcetest.Element(4, sourcetest.Element(0x30, uuid, oidVaccinationDER))))
		}, verify.SignsVaccination, nil},

		"v4":                     {func(p *certificateParts) { p.version = sourcetest.Element(0xa0, []byte{2, 1, 3}) }, 0, ErrASN1},
		"v0":                     {func(p *certificateParts) { p.version = sourcetest.Element(0xa0, []byte{2, 1, 0xff}) }, 0, ErrASN1},
		"no serial":              {func(p *certificateParts) { p.serial = nil }, 0, ErrASN1},
		"serial of another type": {func(p *certificateParts) { p.serial = []byte{4, 1, 1} }, 0, ErrASN1},
		"no validity":            {func(p *certificateParts) { p.validity = nil }, 0, ErrASN1},
		"one time":               {func(p *certificateParts) { p.validity = sourcetest.Element(0x30, utc) }, 0, ErrASN1},
		"no time": {func(p *certificateParts) {
			p.validity = sourcetest.Element(0x30, utc, sourcetest.Element(23, []byte("991332000000Z")))
		}, 0, ErrASN1},
		"no subject":         {func(p *certificateParts) { p.subject = nil }, 0, ErrASN1},
		"subject of no sets": {func(p *certificateParts) { p.subject = sourcetest.Element(0x30, utc) }, 0, ErrASN1},
		"attribute without value": {func(p *certificateParts) {
			p.subject = sourcetest.Element(0x30, sourcetest.Element(0x31, sourcetest.Element(0x30, oidCountryDER)))
		}, 0, ErrASN1},
		"purposes of no OIDs": {func(p *certificateParts) {
			p.optional = extensions(sourcetest.Element(0x30, oidExtKeyUsageDER, sourcetest.Element(4, sourcetest.Element(0x30, utc))))
		}, 0, ErrASN1},
		"purpose cut short": {func(p *certificateParts) {
			p.optional = extensions(sourcetest.Element(0x30, oidExtKeyUsageDER, sourcetest.Element(4, sourcetest.Element(0x30, []byte{6, 2, 0x2a, 0x86}))))
		}, 0, ErrASN1},
		"extension without value": {func(p *certificateParts) { p.optional = extensions(sourcetest.Element(0x30, oidExtKeyUsageDER)) }, 0, ErrASN1},

		"after the version":       {func(p *certificateParts) { p.version = sourcetest.Element(0xa0, []byte{2, 1, 2}, null) }, 0, ErrASN1},
		"after the times":         {func(p *certificateParts) { p.validity = sourcetest.Element(0x30, utc, utc, null) }, 0, ErrTrailingData},
		"garbage after the times": {func(p *certificateParts) { p.validity = sourcetest.Element(0x30, utc, utc, []byte{0x30}) }, 0, ErrTrailingData},
		"after the country": {func(p *certificateParts) {
			p.subject = sourcetest.Element(0x30, sourcetest.Element(0x31, sourcetest.Element(0x30, oidCountryDER, sourcetest.Element(19, []byte("FR")), null)))
		}, 0, ErrTrailingData},
		"after the key": {func(p *certificateParts) {
			p.spki = sourcetest.Element(0x30, sourcetest.Element(0x30, oidECPublicKeyDER, oidP256DER), sourcetest.Element(3, []byte{0}, p256Generator()), null)
		}, 0, ErrTrailingData},
		"after the curve": {func(p *certificateParts) { p.spki = ecSPKI(append(oidP256DER, null...), p256Generator()) }, 0, ErrTrailingData},
		"after the purposes": {func(p *certificateParts) {
			p.optional = extensions(sourcetest.Element(0x30, oidExtKeyUsageDER, sourcetest.Element(4, sourcetest.Element(0x30), oidVaccinationDER)))
		}, 0, ErrTrailingData},
		"after an extension": {func(p *certificateParts) {
			p.optional = extensions(sourcetest.Element(0x30, oidExtKeyUsageDER, sourcetest.Element(4, sourcetest.Element(0x30)), null))
		}, 0, ErrTrailingData},
		"after the list":       {func(p *certificateParts) { p.optional = sourcetest.Element(0xa3, sourcetest.Element(0x30, eku), null) }, 0, ErrTrailingData},
		"after the extensions": {func(p *certificateParts) { p.optional = append(p.optional, null...) }, 0, ErrTrailingData},
		"after the signature":  {func(p *certificateParts) { p.after = null }, 0, ErrTrailingData},
		"extensions in v1":     {func(p *certificateParts) { p.version = nil }, 0, ErrTrailingData},
	} {
		parts := goodParts()
		test.change(&parts)
		d, err := readCertificate(parts.der())
		if !errors.Is(err, test.err) || d.Usage != test.usage && err == nil {
			t.Errorf("%s: usage %b, error %v, want %b, %v", name, d.Usage, err, test.usage, test.err)
		}
		if err == nil && (d.Country != "FR" || d.Key.Alg() != verify.ES256) {
			t.Errorf("%s: country %q, key %v", name, d.Country, d.Key.Alg())
		}
	}
	twice := goodParts()
	twice.optional = extensions(eku, eku)
	_, err = ParseCertificate(twice.der())
	sourcetest.CheckError(t, "usage twice", err, "two extended key usages")
}

// FuzzParseCertificate wants no panic, and both readers to agree wherever x509 can read: the second may refuse only what
// x509 does not look at.
func FuzzParseCertificate(f *testing.F) {
	seeds, odd := 0, 0
	for i, p := range sourcetest.Pool(f) {
		if p.X509 != "ok" {
			odd++
		} else if i%150 != 0 {
			continue
		}
		seeds++
		f.Add(p.DER)
	}
	if seeds < 20 || odd != 10 {
		f.Fatalf("%d seeds, %d of them refused by x509", seeds, odd)
	}
	f.Add(goodParts().der())
	f.Fuzz(func(t *testing.T, der []byte) {
		d, err := ParseCertificate(der)
		if err == nil && (d.Key.Alg() == verify.NoAlg || d.KID != KIDOf(der)) {
			t.Errorf("loaded with key %v, kid %v", d.Key.Alg(), d.KID)
		}
		second, secondErr := readCertificate(der)
		if err != nil {
			if cert, x509Err := x509.ParseCertificate(der); x509Err == nil && secondErr == nil && len(der) <= MaxCertificateSize {
				t.Errorf("x509 reads it (%v) and refuses the key: %v; the second reader does not", cert.Subject, err)
			}
			return
		}
		if secondErr != nil && !errors.Is(secondErr, ErrTrailingData) {
			t.Errorf("the second reader refuses it: %v", secondErr)
		}
		if secondErr == nil && !sourcetest.SameDSC(d, second) {
			t.Errorf("x509 reads %+v, the second reader %+v", d, second)
		}
	})
}
