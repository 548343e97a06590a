package pki

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"testing"

	"gatescan/trustsync/internal/sourcetest"
)

func TestSignedAlgorithms(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dsc := sourcetest.ECKey(t, elliptic.P256())
	tests := []struct {
		algorithm x509.SignatureAlgorithm
		key       crypto.Signer
		want      error
	}{
		{x509.ECDSAWithSHA256, sourcetest.ECKey(t, elliptic.P256()), nil},
		{x509.ECDSAWithSHA384, sourcetest.ECKey(t, elliptic.P384()), nil},
		{x509.ECDSAWithSHA512, sourcetest.ECKey(t, elliptic.P521()), nil},
		{x509.ECDSAWithSHA512, sourcetest.ECKey(t, elliptic.P256()), nil},
		{x509.SHA256WithRSA, rsaKey, nil},
		{x509.SHA384WithRSA, rsaKey, nil},
		{x509.SHA512WithRSA, rsaKey, nil},
		{x509.SHA256WithRSAPSS, rsaKey, nil},
		{x509.SHA384WithRSAPSS, rsaKey, nil},
		{x509.SHA512WithRSAPSS, rsaKey, nil},
		{x509.ECDSAWithSHA1, sourcetest.ECKey(t, elliptic.P256()), ErrSHA1},
		{x509.SHA1WithRSA, rsaKey, ErrSHA1},
	}
	for _, tt := range tests {
		t.Run(tt.algorithm.String(), func(t *testing.T) {
			csca := Authorities{}
			if err := csca.Add(chainCert(t, chainCSCA, tt.key.Public(), chainName, tt.key)); err != nil {
				t.Fatal(err)
			}
			signWith := tt.algorithm
			if tt.want != nil { // crypto/x509 makes none with SHA-1: its name is put in the place of another
				signWith = map[x509.SignatureAlgorithm]x509.SignatureAlgorithm{
					x509.ECDSAWithSHA1: x509.ECDSAWithSHA256, x509.SHA1WithRSA: x509.SHA256WithRSA,
				}[tt.algorithm]
			}
			leaf := chainCert(t, func(c *x509.Certificate) { c.SignatureAlgorithm = signWith }, dsc.Public(), chainName, tt.key)
			if tt.want != nil {
				leaf = chainWeaken(t, leaf)
			}
			if err := csca.Verify(leaf); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.want != nil {
				return
			}
			leaf[len(leaf)-1] ^= 1
			if err := csca.Verify(leaf); !errors.Is(err, ErrNotByCSCA) {
				t.Errorf("changed signature: %v", err)
			}
		})
	}
}

// chainWeaken names SHA-1 in both places where a certificate names its algorithm, and repairs the lengths.
func chainWeaken(t testing.TB, der []byte) []byte {
	t.Helper()
	var algorithm pkix.AlgorithmIdentifier
	var outer asn1.RawValue
	if err := unmarshal(der, &outer); err != nil {
		t.Fatal(err)
	}
	fields, err := sequence(outer, 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := unmarshal(fields[1].FullBytes, &algorithm); err != nil {
		t.Fatal(err)
	}
	algorithm.Algorithm = map[string]asn1.ObjectIdentifier{
		"1.2.840.10045.4.3.2": {1, 2, 840, 10045, 4, 1}, "1.2.840.113549.1.1.11": {1, 2, 840, 113549, 1, 1, 5},
	}[algorithm.Algorithm.String()]
	method, err := asn1.Marshal(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := elements(fields[0].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	for i, part := range parts {
		if i == 2 {
			body = append(body, method...)
			continue
		}
		body = append(body, part.FullBytes...)
	}
	return chainSequence(t, chainSequence(t, body), method, fields[2].FullBytes)
}

// chainSequence is a SEQUENCE of these.
func chainSequence(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(parts...)})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Leaves that crypto/x509 refuses are checked all the same: a negative serial number (LB) is not among the real pairs, so
// one is made.
func TestSignedNegativeSerial(t *testing.T) {
	key := sourcetest.ECKey(t, elliptic.P256())
	a := Authorities{}
	if err := a.Add(chainCert(t, chainCSCA, key.Public(), chainName, key)); err != nil {
		t.Fatal(err)
	}
	leaf := chainCert(t, nil, key.Public(), chainName, key)
	var outer asn1.RawValue
	if err := unmarshal(leaf, &outer); err != nil {
		t.Fatal(err)
	}
	fields, err := sequence(outer, 3, 3)
	if err != nil {
		t.Fatal(err)
	}
	tbs := bytes.Replace(fields[0].FullBytes, []byte{2, 1, 7}, []byte{2, 1, 0xf7}, 1)
	digest := crypto.SHA256.New()
	digest.Write(tbs)
	signature, err := key.Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	bits, err := asn1.Marshal(asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)})
	if err != nil {
		t.Fatal(err)
	}
	leaf = chainSequence(t, tbs, fields[1].FullBytes, bits)
	if _, err := x509.ParseCertificate(leaf); err == nil {
		t.Fatal("crypto/x509 reads it: this test tests nothing")
	}
	if err := a.Verify(leaf); err != nil {
		t.Error(err)
	}
}

// RSASSA-PSS is taken in the form that is checked, and in no other.
func TestPSSAlgorithm(t *testing.T) {
	sha1, sha256, sha512 := asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	mgf1 := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	tests := []struct {
		name               string
		hash, mask, inMask asn1.ObjectIdentifier // left out if nil
		salt, trailer      int
		want               x509.SignatureAlgorithm
		err                error // nil: any, if want is 0
	}{
		{"PS256", sha256, mgf1, sha256, 32, 1, x509.SHA256WithRSAPSS, nil},
		{"PS512", sha512, mgf1, sha512, 64, 1, x509.SHA512WithRSAPSS, nil},
		{"no hash", nil, mgf1, sha256, 32, 1, 0, ErrSHA1},
		{"SHA-1", sha1, mgf1, sha256, 32, 1, 0, ErrSHA1},
		{"no mask", sha256, nil, nil, 32, 1, 0, nil},
		{"another mask", sha256, sha256, sha256, 32, 1, 0, nil},
		{"mask with SHA-1", sha256, mgf1, sha1, 32, 1, 0, nil},
		{"mask with SHA-512", sha256, mgf1, sha512, 32, 1, 0, nil},
		{"shorter salt", sha256, mgf1, sha256, 20, 1, 0, nil},
		{"longer salt", sha256, mgf1, sha256, 64, 1, 0, nil},
		{"another trailer", sha256, mgf1, sha256, 32, 2, 0, nil},
	}
	marshal := func(v any) []byte {
		der, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	for _, tt := range tests {
		var body []byte
		tagged := func(tag int, der []byte) {
			body = append(body, marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: der})...)
		}
		if tt.hash != nil {
			tagged(0, marshal(pkix.AlgorithmIdentifier{Algorithm: tt.hash}))
		}
		if tt.mask != nil {
			inMask := marshal(pkix.AlgorithmIdentifier{Algorithm: tt.inMask})
			tagged(1, marshal(pkix.AlgorithmIdentifier{Algorithm: tt.mask, Parameters: asn1.RawValue{FullBytes: inMask}}))
		}
		tagged(2, marshal(tt.salt))
		tagged(3, marshal(tt.trailer))
		got, err := pssAlgorithm(chainSequence(t, body))
		if got != tt.want || (err == nil) != (tt.want != 0) || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, %v, want %v, %v", tt.name, got, err, tt.want, tt.err)
		}
	}
}

func TestIssuedAlgorithm(t *testing.T) {
	pss := chainOID(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10})
	if _, err := (&issued{method: chainSequence(t, pss)}).algorithm(); !errors.Is(err, ErrSHA1) {
		t.Errorf("RSASSA-PSS without parameters: %v", err)
	}
	for name, method := range map[string][]byte{
		"MD5":               chainSequence(t, chainOID(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4}), asn1.NullBytes),
		"no identifier":     chainSequence(t, asn1.NullBytes),
		"empty":             chainSequence(t),
		"ECDSA with a name": chainSequence(t, chainOID(t, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}), pss),
	} {
		if got, err := (&issued{method: method}).algorithm(); err == nil {
			t.Errorf("%s: taken for %v", name, got)
		}
	}

	// The algorithm that is signed must be the one that is used.
	key := sourcetest.ECKey(t, elliptic.P256())
	leaf := chainCert(t, nil, key.Public(), chainName, key)
	used := bytes.LastIndex(leaf, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2})
	leaf[used+7] = 3 // SHA-384
	if _, err := readIssued(leaf); err == nil {
		t.Error("a certificate with two signature algorithms is read")
	}
}

func chainOID(t testing.TB, oid asn1.ObjectIdentifier) []byte {
	t.Helper()
	der, err := asn1.Marshal(oid)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
