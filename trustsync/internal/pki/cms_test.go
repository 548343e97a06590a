package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
)

var cmsNow = time.Date(2027, time.March, 1, 12, 0, 0, 0, time.UTC)

func cmsFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(sourcetest.Repository(t) + "/trustsync/testdata/cms/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func cmsAnchors(t testing.TB, pem ...[]byte) Anchors {
	t.Helper()
	a, err := ParseAnchors(bytes.Join(pem, nil))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func cmsDomain(t testing.TB) *lists.Domain {
	t.Helper()
	d, err := lists.NewDomain("XX", 1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What OpenSSL made, once, is read: it shares no line with what is tested.
func TestCMSOfOpenSSL(t *testing.T) {
	content := cmsFile(t, "content.json")
	ec, rsa := cmsAnchors(t, cmsFile(t, "signer-ec.pem")), cmsAnchors(t, cmsFile(t, "signer-rsa.pem"))
	ca := cmsAnchors(t, cmsFile(t, "authority.pem"))
	chained := CMSForm{Chained: true}
	for _, test := range []struct {
		file     string
		anchors  Anchors
		form     CMSForm
		attached bool
		want     error
	}{
		{"ec-detached.der", ec, CMSForm{}, false, nil},
		{"ec-detached-stream.ber", ec, CMSForm{}, false, nil},
		{"ec-attached.der", ec, CMSForm{}, true, nil},
		{"rsa-attached-stream.ber", rsa, CMSForm{}, true, nil},
		{"ec-keyid.der", ec, CMSForm{}, false, nil},
		{"ec-detached.der", ca, chained, false, nil},
		{"rsa-attached-stream.ber", ca, chained, true, nil},
		{"rsa-chain-stream.ber", ca, CMSForm{Chained: true, Several: true}, false, nil},
		{"ec-noattr.der", ec, CMSForm{Bare: true}, false, nil},

		{"ec-detached.der", rsa, CMSForm{}, false, source.ErrNotAuthentic},
		{"ec-detached.der", ca, CMSForm{}, false, source.ErrNotAuthentic},
		{"rsa-chain-stream.ber", ca, chained, false, source.ErrNotAuthentic},
		{"ec-noattr.der", ec, CMSForm{}, false, source.ErrNotAuthentic},
		{"ec-nocerts.der", ec, CMSForm{}, false, source.ErrNotAuthentic},
		{"ec-sha1.der", ec, CMSForm{}, false, source.ErrMalformed},
		{"two-signers.der", ec, CMSForm{Several: true}, false, source.ErrMalformed},
		{"rsa-pss.der", rsa, CMSForm{}, false, source.ErrMalformed},
		{"data-only.der", ec, CMSForm{}, true, source.ErrMalformed},
	} {
		blob := cmsFile(t, test.file)
		var signed time.Time
		var err error
		if test.attached {
			var got []byte
			if got, _, signed, err = openCMS(blob, test.anchors, cmsNow, test.form); err == nil && !bytes.Equal(got, content) {
				t.Errorf("%s: content %q", test.file, got)
			}
		} else {
			_, signed, err = VerifyCMS(blob, content, test.anchors, cmsNow, test.form)
		}
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v, want %v", test.file, err, test.want)
		}
		day := time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC) // when they were made
		if err == nil && !test.form.Bare && (signed.Before(day) || signed.After(day.AddDate(0, 0, 1))) {
			t.Errorf("%s: signed %v", test.file, signed)
		}
		if err == nil && test.form.Bare && !signed.IsZero() {
			t.Errorf("%s: signed %v without an attribute", test.file, signed)
		}
	}
}

// The same maker as it is installed here, so that a newer one is noticed.
func TestCMSOfInstalledOpenSSL(t *testing.T) {
	tool, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("SKIPPED: openssl is not installed; TestCMSOfOpenSSL has what it made once")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	content := []byte("line\r\nline\n\x00\xff")
	if err := os.WriteFile(filepath.Join(dir, "content"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "cert", "-subj", "/CN=signer", "-days", "30")
	pem, err := os.ReadFile(filepath.Join(dir, "cert"))
	if err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{}, {"-stream"}, {"-nodetach"}, {"-nodetach", "-stream"}, {"-keyid"}, {"-md", "sha512"}} {
		run(append([]string{
			"cms", "-sign", "-binary", "-in", "content", "-signer", "cert", "-inkey", "key", "-outform", "DER", "-out", "cms",
		}, flags...)...)
		blob, err := os.ReadFile(filepath.Join(dir, "cms"))
		if err != nil {
			t.Fatal(err)
		}
		_, signed, err := VerifyCMS(blob, content, cmsAnchors(t, pem), cmsNow, CMSForm{})
		if err != nil || time.Since(signed).Abs() > time.Hour {
			t.Errorf("%v: %v, signed %v", flags, err, signed)
		}
	}
}

// What countries uploaded to the gateway, with makers of their own: 832 real ones over real certificates. Whether their
// signers were entitled is not known here, so each is its own anchor.
func TestCMSOfTheGateway(t *testing.T) {
	var list struct {
		Certificates []struct {
			Country   string `json:"country"`
			RawData   []byte `json:"rawData"`
			Signature []byte `json:"signature"`
		} `json:"certificates"`
	}
	if err := json.Unmarshal(sourcetest.Gunzipped(t, "germany-2024-03.json.gz"), &list); err != nil {
		t.Fatal(err)
	}
	verified, attached, refused := 0, 0, map[string]int{}
	for i, c := range list.Certificates {
		self := Anchors{}
		if m, err := parseCMS(c.Signature); err == nil {
			self.Certificates = m.certificates
			if m.content != nil {
				attached++
			}
		}
		_, _, strict := VerifyCMS(c.Signature, c.RawData, self, cmsNow, CMSForm{})
		_, _, lax := VerifyCMS(c.Signature, c.RawData, self, cmsNow, CMSForm{Bare: true})
		if lax == nil {
			verified++
			if _, _, err := VerifyCMS(c.Signature, append([]byte{}, c.RawData[:len(c.RawData)-1]...), self, cmsNow, CMSForm{Bare: true}); err == nil {
				t.Errorf("entry %d: verified over another content", i)
			}
		}
		switch {
		case lax != nil:
			refused[c.Country+" at all"]++
		case strict != nil:
			refused[c.Country+" without signed attributes"]++
		}
	}
	// NO signed with SHA-1; measured with OpenSSL's cms -cmsout.
	if len(list.Certificates) != 832 || verified != 823 || refused["NO at all"] != 9 {
		t.Errorf("%d verified of %d, refused %v", verified, len(list.Certificates), refused)
	}
	if n := refused["LV without signed attributes"]; n != 3 || refused["VN without signed attributes"] != 1 || refused["BG without signed attributes"] != 1 || len(refused) != 4 {
		t.Errorf("refused %v", refused)
	}
	if attached == 0 || attached == verified {
		t.Errorf("%d hold their content: of both forms there are some", attached)
	}
}

// cmsForms are what the lists package makes, each with the form in which it is read.
var cmsForms = map[string]struct {
	make lists.CMS
	form CMSForm
}{
	"detached DER": {lists.CMS{Time: cmsNow}, CMSForm{}},
	"detached BER": {lists.CMS{Time: cmsNow, BER: true}, CMSForm{}},
	"attached DER": {lists.CMS{Time: cmsNow, Attached: true}, CMSForm{}},
	"attached BER": {lists.CMS{Time: cmsNow, Attached: true, BER: true}, CMSForm{}},
	"bare":         {lists.CMS{Bare: true}, CMSForm{Bare: true}},
}

func TestCMSEveryBitFlip(t *testing.T) {
	sourcetest.NoRaces(t)
	d := cmsDomain(t)
	content := []byte(`{"some":"content"}`)
	roots := Anchors{Certificates: []*x509.Certificate{d.Signer.Cert}}
	for name, form := range cmsForms {
		t.Run(name, func(t *testing.T) {
			blob, err := form.make.Sign(d.Signer, content)
			if err != nil {
				t.Fatal(err)
			}
			signer, signed, err := VerifyCMS(blob, content, roots, cmsNow, form.form)
			if err != nil || !bytes.Equal(signer.Raw, d.Signer.Cert.Raw) || !signed.Equal(form.make.Time) {
				t.Fatalf("good: %v, signed %v", err, signed)
			}
			for i := range blob {
				for bit := range 8 {
					flipped := bytes.Clone(blob)
					flipped[i] ^= 1 << bit
					if _, _, err := VerifyCMS(flipped, content, roots, cmsNow, form.form); err == nil {
						t.Errorf("bit %d of byte %d (%x): verified", bit, i, blob[i])
					}
				}
			}
			for i := range blob {
				if _, _, err := VerifyCMS(blob[:i], content, roots, cmsNow, form.form); err == nil {
					t.Errorf("cut to %d of %d bytes: verified", i, len(blob))
				}
			}
			for i := range content {
				changed := bytes.Clone(content)
				changed[i] ^= 1
				if _, _, err := VerifyCMS(blob, changed, roots, cmsNow, form.form); !errors.Is(err, source.ErrNotAuthentic) {
					t.Errorf("content changed at %d: %v", i, err)
				}
			}
			for _, tail := range []string{"\x00", "\x00\x00", "\x30\x00"} {
				if _, _, err := VerifyCMS(append(bytes.Clone(blob), tail...), content, roots, cmsNow, form.form); !errors.Is(err, source.ErrMalformed) {
					t.Errorf("followed by %x: %v", tail, err)
				}
			}
		})
	}
}

func TestCMSOpenedContent(t *testing.T) {
	d := cmsDomain(t)
	roots := Anchors{Certificates: []*x509.Certificate{d.Signer.Cert}}
	for _, content := range []string{"", "x", "some content"} {
		for _, ber := range []bool{false, true} {
			blob, err := lists.CMS{Attached: true, BER: ber}.Sign(d.Signer, []byte(content))
			if err != nil {
				t.Fatal(err)
			}
			got, _, signed, err := openCMS(blob, roots, cmsNow, CMSForm{})
			if err != nil || string(got) != content || !signed.IsZero() {
				t.Errorf("%q: got %q, signed %v, %v", content, got, signed, err)
			}
			if _, _, err := VerifyCMS(blob, []byte(content+"x"), roots, cmsNow, CMSForm{}); !errors.Is(err, source.ErrNotAuthentic) {
				t.Errorf("%q: another content beside it: %v", content, err)
			}
		}
	}
	blob, err := lists.CMS{}.Sign(d.Signer, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := openCMS(blob, roots, cmsNow, CMSForm{}); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("opened what holds nothing: %v", err)
	}
}

// Signed attributes are the DER of a SET; that must not pass for a content that was signed without attributes.
func TestCMSAttributesAsContent(t *testing.T) {
	d := cmsDomain(t)
	roots := Anchors{Certificates: []*x509.Certificate{d.Signer.Cert}}
	attributes := []byte{0x31, 0x00}
	blob, err := lists.CMS{Bare: true}.Sign(d.Signer, attributes)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := VerifyCMS(blob, attributes, roots, cmsNow, CMSForm{Bare: true}); !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("got %v", err)
	}
}

// What the signed attributes must be, and what they must not.
func TestCMSAttributes(t *testing.T) {
	d := cmsDomain(t)
	roots := Anchors{Certificates: []*x509.Certificate{d.Signer.Cert}}
	content := []byte("content")
	usual := lists.CMS{Time: cmsNow}.UsualAttributes(content) // shortest first: content type, signing time, message digest
	if len(usual) != 3 {
		t.Fatalf("%d attributes", len(usual))
	}
	contentType, signingTime, digest := usual[0], usual[1], usual[2]
	// id-ct-TSTInfo instead of data, in an attribute of the same form.
	otherType := berHex(t, "301a 06092a864886f70d010903 310d 060b2a864886f70d0109100104")
	twoDigests := bytes.Clone(digest)
	value := twoDigests[len(twoDigests)-34:]
	twoDigests = append(twoDigests, value...)
	twoDigests[1] += 34
	twoDigests[len(twoDigests)-69] += 34
	shortDigest := append(bytes.Clone(digest[:len(digest)-34]), 0x04, 0x01, 0xaa)
	shortDigest[1] -= 31
	shortDigest[len(shortDigest)-4] -= 31
	for name, test := range map[string]struct {
		attributes [][]byte
		ok         bool
	}{
		"the usual":            {[][]byte{contentType, signingTime, digest}, true},
		"another order":        {[][]byte{digest, contentType, signingTime}, true},
		"no signing time":      {[][]byte{contentType, digest}, true},
		"one that is unknown":  {[][]byte{contentType, digest, berHex(t, "3008 06032a0304 3101 00")}, false},
		"none":                 {[][]byte{}, false},
		"no content type":      {[][]byte{signingTime, digest}, false},
		"another content type": {[][]byte{otherType, signingTime, digest}, false},
		"no digest":            {[][]byte{contentType, signingTime}, false},
		"two values":           {[][]byte{contentType, signingTime, twoDigests}, false},
		"a short digest":       {[][]byte{contentType, signingTime, shortDigest}, false},
		"content type twice":   {[][]byte{contentType, contentType, digest}, false},
		"signing time twice":   {[][]byte{contentType, signingTime, signingTime, digest}, false},
		"unreadable time":      {[][]byte{contentType, bytes.Replace(signingTime, []byte("270301"), []byte("271301"), 1), digest}, false},
	} {
		blob, err := lists.CMS{Attributes: test.attributes}.Sign(d.Signer, content)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := VerifyCMS(blob, content, roots, cmsNow, CMSForm{Bare: true}); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCMSAlgorithms(t *testing.T) {
	const rsa, rsa256, rsa384, ecdsa256, ecdsa512, pss = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12",
		"1.2.840.10045.4.3.2", "1.2.840.10045.4.3.4", "1.2.840.113549.1.1.10"
	for _, test := range []struct {
		hash crypto.Hash
		oid  string
		key  x509.PublicKeyAlgorithm
		want x509.SignatureAlgorithm // 0 for an error
	}{
		{crypto.SHA256, rsa, x509.RSA, x509.SHA256WithRSA},
		{crypto.SHA512, rsa, x509.RSA, x509.SHA512WithRSA},
		{crypto.SHA256, rsa256, x509.RSA, x509.SHA256WithRSA},
		{crypto.SHA384, rsa384, x509.RSA, x509.SHA384WithRSA},
		{crypto.SHA256, ecdsa256, x509.ECDSA, x509.ECDSAWithSHA256},
		{crypto.SHA512, ecdsa512, x509.ECDSA, x509.ECDSAWithSHA512},
		{crypto.SHA512, ecdsa256, x509.ECDSA, 0},
		{crypto.SHA256, rsa384, x509.RSA, 0},
		{crypto.SHA256, rsa, x509.ECDSA, 0},
		{crypto.SHA256, ecdsa256, x509.RSA, 0},
		{crypto.SHA256, ecdsa256, x509.Ed25519, 0},
		{crypto.SHA256, pss, x509.RSA, 0},
		{crypto.SHA256, "1.2.840.10045.4.1", x509.ECDSA, 0}, // with SHA-1
	} {
		m := cms{hash: test.hash, signatureOID: test.oid}
		if got, err := m.algorithm(test.key); got != test.want || (err == nil) != (test.want != 0) {
			t.Errorf("%v, %s, %v: %v, %v", test.hash, test.oid, test.key, got, err)
		}
	}
}

func TestCMSWeakKey(t *testing.T) {
	content := []byte("content")
	for bits, ok := range map[int]bool{1024: false, 2047: false, 2048: true} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: cmsNow}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		blob, err := lists.CMS{}.Sign(lists.Credential{Cert: cert, Key: key}, content)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := VerifyCMS(blob, content, Anchors{Certificates: []*x509.Certificate{cert}}, cmsNow, CMSForm{}); (err == nil) != ok || err != nil && !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

func TestCMSTooLarge(t *testing.T) {
	if _, err := parseCMS(make([]byte, MaxCMSSize+1)); !errors.Is(err, source.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// A library that is no part of what ships makes them and reads them, too.
func TestCMSAgreesWithPKCS7(t *testing.T) {
	d := cmsDomain(t)
	roots := Anchors{Certificates: []*x509.Certificate{d.Signer.Cert}}
	content := []byte("content")
	maker, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	maker.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := maker.AddSigner(d.Signer.Cert, d.Signer.Key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	maker.Detach()
	blob, err := maker.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if _, signed, err := VerifyCMS(blob, content, roots, cmsNow, CMSForm{}); err != nil || time.Since(signed).Abs() > time.Hour {
		t.Errorf("its own: %v, signed %v", err, signed)
	}
	for name, form := range cmsForms {
		blob, err := form.make.Sign(d.Signer, content)
		if err != nil {
			t.Fatal(err)
		}
		p7, err := pkcs7.Parse(blob)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p7.Content = content
		if err := p7.Verify(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCMS: nothing but the content that was signed is ever given back as signed, and what is accepted the library accepts.
func FuzzCMS(f *testing.F) {
	files, err := filepath.Glob(sourcetest.Repository(f) + "/trustsync/testdata/cms/*.[db]er")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		f.Add(cmsFile(f, filepath.Base(name)))
	}
	content := cmsFile(f, "content.json")
	roots := cmsAnchors(f, cmsFile(f, "signer-ec.pem"), cmsFile(f, "signer-rsa.pem"), cmsFile(f, "authority.pem"))
	form := CMSForm{Chained: true, Several: true, Bare: true}
	f.Fuzz(func(t *testing.T, blob []byte) {
		if got, _, _, err := openCMS(blob, roots, cmsNow, form); err == nil && !bytes.Equal(got, content) {
			t.Fatalf("content %q of %s", got, base64.StdEncoding.EncodeToString(blob))
		}
		if _, _, err := VerifyCMS(blob, []byte("another content"), roots, cmsNow, form); err == nil {
			t.Fatalf("another content is signed by %s", base64.StdEncoding.EncodeToString(blob))
		}
	})
}
