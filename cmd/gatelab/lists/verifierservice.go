package lists

import (
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// VerifierService plays the verifier service that the EU made for its member states (dgca-verifier-service), or the Italian
// one, which has other paths, no delta, and now and then a key without a certificate. It is an http.Handler whose keys come and
// go while it runs; its methods may be called from any goroutine.
type VerifierService struct {
	paths map[string]http.HandlerFunc

	mu   sync.Mutex
	rows []serviceRow // by id
	last int64        // id that was given out last; ids are never given out again
}

// serviceRow is a row of the service's table (SignerInformationEntity).
type serviceRow struct {
	id      int64
	kid     string // base64
	der     []byte
	deleted bool
	updated time.Time
}

// EUVerifierService has the DSCs of the domain, at /signercertificateUpdate, /signercertificateStatus and
// /signercertificateStatus/delta.
func EUVerifierService(d *Domain) *VerifierService {
	s := &VerifierService{}
	s.paths = map[string]http.HandlerFunc{
		"/signercertificateUpdate":       s.update,
		"/signercertificateStatus":       s.status,
		"/signercertificateStatus/delta": s.delta,
	}
	return s.with(d)
}

// ItalianVerifierService has the DSCs of the domain, at /v1/dgc/signercertificate/update and /status.
func ItalianVerifierService(d *Domain) *VerifierService {
	s := &VerifierService{}
	s.paths = map[string]http.HandlerFunc{
		"/v1/dgc/signercertificate/update": s.update,
		"/v1/dgc/signercertificate/status": s.status,
	}
	return s.with(d)
}

func (s *VerifierService) with(d *Domain) *VerifierService {
	for _, cert := range d.DSCs {
		s.Add(cert)
	}
	return s
}

// ServeHTTP answers as the service does.
func (s *VerifierService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := s.paths[r.URL.Path]
	switch {
	case answer == nil:
		http.NotFound(w, r)
	case r.Method != http.MethodGet:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		answer(w, r)
	}
}

// Add gives out a certificate, under a new id if it was deleted before.
func (s *VerifierService) Add(cert *x509.Certificate) {
	s.AddRow(Credential{Cert: cert}.KID(), cert.Raw)
}

// AddRow gives out any bytes under any kid: a bare key in DER, or what is neither.
func (s *VerifierService) AddRow(kid, der []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := base64.StdEncoding.EncodeToString(kid)
	s.rows = slices.DeleteFunc(s.rows, func(r serviceRow) bool { return r.deleted && r.kid == text })
	s.last++
	s.rows = append(s.rows, serviceRow{id: s.last, kid: text, der: der, updated: time.Now()})
}

// Withdraw deletes a key. As in the service, that does not renew its date, so that a delta since yesterday does not show it.
func (s *VerifierService) Withdraw(kid []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := base64.StdEncoding.EncodeToString(kid)
	for i := range s.rows {
		if s.rows[i].kid == text {
			s.rows[i].deleted = true
		}
	}
}

// WithdrawAll deletes every key, as the service does when its gateway gives it an empty list.
func (s *VerifierService) WithdrawAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rows {
		s.rows[i].deleted = true
	}
}

// Reset empties the table and begins again with id 1, as a service that lost its database.
func (s *VerifierService) Reset(certs ...*x509.Certificate) {
	s.mu.Lock()
	s.rows, s.last = nil, 0
	s.mu.Unlock()
	for _, cert := range certs {
		s.Add(cert)
	}
}

// update gives out the first row after the resume token.
func (s *VerifierService) update(w http.ResponseWriter, r *http.Request) {
	var after int64
	if token := r.Header.Get("X-RESUME-TOKEN"); token != "" {
		var err error
		if after, err = strconv.ParseInt(token, 10, 64); err != nil {
			http.Error(w, "X-RESUME-TOKEN is not a number", http.StatusBadRequest)
			return
		}
	}
	for _, row := range s.rows {
		if row.id > after && !row.deleted {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("X-RESUME-TOKEN", strconv.FormatInt(row.id, 10))
			w.Header().Set("X-KID", row.kid)
			w.Write([]byte(base64.StdEncoding.EncodeToString(row.der)))
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// status lists the kids that are valid now.
func (s *VerifierService) status(w http.ResponseWriter, _ *http.Request) {
	valid, _ := s.kids(time.Time{})
	writeServiceJSON(w, valid)
}

// delta lists the kids that are valid and those that are deleted, of rows whose date is after If-Modified-Since.
func (s *VerifierService) delta(w http.ResponseWriter, r *http.Request) {
	var since time.Time
	if text := r.Header.Get("If-Modified-Since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339Nano, text); err != nil {
			if since, err = time.Parse(time.RFC1123, text); err != nil {
				http.Error(w, "Can not parse if-modified-since header", http.StatusBadRequest)
				return
			}
		}
	}
	valid, deleted := s.kids(since)
	writeServiceJSON(w, map[string][]string{"updated": valid, "deleted": deleted})
}

func (s *VerifierService) kids(since time.Time) (valid, deleted []string) {
	valid, deleted = []string{}, []string{} // never null in JSON
	for _, row := range s.rows {
		switch {
		case !row.updated.After(since):
		case row.deleted:
			deleted = append(deleted, row.kid)
		default:
			valid = append(valid, row.kid)
		}
	}
	return valid, deleted
}

func writeServiceJSON(w http.ResponseWriter, v any) {
	text, err := plainJSON(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text)
}
