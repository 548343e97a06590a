// Package eu is the sources that the EU made for its member states: verifier services with one key a request (EU, Italy), the public archive,
// and business rule services (EU, Germany). It must never know the Syncer, the store or another source.
package eu

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/verify"
)

const (
	maxServiceKIDs = 4 << 20 // bytes of a JSON array of kids; MaxCertificates of them have 1.5 MB

	// A service that lost its own source withdraws everything, or half of it. Of that many keys and more, the loss of more
	// than a half counts only if as many fetches in a row say just the same, over that long.
	massWithdrawal         = 20 // keys
	massWithdrawalFetches  = 3
	massWithdrawalPatience = time.Hour
)

// euService is an instance of the verifier service that the EU made for its member states (dgca-verifier-service), or of the
// Italian twin. It hands out one key a request, in the order of row numbers (resume tokens) that only grow: a key that comes
// back gets a new number. Keys that it lists no more are withdrawn.
//
// Nothing of that is signed. TLS says that it comes from the service, nothing says that it is new.
type euService struct {
	form    euForm
	mirrors []*euMirror
	cscas   pki.Authorities // nil if the DSCs need not chain to any
}

const (
	Kind      = "eu"
	KindItaly = "italy"
)

// euForm is how the instances differ.
type euForm struct {
	kind                  string
	update, status, delta string // paths; no delta if empty
	bareKeys              bool   // may hand out keys without a certificate
}

var (
	euFormEU = euForm{
		kind: Kind, update: "signercertificateUpdate", status: "signercertificateStatus", delta: "signercertificateStatus/delta",
	}
	euFormItaly = euForm{
		kind: KindItaly, update: "signercertificate/update", status: "signercertificate/status", bareKeys: true,
	}
)

// euMirror is one of the places to ask. Row numbers are its own, and so is what it is doubted for.
type euMirror struct {
	url    string
	client *fetch.Client

	unfinished *euWalk // what was got before a fetch failed; nil for nothing
	doubt      euDoubt
}

// euDoubt is the mass withdrawal that a mirror asked for, and was not believed yet.
type euDoubt struct {
	keys    [sha256.Size]byte // that would stay
	since   time.Time
	fetches int
}

func New(c sources.Config) (source.Source, error)      { return newEUService(c, euFormEU) }
func NewItaly(c sources.Config) (source.Source, error) { return newEUService(c, euFormItaly) }

func newEUService(c sources.Config, form euForm) (source.Source, error) {
	switch {
	case len(c.URLs) == 0:
		return nil, fmt.Errorf("no URL: give the one that %s is appended to", form.update)
	case len(c.Anchors) > 0:
		return nil, fmt.Errorf("anchors: what kind %q hands out is not signed; leave them out, and pin the server's key or name its CA", form.kind)
	}
	s := &euService{form: form}
	if len(c.CSCAs) > 0 {
		var err error
		if s.cscas, err = pki.ParseAuthorities(c.CSCAs); err != nil {
			return nil, err
		}
	}
	for _, url := range c.URLs {
		// One client each: a mirror is asked for everything or nothing, because row numbers are its own.
		client, err := fetch.New([]string{url}, c.Transport, false)
		if err != nil {
			return nil, err
		}
		s.mirrors = append(s.mirrors, &euMirror{url: url, client: client})
	}
	return s, nil
}

func (s *euService) Traits() source.Traits {
	signs := "nothing; TLS vouches for the server"
	if s.cscas != nil {
		signs = "each DSC, by its CSCA; for the list as a whole TLS vouches"
	}
	return source.Traits{
		Kind:     s.form.kind,
		Signs:    signs,
		Age:      source.AgeObserved,
		Rollback: false,
		Absence: "withdrawn, with the next fetch; an empty list is never believed, and the loss of most keys only when " +
			"it is repeated for an hour",
	}
}

// Fetch walks through the keys that are new, then drops those that the service lists no more. Its error is what each mirror did;
// ErrImplausible is for a service that lists nothing, or asks for a mass withdrawal and has not been believed yet. Keys that it
// names as deleted are withdrawn expressly, until it lists them again.
func (s *euService) Fetch(ctx context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetch.MaxFetchTime, fmt.Errorf("not through after %v", fetch.MaxFetchTime))
	defer cancel()
	return fetch.FirstMirror(ctx, s.mirrors, func(m *euMirror) (*source.Holding, source.Report, error) {
		defer m.client.CloseIdle()
		return s.fetch(ctx, now, m)
	})
}

// fetch asks one mirror.
func (s *euService) fetch(ctx context.Context, now source.Moment, m *euMirror) (*source.Holding, source.Report, error) {
	cursor, resumed := m.cursor(now.Last)
	w := m.unfinished
	switch {
	case w != nil:
		w.resumed = true
	case resumed:
		w = resumeEUWalk(cursor, now.Last)
	default:
		w = newEUWalk()
	}
	var listed map[verify.KID]bool
	var skipped []source.Skipped // beside rows
	for {
		m.unfinished = w
		if err := s.walk(ctx, now, m, w); err != nil {
			if errors.Is(err, source.ErrTooLarge) { // and would be for ever
				m.unfinished = nil
			}
			return nil, source.Report{}, err
		}
		// Only now: a key that was added after it had been asked would be dropped, and never come again.
		var err error
		if listed, skipped, err = s.status(ctx, now, m); err != nil {
			return nil, source.Report{}, err
		}
		if !w.resumed || w.explains(listed) {
			break
		}
		w = newEUWalk() // the mirror's row numbers started anew
	}
	w.missing = hashKIDs(w.without(listed))
	if w.empty() {
		m.unfinished = nil
		return nil, source.Report{}, fmt.Errorf("%s: %w: %d keys are listed, and none is handed out", m.url, source.ErrImplausible, len(listed))
	}
	holding := &source.Holding{Signers: w.signers(listed)}
	var err error
	if holding.Withdrawn, err = s.withdrawn(ctx, now, m, listed); err != nil {
		skipped = append(skipped, source.Skipped{Name: s.form.delta, Err: err})
	}
	if ctx.Err() != nil {
		return nil, source.Report{}, context.Cause(ctx)
	}
	if err := m.believe(now, holding); err != nil {
		return nil, source.Report{}, err
	}
	m.unfinished = nil
	holding.Cursor = euCursor{URL: m.url, Token: w.token, Missing: w.missing[:]}.encode()
	report := w.report
	report.Loaded, report.Skipped = len(holding.Signers), append(report.Skipped, skipped...)
	if sameEUHolding(now.Last, holding) {
		return nil, report, source.ErrUnchanged
	}
	return holding, report, nil
}

// believe is the judgement on mass withdrawals.
func (m *euMirror) believe(now source.Moment, h *source.Holding) error {
	var before, lost int
	if now.Last != nil {
		stays := map[verify.KID]bool{}
		for _, s := range h.Signers {
			stays[s.KID] = true
		}
		before = len(now.Last.Signers)
		for _, s := range now.Last.Signers {
			if !stays[s.KID] {
				lost++
			}
		}
	}
	if before < massWithdrawal || lost*2 <= before {
		m.doubt = euDoubt{}
		return nil
	}
	keys := sha256.New()
	for _, s := range h.Signers {
		keys.Write(s.KID[:])
	}
	if sum := [sha256.Size]byte(keys.Sum(nil)); m.doubt.keys != sum || now.Time.Before(m.doubt.since) {
		m.doubt = euDoubt{keys: sum, since: now.Time}
	}
	m.doubt.fetches++
	if m.doubt.fetches >= massWithdrawalFetches && now.Time.Sub(m.doubt.since) >= massWithdrawalPatience {
		m.doubt = euDoubt{}
		return nil
	}
	return fmt.Errorf("%s: %w: withdraws %d of %d keys; not believed before it says the same in %d fetches over %v (so far %d)",
		m.url, source.ErrImplausible, lost, before, massWithdrawalFetches, massWithdrawalPatience, m.doubt.fetches)
}

// withdrawn are the kids that the service names as deleted, now or before, and does not list. With an error they are those of
// before.
//
// It is asked for all of them, never for those since a date: the service does not date its deletions, and would leave them out
// (SignerInformationRepository.setDeletedByKidsNotIn).
func (s *euService) withdrawn(ctx context.Context, now source.Moment, m *euMirror, listed map[verify.KID]bool) ([]verify.KID, error) {
	var before, deleted []verify.KID
	if now.Last != nil {
		before = now.Last.Withdrawn
	}
	var err error
	if s.form.delta != "" {
		deleted, err = s.deleted(ctx, now, m)
		var status *fetch.StatusError
		if errors.As(err, &status) && status.NotFound() {
			err = nil // the first services had no such thing
		}
	}
	if len(before)+len(deleted) > source.MaxCertificates {
		deleted, err = nil, fmt.Errorf("%w: more than %d keys deleted", source.ErrTooLarge, source.MaxCertificates)
	}
	kids := slices.DeleteFunc(slices.Concat(before, deleted), func(k verify.KID) bool { return listed[k] })
	slices.SortFunc(kids, source.CompareKIDs)
	return slices.Compact(kids), err
}

// deleted asks for all kids that the service names as deleted.
func (s *euService) deleted(ctx context.Context, now source.Moment, m *euMirror) (kids []verify.KID, err error) {
	err = m.client.Get(ctx, now, fetch.Request{Path: s.form.delta, Limit: maxServiceKIDs}, func(r *fetch.Response) error {
		kids = nil
		doc := list.WalkJSON(r.Body)
		err := doc.Object(func(key string) error {
			if key != "deleted" {
				return doc.Skip()
			}
			return readServiceKIDs(doc, func(_ int, kid verify.KID, err error) error {
				kids = append(kids, kid)
				return err
			})
		})
		if err == nil {
			err = doc.End()
		}
		return list.Malformed(err)
	})
	if err != nil {
		return nil, err
	}
	return kids, nil
}

// sameEUHolding says whether a fetch changed nothing that is kept.
func sameEUHolding(last, h *source.Holding) bool {
	return last != nil && slices.Equal(last.Cursor, h.Cursor) && slices.Equal(last.Withdrawn, h.Withdrawn) &&
		slices.EqualFunc(last.Signers, h.Signers, func(a, b source.Signer) bool {
			return a.KID == b.KID && a.Hash() == b.Hash()
		})
}

// euCursor is what a mirror is to be resumed from.
type euCursor struct {
	URL     string `json:"url"` // of the mirror: others number their rows otherwise
	Token   int64  `json:"token"`
	Missing []byte `json:"missing"` // see euWalk
}

func (c euCursor) encode() []byte {
	data, err := json.Marshal(c)
	if err != nil || len(data) > source.MaxCursor {
		return nil // to start over is always right
	}
	return data
}

// cursor is where to resume from, if the last holding came from this mirror.
func (m *euMirror) cursor(last *source.Holding) (c euCursor, ok bool) {
	if last == nil || json.Unmarshal(last.Cursor, &c) != nil {
		return euCursor{}, false
	}
	return c, c.URL == m.url && c.Token > 0 && len(c.Missing) == sha256.Size
}
