package sourcetest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
)

// RuleServer counts what a service is asked for.
type RuleServer struct {
	mu      sync.Mutex
	Service http.Handler
	Asked   []string
	Fail    func(path string) bool // answers 500

	Now, Most atomic.Int32 // requests at a time
}

func (s *RuleServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Most.Store(max(s.Most.Load(), s.Now.Add(1)))
	defer s.Now.Add(-1)
	s.mu.Lock()
	s.Asked = append(s.Asked, r.URL.Path)
	service, fail := s.Service, s.Fail != nil && s.Fail(r.URL.Path)
	s.mu.Unlock()
	if fail {
		http.Error(w, "not now", http.StatusInternalServerError)
		return
	}
	if strings.Count(r.URL.Path, "/") > 1 {
		time.Sleep(2 * time.Millisecond) // so that others have time to ask as well
	}
	service.ServeHTTP(w, r)
}

func (s *RuleServer) Forget() { s.mu.Lock(); s.Asked = nil; s.mu.Unlock() }

func (s *RuleServer) Start(t testing.TB) string {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func RuleService(t testing.TB, d *lists.Domain) *lists.RuleService {
	t.Helper()
	s, err := lists.NewRuleService(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// AustriaFiles are the four documents by their path.
type AustriaFiles struct {
	Files map[string][]byte
	Asked []string
	Next  func(path string)
}

func (f *AustriaFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.Asked = append(f.Asked, strings.TrimPrefix(r.URL.Path, "/"))
	if f.Next != nil {
		f.Next(f.Asked[len(f.Asked)-1])
	}
	body, ok := f.Files[strings.TrimPrefix(r.URL.Path, "/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Write(body)
}

func (f *AustriaFiles) Start(t testing.TB) string {
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server.URL
}

func (f *AustriaFiles) Forget() { f.Asked = nil }

// PublishAustria are the documents of a domain, each signed at its own time.
func PublishAustria(t testing.TB, d *lists.Domain, rulesFrom, setsFrom time.Time) *AustriaFiles {
	t.Helper()
	f := &AustriaFiles{Files: map[string][]byte{}}
	f.Sign(t, d, rulesFrom, setsFrom)
	return f
}

func (f *AustriaFiles) Sign(t testing.TB, d *lists.Domain, rulesFrom, setsFrom time.Time) {
	t.Helper()
	var err error
	if f.Files["rules"], f.Files["rulessig"], err = lists.AustriaRules(d, rulesFrom, rulesFrom.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if f.Files["valuesets"], f.Files["valuesetssig"], err = lists.AustriaSets(d, setsFrom, setsFrom.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func SwitzerlandRules(t testing.TB, d *lists.Domain) []byte {
	t.Helper()
	body, err := lists.SwitzerlandRules(d)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
