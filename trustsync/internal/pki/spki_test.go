package pki

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"testing"

	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// Parameters of P-256 in full, by openssl ecparam -name prime256v1 -param_enc explicit -outform DER, split into fields.
const (
	p256Head       = "020101302c06072a8648ce3d0101022100ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
	p256AB         = "0420ffffffff00000001000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"
	p256SeedDER    = "031500c49d360886e704936a6678e1139d26b7819f7e90"
	p256Base       = "0441046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
	p256Compressed = "0421036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
	p256Order      = "022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
	p256Cofactor   = "020101"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// explicit makes EC parameters of fields in hex; a and b and the seed share one.
func explicit(t testing.TB, head, curve, base, order, cofactor string) []byte {
	t.Helper()
	return sourcetest.Element(0x30, unhex(t, head), sourcetest.Element(0x30, unhex(t, curve)), unhex(t, base), unhex(t, order), unhex(t, cofactor))
}

func TestExplicitP256(t *testing.T) {
	// One form is checked against OpenSSL's output as a whole, so that the split above is right.
	const whole = "3081f7020101302c06072a8648ce3d0101022100ffffffff00000001000000000000000000000000ffffffffffffffffffffffff305b0420ffffffff00000001000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101"
	if got := explicit(t, p256Head, p256AB+p256SeedDER, p256Base, p256Order, p256Cofactor); hex.EncodeToString(got) != whole {
		t.Fatalf("put together: %x", got)
	}
	want, err := verify.NewES256(p256Generator())
	if err != nil {
		t.Fatal(err)
	}
	for _, curve := range []string{p256AB, p256AB + p256SeedDER} {
		for _, base := range []string{p256Base, p256Compressed} {
			for _, cofactor := range []string{"", p256Cofactor} {
				parts := goodParts()
				parts.spki = ecSPKI(explicit(t, p256Head, curve, base, p256Order, cofactor), p256Generator())
				d, err := ParseCertificate(parts.der())
				if err != nil || !sourcetest.SameDSC(d, verify.DSC{
					KID: d.KID, Country: d.Country, NotBefore: d.NotBefore, NotAfter: d.NotAfter, Usage: d.Usage, Key: want,
				}) {
					t.Errorf("curve %.8s, base %.8s, cofactor %q: %+v, error %v", curve, base, cofactor, d, err)
				}
			}
		}
	}
}

// TestExplicitNotP256 has curves that are not quite P-256 (CVE-2020-0601): no one bit of the parameters may differ, and
// no field.
func TestExplicitNotP256(t *testing.T) {
	refuse := func(name string, parameters []byte) {
		t.Helper()
		parts := goodParts()
		parts.spki = ecSPKI(parameters, p256Generator())
		if d, err := ParseCertificate(parts.der()); err == nil {
			t.Errorf("%s: loads as %+v", name, d)
		}
	}
	good := explicit(t, p256Head, p256AB+p256SeedDER, p256Base, p256Order, p256Cofactor)
	for bit := range 8 * len(good) {
		bad := slices.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		refuse("bit "+big.NewInt(int64(bit)).String(), bad)
	}
	other := strings.Replace
	for name, parameters := range map[string][]byte{
		"negated generator": explicit(t, p256Head, p256AB, other(p256Compressed, "042103", "042102", 1), p256Order, p256Cofactor),
		"version 2":         explicit(t, other(p256Head, "020101", "020102", 1), p256AB, p256Base, p256Order, p256Cofactor),
		"prime":             explicit(t, p256Head[:len(p256Head)-2]+"fd", p256AB, p256Base, p256Order, p256Cofactor),
		"a":                 explicit(t, p256Head, other(p256AB, "fffffffc", "fffffffb", 1), p256Base, p256Order, p256Cofactor),
		"b":                 explicit(t, p256Head, p256AB[:len(p256AB)-1]+"a", p256Base, p256Order, p256Cofactor),
		"seed":              explicit(t, p256Head, p256AB+p256SeedDER[:len(p256SeedDER)-1]+"1", p256Base, p256Order, p256Cofactor),
		"order":             explicit(t, p256Head, p256AB, p256Base, p256Order[:len(p256Order)-1]+"3", p256Cofactor),
		"cofactor":          explicit(t, p256Head, p256AB, p256Base, p256Order, "020102"),
		"no order":          explicit(t, p256Head, p256AB, p256Base, "", ""),
		"hash":              explicit(t, p256Head, p256AB, p256Base, p256Order, p256Cofactor+"300b0609608648016503040201"),
		"nothing":           sourcetest.Element(0x30),
		"implicit":          asn1.NullBytes,
		"none":              nil,
	} {
		refuse(name, parameters)
	}

	// The attack: a genuine key as its own generator, for which the private key is 1. The key is good with the name of the curve.
	point, err := ecKey(t, elliptic.P256()).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	parts := goodParts()
	for _, base := range []string{"0441" + hex.EncodeToString(point), p256Base, ""} {
		parameters := oidP256DER
		if base != "" {
			parameters = explicit(t, p256Head, p256AB, base, p256Order, p256Cofactor)
		}
		parts.spki = ecSPKI(parameters, point)
		if _, err := ParseCertificate(parts.der()); (err == nil) != (base == "" || base == p256Base) {
			t.Errorf("generator %q: error %v", base, err)
		}
	}
}

func TestReadPublicKey(t *testing.T) {
	rsaOID := unhex(t, "06092a864886f70d010101")
	pssOID := unhex(t, "06092a864886f70d01010a")
	modulus := func(bits uint) []byte {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return sourcetest.Element(2, []byte{0}, n.SetBit(n, 0, 1).Bytes())
	}
	e := unhex(t, "0203010001")
	key := func(parts ...[]byte) []byte {
		return sourcetest.Element(3, []byte{0}, sourcetest.Element(0x30, parts...))
	}
	good := key(modulus(2048), e)
	spki := func(oid, parameters, key []byte) []byte {
		return sourcetest.Element(0x30, sourcetest.Element(0x30, oid, parameters), key)
	}
	// Parameters of RSASSA-PSS by openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_pss_keygen_{md,mgf1_md,saltlen}.
	const sha256, mgf1, salt32 = "a00f300d06096086480165030402010500", "a11c301a06092a864886f70d010108300d06096086480165030402010500", "a203020120"
	pss := func(fields ...string) []byte { return sourcetest.Element(0x30, unhex(t, strings.Join(fields, ""))) }

	for name, test := range map[string]struct {
		spki []byte
		want string
	}{
		"RSA":                       {spki(rsaOID, asn1.NullBytes, good), ""},
		"RSA without NULL":          {spki(rsaOID, nil, good), ""},
		"RSA with parameters":       {spki(rsaOID, e, good), "RSA key with parameters"},
		"RSA 1024":                  {spki(rsaOID, nil, key(modulus(1024), e)), "RSA key of 1024 bits"},
		"RSA e of 64 bits":          {spki(rsaOID, nil, key(modulus(2048), unhex(t, "0209010000000000000001"))), "exponent"},
		"RSA e negative":            {spki(rsaOID, nil, key(modulus(2048), unhex(t, "0203ff0001"))), "exponent"},
		"RSA n negative":            {spki(rsaOID, nil, key(sourcetest.Element(2, bytes.Repeat([]byte{0x81}, 256)), e)), "modulus is not positive"},
		"RSA n padded":              {spki(rsaOID, nil, key(sourcetest.Element(2, []byte{0, 0}, bytes.Repeat([]byte{0x81}, 256)), e)), "modulus: malformed"},
		"RSA without e":             {spki(rsaOID, nil, key(modulus(2048))), "RSA key: malformed"},
		"after RSA e":               {spki(rsaOID, nil, key(modulus(2048), e, asn1.NullBytes)), "trailing data"},
		"after the RSA key":         {spki(rsaOID, nil, sourcetest.Element(3, []byte{0}, sourcetest.Element(0x30, modulus(2048), e), asn1.NullBytes)), "trailing data"},
		"RSA no key":                {spki(rsaOID, nil, sourcetest.Element(3, []byte{0})), "malformed"},
		"RSASSA-PSS":                {spki(pssOID, nil, good), ""},
		"RSASSA-PSS as PS256":       {spki(pssOID, pss(sha256, mgf1, salt32), good), ""},
		"RSASSA-PSS any salt":       {spki(pssOID, pss(sha256, mgf1, "a203020100"), good), ""},
		"RSASSA-PSS salt too long":  {spki(pssOID, pss(sha256, mgf1, "a203020121"), good), "another hash or salt"},
		"RSASSA-PSS negative salt":  {spki(pssOID, pss(sha256, mgf1, "a2030201ff"), good), "another hash or salt"},
		"RSASSA-PSS SHA-1":          {spki(pssOID, pss(), good), "another hash or salt"},
		"RSASSA-PSS SHA-512":        {spki(pssOID, pss(strings.Replace(sha256, "040201", "040203", 1), mgf1, salt32), good), "another hash or salt"},
		"RSASSA-PSS MGF1-SHA-512":   {spki(pssOID, pss(sha256, strings.Replace(mgf1, "040201", "040203", 1), salt32), good), "another hash or salt"},
		"RSASSA-PSS other mask":     {spki(pssOID, pss(sha256, strings.Replace(mgf1, "010108", "010109", 1), salt32), good), "another hash or salt"},
		"RSASSA-PSS other trailer":  {spki(pssOID, pss(sha256, mgf1, salt32, "a303020102"), good), "another hash or salt"},
		"RSASSA-PSS no parameters":  {spki(pssOID, asn1.NullBytes, good), "RSASSA-PSS parameters"},
		"RSASSA-PSS 1024":           {spki(pssOID, nil, key(modulus(1024), e)), "RSA key of 1024 bits"},
		"EC":                        {ecSPKI(oidP256DER, p256Generator()), ""},
		"EC compressed":             {ecSPKI(oidP256DER, append([]byte{3}, p256Generator()[1:33]...)), "not an uncompressed P-256 point"},
		"EC infinity":               {ecSPKI(oidP256DER, []byte{0}), "not an uncompressed P-256 point"},
		"EC off the curve":          {ecSPKI(oidP256DER, append([]byte{4}, make([]byte, 64)...)), "not a point on P-256"},
		"EC P-384":                  {ecSPKI(unhex(t, "06052b81040022"), p256Generator()), "P-384 key"},
		"EC secp256k1":              {ecSPKI(unhex(t, "06052b8104000a"), p256Generator()), "secp256k1 key"},
		"EC unheard of":             {ecSPKI(unhex(t, "06022a03"), p256Generator()), "1.2.3 key"},
		"EC implicit":               {ecSPKI(asn1.NullBytes, p256Generator()), "without a named curve"},
		"EC without curve":          {ecSPKI(nil, p256Generator()), "EC parameters"},
		"Ed448":                     {spki(unhex(t, "06032b6571"), nil, good), "Ed448 key"},
		"unheard of":                {spki(unhex(t, "06022a03"), nil, good), "1.2.3 key"},
		"long OID":                  {spki(sourcetest.Element(6, bytes.Repeat([]byte{0x87}, 200), []byte{1}), nil, good), "(overlong) key"},
		"no OID":                    {spki(asn1.NullBytes, nil, good), "malformed object identifier"},
		"no bit string":             {spki(rsaOID, nil, asn1.NullBytes), "public key: malformed"},
		"after the algorithm":       {spki(rsaOID, append([]byte{5, 0}, 5, 0), good), "trailing data"},
		"not even an algorithm":     {sourcetest.Element(0x30, asn1.NullBytes, good), "malformed"},
		"nothing":                   {sourcetest.Element(0x30), "malformed"},
		"bits that are not a whole": {sourcetest.Element(0x30, sourcetest.Element(0x30, rsaOID), sourcetest.Element(3, []byte{9, 1})), "malformed"},
	} {
		parts := goodParts()
		parts.spki = test.spki
		_, err := readCertificate(parts.der())
		sourcetest.CheckError(t, name, err, test.want)
		_, err = ParseCertificate(parts.der())
		if (err == nil) != (test.want == "") && !strings.HasPrefix(name, "after") { // x509 does not look there
			t.Errorf("%s: ParseCertificate: error %v, want %q", name, err, test.want)
		}
	}
}
