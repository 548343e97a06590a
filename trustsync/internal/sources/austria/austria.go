// Package austria is the sources of Austria's list and rules, in CBOR with a COSE signature beside each. It must never know the Syncer, the
// store or another source.
package austria

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
)

const Kind = "austria"

const (
	maxAustriaSignature = 64 << 10 // bytes; a genuine one has 200
	austriaLeeway       = 300 * time.Second
)

// austria is the source of the Austrian list: one document with the certificates, and one that signs its hash. They are replaced one
// after the other.
type austria struct {
	mirrors []*fetch.Client // of one mirror each: both documents must come from the same
	anchors pki.Anchors
}

// New makes the source of the Austrian list. A URL is that of the directory that both documents are in.
func New(c sources.Config) (source.Source, error) {
	a, err := pki.ParseAnchors(c.Anchors)
	if err != nil {
		return nil, err
	}
	for i, key := range a.Keys {
		if _, err := coseAlgorithm(key); err != nil {
			return nil, fmt.Errorf("anchor %d: %w; name the publisher's signing certificate", i+1, err)
		}
	}
	if _, err := fetch.New(c.URLs, c.Transport, true); err != nil { // says what is wrong with all of them
		return nil, err
	}
	s := &austria{anchors: a}
	for _, url := range c.URLs {
		asker, err := fetch.New([]string{url}, c.Transport, true)
		if err != nil {
			return nil, err
		}
		s.mirrors = append(s.mirrors, asker)
	}
	return s, nil
}

// Traits implements Source.
func (s *austria) Traits() source.Traits {
	return source.Traits{
		Kind: Kind, Signs: "a hash of the list, with a pinned key", Age: source.AgeSigned, Rollback: true, Absence: "no longer listed",
	}
}

// Fetch implements Source.
func (s *austria) Fetch(ctx context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	return fetch.FirstMirror(ctx, s.mirrors, func(m *fetch.Client) (*source.Holding, source.Report, error) {
		holding, report, err := s.fetch(ctx, m, now)
		if errors.Is(err, errListsDiffer) { // perhaps one was replaced while we were between them
			return s.fetch(ctx, m, now)
		}
		return holding, report, err
	})
}

var errListsDiffer = fmt.Errorf("%w: the list is not the one that was signed", source.ErrNotAuthentic)

// fetch asks one mirror for both documents. The list itself is left out if the signature is the one that it gave last.
func (s *austria) fetch(ctx context.Context, mirror *fetch.Client, now source.Moment) (holding *source.Holding, report source.Report, err error) {
	sig, err := s.askSignature(ctx, mirror, now, austriaTrustList)
	if err != nil {
		return nil, source.Report{}, err
	}
	if sig.sameAs(now.Last) {
		return nil, source.Report{}, source.ErrUnchanged
	}
	if err := source.CheckWindow(now, sig.from, sig.until, austriaLeeway); err != nil {
		return nil, source.Report{}, err
	}
	err = s.askDocument(ctx, mirror, now, austriaTrustList, sig, func(body []byte) (err error) {
		var signers []source.Signer
		if signers, report, err = Read(body); err != nil {
			return err
		}
		holding = &source.Holding{Signers: signers, Signed: sig.from, Expires: sig.until, Cursor: sig.cursor()}
		return nil
	})
	if err != nil {
		return nil, source.Report{}, err
	}
	return holding, report, nil
}

// cursor reminds the source of which list it gave.
func (s austriaSigned) cursor() []byte { return []byte(hex.EncodeToString(s.hash[:])) }

// sameAs says whether a holding is of the very same signature.
func (s austriaSigned) sameAs(last *source.Holding) bool {
	return last != nil && string(last.Cursor) == string(s.cursor()) && last.Signed.Equal(s.from) && last.Expires.Equal(s.until)
}
