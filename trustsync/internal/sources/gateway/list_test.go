package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/smallstep/pkcs7"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/pki/pkitest"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
)

func gatewayMade(t testing.TB, kind, country string, der []byte, signer lists.Credential) lists.GatewayEntry {
	t.Helper()
	e, err := lists.NewGatewayEntry(kind, country, der, signer)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// gatewayDamaged is a signature whose last byte, which is in the signature value of its signer, is another.
func gatewayDamaged(t testing.TB, e lists.GatewayEntry) lists.GatewayEntry {
	t.Helper()
	blob, err := base64.StdEncoding.DecodeString(e.Signature)
	if err != nil {
		t.Fatal(err)
	}
	at := len(bytes.TrimRight(blob, "\x00")) - 1
	blob[at] ^= 1
	m, err := pkcs7.Parse(blob)
	if err != nil || len(m.Certificates) != 1 {
		t.Fatalf("the damage is elsewhere: %v", err)
	}
	e.Signature = sourcetest.Base64(blob)
	return e
}

// Who may sign what. Each case changes the gateway of two countries; of the three DSCs one is at stake, the first of XX.
func TestGatewayTrust(t *testing.T) {
	x, y, stranger := sourcetest.DomainOf(t, "XX", 2), sourcetest.DomainOf(t, "YY", 1), sourcetest.DomainOf(t, "XX", 0)
	old := sourcetest.ExpiredCSCA(t, "XX")
	dsc := gatewayMade(t, lists.GatewayDSC, "XX", x.DSCs[0].Raw, x.Uploader)
	second := gatewayMade(t, lists.GatewayDSC, "XX", x.DSCs[1].Raw, x.Uploader)
	with := func(change func(e *lists.GatewayEntry)) func(g *lists.Gateway) {
		return func(g *lists.Gateway) {
			e := dsc
			change(&e)
			g.Remove(lists.GatewayDSC, sourcetest.CertKID(x.DSCs[0].Raw))
			g.Put(e)
		}
	}
	instead := func(e lists.GatewayEntry) func(g *lists.Gateway) {
		return func(g *lists.Gateway) {
			g.Remove(lists.GatewayDSC, sourcetest.CertKID(x.DSCs[0].Raw))
			g.Put(e)
		}
	}
	cms := func(by lists.Credential, content []byte, c lists.CMS) string {
		blob, err := c.Sign(by, content)
		if err != nil {
			t.Fatal(err)
		}
		return sourcetest.Base64(blob)
	}
	for _, test := range []struct {
		name   string
		change func(*lists.Gateway)
		loaded int
		why    string // of the first that is skipped; empty if none is
	}{
		{"good", func(*lists.Gateway) {}, 3, ""},
		{"in definite form", with(func(e *lists.GatewayEntry) { e.Signature = cms(x.Uploader, x.DSCs[0].Raw, lists.CMS{}) }), 3, ""},
		{"with its content", with(func(e *lists.GatewayEntry) {
			e.Signature = cms(x.Uploader, x.DSCs[0].Raw, lists.CMS{Attached: true, BER: true})
		}), 3, ""},
		{"without attributes", with(func(e *lists.GatewayEntry) {
			e.Signature = cms(x.Uploader, x.DSCs[0].Raw, lists.CMS{Bare: true, BER: true})
		}), 3, ""},
		{"capital thumbprint, small country", with(func(e *lists.GatewayEntry) {
			e.Thumbprint, e.Country = strings.ToUpper(e.Thumbprint), "xx"
		}), 3, ""},
		{"a CSCA that is over", func(g *lists.Gateway) {
			g.Put(gatewayMade(t, lists.GatewayCSCA, "XX", old.Cert.Raw, x.Anchor))
			g.Put(gatewayMade(t, lists.GatewayDSC, "XX", sourcetest.DSCUnder(t, "XX", old), x.Uploader))
		}, 4, ""},

		// What dgc-lib lets pass: the certificate in the CMS is known, its signature is wrong.
		{"signature damaged", instead(gatewayDamaged(t, dsc)), 2, "ECDSA verification failure"},
		{"signature of another DSC", with(func(e *lists.GatewayEntry) { e.Signature = second.Signature }), 2, "not what was signed"},
		{"signature of another with its content", with(func(e *lists.GatewayEntry) {
			e.Signature = cms(x.Uploader, x.DSCs[1].Raw, lists.CMS{Attached: true})
		}), 2, "CMS with another content"},
		{"certificate of the uploader, key of a stranger", with(func(e *lists.GatewayEntry) {
			e.Signature = cms(lists.Credential{Cert: x.Uploader.Cert, Key: stranger.Uploader.Key}, x.DSCs[0].Raw, lists.CMS{})
		}), 2, "ECDSA verification failure"},
		{"uploader along with a stranger", with(func(e *lists.GatewayEntry) {
			e.Signature = cms(stranger.Uploader, x.DSCs[0].Raw, lists.CMS{More: []lists.Credential{x.Uploader}})
		}), 2, "2 certificates came along"},
		{"no signature", with(func(e *lists.GatewayEntry) { e.Signature = "" }), 2, "not uploaded by its country"},
		{"signature that is none", with(func(e *lists.GatewayEntry) { e.Signature = "%" }), 2, "signature"},
		{"uploader of the same name", instead(gatewayMade(t, lists.GatewayDSC, "XX", x.DSCs[0].Raw, stranger.Uploader)), 2, "which is not an anchor"},
		{"uploader of another country", instead(gatewayMade(t, lists.GatewayDSC, "XX", x.DSCs[0].Raw, y.Uploader)), 2, "which is not an anchor"},
		{"the trust anchor as uploader", instead(gatewayMade(t, lists.GatewayDSC, "XX", x.DSCs[0].Raw, x.Anchor)), 2, "which is not an anchor"},
		{"the CSCA as uploader", instead(gatewayMade(t, lists.GatewayDSC, "XX", x.DSCs[0].Raw, x.CSCA)), 2, "which is not an anchor"},

		{"CSCA of another country", instead(gatewayMade(t, lists.GatewayDSC, "XX", sourcetest.DSCUnder(t, "XX", y.CSCA), x.Uploader)), 2, pki.ErrUnknownCSCA.Error()},
		{"CSCA of the same name", instead(gatewayMade(t, lists.GatewayDSC, "XX", sourcetest.DSCUnder(t, "XX", stranger.CSCA), x.Uploader)), 2, pki.ErrNotByCSCA.Error()},
		{"no CSCA", instead(gatewayMade(t, lists.GatewayDSC, "XX", stranger.Signer.Cert.Raw, x.Uploader)), 2, pki.ErrUnknownCSCA.Error()},
		{"country of another", instead(gatewayMade(t, lists.GatewayDSC, "YY", x.DSCs[0].Raw, y.Uploader)), 2, `a certificate of country "XX"`},
		{"certificate of another country", instead(gatewayMade(t, lists.GatewayDSC, "XX", sourcetest.DSCUnder(t, "YY", x.CSCA), x.Uploader)), 2, `a certificate of country "YY"`},
		{"no country", with(func(e *lists.GatewayEntry) { e.Country = "" }), 2, `country ""`},
		{"long country", with(func(e *lists.GatewayEntry) { e.Country = "XXX" }), 2, `country "XXX"`},

		{"thumbprint of another", with(func(e *lists.GatewayEntry) { e.Thumbprint = second.Thumbprint }), 2, "thumbprint"},
		{"no thumbprint", with(func(e *lists.GatewayEntry) { e.Thumbprint = "" }), 2, "thumbprint"},
		{"kid of nobody", with(func(e *lists.GatewayEntry) { e.KID = "AAAAAAAAAAA=" }), 2, "its certificate has the kid"},
		{"short kid", with(func(e *lists.GatewayEntry) { e.KID = "AAAA" }), 2, "kid of 3 bytes"},
		{"no certificate", with(func(e *lists.GatewayEntry) { e.RawData = nil }), 2, "no certificate"},
		{"certificate that is none", with(func(e *lists.GatewayEntry) { s := "%"; e.RawData = &s }), 2, "certificate: "},

		{"CSCA by a stranger", func(g *lists.Gateway) {
			g.Put(gatewayMade(t, lists.GatewayCSCA, "XX", x.CSCA.Cert.Raw, stranger.Anchor))
		}, 1, "which is not an anchor"},
		{"CSCA by its uploader", func(g *lists.Gateway) {
			g.Put(gatewayMade(t, lists.GatewayCSCA, "XX", x.CSCA.Cert.Raw, x.Uploader))
		}, 1, "which is not an anchor"},
		{"CSCA damaged", func(g *lists.Gateway) {
			g.Put(gatewayDamaged(t, gatewayMade(t, lists.GatewayCSCA, "XX", x.CSCA.Cert.Raw, x.Anchor)))
		}, 1, "ECDSA verification failure"},
		{"CSCA for another country", func(g *lists.Gateway) {
			g.Put(gatewayMade(t, lists.GatewayCSCA, "YY", x.CSCA.Cert.Raw, x.Anchor))
		}, 1, `a certificate of country "XX"`},
		{"CSCA with a wrong thumbprint", func(g *lists.Gateway) {
			e := gatewayMade(t, lists.GatewayCSCA, "XX", x.CSCA.Cert.Raw, x.Anchor)
			e.Thumbprint = second.Thumbprint
			g.Put(e)
		}, 1, "thumbprint"},
		{"uploader as CSCA", func(g *lists.Gateway) {
			g.Put(gatewayMade(t, lists.GatewayCSCA, "XX", x.Uploader.Cert.Raw, x.Anchor))
		}, 3, pki.ErrNotCSCA.Error()},
		{"uploader by a stranger", func(g *lists.Gateway) {
			g.Put(gatewayMade(t, lists.GatewayUpload, "XX", x.Uploader.Cert.Raw, stranger.Anchor))
		}, 1, "which is not an anchor"},
		{"uploader damaged", func(g *lists.Gateway) {
			g.Put(gatewayDamaged(t, gatewayMade(t, lists.GatewayUpload, "XX", x.Uploader.Cert.Raw, x.Anchor)))
		}, 1, "ECDSA verification failure"},
		{"uploader for another country", func(g *lists.Gateway) {
			g.Put(gatewayMade(t, lists.GatewayUpload, "YY", x.Uploader.Cert.Raw, x.Anchor))
			g.Put(gatewayMade(t, lists.GatewayDSC, "YY", sourcetest.DSCUnder(t, "YY", y.CSCA), x.Uploader))
		}, 1, `a certificate of country "XX"`},
	} {
		g := gatewayOf(t, x, y)
		test.change(g)
		h, report, err := gatewaySource(t, x.Anchor.PEM(), g).Fetch(context.Background(), gatewayNow(nil))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if len(h.Signers) != test.loaded || report.Loaded != test.loaded {
			t.Errorf("%s: %d signers, want %d; %v", test.name, len(h.Signers), test.loaded, report.Skipped)
		}
		if (test.why == "") != (len(report.Skipped) == 0) {
			t.Errorf("%s: skipped %v, want %q", test.name, report.Skipped, test.why)
		} else if test.why != "" && !strings.Contains(report.Skipped[0].Err.Error(), test.why) {
			t.Errorf("%s: skipped %v, want %q", test.name, report.Skipped[0], test.why)
		}
	}
}

// gatewayKnown trusts what d's trust anchor signed, and has the page of its DSCs.
func gatewayKnown(t testing.TB, d *lists.Domain) (trust *gatewayTrust, page []byte) {
	t.Helper()
	trust = &gatewayTrust{anchors: pkitest.Anchors(t, d.Anchor.PEM()), cscas: map[string]pki.Authorities{}, uploaders: map[string]pki.Anchors{}}
	entries := []lists.GatewayEntry{
		gatewayMade(t, gatewayCSCA, "XX", d.CSCA.Cert.Raw, d.Anchor), gatewayMade(t, gatewayUpload, "XX", d.Uploader.Cert.Raw, d.Anchor),
	}
	for _, e := range entries {
		page, err := json.Marshal([]lists.GatewayEntry{e})
		if err != nil {
			t.Fatal(err)
		}
		read, err := readGatewayPage(page)
		if err != nil {
			t.Fatal(err)
		}
		if err := trust.accept(e.Type, read[0]); err != nil {
			t.Fatal(err)
		}
	}
	entries = nil
	for _, dsc := range d.DSCs {
		entries = append(entries, gatewayMade(t, gatewayDSC, "XX", dsc.Raw, d.Uploader))
	}
	page, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return trust, page
}

func gatewayRead(trust *gatewayTrust, page []byte) (signers []source.Signer, skipped int) {
	entries, err := readGatewayPage(page)
	if err != nil {
		return nil, 0
	}
	for _, e := range entries {
		if _, signer, err := trust.signer(e); err == nil {
			signers = append(signers, signer)
		} else {
			skipped++
		}
	}
	return signers, skipped
}

// A bit that is another costs at most its entry, and never makes a key that was not signed. Those that cost nothing are in the
// date, the case of letters, the bits of base64 that mean nothing, and the names of members.
func TestGatewayBitFlips(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 2)
	trust, page := gatewayKnown(t, d)
	genuine, _ := gatewayRead(trust, page)
	if len(genuine) != 2 {
		t.Fatalf("%d signers", len(genuine))
	}
	costly, free, least := 0, map[string]int{}, 10_000
	if testing.Short() { // one bit of each byte
		least /= 8
	}
	dates := regexp.MustCompile(`"timestamp":"[^"]*"`).FindAllIndex(page, -1)
	for i := range page {
		inDate := slices.ContainsFunc(dates, func(d []int) bool { return d[0] <= i && i < d[1] })
		for bit := range 8 {
			if testing.Short() && bit != i%8 {
				continue
			}
			flipped := bytes.Clone(page)
			flipped[i] ^= 1 << bit
			signers, skipped := gatewayRead(trust, flipped)
			for _, s := range signers {
				if !slices.ContainsFunc(genuine, func(g source.Signer) bool {
					return g.KID == s.KID && bytes.Equal(g.SPKI, s.SPKI) && g.Country == s.Country
				}) {
					t.Errorf("byte %d, %q to %q: a signer that is not genuine", i, page[i], flipped[i])
				}
			}
			switch {
			case skipped > 1:
				t.Errorf("byte %d, %q to %q: %d skipped", i, page[i], flipped[i], skipped)
			case len(signers) < 2:
				costly++
			case inDate:
				free["date"]++
			case page[i]^flipped[i] == 0x20:
				free["case"]++
			case bytes.HasPrefix(page[i+1:], []byte("=")) || bytes.HasPrefix(page[i+1:], []byte(`"`)):
				free["end of base64"]++
			default:
				t.Errorf("byte %d, %q to %q, costs nothing: %s", i, page[i], flipped[i], page[max(i-20, 0):i+10])
			}
		}
	}
	t.Logf("%d of %d flips cost an entry or the page; those that do not: %v", costly, 8*len(page), free)
	if costly < least {
		t.Errorf("only %d flips cost an entry", costly)
	}
}

func TestGatewayTruncated(t *testing.T) {
	_, page := gatewayKnown(t, sourcetest.DomainOf(t, "XX", 2))
	if len(page) < 2000 {
		t.Fatalf("a page of %d bytes", len(page))
	}
	for n := range page {
		if entries, err := readGatewayPage(page[:n]); !errors.Is(err, source.ErrMalformed) || entries != nil {
			t.Errorf("cut to %d of %d bytes: %v", n, len(page), err)
		}
	}
}

// Entries of other shapes are named, and spoil nothing.
func TestGatewayShapes(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 1)
	trust, page := gatewayKnown(t, d)
	good := strings.Trim(string(page), "[]")
	others := []string{
		strings.Replace(good, `"DSC"`, `"UPLOAD"`, 1), // all right but for its type
		`null`, `1`, `"x"`, `[]`, `{}`, `{"rawData":5}`, `{"kid":{}}`, `{"rawData":null}`, `{"certificateType":"DSC","country":"XX","rawData":""}`,
	}
	signers, skipped := gatewayRead(trust, []byte("["+strings.Join(others, ",")+","+good+"]"))
	if len(signers) != 1 || skipped != len(others) {
		t.Errorf("%d signers, %d skipped of %d", len(signers), skipped, len(others))
	}
	for n, want := range map[int]error{0: nil, gatewayPage: nil, gatewayPage + 1: source.ErrMalformed} {
		entries, err := readGatewayPage([]byte("[" + strings.TrimSuffix(strings.Repeat("{},", n), ",") + "]"))
		if !errors.Is(err, want) || err == nil && len(entries) != n {
			t.Errorf("%d entries: %d, %v", n, len(entries), err)
		}
	}
}

func TestGatewayDeletionEntries(t *testing.T) {
	kid, thumbprint := "AAECAwQFBgc=", "0001020304050607"+strings.Repeat("ab", 24)
	null := func(e gatewayEntry) gatewayEntry { e.RawData = nil; return e }
	raw := "x"
	good := gatewayEntry{KID: kid, Type: "DSC", Thumbprint: thumbprint}
	for name, test := range map[string]struct {
		entry         gatewayEntry
		deleted, fine bool
	}{
		"deleted":               {good, true, true},
		"there":                 {gatewayEntry{KID: kid, Type: "DSC", RawData: &raw}, false, true},
		"a CSCA":                {null(gatewayEntry{KID: kid, Type: "CSCA", Thumbprint: thumbprint}), false, false},
		"thumbprint of another": {gatewayEntry{KID: kid, Type: "DSC", Thumbprint: strings.Repeat("ab", 32)}, false, false},
		"short thumbprint":      {gatewayEntry{KID: kid, Type: "DSC", Thumbprint: thumbprint[:16]}, false, false},
		"no thumbprint":         {gatewayEntry{KID: kid, Type: "DSC"}, false, false},
		"no kid":                {gatewayEntry{Type: "DSC", Thumbprint: thumbprint}, false, false},
		"another shape":         {gatewayEntry{KID: kid, Type: "DSC", Thumbprint: thumbprint, wrong: pki.ErrASN1}, false, false},
	} {
		got, deleted, err := test.entry.deletion()
		if deleted != test.deleted || (err == nil) != test.fine || deleted && got.String() != "0001020304050607" {
			t.Errorf("%s: %v, %v, %v", name, got, deleted, err)
		}
	}
}

// FuzzGateway: no page does harm, and only what was signed becomes a signer.
func FuzzGateway(f *testing.F) {
	d := sourcetest.DomainOf(f, "XX", 2)
	trust, page := gatewayKnown(f, d)
	f.Add(page)
	f.Add([]byte(`[{"certificateType":"DSC","country":"XX","kid":"AAECAwQFBgc=","rawData":null}]`))
	f.Add([]byte(`[{}, null, {"rawData":"MIIB"}]`))
	f.Add(sourcetest.Gunzipped(f, "germany-2024-03.json.gz")[len(`{"certificates":`):][:20_000])
	want := gatewayWant(d)
	f.Fuzz(func(t *testing.T, page []byte) {
		entries, err := readGatewayPage(page)
		if err != nil && entries != nil || len(entries) > gatewayPage {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		for _, e := range entries {
			_, _, _ = e.deletion()
			if _, signer, err := trust.signer(e); err == nil && !slices.Contains(want, signer.KID.String()) {
				t.Fatalf("%v was never signed", signer.KID)
			}
		}
	})
}

// BenchmarkGatewayEntry is what each DSC costs.
func BenchmarkGatewayEntry(b *testing.B) {
	trust, page := gatewayKnown(b, sourcetest.DomainOf(b, "XX", 1))
	entries, err := readGatewayPage(page)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := trust.signer(entries[0]); err != nil {
			b.Fatal(err)
		}
	}
}
