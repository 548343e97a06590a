package pki

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"gatescan/trustsync/internal/sourcetest"
)

// All real CSCAs have the basic constraints of an authority: what has none need not be taken for one.
func TestSignedReal(t *testing.T) {
	all := Authorities{}
	seen := map[string]bool{}
	results := map[string]int{}
	pairs := sourcetest.RealChains(t)
	for _, pair := range pairs {
		if !seen[string(pair[1])] {
			seen[string(pair[1])] = true
			if err := all.Add(pair[1]); err != nil {
				t.Errorf("CSCA %v: %v", KIDOf(pair[1]), err)
			}
		}
	}
	unread := 0
	for _, pair := range pairs {
		one := Authorities{}
		if err := one.Add(pair[1]); err != nil {
			t.Fatal(err)
		}
		err := one.Verify(pair[0])
		if allErr := all.Verify(pair[0]); !errors.Is(allErr, err) {
			t.Errorf("%v: by its own CSCA: %v, by all: %v", KIDOf(pair[0]), err, allErr)
		}
		switch {
		case errors.Is(err, ErrSHA1):
			results["SHA-1"]++
		case err != nil:
			t.Errorf("%v: %v", KIDOf(pair[0]), err)
		default:
			results["signed"]++
		}
		// crypto/x509 says the same, where it reads both.
		leaf, leafErr := x509.ParseCertificate(pair[0])
		csca, cscaErr := x509.ParseCertificate(pair[1])
		if leafErr != nil || cscaErr != nil {
			unread++
			continue
		}
		if want := leaf.CheckSignatureFrom(csca); (want == nil) != (err == nil) {
			t.Errorf("%v: %v, crypto/x509: %v", KIDOf(pair[0]), err, want)
		}
		// A changed byte of what is signed.
		changed := bytes.Clone(pair[0])
		changed[bytes.Index(changed, leaf.RawSubjectPublicKeyInfo)+len(leaf.RawSubjectPublicKeyInfo)-1] ^= 1
		if one.Verify(changed) == nil {
			t.Errorf("%v: signed although its key was changed", KIDOf(pair[0]))
		}
	}
	t.Logf("438 DSCs, %d CSCAs: %v; crypto/x509 could not read %d pairs", len(seen), results, unread)
	if results["signed"] != 433 || results["SHA-1"] != 5 || len(seen) != 50 || unread != 6 {
		t.Errorf("%v of %d CSCAs, %d unread, want 433 and 5 of 50, 6 unread", results, len(seen), unread)
	}
}

// chainCert makes a certificate of that subject and issuer.
func chainCert(t testing.TB, change func(*x509.Certificate), public crypto.PublicKey, issuer pkix.Name, by crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{Country: []string{"FR"}, CommonName: "DSC"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0), // long over: dates are not judged
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, &x509.Certificate{Subject: issuer, SubjectKeyId: []byte{1}}, public, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

var chainName = pkix.Name{Country: []string{"FR"}, CommonName: "CSCA"}

func chainCSCA(c *x509.Certificate) {
	c.Subject, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = chainName, true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func TestSignedByWhom(t *testing.T) {
	key, other := sourcetest.ECKey(t, elliptic.P256()), sourcetest.ECKey(t, elliptic.P256())
	leaf := chainCert(t, nil, key.Public(), chainName, key)
	csca := chainCert(t, chainCSCA, key.Public(), chainName, key)
	sameName := chainCert(t, chainCSCA, other.Public(), chainName, other)
	otherName := chainCert(t, func(c *x509.Certificate) { chainCSCA(c); c.Subject.CommonName = "CSCA 2" }, key.Public(), chainName, key)
	longerName := chainCert(t, func(c *x509.Certificate) { chainCSCA(c); c.Subject.CommonName = "the CSCA" }, key.Public(), chainName, key)
	tests := []struct {
		name  string
		cscas [][]byte
		want  error
	}{
		{"its CSCA", [][]byte{csca}, nil},
		{"none", nil, ErrUnknownCSCA},
		{"another of the name", [][]byte{sameName}, ErrNotByCSCA},
		{"both of the name", [][]byte{sameName, csca}, nil},
		{"both, the other way round", [][]byte{csca, sameName}, nil},
		{"its key under another name", [][]byte{otherName}, ErrUnknownCSCA},
		{"its key under a name that contains it", [][]byte{longerName}, ErrUnknownCSCA},
	}
	for _, tt := range tests {
		a := Authorities{}
		for _, der := range tt.cscas {
			if err := a.Add(der); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Verify(leaf); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := Authorities(nil).Verify(leaf); err == nil {
		t.Error("signed by no authorities at all")
	}
}

func TestAuthorityRefused(t *testing.T) {
	key := sourcetest.ECKey(t, elliptic.P256())
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	make := func(change func(*x509.Certificate)) []byte {
		return chainCert(t, func(c *x509.Certificate) { chainCSCA(c); change(c) }, key.Public(), chainName, key)
	}
	csca := make(func(*x509.Certificate) {})
	tests := []struct {
		name string
		der  []byte
		want error // nil: any
	}{
		{"no CA", make(func(c *x509.Certificate) { c.IsCA = false }), ErrNotCSCA},
		{"no basic constraints", make(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = false, false }), ErrNotCSCA},
		{"may not sign certificates", make(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature }), ErrNotCSCA},
		{"version 1", sourcetest.FromPool(t, "308ee117438217c6"), ErrNotCSCA},
		{"a DSC", sourcetest.RealChains(t)[0][0], ErrNotCSCA},
		{"P-224", chainCert(t, chainCSCA, sourcetest.ECKey(t, elliptic.P224()).Public(), chainName, key), nil},
		{"RSA of 1024 bits", chainCert(t, chainCSCA, small.Public(), chainName, key), nil},
		{"empty", nil, nil},
		{"cut short", csca[:len(csca)-1], nil},
		{"with more behind it", append(bytes.Clone(csca), 0), ErrTrailingData},
		{"too large", append(bytes.Clone(csca), bytes.Repeat([]byte{0}, MaxCertificateSize)...), nil},
	}
	for _, tt := range tests {
		if err := (Authorities{}).Add(tt.der); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := (Authorities{}).Add(make(func(c *x509.Certificate) { c.KeyUsage = 0 })); err != nil {
		t.Errorf("without key usage: %v", err)
	}
}

// crypto/x509 and this package agree on which certificates are authorities, where both can read them.
func TestAuthorityPool(t *testing.T) {
	authorityCount, onlyHere := 0, 0
	for _, p := range sourcetest.Pool(t) {
		a, err := readAuthority(p.DER)
		cert, x509Err := x509.ParseCertificate(p.DER)
		switch {
		case x509Err != nil && err == nil:
			onlyHere++
		case x509Err == nil:
			may := cert.BasicConstraintsValid && cert.IsCA && (cert.KeyUsage == 0 || cert.KeyUsage&x509.KeyUsageCertSign != 0)
			if key, isRSA := cert.PublicKey.(*rsa.PublicKey); isRSA && key.N.BitLen() < minRSABits {
				may = false // as it should be, for XK's
			}
			if may != (err == nil) && cert.PublicKey != nil {
				t.Errorf("%s %s: %v, crypto/x509 says %v", p.Country, p.KID, err, may)
			}
			if err == nil && !bytes.Equal(a.name, cert.RawSubject) {
				t.Errorf("%s %s: another subject", p.Country, p.KID)
			}
		}
		if err == nil {
			authorityCount++
		}
	}
	t.Logf("%d authorities in the pool, of which crypto/x509 cannot read %d", authorityCount, onlyHere)
	if authorityCount == 0 || onlyHere == 0 {
		t.Error("none")
	}
}

func TestParseAuthorities(t *testing.T) {
	key := sourcetest.ECKey(t, elliptic.P256())
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	csca := block("CERTIFICATE", chainCert(t, chainCSCA, key.Public(), chainName, key))
	if a, err := ParseAuthorities(slices.Concat(csca, csca)); err != nil || len(a) != 1 {
		t.Errorf("two of a name: %d names, %v", len(a), err)
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "no PEM": []byte("CSCA"), "a key": block("PUBLIC KEY", []byte{0x30, 0}),
		"a DSC":   slices.Concat(csca, block("CERTIFICATE", chainCert(t, nil, key.Public(), chainName, key))),
		"damaged": slices.Concat(csca, csca[:len(csca)/2]),
	} {
		if a, err := ParseAuthorities(data); err == nil || a != nil {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
}

func FuzzSigned(f *testing.F) {
	pairs := sourcetest.RealChains(f)
	a := Authorities{}
	for _, pair := range pairs[:40] {
		if err := a.Add(pair[1]); err != nil {
			f.Fatal(err)
		}
		f.Add(pair[0])
	}
	f.Add(sourcetest.FromPool(f, "308ee117438217c6"))
	genuine := map[string]bool{}
	for _, pair := range pairs {
		genuine[string(pair[0])] = true
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if a.Verify(der) == nil && !genuine[string(der)] {
			leaf, err := readIssued(der)
			if err != nil {
				t.Fatal(err)
			}
			for text := range genuine { // what is outside of the signed part may differ: only the padding of ECDSA does
				if g, err := readIssued([]byte(text)); err == nil && bytes.Equal(g.tbs, leaf.tbs) {
					return
				}
			}
			t.Fatal("signed although it is none of the genuine ones")
		}
		_, _ = readAuthority(der)
	})
}
