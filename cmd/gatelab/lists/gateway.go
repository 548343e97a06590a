package lists

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// GatewayEntry is an entry of a trust list (dgc-gateway, TrustListDto).
type GatewayEntry struct {
	Type       string    `json:"certificateType"`
	Country    string    `json:"country"`
	KID        string    `json:"kid"`
	RawData    *string   `json:"rawData"`
	Signature  string    `json:"signature"`
	Thumbprint string    `json:"thumbprint"`
	Timestamp  time.Time `json:"timestamp"` // when it was made
}

// Types of entries.
const (
	GatewayCSCA   = "CSCA"
	GatewayUpload = "UPLOAD"
	GatewayDSC    = "DSC"
)

// gatewayPage is how many entries a page has if only its number is asked for.
const gatewayPage = 100

// NewGatewayEntry has a certificate that was uploaded, with its signature: that of the trust anchor, or of a country's uploader for a DSC.
func NewGatewayEntry(kind, country string, der []byte, signer Credential) (GatewayEntry, error) {
	uploaded := notBefore.AddDate(1, 0, 0)
	blob, err := CMS{BER: true, Time: uploaded}.Sign(signer, der)
	sum := sha256.Sum256(der)
	raw := base64.StdEncoding.EncodeToString(der)
	return GatewayEntry{
		Type: kind, Country: country, Timestamp: uploaded,
		KID:        base64.StdEncoding.EncodeToString(sum[:8]),
		RawData:    &raw,
		Signature:  base64.StdEncoding.EncodeToString(blob),
		Thumbprint: hex.EncodeToString(sum[:]),
	}, err
}

// Gateway plays the gateway of the member states (dgc-gateway). It is an http.Handler that wants a client certificate, which the TLS
// configuration of its server asks for and checks. Its methods may be called from any goroutine.
type Gateway struct {
	uploaders map[string]Credential // by country

	mu   sync.Mutex
	rows []gatewayRow
}

type gatewayRow struct {
	GatewayEntry
	deleted time.Time // zero if it is not
}

// NewGateway has the certificates of all domains, under the trust anchor of the first one.
func NewGateway(domains ...*Domain) (*Gateway, error) {
	g := &Gateway{uploaders: map[string]Credential{}}
	for _, d := range domains {
		g.uploaders[d.Country] = d.Uploader
		for _, one := range []struct {
			kind   string
			cert   *x509.Certificate
			signer Credential
		}{{GatewayCSCA, d.CSCA.Cert, domains[0].Anchor}, {GatewayUpload, d.Uploader.Cert, domains[0].Anchor}} {
			entry, err := NewGatewayEntry(one.kind, d.Country, one.cert.Raw, one.signer)
			if err != nil {
				return nil, err
			}
			g.Put(entry)
		}
		for _, dsc := range d.DSCs {
			entry, err := NewGatewayEntry(GatewayDSC, d.Country, dsc.Raw, d.Uploader)
			if err != nil {
				return nil, err
			}
			g.Put(entry)
		}
	}
	return g, nil
}

// Put hands out any entry from now on, instead of the one of its type and kid.
func (g *Gateway) Put(e GatewayEntry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rows = slices.DeleteFunc(g.rows, func(r gatewayRow) bool { return r.Type == e.Type && r.KID == e.KID })
	g.rows = append(g.rows, gatewayRow{GatewayEntry: e})
	slices.SortStableFunc(g.rows, func(a, b gatewayRow) int { return cmp.Compare(a.KID, b.KID) })
}

// Add uploads a DSC, again if it was deleted before. Its country must be that of a domain.
func (g *Gateway) Add(cert *x509.Certificate) {
	country := cert.Subject.Country[0]
	e, err := NewGatewayEntry(GatewayDSC, country, cert.Raw, g.uploaders[country])
	if err != nil {
		panic(err) // a lab's uploader can sign
	}
	e.Timestamp = time.Now().UTC().Truncate(time.Second)
	g.Put(e)
}

// Withdraw deletes a DSC.
func (g *Gateway) Withdraw(kid []byte) { g.WithdrawAt(kid, time.Now()) }

// WithdrawAt deletes a DSC at a time of the gateway's clock.
func (g *Gateway) WithdrawAt(kid []byte, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	text := base64.StdEncoding.EncodeToString(kid)
	for i := range g.rows {
		if g.rows[i].Type == GatewayDSC && g.rows[i].KID == text {
			g.rows[i].deleted = at
		}
	}
}

// Remove takes entries of a type away without a trace, as the gateway does with what was deleted long ago; all if kid is nil.
func (g *Gateway) Remove(kind string, kid []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	text := base64.StdEncoding.EncodeToString(kid)
	g.rows = slices.DeleteFunc(g.rows, func(r gatewayRow) bool { return r.Type == kind && (kid == nil || r.KID == text) })
}

// ServeHTTP answers GET /trustList/TYPE, in pages, and since a time.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, ok := strings.CutPrefix(r.URL.Path, "/trustList/")
	switch {
	case r.TLS == nil || len(r.TLS.PeerCertificates) == 0:
		gatewayProblem(w, http.StatusUnauthorized, "0x400", "No thumbprint or distinguishedName provided")
		return
	case !ok || !slices.Contains([]string{GatewayCSCA, GatewayUpload, GatewayDSC}, kind):
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	var since time.Time
	if text := r.Header.Get("If-Modified-Since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339Nano, text); err != nil {
			gatewayProblem(w, http.StatusBadRequest, "0x001", "If-Modified-Since")
			return
		}
	}
	list := g.list(kind, since)
	if err := pageOf(r, &list); err != nil {
		gatewayProblem(w, http.StatusBadRequest, "0x001", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list) // fails only if nobody listens
}

// list has what is in force, or, if since is not zero, what was made or deleted since.
func (g *Gateway) list(kind string, since time.Time) []GatewayEntry {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := []GatewayEntry{} // never null in JSON
	for _, row := range g.rows {
		entry := row.GatewayEntry
		switch {
		case entry.Type != kind:
			continue
		case since.IsZero() && !row.deleted.IsZero():
			continue
		case !since.IsZero() && entry.Timestamp.Before(since) && row.deleted.Before(since):
			continue
		case !row.deleted.IsZero():
			entry.RawData = nil
		}
		list = append(list, entry)
	}
	return list
}

// pageOf cuts a list to the page that is asked for, if one is.
func pageOf(r *http.Request, list *[]GatewayEntry) error {
	query := r.URL.Query()
	if !query.Has("page") && !query.Has("pagesize") {
		return nil
	}
	page, size := 0, gatewayPage
	for name, value := range map[string]*int{"page": &page, "pagesize": &size} {
		if !query.Has(name) {
			continue
		}
		n, err := strconv.ParseUint(query.Get(name), 10, 16)
		if err != nil || name == "pagesize" && n == 0 {
			return fmt.Errorf("%s", name)
		}
		*value = int(n)
	}
	from := min(page*size, len(*list))
	*list = (*list)[from:min(from+size, len(*list))]
	return nil
}

// gatewayProblem answers with a ProblemReport.
func gatewayProblem(w http.ResponseWriter, status int, code, problem string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "problem": problem, "sendValue": "", "details": ""})
}
