package eu

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// Keys that cannot be used stay in status for ever. They must not look as if the service had been reset.
func TestEUUnusable(t *testing.T) {
	b := newEUBench(t, euFormEU, 3)
	certs := b.domain.DSCs
	key := certs[0].RawSubjectPublicKeyInfo
	sum := sha256.Sum256(key)
	b.service.AddRow(sum[:8], key)
	b.service.AddRow([]byte("12345678"), certs[1].Raw) // not its kid
	b.service.AddRow([]byte("87654321"), []byte("\x1b[2Jno certificate"))
	b.service.AddRow([]byte("4567"), certs[1].Raw)
	b.service.AddRow(nil, nil)
	report := b.good(certs...)
	names := map[string]bool{}
	for _, s := range report.Skipped {
		names[s.Name] = true
	}
	for _, want := range []string{
		fmt.Sprintf("row 4 (kid %q)", base64.StdEncoding.EncodeToString(sum[:8])), `row 5 (kid "MTIzNDU2Nzg=")`, `row 6 (kid "ODc2NTQzMjE=")`,
		`row 7 (kid "NDU2Nw==")`, `row 8 (kid "")`, "status 7", "status 8",
	} {
		if !names[want] {
			t.Errorf("the report does not name %s: %v", want, report.Skipped)
		}
	}
	b.requests()
	b.unchanged()
	b.service.AddRow([]byte("new junk"), []byte("junk"))
	b.good(certs...)
	b.unchanged()
	if n := len(b.requests()); n != 3+4+3 {
		t.Errorf("%d requests: it started over", n)
	}
}

// One certificate that is given twice counts once.
func TestEUDuplicates(t *testing.T) {
	b := newEUBench(t, euFormEU, 3)
	b.service.Add(b.domain.DSCs[0])
	if report := b.good(b.domain.DSCs...); report.Duplicates != 1 {
		t.Errorf("%d duplicates, want 1", report.Duplicates)
	}
}

func TestEUBareKeys(t *testing.T) {
	b := newEUBench(t, euFormItaly, 3)
	all, _ := euDomain()
	certs := slices.Clone(b.domain.DSCs)
	b.service.AddRow([]byte("a kid of"), all.DSCs[20].RawSubjectPublicKeyInfo)
	bare := func(want ...*x509.Certificate) {
		t.Helper()
		if _, err := b.fetch(); err != nil && err != source.ErrUnchanged {
			t.Fatal(err)
		}
		var keys [][]byte
		for _, s := range b.now.Last.Signers {
			if isBareKey(s) {
				if string(s.KID[:]) != "a kid of" || s.Country != "" || s.Usage != 0 {
					t.Errorf("got %+v", s)
				}
				keys = append(keys, s.SPKI)
			}
		}
		if len(keys) != len(want) || len(b.now.Last.Signers) != len(certs)+len(want) {
			t.Fatalf("%d bare keys of %d, want %d of %d", len(keys), len(b.now.Last.Signers), len(want), len(certs)+len(want))
		}
		for i, cert := range want {
			if !bytes.Equal(keys[i], cert.RawSubjectPublicKeyInfo) {
				t.Errorf("bare key %d is not the one that was given", i)
			}
		}
	}
	bare(all.DSCs[20])
	b.service.AddRow([]byte("a kid of"), all.DSCs[21].RawSubjectPublicKeyInfo) // another key takes its place
	bare(all.DSCs[21])
	b.service.Withdraw([]byte("a kid of"))
	bare()
	if len(b.now.Last.Withdrawn) != 0 {
		t.Error("withdrawn expressly, which Italy does not do")
	}

	b.config.CSCAs = b.domain.CSCA.PEM() // a bare key cannot be signed by anybody
	b.service.AddRow([]byte("a kid of"), all.DSCs[20].RawSubjectPublicKeyInfo)
	b.restart(euFormItaly)
	bare()
}

// An authority that DSCs must be signed by makes up for the missing signature over the list.
func TestEUAuthorities(t *testing.T) {
	b := newEUBench(t, euFormEU, 3)
	b.config.CSCAs = b.domain.CSCA.PEM()
	b.restart(euFormEU)
	other, err := lists.NewDomain("XL", 1)
	if err != nil {
		t.Fatal(err)
	}
	b.service.Add(other.DSCs[0])
	if report := b.good(b.domain.DSCs...); len(report.Skipped) != 1 {
		t.Errorf("report %v: want the stranger named", report)
	}
	b.config.CSCAs = []byte("no PEM")
	if _, err := New(b.config); err == nil {
		t.Error("authorities that cannot be read were accepted")
	}
}

// Real certificates of all member states, through the service.
func TestEUPool(t *testing.T) {
	b := newEUBench(t, euFormEU, 0)
	want := map[verify.KID]bool{}
	for _, p := range sourcetest.Pool(t)[:400] {
		sum := sha256.Sum256(p.DER)
		b.service.AddRow(sum[:8], p.DER)
		if _, err := pki.ParseSigner(p.DER); err == nil {
			want[verify.KID(sum[:8])] = true
		}
	}
	report, err := b.fetch()
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 350 || len(b.now.Last.Signers) != len(want) || report.Loaded+len(report.Skipped) != 400 {
		t.Errorf("%d signers, want %d; report %d loaded, %d skipped", len(b.now.Last.Signers), len(want), report.Loaded, len(report.Skipped))
	}
	for _, s := range b.now.Last.Signers {
		if !want[s.KID] {
			t.Errorf("holds %v", s.KID)
		}
	}
	b.unchanged()
}

// One bit that is wrong, or a cut anywhere, spoils a certificate: its kid is a hash. In a bare key only some can be told.
func TestEUDamagedKey(t *testing.T) {
	s := &euService{form: euFormItaly}
	cert := sourcetest.Must(euDomain()).DSCs[0]
	kid := base64.StdEncoding.EncodeToString(lists.Credential{Cert: cert}.KID())
	parse := func(der []byte) error {
		_, err := s.parseServiceKey([]byte(base64.StdEncoding.EncodeToString(der)), kid)
		return err
	}
	if err := parse(cert.Raw); err != nil {
		t.Fatal(err)
	}
	for i := range len(cert.Raw) * 8 {
		der := bytes.Clone(cert.Raw)
		der[i/8] ^= 1 << (i % 8)
		if parse(der) == nil {
			t.Errorf("bit %d flipped: accepted", i)
		}
	}
	for n := range cert.Raw {
		if parse(cert.Raw[:n]) == nil {
			t.Errorf("cut to %d bytes: accepted", n)
		}
	}
	for n := range cert.RawSubjectPublicKeyInfo {
		if parse(cert.RawSubjectPublicKeyInfo[:n]) == nil {
			t.Errorf("bare key cut to %d bytes: accepted", n)
		}
	}
	told := 0
	for i := range len(cert.RawSubjectPublicKeyInfo) * 8 {
		der := bytes.Clone(cert.RawSubjectPublicKeyInfo)
		der[i/8] ^= 1 << (i % 8)
		if parse(der) != nil {
			told++
		}
	}
	if told != len(cert.RawSubjectPublicKeyInfo)*8 { // P-256 has points for half of all x, but for two of all y
		t.Errorf("of %d bits of a bare key, %d were missed", len(cert.RawSubjectPublicKeyInfo)*8, len(cert.RawSubjectPublicKeyInfo)*8-told)
	}
}

// Whatever one answer says, it is a signer with the kid of its certificate, or an error.
func FuzzServiceKey(f *testing.F) {
	for _, p := range sourcetest.Pool(f)[:50] {
		sum := sha256.Sum256(p.DER)
		kid := base64.StdEncoding.EncodeToString(sum[:8])
		f.Add([]byte(base64.StdEncoding.EncodeToString(p.DER)), kid, false)
		f.Add([]byte(base64.StdEncoding.EncodeToString(p.DER)), "AAAAAAAAAAA=", true)
		if s, err := pki.ParseSigner(p.DER); err == nil {
			f.Add([]byte(base64.StdEncoding.EncodeToString(s.SPKI)), kid, true)
			f.Add([]byte(base64.StdEncoding.EncodeToString(s.SPKI)), kid, false)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, stated string, bareKeys bool) {
		s := &euService{form: euForm{bareKeys: bareKeys}}
		signer, err := s.parseServiceKey(body, stated)
		if err != nil {
			return
		}
		der, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(body)))
		if err != nil {
			t.Fatal("accepted what is not base64")
		}
		sum := sha256.Sum256(der)
		if isBareKey(signer) {
			if !bareKeys || !bytes.Equal(signer.SPKI, der) {
				t.Fatalf("accepted a bare key: %+v", signer)
			}
		} else if !bytes.Equal(signer.KID[:], sum[:8]) {
			t.Fatalf("kid %v of a certificate with %x", signer.KID, sum[:8])
		}
		if kid, err := list.DecodeKID(stated); err != nil || kid != signer.KID {
			t.Fatalf("kid %v, stated %q", signer.KID, stated)
		}
	})
}

// Whatever status and delta say, what is read of it are kids, and no more than are allowed.
func FuzzServiceKIDs(f *testing.F) {
	service := lists.EUVerifierService(sourcetest.Must(euDomain()))
	for _, path := range []string{"/signercertificateStatus", "/signercertificateStatus/delta"} {
		w := httptest.NewRecorder()
		service.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		f.Add(w.Body.Bytes())
	}
	for _, text := range []string{"[]", "null", `["AAAAAAAAAAA=",7,null,{"a":[]},["x"],"AA=="]`, `[[[[[[`, `{"deleted":[1],"deleted":[]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		doc := list.WalkJSON(text)
		n := 0
		err := readServiceKIDs(doc, func(i int, kid verify.KID, err error) error {
			if n++; i != n {
				t.Fatalf("kid %d comes as %d", n, i)
			}
			if err != nil && kid != (verify.KID{}) {
				t.Fatalf("kid %v together with an error", kid)
			}
			return nil
		})
		var all []json.RawMessage
		if err == nil && doc.End() == nil && (json.Unmarshal(text, &all) != nil || len(all) != n) {
			t.Fatalf("%d kids of %q", n, text)
		}
	})
}
