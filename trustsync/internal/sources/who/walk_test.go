package who

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
)

const (
	whoHost   = "did:web:tng-cdn.who.int:"
	whoRefDCC = lists.WHORefRoot + ":DCC"
	whoRefFRA = lists.WHORefRoot + ":DCC:FRA"
	whoFRA    = whoHost + "v2:trustlist:DCC:FRA:DSC"
)

// whoTree serves root -> DCC -> FRA -> the list of France, and lists.WHOList, with all keys, from DCC.
func whoTree(t testing.TB, d *lists.Domain) *whoServer {
	t.Helper()
	s := newWHOServer(t)
	ref := func(id string, at time.Time, targets ...string) {
		doc, err := lists.WHORefAt(d, id, at, targets...)
		s.put(t, id, doc, err)
	}
	ref(lists.WHORefRoot, whoSigned, whoRefDCC, whoHost+"v2:trustlist-ref:IPS-PILGRIMAGE", "did:web:tng-cdn-dev.who.int:trustlist")
	ref(whoRefDCC, whoSigned.Add(-time.Hour), whoRefFRA, lists.WHOList, whoHost+"v2:trustlist:DCC:-:SCA", lists.WHORefRoot)
	ref(whoRefFRA, whoSigned, whoFRA, whoRefDCC)
	doc, err := lists.WHOAt(d, whoFRA, whoSigned.Add(-2*time.Hour))
	s.put(t, whoFRA, doc, err)
	doc, err = lists.WHO(d, whoSigned)
	s.put(t, lists.WHOList, doc, err)
	return s
}

func TestWHOWalk(t *testing.T) {
	d, _ := whoDomain(t, 2)
	server := whoTree(t, d)
	s := whoSource(t, d, nil, server.url(lists.WHORefRoot))
	now := whoNow
	var told []string
	now.Progress = func(done, total int) { told = append(told, fmt.Sprint(done, "/", total)) }
	h, report := whoFetch(t, s, now)
	if len(h.Signers) != 2 || report.Loaded != 2 || report.Duplicates != 2 {
		t.Errorf("%d signers, %+v", len(h.Signers), report)
	}
	if want := whoSigned.Add(-2 * time.Hour); !h.Signed.Equal(want) {
		t.Errorf("signed %v, want that of the oldest, %v", h.Signed, want)
	}
	if len(report.Skipped) != 1 || report.Skipped[0].Name != "did:web:tng-cdn-dev.who.int:trustlist" || !errors.Is(report.Skipped[0].Err, errWHOElsewhere) {
		t.Errorf("skipped %v", report.Skipped)
	}
	want := []string{whoPath(lists.WHORefRoot), whoPath(whoRefDCC), whoPath(whoRefFRA), whoPath(lists.WHOList), whoPath(whoFRA)}
	if !slices.Equal(server.asked, want) {
		t.Errorf("asked for\n%v, want\n%v: each once, and nothing of other domains and usages", server.asked, want)
	}
	if len(told) == 0 || told[len(told)-1] != "5/5" {
		t.Errorf("progress %q", told)
	}

	now.Last = h
	if _, _, err := s.Fetch(context.Background(), now); !errors.Is(err, source.ErrUnchanged) {
		t.Errorf("again: %v", err)
	}
	// One leaf of the tree changes, the root does not.
	d2, err := lists.NewDomain("FR", 1)
	if err != nil {
		t.Fatal(err)
	}
	d2.Signer = d.Signer
	doc, err := lists.WHOAt(d2, whoFRA, whoSigned)
	server.put(t, whoFRA, doc, err)
	h, _ = whoFetch(t, s, now)
	if len(h.Signers) != 3 || !h.Signed.Equal(whoSigned.Add(-time.Hour)) {
		t.Errorf("%d signers, signed %v", len(h.Signers), h.Signed)
	}
}

func TestWHOWalkRefuses(t *testing.T) {
	d, _ := whoDomain(t, 2)
	other, _ := whoDomain(t, 2)
	refTo := func(id string, targets ...string) func(s *whoServer) {
		return func(s *whoServer) {
			doc, err := lists.WHORefAt(d, id, whoSigned, targets...)
			s.put(t, id, doc, err)
		}
	}
	tests := []struct {
		name  string
		spoil func(s *whoServer)
		want  error
	}{
		{"a document of another key", func(s *whoServer) {
			doc, err := lists.WHOAt(other, whoFRA, whoSigned)
			s.put(t, whoFRA, doc, err)
		}, source.ErrNotAuthentic},
		{"a document in the place of another", func(s *whoServer) { s.docs[whoPath(whoFRA)] = s.docs[whoPath(lists.WHOList)] }, source.ErrNotAuthentic},
		{"a document of another host", func(s *whoServer) {
			doc, err := lists.WHOAt(d, strings.Replace(whoFRA, "tng-cdn", "tng-cdn-uat", 1), whoSigned)
			s.put(t, whoFRA, doc, err)
		}, source.ErrNotAuthentic},
		{"a document cut short", func(s *whoServer) { p := whoPath(whoFRA); s.docs[p] = s.docs[p][:2000] }, source.ErrMalformed},
		{"a document from the future", func(s *whoServer) {
			doc, err := lists.WHOAt(d, whoFRA, whoNow.Time.Add(time.Hour))
			s.put(t, whoFRA, doc, err)
		}, source.ErrFuture},
		{"too deep", func(s *whoServer) {
			id := whoHost + "v2:trustlist:DCC:FRA:DSC"
			for i := range 3 {
				next := fmt.Sprint(id, ":", i)
				refTo(id, next)(s)
				id = next
			}
			refTo(id)(s)
		}, source.ErrTooLarge},
		{"too many", func(s *whoServer) {
			var ids []string
			for i := range maxWHODocuments {
				id := fmt.Sprint(whoHost, "v2:trustlist:DCC:-:DSC:", i)
				refTo(id)(s)
				ids = append(ids, id)
			}
			refTo(lists.WHORefRoot, ids...)(s)
		}, source.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := whoTree(t, d)
			tt.spoil(server)
			h, report, err := whoSource(t, d, nil, server.url(lists.WHORefRoot)).Fetch(context.Background(), whoNow)
			if h != nil || report.Loaded != 0 || err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if len(server.asked) > maxWHODocuments {
				t.Errorf("%d documents were asked for", len(server.asked))
			}
		})
	}
}

// A document that is referred to and was never there is named, and the others count. Once it was there, its absence is no withdrawal:
// everything that the source had stays.
func TestWHOWalkMissing(t *testing.T) {
	d, _ := whoDomain(t, 2)
	server := whoTree(t, d)
	delete(server.docs, whoPath(whoFRA))
	s := whoSource(t, d, nil, server.url(lists.WHORefRoot))
	fetch := func(last *source.Holding) (*source.Holding, source.Report, error) {
		now := whoNow
		now.Last = last
		return s.Fetch(context.Background(), now)
	}
	first, report, err := fetch(nil)
	if err != nil || len(first.Signers) == 0 || !strings.Contains(fmt.Sprint(report.Skipped), whoFRA) {
		t.Fatalf("%v, %+v, %v", first, report, err)
	}
	if _, _, err := fetch(first); !errors.Is(err, source.ErrUnchanged) {
		t.Errorf("asked again: %v", err)
	}
	came, err := lists.WHOAt(d, whoFRA, whoSigned.Add(time.Hour))
	server.put(t, whoFRA, came, err)
	second, _, err := fetch(first)
	if err != nil {
		t.Fatalf("when it came: %v", err)
	}
	delete(server.docs, whoPath(whoFRA))
	if h, _, err := fetch(second); h != nil || err == nil || errors.Is(err, source.ErrUnchanged) {
		t.Errorf("when it went: %v, %v", h, err)
	}
}

// A tree at the mirrors of the operator: each document from any that has it.
func TestWHOWalkMirrors(t *testing.T) {
	d, _ := whoDomain(t, 2)
	first, second := whoTree(t, d), whoTree(t, d)
	delete(first.docs, whoPath(whoFRA))
	first.docs[whoPath(whoRefFRA)] = []byte("{}")
	s := whoSource(t, d, nil, first.url(lists.WHORefRoot), second.url(lists.WHORefRoot))
	if h, _ := whoFetch(t, s, whoNow); len(h.Signers) != 2 {
		t.Errorf("%d signers", len(h.Signers))
	}
	if want := []string{whoPath(whoRefFRA), whoPath(whoFRA)}; !slices.Equal(second.asked, want) {
		t.Errorf("the second was asked for %v, want %v", second.asked, want)
	}
}

// Another host is asked only if the operator named it, and by TLS.
func TestWHOWalkOtherHost(t *testing.T) {
	d, _ := whoDomain(t, 2)
	var far []string
	docs := map[string][]byte{}
	tls := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		far = append(far, r.URL.Path)
		w.Write(docs[r.URL.Path])
	}))
	defer tls.Close()
	u, err := url.Parse(tls.URL)
	if err != nil {
		t.Fatal(err)
	}
	id := "did:web:" + strings.Replace(u.Host, ":", "%3A", 1) + ":v2:trustlist:DCC:-:DSC"
	docs["/v2/trustlist/DCC/-/DSC/did.json"], err = lists.WHOAt(d, id, whoSigned)
	if err != nil {
		t.Fatal(err)
	}
	server := newWHOServer(t)
	doc, err := lists.WHORef(d, whoSigned, id)
	server.put(t, lists.WHORefRoot, doc, err)
	trusting := func(c *sources.Config) {
		c.Transport.CA = whoCertificatePEM(tls)
	}

	h, report := whoFetch(t, whoSource(t, d, trusting, server.url(lists.WHORefRoot)), whoNow)
	if len(h.Signers) != 0 || len(report.Skipped) != 1 || !errors.Is(report.Skipped[0].Err, errWHOElsewhere) || len(far) != 0 {
		t.Errorf("not named: %d signers, %v, asked for %v", len(h.Signers), report.Skipped, far)
	}
	h, report = whoFetch(t, whoSource(t, d, trusting, server.url(lists.WHORefRoot), tls.URL+whoPath(lists.WHORefRoot)), whoNow)
	if len(h.Signers) != 2 || len(report.Skipped) != 0 {
		t.Errorf("named: %d signers, %v", len(h.Signers), report.Skipped)
	}
}

func TestParseDID(t *testing.T) {
	tests := []struct{ id, host, path string }{
		{"did:web:tng-cdn.who.int:v2:trustlist-ref:-", "tng-cdn.who.int", "/v2/trustlist-ref/-/did.json"},
		{"did:web:TNG-CDN.who.int", "tng-cdn.who.int", "/.well-known/did.json"},
		{"did:web:localhost%3A8443:a", "localhost:8443", "/a/did.json"},
		{"did:web:localhost%3a8443", "localhost:8443", "/.well-known/did.json"},
		{"did:web:", "", ""},
		{"did:web:a:", "", ""},
		{"did:web:a::b", "", ""},
		{"did:web:a:..:b", "", ""},
		{"did:web:a:.", "", ""},
		{"did:web:a:b/c", "", ""},
		{"did:web:a:b%2Fc", "", ""},
		{"did:web:a%2Fb", "", ""},
		{"did:web:a%3A", "", ""},
		{"did:web:a%3Ab", "", ""},
		{"did:web:a%3A1%3A2", "", ""},
		{"did:web:user%40a", "", ""},
		{"did:web:a:b#kid", "", ""},
		{"did:key:a", "", ""},
	}
	for _, tt := range tests {
		n, err := parseDID(tt.id)
		if (err == nil) != (tt.host != "") {
			t.Errorf("%s: %v", tt.id, err)
		}
		if err == nil && (n.host != tt.host || n.path() != tt.path) {
			t.Errorf("%s: %s %s, want %s %s", tt.id, n.host, n.path(), tt.host, tt.path)
		}
	}
}

func whoCertificatePEM(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// All documents together are bounded, too.
func TestWHOWalkBytes(t *testing.T) {
	d, a := whoDomain(t, 2)
	server := whoTree(t, d)
	s, ok := whoSource(t, d, nil, server.url(lists.WHORefRoot)).(*who)
	if !ok {
		t.Fatal("not a *who")
	}
	raw := server.docs[whoPath(lists.WHORefRoot)]
	all := 0
	for _, doc := range server.docs {
		all += len(doc)
	}
	for room, want := range map[int]error{all: nil, all - 1: source.ErrTooLarge, len(raw): source.ErrTooLarge} {
		root, err := openDID(raw, a)
		if err != nil {
			t.Fatal(err)
		}
		w := newWHOWalk(s, root)
		w.room = int64(room)
		if err := w.run(context.Background(), whoNow, root, raw); !errors.Is(err, want) {
			t.Errorf("room for %d of %d bytes: %v, want %v", room, all, err, want)
		}
		w.close()
	}
}
