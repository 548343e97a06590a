// Package gateway is the source of the member states' gateway, each of whose entries is signed by its uploader and by a CSCA. It must never
// know the Syncer, the store or another source.
package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/verify"
)

const Kind = "gateway"

const (
	gatewayPage     = 100     // entries asked for at once, the gateway's own default
	maxGatewayPage  = 8 << 20 // bytes; a hundred genuine entries have 600,000
	maxGatewayPages = source.MaxCertificates/gatewayPage + 1

	// gatewayOverlap is how much further back than the last fetch deletions are asked for: the gateway dates them by its own clock,
	// and before they can be seen.
	gatewayOverlap = 24 * time.Hour
)

// gatewayBirth is when the EU's gateway began to work, before which nothing was deleted.
var gatewayBirth = time.Date(2021, time.June, 1, 0, 0, 0, 0, time.UTC)

// Types of entries of a trust list (dgc-gateway, CertificateTypeDto).
const (
	gatewayCSCA   = "CSCA"
	gatewayUpload = "UPLOAD"
	gatewayDSC    = "DSC"
)

// gateway is the source of what the member states' gateway hands out (dgc-gateway, and WHO's successor with the same paths). It lets in only
// whom it knows by a client certificate.
//
// Each attempt fetches everything that is in force, and besides only learns from the gateway's delta what was deleted since the last
// one: a delta alone could be applied to something that the gateway never said. A deletion is not signed, so that it rests on TLS
// alone; it bars a key until the gateway hands it out again. An entry whose neighbour is deleted in the middle of an attempt
// may slip between two pages; the next attempt has it.
type gateway struct {
	mirrors []gatewayMirror
	anchors pki.Anchors
}

type gatewayMirror struct {
	url    string
	client *fetch.Client // one each: pages of two mirrors do not fit together
}

// New makes the source of a gateway. A URL is the one that /trustList is below. An anchor is the certificate of the gateway's
// trust anchor, byte for byte.
func New(c sources.Config) (source.Source, error) {
	a, err := pki.ParseAnchors(c.Anchors)
	switch {
	case err != nil:
		return nil, err
	case len(a.Certificates) != len(a.Keys):
		return nil, errors.New("an anchor that is a bare key: name the certificate of the gateway's trust anchor")
	case len(c.CSCAs) > 0:
		return nil, errors.New("CSCAs: the gateway hands out its own, signed by the trust anchor; leave them out")
	case c.Certificate == nil:
		return nil, errors.New("no client certificate: a gateway answers only whom it knows; name the certificate that was given to it (type AUTHENTICATION), and its key")
	case len(c.URLs) == 0:
		return nil, errors.New("no URL: give the one that trustList/DSC is appended to")
	}
	s := &gateway{anchors: a}
	for _, url := range c.URLs {
		if strings.Contains(url, "?") {
			return nil, fmt.Errorf("URL %s: paths are appended to it; leave out the query", fetch.Quote(fetch.WithoutQuery(url)))
		}
		client, err := fetch.New([]string{url}, c.Transport, false)
		if err != nil {
			return nil, err
		}
		s.mirrors = append(s.mirrors, gatewayMirror{url, client})
	}
	return s, nil
}

// Traits implements Source.
func (s *gateway) Traits() source.Traits {
	return source.Traits{
		Kind:  Kind,
		Signs: "each DSC, by its uploader and its CSCA, and these by the pinned trust anchor; for the list as a whole TLS vouches",
		Age:   source.AgeObserved, Rollback: false,
		Absence: "no longer listed; what the gateway names as deleted is withdrawn, until it lists it again",
	}
}

// Fetch implements Source. ErrNotAuthentic is for a gateway without one CSCA or uploader that the trust anchor signed, ErrImplausible for one that
// has no DSC although it had.
func (s *gateway) Fetch(ctx context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetch.MaxFetchTime, fmt.Errorf("not through after %v", fetch.MaxFetchTime))
	defer cancel()
	return fetch.FirstMirror(ctx, s.mirrors, func(m gatewayMirror) (*source.Holding, source.Report, error) {
		defer m.client.CloseIdle()
		return s.fetch(ctx, m, now)
	})
}

// fetch asks one mirror, for deletions before keys: what it lists has the last word.
func (s *gateway) fetch(ctx context.Context, m gatewayMirror, now source.Moment) (*source.Holding, source.Report, error) {
	w := &gatewayWalk{mirror: m, now: now, asked: now.Time}
	trust := gatewayTrust{anchors: s.anchors, cscas: map[string]pki.Authorities{}, uploaders: map[string]pki.Anchors{}}
	e := list.NewEntries()
	for _, kind := range []string{gatewayCSCA, gatewayUpload} {
		accepted, skipped := 0, len(e.Report.Skipped)
		err := w.pages(ctx, kind, time.Time{}, func(entry gatewayEntry) error {
			if err := trust.accept(kind, entry); err != nil {
				skipEntry(e, kind, entry, err)
			} else {
				accepted++
			}
			return nil
		})
		if err == nil && accepted == 0 {
			err = fmt.Errorf("%s: %w: no %s entry that the trust anchor signed%s", m.url, source.ErrNotAuthentic, kind, whyFirst(e.Report.Skipped[skipped:]))
		}
		if err != nil {
			return nil, source.Report{}, err
		}
	}

	deleted, cursor, err := s.deleted(ctx, w, e)
	if err != nil {
		return nil, source.Report{}, err
	}
	err = w.pages(ctx, gatewayDSC, time.Time{}, func(entry gatewayEntry) error {
		if err := e.More(); err != nil {
			return err
		}
		der, signer, err := trust.signer(entry)
		if err != nil {
			skipEntry(e, gatewayDSC, entry, err)
			return nil
		}
		e.Add(der, signer)
		return nil
	})
	if err != nil {
		return nil, source.Report{}, err
	}
	if e.Count == 0 && now.Last != nil && len(now.Last.Signers) > 0 {
		return nil, source.Report{}, fmt.Errorf("%s: %w: not one certificate of a DSC, and there were %d", m.url, source.ErrImplausible, len(now.Last.Signers))
	}
	signers, report := e.Done()
	holding := &source.Holding{Signers: signers, Withdrawn: stillWithdrawn(now.Last, deleted, signers), Cursor: cursor}
	if len(holding.Withdrawn) > source.MaxCertificates {
		return nil, source.Report{}, fmt.Errorf("%s: %w: more than %d keys deleted", m.url, source.ErrTooLarge, source.MaxCertificates)
	}
	if sameGatewayHolding(now.Last, holding) {
		return nil, report, source.ErrUnchanged
	}
	return holding, report, nil
}

// deleted asks which DSCs were deleted since the last attempt that asked for that, and says what to ask next time. Without an
// answer that is the same, and the report says so.
func (s *gateway) deleted(ctx context.Context, w *gatewayWalk, e *list.Entries) (kids []verify.KID, cursor []byte, err error) {
	since := gatewayBirth
	if w.now.Last != nil {
		cursor = w.now.Last.Cursor
		if t, err := time.Parse(time.RFC3339, string(cursor)); err == nil {
			since = t
		}
	}
	err = w.pages(ctx, gatewayDSC, earlier(since, w.asked.Add(-gatewayOverlap)), func(entry gatewayEntry) error {
		kid, deleted, err := entry.deletion()
		switch {
		case err != nil:
			skipEntry(e, "deleted "+gatewayDSC, entry, err)
		case deleted && len(kids) >= source.MaxCertificates:
			return fmt.Errorf("%w: more than %d deletions", source.ErrTooLarge, source.MaxCertificates)
		case deleted:
			kids = append(kids, kid)
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return nil, nil, context.Cause(ctx)
	case err != nil:
		e.SkipNamed("deletions", err)
		return nil, cursor, nil
	}
	return kids, []byte(w.asked.Add(-gatewayOverlap).UTC().Format(time.RFC3339)), nil
}

// stillWithdrawn are the kids that were deleted, now or before, and are not handed out.
func stillWithdrawn(last *source.Holding, deleted []verify.KID, signers []source.Signer) []verify.KID {
	var before []verify.KID
	if last != nil {
		before = last.Withdrawn
	}
	listed := map[verify.KID]bool{}
	for i := range signers {
		listed[signers[i].KID] = true
	}
	kids := slices.DeleteFunc(slices.Concat(before, deleted), func(k verify.KID) bool { return listed[k] })
	slices.SortFunc(kids, source.CompareKIDs)
	return slices.Compact(kids)
}

// sameGatewayHolding says whether an attempt changed nothing that is kept. That the cursor may be later does not count: deletions
// asked for since an earlier time are only more.
func sameGatewayHolding(last, h *source.Holding) bool {
	return last != nil && (len(last.Cursor) > 0 || len(h.Cursor) == 0) && slices.Equal(last.Withdrawn, h.Withdrawn) &&
		slices.EqualFunc(last.Signers, h.Signers, func(a, b source.Signer) bool { return a.KID == b.KID && a.Hash() == b.Hash() })
}

// whyFirst says why the first of what was skipped was.
func whyFirst(skipped []source.Skipped) string {
	if len(skipped) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s: %v", skipped[0].Name, skipped[0].Err)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// gatewayWalk is one attempt at one mirror.
type gatewayWalk struct {
	mirror gatewayMirror
	now    source.Moment
	asked  time.Time // when it began, by our clock or that of the gateway, whichever is earlier
	count  int       // of entries
	size   int64     // of all pages, in bytes
}

// pages asks for all entries of a type, or, if since is not zero, for those that were made or deleted since.
//
// The gateway reads If-Modified-Since as ISO 8601 and nothing else, whatever its API says (TrustListController).
func (w *gatewayWalk) pages(ctx context.Context, kind string, since time.Time, take func(gatewayEntry) error) error {
	var before [sha256.Size]byte
	for page := range maxGatewayPages {
		r := fetch.Request{Path: fmt.Sprintf("trustList/%s?page=%d&pagesize=%d", kind, page, gatewayPage), Limit: maxGatewayPage}
		if !since.IsZero() {
			r.Header = map[string]string{"If-Modified-Since": since.UTC().Format(time.RFC3339)}
		}
		n := 0
		err := w.mirror.client.Get(ctx, w.now, r, func(got *fetch.Response) error {
			if err := got.OK(); err != nil {
				return err
			}
			if date := got.Date(); !date.IsZero() {
				w.asked = earlier(w.asked, date)
			}
			if w.size += int64(len(got.Body)); w.size > source.MaxListSize {
				return fmt.Errorf("%w: pages of more than %d MiB", source.ErrTooLarge, source.MaxListSize>>20)
			}
			hash := sha256.Sum256(got.Body)
			if hash == before {
				return fmt.Errorf("%w: page %d of %s is the one before again, so that the end would never come", source.ErrMalformed, page, kind)
			}
			before = hash
			entries, err := readGatewayPage(got.Body)
			if err != nil {
				return err
			}
			n = len(entries)
			for _, entry := range entries {
				if err := take(entry); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		w.count += n
		w.now.ReportProgress(w.count, 0)
		if n < gatewayPage {
			return nil
		}
	}
	return fmt.Errorf("%s: %w: more than %d pages of %s", w.mirror.url, source.ErrTooLarge, maxGatewayPages, kind)
}
