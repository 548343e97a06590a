package sweden

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/pki/pkitest"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// The example of the specification, made by the publisher's own implementation.
func TestSwedenOfTheSpecification(t *testing.T) {
	body, err := os.ReadFile(sourcetest.Repository(t) + "/trustsync/testdata/sweden-example.jws")
	if err != nil {
		t.Fatal(err)
	}
	j, err := pki.SplitJWS(body)
	if err != nil {
		t.Fatal(err)
	}
	var header struct {
		X5C [][]byte `json:"x5c"`
	}
	if err := json.Unmarshal(j.Header, &header); err != nil || len(header.X5C) != 1 {
		t.Fatal(err)
	}
	signer, err := x509.ParseCertificate(header.X5C[0])
	if err != nil {
		t.Fatal(err)
	}
	pinned := pki.Anchors{Certificates: []*x509.Certificate{signer}, Keys: []crypto.PublicKey{signer.PublicKey}}
	payload, issued, expires, err := openSweden(body, pinned, time.Time{})
	if err != nil || issued.Unix() != 1620030937 || expires.Unix() != 1620117337 {
		t.Fatalf("issued %v, expires %v, %v", issued, expires, err)
	}
	if _, _, _, err := openSweden(body, pkitest.Anchors(t, sourcetest.Domain(t, 0).Signer.PEM()), time.Time{}); !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("trusts the certificate that came along: %v", err)
	}
	signers, report, err := parseSweden(payload)
	if err != nil || len(signers) != 2 || report.Duplicates != 1 || len(report.Skipped) != 2 {
		t.Fatalf("%d signers, %+v, %v", len(signers), report, err)
	}
	// A test in Germany, a vaccination and a recovery in Sweden.
	if s := signers[0]; s.KID.String() != "8b8cbef737be9231" || s.Usage != verify.SignsTest|verify.SignsVaccination|verify.SignsRecovery || s.Key.Alg() != verify.ES256 {
		t.Errorf("%+v", s)
	}
	if s := signers[1]; s.Usage != verify.SignsVaccination || s.Key.Alg() != verify.PS256 {
		t.Errorf("%+v", s)
	}
	for _, skipped := range report.Skipped {
		if !strings.Contains(skipped.Err.Error(), "P-521") {
			t.Errorf("skipped %v", skipped)
		}
	}
}

// chainOf makes certificates from the top down, each signed by the one before. It returns the last first, with its key.
func chainOf(t testing.TB, templates ...x509.Certificate) (signer lists.Credential, above []*x509.Certificate) {
	t.Helper()
	var parent lists.Credential
	for i, template := range templates {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template.SerialNumber = big.NewInt(int64(i + 1))
		if template.Subject.CommonName == "" {
			template.Subject = pkix.Name{CommonName: fmt.Sprintf("level %d", i)}
		}
		if template.NotAfter.IsZero() {
			template.NotBefore, template.NotAfter = sourcetest.Now.AddDate(-1, 0, 0), sourcetest.Now.AddDate(1, 0, 0)
		}
		if parent.Cert == nil {
			parent = lists.Credential{Cert: &template, Key: key}
		} else {
			above = append([]*x509.Certificate{parent.Cert}, above...)
		}
		der, err := x509.CreateCertificate(rand.Reader, &template, parent.Cert, key.Public(), parent.Key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		parent = lists.Credential{Cert: cert, Key: key}
	}
	return parent, above
}

var (
	chainCA   = x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	chainLeaf = x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature}
)

func with(c x509.Certificate, change func(*x509.Certificate)) x509.Certificate {
	change(&c)
	return c
}

// Who may sign for an authority that is an anchor. The Swedish list and a CMS ask the same.
func TestSignerChains(t *testing.T) {
	past := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = sourcetest.Now.AddDate(-2, 0, 0), sourcetest.Now.Add(-time.Minute)
	}
	future := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = sourcetest.Now.Add(time.Minute), sourcetest.Now.AddDate(2, 0, 0)
	}
	noCA := func(c *x509.Certificate) { c.IsCA = false }
	noSign := func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }
	noUsage := func(c *x509.Certificate) { c.KeyUsage = 0 }
	for _, test := range []struct {
		name  string
		chain []x509.Certificate
		ok    bool
	}{
		{"beneath the authority", []x509.Certificate{chainCA, chainLeaf}, true},
		{"beneath another in between", []x509.Certificate{chainCA, chainCA, chainLeaf}, true},
		{"expired", []x509.Certificate{chainCA, with(chainLeaf, past)}, false},
		{"not yet valid", []x509.Certificate{chainCA, with(chainLeaf, future)}, false},
		{"in between expired", []x509.Certificate{chainCA, with(chainCA, past), chainLeaf}, false},
		{"in between no authority", []x509.Certificate{chainCA, with(chainCA, noCA), chainLeaf}, false},
		{"in between a signer of content", []x509.Certificate{chainCA, chainLeaf, chainLeaf}, false},
		{"in between may not sign certificates", []x509.Certificate{chainCA, with(chainCA, noSign), chainLeaf}, false},
		{"in between without key usage", []x509.Certificate{chainCA, with(chainCA, noUsage), chainLeaf}, false},
		{"the authority expired", []x509.Certificate{with(chainCA, past), chainLeaf}, false},
		{"the anchor no authority", []x509.Certificate{with(chainCA, noCA), chainLeaf}, false},
		{"the anchor may not sign certificates", []x509.Certificate{with(chainCA, noSign), chainLeaf}, false},
		{"the anchor without key usage", []x509.Certificate{with(chainCA, noUsage), chainLeaf}, false},
		{"the signer may not sign", []x509.Certificate{chainCA, with(chainLeaf, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })}, false},
		{"the signer is an authority", []x509.Certificate{chainCA, chainCA}, false},
		{"more in between than allowed", []x509.Certificate{chainCA, chainCA, chainCA, chainCA, chainCA, chainCA, chainCA, chainCA, chainCA, chainCA, chainLeaf}, false},
		{"path length exceeded", []x509.Certificate{with(chainCA, func(c *x509.Certificate) { c.MaxPathLenZero = true }), chainCA, chainLeaf}, false},
	} {
		signer, above := chainOf(t, test.chain...)
		root := lists.Credential{Cert: above[len(above)-1]}
		a := pkitest.Anchors(t, root.PEM())
		body, err := lists.SignSweden(signer, above[:len(above)-1], []byte(`{"iat":1,"exp":2,"dsc_trust_list":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := openSweden(body, a, sourcetest.Now); (err == nil) != test.ok || err != nil && !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("%s, JWS: %v", test.name, err)
		}
		var more []lists.Credential
		for _, cert := range above[:len(above)-1] {
			more = append(more, lists.Credential{Cert: cert})
		}
		blob, err := lists.CMS{More: more}.Sign(signer, []byte("content"))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = pki.VerifyCMS(blob, []byte("content"), a, sourcetest.Now, pki.CMSForm{Chained: true, Several: true})
		if (err == nil) != test.ok || err != nil && !errors.Is(err, source.ErrNotAuthentic) && !errors.Is(err, source.ErrMalformed) {
			t.Errorf("%s, CMS: %v", test.name, err)
		}
	}
}

// The bound holds for whoever asks.
func TestSignerOfMany(t *testing.T) {
	signer, above := chainOf(t, chainCA, chainLeaf)
	a := pkitest.Anchors(t, lists.Credential{Cert: above[0]}.PEM())
	many := make([]*x509.Certificate, pki.MaxIntermediates+1)
	for i := range many {
		many[i] = above[0]
	}
	if err := a.Certify(signer.Cert, many[1:], sourcetest.Now); err != nil {
		t.Error(err)
	}
	if err := a.Certify(signer.Cert, many, sourcetest.Now); err == nil {
		t.Error("takes any number")
	}
}

// A certificate with the authority's name, or the signer's, is not the authority's, or the signer's.
func TestSignerNamesake(t *testing.T) {
	named := func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "the authority"} }
	_, above := chainOf(t, with(chainCA, named), chainLeaf)
	impostor, impostors := chainOf(t, with(chainCA, named), chainLeaf)
	a := pkitest.Anchors(t, lists.Credential{Cert: above[0]}.PEM())
	body, err := lists.SignSweden(impostor, impostors, []byte(`{"iat":1,"exp":2,"dsc_trust_list":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := openSweden(body, a, sourcetest.Now); !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("got %v", err)
	}
}

// The certificate of a trusted signer under a signature of somebody else; and what else a JWS may try.
func TestSwedenForged(t *testing.T) {
	signer, above := chainOf(t, chainCA, chainLeaf)
	a := pkitest.Anchors(t, lists.Credential{Cert: above[0]}.PEM(), sourcetest.Domain(t, 0).Signer.PublicPEM())
	payload := []byte(`{"iat":1,"exp":2,"dsc_trust_list":{}}`)
	thief := sourcetest.Domain(t, 0).Signer
	stolen, err := lists.SignSweden(lists.Credential{Cert: signer.Cert, Key: thief.Key}, nil, payload)
	if err != nil {
		t.Fatal(err)
	}
	good, err := lists.SignSweden(signer, nil, payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := openSweden(good, a, sourcetest.Now); err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	parts := strings.Split(string(good), ".")
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	rehead := func(from, to string) []byte {
		changed := strings.Replace(string(header), from, to, 1)
		if changed == string(header) {
			t.Fatalf("header %s has no %s", header, from)
		}
		return []byte(b64([]byte(changed)) + "." + parts[1] + "." + parts[2])
	}
	// HS256 with the public key as the secret, of which no anchor may be taken.
	secret, err := x509.MarshalPKIXPublicKey(signer.Cert.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	mac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	hs, err := mac.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	hmac, err := hs.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	rsSigned, err := rs.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	rs256, err := rsSigned.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	withRSA := a
	withRSA.Keys = append(withRSA.Keys, key.Public())
	for name, body := range map[string][]byte{
		"another's certificate": stolen,
		"alg none":              rehead(`"alg":"ES256"`, `"alg":"none"`),
		"no signature":          []byte(parts[0] + "." + parts[1] + "."),
		"four parts":            append(bytes.Clone(good), ".x"...),
		"HS256":                 []byte(hmac),
		"RS256":                 []byte(rs256),
		"crit":                  rehead(`"alg":`, `"crit":["x"],"x":1,"alg":`),
		"not base64 alone":      bytes.Replace(good, []byte("."), []byte("=."), 1),
		"line end inside":       bytes.Replace(good, []byte("."), []byte("\n."), 1),
		"JSON serialisation":    []byte(`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`),
	} {
		if _, _, _, err := openSweden(body, withRSA, sourcetest.Now); !errors.Is(err, source.ErrNotAuthentic) && !errors.Is(err, source.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSwedenClaims(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	a := pkitest.Anchors(t, d.Signer.PEM())
	for claims, ok := range map[string]bool{
		`"iat":1620030937,"exp":1620117337`:   true,
		`"iat":1620030937.5,"exp":1.62e9`:     true,
		`"exp":1620117337`:                    false,
		`"iat":1620030937`:                    false,
		`"iat":"1620030937","exp":1620117337`: false,
		`"iat":-1,"exp":1620117337`:           false,
		`"iat":1,"exp":1e300`:                 false,
		`"iat":null,"exp":1`:                  false,
	} {
		body, err := lists.SignSweden(d.Signer, nil, []byte(`{`+claims+`,"dsc_trust_list":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := openSweden(body, a, sourcetest.Now); (err == nil) != ok || err != nil && !errors.Is(err, source.ErrMalformed) {
			t.Errorf("%s: %v", claims, err)
		}
	}
}

// A certificate may sign what its own extended key usage and the list's eku both say.
func TestSwedenUsage(t *testing.T) {
	const test, vaccination, recovery = "1.3.6.1.4.1.1847.2021.1.1", "1.3.6.1.4.1.1847.2021.1.2", "1.3.6.1.4.1.0.1847.2021.1.3"
	t1, v2 := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 1847, 2021, 1, 1}, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 1847, 2021, 1, 2}
	for _, c := range []struct {
		name        string
		certificate []asn1.ObjectIdentifier
		eku         []string // of one country
		other       []string // of another country, nil for none
		want        verify.Usage
		skipped     int
	}{
		{"none", nil, nil, nil, 0, 0},
		{"the certificate's", []asn1.ObjectIdentifier{t1}, nil, nil, verify.SignsTest, 0},
		{"the list's", nil, []string{vaccination, recovery}, nil, verify.SignsVaccination | verify.SignsRecovery, 0},
		{"both", []asn1.ObjectIdentifier{t1, v2}, []string{recovery, vaccination}, nil, verify.SignsVaccination, 0},
		{"contradicting", []asn1.ObjectIdentifier{t1}, []string{recovery}, nil, 0, 1},
		{"of something else", []asn1.ObjectIdentifier{t1}, []string{"1.2.3"}, nil, verify.SignsTest, 0},
		{"under two countries", nil, []string{test}, []string{recovery}, verify.SignsTest | verify.SignsRecovery, 0},
		{"under two countries, one without", nil, []string{test}, []string{}, 0, 0},
	} {
		leaf := chainLeaf
		leaf.UnknownExtKeyUsage = c.certificate
		signer, _ := chainOf(t, chainCA, leaf)
		kid := base64.StdEncoding.EncodeToString(signer.KID())
		country := func(eku []string) map[string]any {
			key := map[string]any{"kid": kid, "x5c": [][]byte{signer.Cert.Raw}}
			return map[string]any{"eku": map[string][]string{kid: eku}, "keys": []any{key}}
		}
		countries := map[string]any{"XX": country(c.eku)}
		if c.other != nil {
			countries["YY"] = country(c.other)
		}
		payload, err := json.Marshal(map[string]any{"dsc_trust_list": countries})
		if err != nil {
			t.Fatal(err)
		}
		signers, report, err := parseSweden(payload)
		if err != nil || len(report.Skipped) != c.skipped {
			t.Errorf("%s: %+v, %v", c.name, report, err)
			continue
		}
		if c.skipped == 0 && (len(signers) != 1 || signers[0].Usage != c.want) {
			t.Errorf("%s: %+v, want usage %b", c.name, signers, c.want)
		}
		if c.skipped > 0 && len(signers) > 0 {
			t.Errorf("%s: %+v", c.name, signers)
		}
		if c.skipped == 0 && signers[0].Country != "XX" && signers[0].Country != "YY" {
			t.Errorf("%s: country %q, and the list says one", c.name, signers[0].Country)
		}
	}
}

func TestSwedenRestrictionUnreadable(t *testing.T) {
	if _, _, err := parseSweden([]byte(`{"dsc_trust_list":{"XX":{"eku":{"x":"1.2.3"},"keys":[]}}}`)); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("a restriction that cannot be read was passed over: %v", err)
	}
	many := strings.TrimSuffix(strings.Repeat(`"x":[],`, source.MaxCertificates+1), ",")
	if _, _, err := parseSweden([]byte(`{"dsc_trust_list":{"XX":{"eku":{` + many + `}}}}`)); !errors.Is(err, source.ErrTooLarge) {
		t.Errorf("too many restrictions: %v", err)
	}
}

func FuzzSweden(f *testing.F) {
	d := sourcetest.Domain(f, 1)
	built, err := lists.Sweden(d, sourcetest.Signed, sourcetest.Expires)
	if err != nil {
		f.Fatal(err)
	}
	example, err := os.ReadFile(sourcetest.Repository(f) + "/trustsync/testdata/sweden-example.jws")
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range [][]byte{built, example} {
		j, err := pki.SplitJWS(body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, j.Payload)
	}
	other := pkitest.Anchors(f, sourcetest.Domain(f, 0).Signer.PEM(), d.CSCA.PEM())
	f.Fuzz(func(t *testing.T, body, payload []byte) {
		LooksLike(body)
		if _, _, _, err := openSweden(body, other, sourcetest.Now); err == nil {
			t.Fatal("authentic")
		}
		signers, report, err := parseSweden(payload)
		if err == nil && (report.Loaded != len(signers) || len(signers) > source.MaxCertificates) {
			t.Fatalf("%d signers, %+v", len(signers), report)
		}
	})
}
