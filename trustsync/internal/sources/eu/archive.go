package eu

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
)

const KindArchive = "eu_archive"

// euArchive is the source of the archive that the EU publishes every day for everybody (dgc-gateway, PublishingService): a zip with
// all CSCAs and DSCs of the gateway, and next to it a signature over its bytes.
type euArchive struct {
	mirrors []euArchiveMirror
	anchors pki.Anchors
	name    string // of the signer, empty for any
}

// euArchiveMirror is one place to ask. Both documents must come from the same, because they are replaced one after the other.
type euArchiveMirror struct {
	url                string
	archive, signature *fetch.Client
}

// Next to the archive.
const (
	euArchiveSignature    = ".sig.txt"         // appended to its name
	maxEUArchiveSignature = 2 * pki.MaxCMSSize // bytes; base64 with line ends
)

// NewArchive makes the source of the EU's archive. A URL is that of dcc_trustlist.zip. An anchor is a certificate: the publisher's,
// or that of an authority above it, which vouches for everybody to whom it gives certificates; SignerName says whom of them is meant.
func NewArchive(c sources.Config) (source.Source, error) {
	a, err := pki.ParseAnchors(c.Anchors)
	switch {
	case err != nil:
		return nil, err
	case len(a.Certificates) != len(a.Keys):
		return nil, errors.New("an anchor that is a bare key: a CMS is signed by a certificate; name that, or its authority's")
	case len(c.CSCAs) > 0:
		return nil, errors.New("CSCAs: the archive brings its own, signed with the rest; leave them out")
	case len(c.URLs) == 0:
		return nil, errors.New("no URL: give that of dcc_trustlist.zip")
	}
	s := &euArchive{anchors: a, name: c.SignerName}
	for _, url := range c.URLs {
		if strings.Contains(url, "?") || !strings.HasSuffix(url, ".zip") { // else the signature might be looked for on another host
			return nil, fmt.Errorf("URL %s: give that of dcc_trustlist.zip, without a query; the signature's is made by appending %s",
				fetch.Quote(fetch.WithoutQuery(url)), euArchiveSignature)
		}
		m := euArchiveMirror{url: url}
		if m.archive, err = fetch.New([]string{url}, c.Transport, true); err != nil {
			return nil, err
		}
		if m.signature, err = fetch.New([]string{url + euArchiveSignature}, c.Transport, true); err != nil {
			return nil, err
		}
		s.mirrors = append(s.mirrors, m)
	}
	return s, nil
}

// Traits implements Source.
func (s *euArchive) Traits() source.Traits {
	return source.Traits{
		Kind:  KindArchive,
		Signs: "the archive, with a certificate that is pinned or that a pinned authority gave; each DSC, by a CSCA of its country in there",
		Age:   source.AgeSigned, Rollback: true, Absence: "no longer published",
	}
}

// Fetch implements Source.
func (s *euArchive) Fetch(ctx context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	return fetch.FirstMirror(ctx, s.mirrors, func(m euArchiveMirror) (*source.Holding, source.Report, error) {
		holding, report, err := s.fetch(ctx, m, now)
		if errors.Is(err, source.ErrNotAuthentic) && ctx.Err() == nil { // perhaps one was replaced while we were between them
			return s.fetch(ctx, m, now)
		}
		return holding, report, err
	})
}

// fetch asks one mirror for both documents. Only the archive is asked for under a condition: if it is the same, nothing is new.
func (s *euArchive) fetch(ctx context.Context, m euArchiveMirror, now source.Moment) (*source.Holding, source.Report, error) {
	var archive, signature, tag []byte
	r := fetch.Request{Limit: source.MaxListSize, Header: map[string]string{}}
	if last := fetch.LastETag(now.Last); last != "" {
		r.Header["If-None-Match"] = last
	}
	err := m.archive.Get(ctx, now, r, func(got *fetch.Response) error {
		if got.NotModified() {
			return source.ErrUnchanged
		}
		archive, tag = got.Body, []byte(got.ETag())
		return got.OK()
	})
	if err != nil {
		return nil, source.Report{}, err
	}
	err = m.signature.Get(ctx, now, fetch.Request{Limit: maxEUArchiveSignature}, func(got *fetch.Response) error {
		signature = got.Body
		return got.OK()
	})
	if err != nil {
		return nil, source.Report{}, err
	}
	holding, report, err := s.read(archive, signature, now)
	if err != nil {
		return nil, source.Report{}, fmt.Errorf("%s: %w", m.url, err)
	}
	holding.Cursor = tag
	return holding, report, nil
}

// Read authenticates an archive before it reads it.
func (s *euArchive) read(archive, signature []byte, now source.Moment) (*source.Holding, source.Report, error) {
	signed, err := openEUArchive(archive, signature, s.anchors, s.name, now.Time)
	if err != nil {
		return nil, source.Report{}, err
	}
	if err := source.CheckWindow(now, signed, time.Time{}, 0); err != nil {
		return nil, source.Report{}, err
	}
	signers, report, err := ReadArchive(archive)
	if err != nil {
		return nil, source.Report{}, err
	}
	return &source.Holding{Signers: signers, Signed: signed}, report, nil
}

// openEUArchive checks the signature of an archive, a detached CMS in base64, and returns its signing time, which must be
// signed too: the archive's age is counted from there. Version.txt in the archive has a time of its own, which is not read. The
// signer must have the common name, if that is not empty.
func openEUArchive(archive, signature []byte, a pki.Anchors, name string, at time.Time) (signed time.Time, err error) {
	if len(archive) > source.MaxListSize {
		return time.Time{}, fmt.Errorf("%w: %d bytes", source.ErrTooLarge, len(archive))
	}
	if len(signature) > maxEUArchiveSignature {
		return time.Time{}, fmt.Errorf("%w: signature of %d bytes", source.ErrTooLarge, len(signature))
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(string(signature), pki.JSONSpace))
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: signature: %w", source.ErrMalformed, err)
	}
	var signer *x509.Certificate
	signer, signed, err = pki.VerifyCMS(blob, archive, a, at, pki.CMSForm{Chained: true, Several: true})
	switch {
	case err != nil:
		return time.Time{}, err
	case name != "" && signer.Subject.CommonName != name:
		return time.Time{}, fmt.Errorf("%w: signed by %.80q, who is not %.80q", source.ErrNotAuthentic, signer.Subject.CommonName, name)
	case signed.IsZero():
		return time.Time{}, fmt.Errorf("%w: no signing time by %.80q", source.ErrMalformed, signer.Subject)
	}
	return signed, nil
}
