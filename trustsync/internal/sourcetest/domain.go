package sourcetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

func Domain(t testing.TB, n int) *lists.Domain {
	t.Helper()
	d, err := lists.NewDomain("XX", n)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func DomainOf(t testing.TB, country string, n int) *lists.Domain {
	t.Helper()
	d, err := lists.NewDomain(country, n)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func DomainKIDs(d *lists.Domain) (kids []string) {
	for _, dsc := range d.DSCs {
		kids = append(kids, verify.KID(CertKID(dsc.Raw)).String())
	}
	slices.Sort(kids)
	return kids
}

func KIDs(signers []source.Signer) (kids []string) {
	for _, s := range signers {
		kids = append(kids, s.KID.String())
	}
	slices.Sort(kids)
	return kids
}

// CertKID is the kid of a certificate as a slice.
func CertKID(der []byte) []byte {
	sum := sha256.Sum256(der) // Decision (EU) 2021/1073 Annex I §3.3.3
	return sum[:8]
}

// P384PEM is a bare key that signs no list but in a CMS.
func P384PEM(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func Base64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// DSCUnder is a DSC of a country, signed by an authority that need not be of that country.
func DSCUnder(t testing.TB, country string, csca lists.Credential) []byte {
	t.Helper()
	template := *DomainOf(t, country, 0).Signer.Cert
	template.SignatureAlgorithm, template.AuthorityKeyId = 0, nil
	der, err := x509.CreateCertificate(rand.Reader, &template, csca.Cert, template.PublicKey, csca.Key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// ExpiredCSCA is an authority of a country whose certificate ended years ago.
func ExpiredCSCA(t testing.TB, country string) lists.Credential {
	t.Helper()
	d := DomainOf(t, country, 0)
	template := *d.CSCA.Cert
	template.SignatureAlgorithm = 0
	template.NotAfter = template.NotBefore.AddDate(0, 0, 1)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, d.CSCA.Key.Public(), d.CSCA.Key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return lists.Credential{Cert: cert, Key: d.CSCA.Key}
}

var Signed = time.Date(2027, time.March, 1, 12, 0, 0, 0, time.UTC)

var Now = Signed.Add(time.Hour)

var Expires = Signed.Add(24 * time.Hour)

func ECKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// RealChains returns the certificates of the real list: each DSC with the CSCA beside it.
func RealChains(t testing.TB) (pairs [][2][]byte) {
	t.Helper()
	var document struct {
		Methods []struct {
			Key struct {
				X5C [2][]byte `json:"x5c"`
			} `json:"publicKeyJwk"`
		} `json:"verificationMethod"`
	}
	if err := json.Unmarshal(WHODocument(t, "dcc-all-dsc"), &document); err != nil {
		t.Fatal(err)
	}
	for _, m := range document.Methods {
		pairs = append(pairs, m.Key.X5C)
	}
	if len(pairs) != 438 {
		t.Fatalf("%d entries, want 438", len(pairs))
	}
	return pairs
}

func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
