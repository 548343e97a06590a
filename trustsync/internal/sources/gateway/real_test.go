package gateway

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/smallstep/pkcs7"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
)

// What countries really uploaded, under CSCAs that are real as far as they are known here (those of the WHO's list), handed out
// by a gateway whose trust anchor is a lab's. Each genuine uploader is taken from its uploads.
func TestGatewayOfMarch2024(t *testing.T) {
	var list struct {
		Certificates []lists.GatewayEntry `json:"certificates"`
	}
	if err := json.Unmarshal(sourcetest.Gunzipped(t, "germany-2024-03.json.gz"), &list); err != nil {
		t.Fatal(err)
	}
	anchor := sourcetest.DomainOf(t, "XX", 0)
	g := gatewayOf(t, anchor)
	trusted := map[string]bool{}
	trust := func(kind, country string, der []byte) {
		if key := kind + string(der); !trusted[key] {
			trusted[key] = true
			g.Put(gatewayMade(t, kind, country, der, anchor.Anchor))
		}
	}
	for _, pair := range sourcetest.RealChains(t) {
		country, err := pki.SubjectCountry(pair[1])
		if err != nil {
			t.Fatal(err)
		}
		trust(lists.GatewayCSCA, country, pair[1])
	}
	cscas := len(trusted)
	for _, e := range list.Certificates {
		blob, err := base64.StdEncoding.DecodeString(e.Signature)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := pkcs7.Parse(blob); err == nil {
			trust(lists.GatewayUpload, e.Country, m.Certificates[0].Raw)
		}
		g.Put(e)
	}
	h, report, err := gatewaySource(t, anchor.Anchor.PEM(), g).Fetch(context.Background(), gatewayNow(nil))
	if err != nil {
		t.Fatal(err)
	}
	why := map[error]int{}
	for _, s := range report.Skipped {
		for _, known := range []error{pki.ErrUnknownCSCA, pki.ErrSHA1, source.ErrMalformed} { // the last is a CMS with SHA-1, of NO
			if errors.Is(s.Err, known) {
				why[known]++
			}
		}
	}
	if cscas != 50 || len(list.Certificates) != 832 || why[pki.ErrUnknownCSCA] != 424 || why[pki.ErrSHA1] != 5 || why[source.ErrMalformed] != 9 || len(report.Skipped) != 438 {
		t.Errorf("%d CSCAs, %d entries, %d skipped: %v", cscas, len(list.Certificates), len(report.Skipped), why)
	}

	// The step to the CSCA again, by the standard library alone.
	var want []string
	authorities := map[string][]*x509.Certificate{}
	for _, pair := range sourcetest.RealChains(t) {
		if csca, err := x509.ParseCertificate(pair[1]); err == nil {
			authorities[string(csca.RawSubject)] = append(authorities[string(csca.RawSubject)], csca)
		}
	}
	for _, e := range list.Certificates {
		der, err := base64.StdEncoding.DecodeString(*e.RawData)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil || e.Country == "NO" || cert.SignatureAlgorithm == x509.ECDSAWithSHA1 {
			continue
		}
		if slices.ContainsFunc(authorities[string(cert.RawIssuer)], func(csca *x509.Certificate) bool {
			return csca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
		}) {
			want = append(want, pki.KIDOf(der).String())
		}
	}
	slices.Sort(want)
	ofEE, got := 0, gatewayKIDs(h.Signers)
	for _, s := range h.Signers {
		if !slices.Contains(want, s.KID.String()) && s.Country == "EE" { // which has a CSCA that the standard library cannot read
			want = append(want, s.KID.String())
			ofEE++
		}
	}
	slices.Sort(want)
	if len(got) != 394 || ofEE != 5 || !slices.Equal(got, want) {
		t.Errorf("%d DSCs, by the standard library %d, of which %d are of EE and cannot be read by it", len(got), len(want), ofEE)
	}
}
