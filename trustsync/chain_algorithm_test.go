package trustsync

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
)

func TestSignedAlgorithms(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dsc := chainECKey(t, elliptic.P256())
	tests := []struct {
		algorithm x509.SignatureAlgorithm
		key       crypto.Signer
		want      error
	}{
		{x509.ECDSAWithSHA256, chainECKey(t, elliptic.P256()), nil},
		{x509.ECDSAWithSHA384, chainECKey(t, elliptic.P384()), nil},
		{x509.ECDSAWithSHA512, chainECKey(t, elliptic.P521()), nil},
		{x509.ECDSAWithSHA512, chainECKey(t, elliptic.P256()), nil},
		{x509.SHA256WithRSA, rsaKey, nil},
		{x509.SHA384WithRSA, rsaKey, nil},
		{x509.SHA512WithRSA, rsaKey, nil},
		{x509.SHA256WithRSAPSS, rsaKey, nil},
		{x509.SHA384WithRSAPSS, rsaKey, nil},
		{x509.SHA512WithRSAPSS, rsaKey, nil},
		{x509.ECDSAWithSHA1, chainECKey(t, elliptic.P256()), errSHA1},
		{x509.SHA1WithRSA, rsaKey, errSHA1},
	}
	for _, tt := range tests {
		t.Run(tt.algorithm.String(), func(t *testing.T) {
			csca := authorities{}
			if err := csca.add(chainCert(t, chainCSCA, tt.key.Public(), chainName, tt.key)); err != nil {
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
			if err := csca.signed(leaf); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.want != nil {
				return
			}
			leaf[len(leaf)-1] ^= 1
			if err := csca.signed(leaf); !errors.Is(err, errNotByCSCA) {
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
	key := chainECKey(t, elliptic.P256())
	a := authorities{}
	if err := a.add(chainCert(t, chainCSCA, key.Public(), chainName, key)); err != nil {
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
	if err := a.signed(leaf); err != nil {
		t.Error(err)
	}
}
