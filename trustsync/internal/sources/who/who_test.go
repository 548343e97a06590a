package who

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
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
)

// whoServer serves documents by the names they have, as a mirror does.
type whoServer struct {
	*httptest.Server
	mu    sync.Mutex
	docs  map[string][]byte // path -> document
	asked []string
}

func newWHOServer(t testing.TB) *whoServer {
	s := &whoServer{docs: map[string][]byte{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, r.URL.Path)
		doc, ok := s.docs[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		tag := fmt.Sprintf("\"%x\"", sha256.Sum256(doc))
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(doc)
	}))
	t.Cleanup(s.Close)
	return s
}

// put serves a document where its id belongs.
func (s *whoServer) put(t testing.TB, id string, doc []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[whoPath(id)] = doc
}

func whoPath(id string) string {
	return "/" + strings.Join(strings.Split(id, ":")[3:], "/") + "/did.json"
}

func (s *whoServer) url(id string) string { return s.URL + whoPath(id) }

func whoSource(t testing.TB, d *lists.Domain, change func(*sources.Config), urls ...string) source.Source {
	t.Helper()
	c := sources.Config{Name: "w", Kind: Kind, URLs: urls, Anchors: d.Signer.PublicPEM(), Transport: fetch.Transport{Timeout: 10 * time.Second}}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var whoNow = source.Moment{Time: whoSigned.Add(time.Hour), Synced: true}

func whoFetch(t testing.TB, s source.Source, now source.Moment) (*source.Holding, source.Report) {
	t.Helper()
	h, report, err := s.Fetch(context.Background(), now)
	if err != nil {
		t.Fatal(err)
	}
	return h, report
}

func TestWHOFetch(t *testing.T) {
	d, _ := whoDomain(t, 3)
	server := newWHOServer(t)
	doc, err := lists.WHO(d, whoSigned)
	server.put(t, lists.WHOList, doc, err)
	s := whoSource(t, d, nil, server.url(lists.WHOList))
	h, report := whoFetch(t, s, whoNow)
	if len(h.Signers) != 3 || report.Loaded != 3 || len(report.Skipped) != 0 || !h.Signed.Equal(whoSigned) || !h.Expires.IsZero() || len(h.Withdrawn) != 0 {
		t.Fatalf("%d signers, signed %v, expires %v, %+v", len(h.Signers), h.Signed, h.Expires, report)
	}
	for i, dsc := range d.DSCs {
		want, err := pki.ParseSigner(dsc.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if !sourcetest.SameDSC(h.Signers[i].DSC, want.DSC) || !bytes.Equal(h.Signers[i].SPKI, want.SPKI) || h.Signers[i].Country != "FR" {
			t.Errorf("signer %d is %+v", i, h.Signers[i])
		}
	}

	now := whoNow
	now.Last = h
	if _, _, err := s.Fetch(context.Background(), now); !errors.Is(err, source.ErrUnchanged) {
		t.Errorf("again: %v", err)
	}
	// Without its entity tag the document is still the same; to another question it is an answer.
	var cursor whoCursor
	if err := json.Unmarshal(h.Cursor, &cursor); err != nil || cursor.ETag == "" {
		t.Fatalf("cursor %s: %v", h.Cursor, err)
	}
	cursor.ETag = ""
	now.Last = &source.Holding{Signers: h.Signers, Signed: h.Signed, Cursor: cursor.bytes()}
	if _, _, err := s.Fetch(context.Background(), now); !errors.Is(err, source.ErrUnchanged) {
		t.Errorf("again without an entity tag: %v", err)
	}
	for name, change := range map[string]func(*sources.Config){
		"participants": func(c *sources.Config) { c.Participants = []string{"POL"} },
		"domain":       func(c *sources.Config) { c.Domain = "DDCC" },
		"usage":        func(c *sources.Config) { c.Usage = "SCA" },
	} {
		now.Last = h
		h, report := whoFetch(t, whoSource(t, d, change, server.url(lists.WHOList)), now)
		if len(h.Signers) != 0 || len(report.Skipped) != 1 || report.Skipped[0].Name != "3 entries" || !errors.Is(report.Skipped[0].Err, errWHOOthers) {
			t.Errorf("other %s: %d signers, %+v", name, len(h.Signers), report)
		}
	}
	if h, _ := whoFetch(t, whoSource(t, d, func(c *sources.Config) { c.Participants = []string{"POL", "FRA"} }, server.url(lists.WHOList)), whoNow); len(h.Signers) != 3 {
		t.Errorf("wanted participant: %d signers", len(h.Signers))
	}

	// Signed again: a new holding, although the keys are the same.
	again := whoSigned.Add(time.Minute)
	doc, err = lists.WHO(d, again)
	server.put(t, lists.WHOList, doc, err)
	now.Last = h
	if h, _ := whoFetch(t, s, now); !h.Signed.Equal(again) {
		t.Errorf("signed %v, want %v", h.Signed, again)
	}
	if traits := s.Traits(); traits.Kind != Kind || traits.Age != source.AgeSigned || !traits.Rollback {
		t.Errorf("traits %+v", traits)
	}
}

func TestWHOFetchRefuses(t *testing.T) {
	d, _ := whoDomain(t, 2)
	other, _ := whoDomain(t, 2)
	build := func(d *lists.Domain, id string, at time.Time) []byte {
		doc, err := lists.WHOAt(d, id, at)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	good := build(d, lists.WHOList, whoSigned)
	last := &source.Holding{Signed: whoSigned.Add(time.Second)}
	tests := []struct {
		name string
		doc  []byte
		now  source.Moment
		want error
	}{
		{"another key", build(other, lists.WHOList, whoSigned), whoNow, source.ErrNotAuthentic},
		{"another list", build(d, "did:web:tng-cdn.who.int:v2:trustlist:DCC:POL:DSC", whoSigned), whoNow, source.ErrNotAuthentic},
		{"references for keys", build(d, lists.WHORefRoot, whoSigned), whoNow, source.ErrNotAuthentic},
		{"signed in the future", build(d, lists.WHOList, whoNow.Time.Add(6*time.Minute)), whoNow, source.ErrFuture},
		{"older than the last one", good, source.Moment{Time: whoNow.Time, Synced: true, Last: last}, source.ErrRollback},
		{"cut short", good[:len(good)/2], whoNow, source.ErrMalformed},
		{"nothing", []byte{}, whoNow, source.ErrMalformed},
		{"a page", []byte("<html>login</html>"), whoNow, source.ErrMalformed},
		{"version 1", sourcetest.WHODocument(t, "version-1"), whoNow, errDIDVersion1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newWHOServer(t)
			server.docs[whoPath(lists.WHOList)] = slices.Concat(tt.doc, []byte("     "))
			h, report, err := whoSource(t, d, nil, server.url(lists.WHOList)).Fetch(context.Background(), tt.now)
			if h != nil || !errors.Is(err, tt.want) || report.Loaded != 0 {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			// The next mirror is asked.
			second := newWHOServer(t)
			second.docs[whoPath(lists.WHOList)] = build(d, lists.WHOList, whoSigned.Add(time.Minute))
			h, _, err = whoSource(t, d, nil, server.url(lists.WHOList), second.url(lists.WHOList)).Fetch(context.Background(), tt.now)
			if err != nil || len(h.Signers) != 2 {
				t.Errorf("with a good mirror: %v", err)
			}
		})
	}
	// A little ahead, or a clock that is not known to be right: not refused.
	for _, now := range []source.Moment{whoNow, {Time: time.Unix(0, 0)}} {
		server := newWHOServer(t)
		server.docs[whoPath(lists.WHOList)] = build(d, lists.WHOList, whoNow.Time.Add(4*time.Minute))
		whoFetch(t, whoSource(t, d, nil, server.url(lists.WHOList)), now)
	}
}

// All entries unusable: an authentic list, of which nothing can be used.
func TestWHOAllUnusable(t *testing.T) {
	d, _ := whoDomain(t, 3)
	wrong, _ := whoDomain(t, 0)
	d.CSCA = wrong.CSCA
	server := newWHOServer(t)
	doc, err := lists.WHO(d, whoSigned)
	server.put(t, lists.WHOList, doc, err)
	h, report := whoFetch(t, whoSource(t, d, nil, server.url(lists.WHOList)), whoNow)
	if len(h.Signers) != 0 || report.Loaded != 0 || len(report.Skipped) != 3 {
		t.Errorf("%d signers, %+v", len(h.Signers), report)
	}
}

func TestNewWHO(t *testing.T) {
	d, _ := whoDomain(t, 0)
	const good = whoListURL
	p384 := sourcetest.ECKey(t, elliptic.P384())
	der, err := x509.MarshalPKIXPublicKey(p384.Public())
	if err != nil {
		t.Fatal(err)
	}
	ok := sources.Config{URLs: []string{good, "http://127.0.0.1/mirror/v2/trustlist/DCC/-/DSC/did.json"}, Anchors: d.Signer.PublicPEM()}
	if _, err := New(ok); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*sources.Config)
		want   string
	}{
		{"no anchor", func(c *sources.Config) { c.Anchors = nil }, "anchor"},
		{"P-384", func(c *sources.Config) { c.Anchors = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}) }, "P-256"},
		{"no URL", func(c *sources.Config) { c.URLs = nil }, "URL"},
		{"version 1", func(c *sources.Config) { c.URLs = []string{"https://tng-cdn.who.int/trustlist/did.json"} }, whoListURL},
		{"folder", func(c *sources.Config) { c.URLs = []string{"https://tng-cdn.who.int/v2/trustlist/DCC/-/DSC"} }, whoListURL},
		{"query", func(c *sources.Config) { c.URLs = []string{good + "?secret"} }, "query"},
		{"ftp", func(c *sources.Config) { c.URLs = []string{"ftp://tng-cdn.who.int/v2/did.json"} }, "https://"},
		{"alpha-2", func(c *sources.Config) { c.Participants = []string{"FR"} }, "alpha-3"},
		{"small letters", func(c *sources.Config) { c.Participants = []string{"fra"} }, "alpha-3"},
		{"domain", func(c *sources.Config) { c.Domain = "-" }, "domain"},
		{"usage", func(c *sources.Config) { c.Usage = "#DSC" }, "usage"},
		{"CSCA", func(c *sources.Config) { c.CSCAs = d.Signer.PEM() }, "CSCA"},
	}
	for _, tt := range tests {
		c := ok
		tt.change(&c)
		if s, err := New(c); s != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
