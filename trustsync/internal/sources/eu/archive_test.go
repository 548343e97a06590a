package eu

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
)

func archiveBuilt(t testing.TB, signed time.Time, domains ...*lists.Domain) (archive, signature []byte) {
	t.Helper()
	archive, signature, err := lists.EUArchive(domains[0], signed, domains[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return archive, signature
}

func archiveSource(t testing.TB, anchor []byte, urls ...string) *euArchive {
	t.Helper()
	if len(urls) == 0 {
		urls = []string{"http://list.example/dcc_trustlist.zip"}
	}
	s, err := NewArchive(sources.Config{URLs: urls, Anchors: anchor})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*euArchive)
}

// archiveUnder is a signer that has its certificate from root.
func archiveUnder(t testing.TB, root lists.Credential) lists.Credential {
	t.Helper()
	made := sourcetest.DomainOf(t, "EU", 0).Signer
	template := *made.Cert
	template.Issuer, template.SignatureAlgorithm, template.AuthorityKeyId = root.Cert.Subject, 0, nil
	der, err := x509.CreateCertificate(rand.Reader, &template, root.Cert, made.Key.Public(), root.Key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return lists.Credential{Cert: cert, Key: made.Key}
}

func TestEUArchiveGood(t *testing.T) {
	x, y := sourcetest.DomainOf(t, "XX", 3), sourcetest.DomainOf(t, "YY", 2)
	archive, signature := archiveBuilt(t, sourcetest.Signed, x, y)
	under := archiveUnder(t, x.CSCA)
	underSignature, err := lists.SignEUArchive(under, archive, lists.CMS{Time: sourcetest.Signed})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ anchor, signature []byte }{
		"pinned":          {x.Signer.PEM(), signature},
		"with line ends":  {x.Signer.PEM(), []byte(string(signature[:64]) + "\r\n" + string(signature[64:]) + "\n")},
		"under authority": {x.CSCA.PEM(), underSignature},
	} {
		h, report, err := archiveSource(t, test.anchor).read(archive, test.signature, source.Moment{Time: sourcetest.Now, Synced: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := append(sourcetest.DomainKIDs(x), sourcetest.DomainKIDs(y)...)
		slices.Sort(want)
		var kids []string
		countries := map[string]int{}
		for _, s := range h.Signers {
			kids = append(kids, s.KID.String())
			countries[s.Country]++
		}
		slices.Sort(kids)
		if !slices.Equal(kids, want) || countries["XX"] != 3 || countries["YY"] != 2 {
			t.Errorf("%s: kids %v of %v, want %v", name, kids, countries, want)
		}
		if report.Loaded != 5 || len(report.Skipped) != 0 || !h.Signed.Equal(sourcetest.Signed) || !h.Expires.IsZero() {
			t.Errorf("%s: %+v, signed %v", name, report, h.Signed)
		}
	}
}

// No bit of the archive or its signature means nothing.
func TestEUArchiveBitFlips(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 2)
	archive, signature := archiveBuilt(t, sourcetest.Signed, d)
	src := archiveSource(t, d.Signer.PEM())
	tried := 0
	for _, document := range []*[]byte{&archive, &signature} {
		good := *document
		for i := range good {
			if document == &archive && i%3 != 0 {
				continue
			}
			flipped := bytes.Clone(good)
			flipped[i] ^= 1 << (i % 8)
			*document = flipped
			tried++
			h, _, err := src.read(archive, signature, source.Moment{Time: sourcetest.Now})
			if err == nil {
				t.Errorf("byte %d of %d, %q to %q: %d signers", i, len(good), good[i], flipped[i], len(h.Signers))
			} else if !errors.Is(err, source.ErrNotAuthentic) && !errors.Is(err, source.ErrMalformed) {
				t.Errorf("byte %d of %d: %v", i, len(good), err)
			}
		}
		*document = good
	}
	if tried < 1500 {
		t.Errorf("only %d flips tried", tried)
	}
}

func TestEUArchiveTruncated(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 2)
	archive, signature := archiveBuilt(t, sourcetest.Signed, d)
	src := archiveSource(t, d.Signer.PEM())
	for n := 0; n < len(archive); n += 1 + n/40 {
		if _, _, err := src.read(archive[:n], signature, source.Moment{Time: sourcetest.Now}); !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("archive cut to %d of %d bytes: %v", n, len(archive), err)
		}
		if _, _, err := ReadArchive(archive[:n]); !errors.Is(err, source.ErrMalformed) { // even if somebody vouches for it
			t.Errorf("unsigned, cut to %d of %d bytes: %v", n, len(archive), err)
		}
	}
	for n := range signature {
		if _, _, err := src.read(archive, signature[:n], source.Moment{Time: sourcetest.Now}); !errors.Is(err, source.ErrNotAuthentic) && !errors.Is(err, source.ErrMalformed) {
			t.Errorf("signature cut to %d of %d bytes: %v", n, len(signature), err)
		}
	}
}

func TestEUArchiveRefused(t *testing.T) {
	d, other := sourcetest.DomainOf(t, "XX", 1), sourcetest.DomainOf(t, "XX", 1) // whose names are the same
	archive, signature := archiveBuilt(t, sourcetest.Signed, d)
	sign := func(by lists.Credential, c lists.CMS) []byte {
		t.Helper()
		s, err := lists.SignEUArchive(by, archive, c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := source.Moment{Time: sourcetest.Now, Synced: true}
	for name, test := range map[string]struct {
		anchor    []byte
		signature []byte
		now       source.Moment
		want      error
	}{
		"another signer":          {other.Signer.PEM(), signature, good, source.ErrNotAuthentic},
		"another authority":       {other.CSCA.PEM(), sign(archiveUnder(t, d.CSCA), lists.CMS{Time: sourcetest.Signed}), good, source.ErrNotAuthentic},
		"a DSC's authority":       {d.CSCA.PEM(), signature, good, source.ErrNotAuthentic},
		"authority is over":       {d.CSCA.PEM(), sign(archiveUnder(t, d.CSCA), lists.CMS{Time: sourcetest.Signed}), source.Moment{Time: sourcetest.Now.AddDate(30, 0, 0)}, source.ErrNotAuthentic},
		"no signing time":         {d.Signer.PEM(), sign(d.Signer, lists.CMS{}), good, source.ErrMalformed},
		"no signed attributes":    {d.Signer.PEM(), sign(d.Signer, lists.CMS{Bare: true}), good, source.ErrNotAuthentic},
		"no signature":            {d.Signer.PEM(), nil, good, source.ErrMalformed},
		"no base64":               {d.Signer.PEM(), []byte("<html>"), good, source.ErrMalformed},
		"a signature too large":   {d.Signer.PEM(), make([]byte, maxEUArchiveSignature+1), good, source.ErrTooLarge},
		"signed in the future":    {d.Signer.PEM(), signature, source.Moment{Time: sourcetest.Signed.Add(-6 * time.Minute), Synced: true}, source.ErrFuture},
		"older than the last one": {d.Signer.PEM(), signature, source.Moment{Time: sourcetest.Now, Last: &source.Holding{Signed: sourcetest.Signed.Add(time.Second)}}, source.ErrRollback},
	} {
		if _, _, err := archiveSource(t, test.anchor).read(archive, test.signature, test.now); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for name, want := range map[string]error{d.Signer.Cert.Subject.CommonName: nil, "gatelab": source.ErrNotAuthentic} {
		named := archiveSource(t, d.Signer.PEM())
		named.name = name
		if _, _, err := named.read(archive, signature, good); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("a signer named %q: %v", name, err)
		}
	}
	if _, _, err := archiveSource(t, d.Signer.PEM()).read(make([]byte, source.MaxListSize+1), signature, good); !errors.Is(err, source.ErrTooLarge) {
		t.Errorf("an archive too large: %v", err)
	}
	for _, now := range []source.Moment{
		{Time: sourcetest.Signed.Add(-time.Hour)}, // a clock that is not right
		{Time: sourcetest.Now, Last: &source.Holding{Signed: sourcetest.Signed}},
	} {
		if _, _, err := archiveSource(t, d.Signer.PEM()).read(archive, signature, now); err != nil {
			t.Errorf("%+v: %v", now, err)
		}
	}
}

// archiveServer serves what documents says, by path, each with an entity tag of its own.
func archiveServer(t *testing.T, documents func(path string) []byte) (url string, asked *[]string) {
	t.Helper()
	asked = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, strings.TrimPrefix(r.URL.Path, "/dcc_trustlist.zip"))
		body := documents(r.URL.Path)
		tag := fmt.Sprintf("%q", fmt.Sprintf("%x", sourcetest.CertKID(body)))
		w.Header().Set("ETag", tag)
		switch {
		case body == nil:
			http.NotFound(w, r)
		case r.Header.Get("If-None-Match") == tag:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Write(body)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/dcc_trustlist.zip", asked
}

func TestEUArchiveFetch(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 2)
	archive, signature := archiveBuilt(t, sourcetest.Signed, d)
	pair := func(path string) []byte {
		if strings.HasSuffix(path, ".zip.sig.txt") {
			return signature
		}
		return archive
	}
	bad, askedBad := archiveServer(t, func(path string) []byte { return append(bytes.Clone(pair(path)), ' ') })
	unsigned, askedUnsigned := archiveServer(t, func(path string) []byte {
		if strings.HasSuffix(path, ".zip.sig.txt") {
			return nil
		}
		return archive
	})
	good, asked := archiveServer(t, pair)
	src := archiveSource(t, d.Signer.PEM(), bad, unsigned, good)
	now := source.Moment{Time: sourcetest.Now, Synced: true}
	h, report, err := src.Fetch(context.Background(), now)
	if err != nil || len(h.Signers) != 2 || report.Loaded != 2 || !h.Signed.Equal(sourcetest.Signed) || len(h.Cursor) == 0 {
		t.Fatalf("%v, %+v", err, h)
	}
	if want := []string{"", ".sig.txt", "", ".sig.txt"}; !slices.Equal(*askedBad, want) { // once more, and no more
		t.Errorf("asked for %q, want %q", *askedBad, want)
	}
	if want := []string{"", ".sig.txt"}; !slices.Equal(*askedUnsigned, want) || !slices.Equal(*asked, want) {
		t.Errorf("asked for %q and %q, want %q", *askedUnsigned, *asked, want)
	}

	now.Last, *asked = h, nil
	src = archiveSource(t, d.Signer.PEM(), good)
	if _, _, err := src.Fetch(context.Background(), now); !errors.Is(err, source.ErrUnchanged) {
		t.Errorf("again: %v", err)
	}
	if want := []string{""}; !slices.Equal(*asked, want) {
		t.Errorf("asked for %q, want %q", *asked, want)
	}
	for _, cursor := range []string{`"other"`, "no tag\r\n", ""} {
		h.Cursor = []byte(cursor)
		if again, _, err := src.Fetch(context.Background(), now); err != nil || len(again.Signers) != 2 {
			t.Errorf("with cursor %q: %v", cursor, err)
		}
	}
	only := archiveSource(t, d.Signer.PEM(), bad)
	if h, _, err := only.Fetch(context.Background(), now); h != nil || !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("only a bad one: %v, %v", h, err)
	}
}

// In the middle of a publication the archive is already the new one and the signature still the old one.
func TestEUArchiveBetweenPublications(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 1)
	_, before := archiveBuilt(t, sourcetest.Signed, sourcetest.DomainOf(t, "XX", 1))
	archive, signature := archiveBuilt(t, sourcetest.Signed, d)
	signatures := 0
	url, asked := archiveServer(t, func(path string) []byte {
		if !strings.HasSuffix(path, ".sig.txt") {
			return archive
		}
		if signatures++; signatures == 1 {
			return before
		}
		return signature
	})
	h, _, err := archiveSource(t, d.Signer.PEM(), url).Fetch(context.Background(), source.Moment{Time: sourcetest.Now})
	if err != nil || len(h.Signers) != 1 || len(*asked) != 4 {
		t.Errorf("%v, asked %q", err, *asked)
	}
}

// An answer without content is none, and so is one that nothing has changed, if nothing was there.
func TestEUArchiveEmptyAnswers(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 0)
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified, http.StatusNotFound} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		src := archiveSource(t, d.Signer.PEM(), server.URL+"/x.zip")
		if h, _, err := src.Fetch(context.Background(), source.Moment{Time: sourcetest.Now}); err == nil || errors.Is(err, source.ErrUnchanged) || h != nil {
			t.Errorf("status %d: %v, %v", status, h, err)
		}
		server.Close()
	}
}

func TestEUArchiveConfig(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 0)
	urls := []string{"http://list.example/dcc_trustlist.zip"}
	for what, c := range map[string]sources.Config{
		"no anchor":   {URLs: urls},
		"bare key":    {URLs: urls, Anchors: d.Signer.PublicPEM()},
		"no URL":      {Anchors: d.Signer.PEM()},
		"leave":       {URLs: urls, Anchors: d.Signer.PEM(), CSCAs: d.CSCA.PEM()},
		"query":       {URLs: []string{"https://list.example/x.zip?a=b"}, Anchors: d.Signer.PEM()},
		"give that":   {URLs: []string{"https://list.example"}, Anchors: d.Signer.PEM()},
		"user name":   {URLs: []string{"https://a:b@list.example/x.zip"}, Anchors: d.Signer.PEM()},
		"CERTIFICATE": {URLs: urls, Anchors: []byte("-----BEGIN X-----\nAAAA\n-----END X-----\n")},
	} {
		if _, err := NewArchive(c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	traits := archiveSource(t, d.Signer.PEM()).Traits()
	if traits.Kind != KindArchive || traits.Age != source.AgeSigned || !traits.Rollback {
		t.Errorf("%+v", traits)
	}
}
