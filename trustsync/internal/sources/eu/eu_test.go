package eu

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// euDomain has 30 DSCs, for reading only.
var euDomain = sync.OnceValues(func() (*lists.Domain, error) { return lists.NewDomain("XL", 30) })

// euBench is a verifier service behind TLS, a source that asks it, and what the source gave last.
type euBench struct {
	t       *testing.T
	domain  *lists.Domain
	service *lists.VerifierService
	web     *httptest.Server
	config  sources.Config
	source  *euService
	now     source.Moment

	mu    sync.Mutex
	asked []string                                          // path and token of each request
	fault func(w http.ResponseWriter, r *http.Request) bool // answers instead, if it says so
}

// newEUBench starts a service with the first n DSCs of the domain.
func newEUBench(t *testing.T, form euForm, n int) *euBench {
	t.Helper()
	all, err := euDomain()
	if err != nil {
		t.Fatal(err)
	}
	domain := *all
	domain.DSCs = domain.DSCs[:n]
	b := &euBench{t: t, domain: &domain, now: source.Moment{Time: sourcetest.WebNow, Synced: true}}
	base := ""
	if form.kind == euFormItaly.kind {
		b.service, base = lists.ItalianVerifierService(&domain), "/v1/dgc"
	} else {
		b.service = lists.EUVerifierService(&domain)
	}
	root := sourcetest.WebRoot(t)
	id := sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-1, 0, 0), sourcetest.WebNow.AddDate(1, 0, 0), "127.0.0.1")
	b.web = sourcetest.WebServer(t, id, b)
	b.config = sources.Config{URLs: []string{b.web.URL + base}, Transport: fetch.Transport{CA: root.PEM(), Timeout: 10 * time.Second}}
	b.restart(form)
	return b
}

// restart forgets what the source has in memory.
func (b *euBench) restart(form euForm) {
	b.t.Helper()
	source, err := newEUService(b.config, form)
	if err != nil {
		b.t.Fatal(err)
	}
	b.source = source.(*euService)
}

func (b *euBench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.asked = append(b.asked, r.URL.Path+" "+r.Header.Get("X-RESUME-TOKEN"))
	fault := b.fault
	b.mu.Unlock()
	if fault == nil || !fault(w, r) {
		b.service.ServeHTTP(w, r)
	}
}

// break1 answers every request whose path ends like that with a fault, until it is called again.
func (b *euBench) break1(path string, fault http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if fault == nil || !strings.HasSuffix(r.URL.Path, path) {
			return false
		}
		fault(w, r)
		return true
	}
}

// requests returns what was asked since the last time.
func (b *euBench) requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.asked
	b.asked = nil
	return asked
}

func (b *euBench) fetch() (source.Report, error) {
	b.t.Helper()
	before := euText(b.now.Last)
	h, report, err := b.source.Fetch(b.t.Context(), b.now)
	if euText(b.now.Last) != before {
		b.t.Fatal("the last holding was changed")
	}
	if (h != nil) != (err == nil) {
		b.t.Fatalf("holding %v with error %v", h, err)
	}
	if err == nil {
		b.now.Last = h
		if len(h.Cursor) > source.MaxCursor {
			b.t.Errorf("cursor of %d bytes", len(h.Cursor))
		}
		if !h.Signed.IsZero() || !h.Expires.IsZero() {
			b.t.Error("claims that something is signed")
		}
	}
	return report, err
}

// euText is a holding in words.
func euText(h *source.Holding) string {
	if h == nil {
		return "none"
	}
	var text strings.Builder
	for _, s := range h.Signers {
		fmt.Fprintf(&text, "%v %x\n", s.KID, s.Hash())
	}
	fmt.Fprintf(&text, "%v %s", h.Withdrawn, h.Cursor)
	return text.String()
}

// good fetches, and fails unless the source then vouches for just those certificates.
func (b *euBench) good(want ...*x509.Certificate) source.Report {
	b.t.Helper()
	report, err := b.fetch()
	if err != nil && !errors.Is(err, source.ErrUnchanged) {
		b.t.Fatal(err)
	}
	b.holds(want...)
	if report.Loaded != len(want) {
		b.t.Errorf("report says %d were loaded, want %d", report.Loaded, len(want))
	}
	return report
}

func (b *euBench) holds(want ...*x509.Certificate) {
	b.t.Helper()
	var got, kids []string
	for _, s := range b.now.Last.Signers {
		got = append(got, fmt.Sprintf("%v %x", s.KID, sha256.Sum256(s.SPKI)))
	}
	for _, cert := range want {
		kids = append(kids, fmt.Sprintf("%x %x", lists.Credential{Cert: cert}.KID(), sha256.Sum256(cert.RawSubjectPublicKeyInfo)))
	}
	slices.Sort(kids)
	if !slices.Equal(got, kids) {
		b.t.Fatalf("holds %q\nwant %q", got, kids)
	}
}

func (b *euBench) fails(want error) error {
	b.t.Helper()
	_, err := b.fetch()
	if err == nil || errors.Is(err, source.ErrUnchanged) || want != nil && !errors.Is(err, want) {
		b.t.Fatalf("error %v, want %v", err, want)
	}
	return err
}

func (b *euBench) unchanged() source.Report {
	b.t.Helper()
	report, err := b.fetch()
	if err != source.ErrUnchanged {
		b.t.Fatalf("error %v, want %v", err, source.ErrUnchanged)
	}
	return report
}

func euKID(cert *x509.Certificate) verify.KID { return verify.KID(lists.Credential{Cert: cert}.KID()) }

func TestEUWalk(t *testing.T) {
	for _, form := range []euForm{euFormEU, euFormItaly} {
		t.Run(form.kind, func(t *testing.T) {
			b := newEUBench(t, form, 4)
			certs := b.domain.DSCs
			var done []int
			b.now.Progress = func(n, total int) { done = append(done, n) }
			b.good(certs...)
			if want := []int{1, 2, 3, 4, 4}; !slices.Equal(done, want) {
				t.Errorf("progress %v, want %v", done, want)
			}
			asked := b.requests()
			b.unchanged()
			base := strings.TrimSuffix(b.config.URLs[0][len(b.web.URL):], "/")
			if got, want := b.requests()[:2], []string{base + "/" + form.update + " 4", base + "/" + form.status + " "}; !slices.Equal(got, want) {
				t.Errorf("asked %q, want %q", got, want)
			}
			if len(asked) < 6 || asked[0] != base+"/"+form.update+" " || asked[1] != base+"/"+form.update+" 1" {
				t.Errorf("asked %q the first time", asked)
			}

			b.service.Withdraw(lists.Credential{Cert: certs[1]}.KID())
			b.good(certs[0], certs[2], certs[3])
			b.service.Add(certs[1]) // comes back with a new id
			b.good(certs...)
			all, _ := euDomain()
			b.service.Add(all.DSCs[20])
			b.restart(form)
			b.requests()
			b.good(append(slices.Clone(certs), all.DSCs[20])...)
			if n := len(b.requests()); n > 4 {
				t.Errorf("%d requests for one new key after a restart", n)
			}
		})
	}
}

// What a DSC is reduced to is the same as from a directory.
func TestEUSigner(t *testing.T) {
	b := newEUBench(t, euFormEU, 1)
	b.good(b.domain.DSCs...)
	want, err := pki.ParseSigner(b.domain.DSCs[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.now.Last.Signers[0]; !sourcetest.SameDSC(got.DSC, want.DSC) || !bytes.Equal(got.SPKI, want.SPKI) || got.Country != "XL" {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestEUConfiguration(t *testing.T) {
	for _, c := range []struct {
		config sources.Config
		text   string
	}{
		{sources.Config{}, "no URL"},
		{sources.Config{URLs: []string{"http://list.example"}}, "https://"},
		{sources.Config{URLs: []string{"https://list.example"}, Anchors: []byte("x")}, "not signed"},
		{sources.Config{URLs: []string{"https://list.example"}, CSCAs: []byte("x")}, ""},
		{sources.Config{URLs: []string{"https://list.example"}, Transport: fetch.Transport{CA: []byte("x")}}, "CA"},
	} {
		for _, make := range []func(sources.Config) (source.Source, error){New, NewItaly} {
			if s, err := make(c.config); err == nil || s != nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%+v: %v, error %v", c.config, s, err)
			}
		}
	}
	for kind, make := range map[string]func(sources.Config) (source.Source, error){"eu": New, "italy": NewItaly} {
		s, err := make(sources.Config{URLs: []string{"https://list.example"}})
		if err != nil {
			t.Fatal(err)
		}
		if traits := s.Traits(); traits.Kind != kind || traits.Age != source.AgeObserved || traits.Rollback || traits.Absence == "" {
			t.Errorf("traits %+v", traits)
		}
	}
}
