// Package switzerland is the source of the Swiss rules, a JWS. It must never know the Syncer, the store or another source.
package switzerland

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"

	"github.com/go-jose/go-jose/v4"
)

const KindRules = "switzerland_rules"

// switzerlandRules is the source of the Swiss rules: a compact JWS with rules, value sets and, for its apps, what else they show.
type switzerlandRules struct {
	client  *fetch.Client
	anchors pki.Anchors
	name    string // common name of the signer
}

// NewRules makes the source of the Swiss rules. A URL is that of the document itself, which ends in verificationRules; its
// service wants a token (Config.Header). An anchor is the signer's certificate or key, or that of an authority above
// it; under the government's root there are many signers, and SignerName says which one is meant.
func NewRules(c sources.Config) (source.Source, error) {
	a, err := pki.ParseAnchors(c.Anchors)
	if err != nil {
		return nil, err
	}
	for i, key := range a.Keys {
		if cert := a.CertificateOf(key); pki.IsRSA(key) || cert != nil && pki.IsAuthority(cert) {
			continue
		}
		return nil, fmt.Errorf("anchor %d: neither an RSA key, with which the rules are signed, nor the certificate of an authority", i+1)
	}
	asker, err := fetch.New(c.URLs, c.Transport, true)
	if err != nil {
		return nil, err
	}
	return &switzerlandRules{asker, a, c.SignerName}, nil
}

// Traits implements Source.
func (s *switzerlandRules) Traits() source.Traits {
	return source.Traits{
		Kind: KindRules, Signs: "rules and value sets together, with a pinned key or one that a pinned authority certifies",
		Age: source.AgeObserved, Absence: "no longer listed", Rules: true,
	}
}

// switzerlandCursor reminds the source of the tag of a document, and of when that was got.
type switzerlandCursor struct {
	Tag string
	Got time.Time
}

// Fetch implements Source.
func (s *switzerlandRules) Fetch(ctx context.Context, now source.Moment) (h *source.Holding, report source.Report, err error) {
	r := fetch.Request{Limit: source.MaxListSize, Header: map[string]string{"Accept": "application/json+jws"}}
	tag := switzerlandTag(now)
	if tag != "" {
		r.Header["If-None-Match"] = tag
	}
	err = s.client.Get(ctx, now, r, func(got *fetch.Response) (err error) {
		if got.NotModified() && tag != "" {
			return source.ErrUnchanged
		}
		if err = got.OK(); err != nil {
			return err
		}
		if h, report, err = s.read(got.Body, now); err != nil {
			return err
		}
		h.Cursor, err = json.Marshal(switzerlandCursor{got.ETag(), now.Time})
		return err
	})
	if err != nil {
		return nil, source.Report{}, err
	}
	return h, report, nil
}

// switzerlandTag is the tag of what was given last, empty if that must be got again, for then it is good for as long again.
func switzerlandTag(now source.Moment) string {
	var last switzerlandCursor
	if now.Last == nil || json.Unmarshal(now.Last.Cursor, &last) != nil {
		return ""
	}
	if now.Last.Signed.IsZero() && now.Time.Sub(last.Got) >= source.ConfirmInterval {
		return ""
	}
	return fetch.ValidETag(last.Tag)
}

// Read authenticates a document before it reads it.
func (s *switzerlandRules) read(body []byte, now source.Moment) (*source.Holding, source.Report, error) {
	payload, err := openSwitzerland(body, s.anchors, s.name, now.Time)
	if err != nil {
		return nil, source.Report{}, err
	}
	var h source.Holding
	if h.Signed, h.Expires, err = switzerlandTimes(payload, now.Time); err != nil {
		return nil, source.Report{}, err
	}
	if err := source.CheckWindow(now, h.Signed, h.Expires, 0); err != nil {
		return nil, source.Report{}, err
	}
	var report source.Report
	if h.Rules, h.ValueSets, report, err = list.ParseRules(payload); err != nil {
		return nil, source.Report{}, err
	}
	return &h, report, nil
}

// openSwitzerland returns what an anchor signed with RS256, or somebody whom it certifies and who has the common name, if that is
// not empty.
func openSwitzerland(body []byte, a pki.Anchors, name string, at time.Time) ([]byte, error) {
	j, err := pki.SplitJWS(body)
	if err != nil {
		return nil, err
	}
	signer, err := j.Verify(jose.RS256, pki.IsRSA, a, at)
	if err == nil && name != "" && (signer == nil || signer.Subject.CommonName != name) {
		err = fmt.Errorf("signed by somebody who is not %.80q", name)
		if signer != nil {
			err = fmt.Errorf("signed by %.80q, who is not %.80q", signer.Subject.CommonName, name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", source.ErrNotAuthentic, err)
	}
	return j.Payload, nil
}

// switzerlandTimes are when the rules were signed (iat), which the publisher does not say, and the earlier of exp and validDuration,
// which is in milliseconds and counts from there, or else from when they were got, so that a replay renews itself.
func switzerlandTimes(payload []byte, got time.Time) (signed, expires time.Time, err error) {
	var claims struct {
		Issued        *float64 `json:"iat"`
		Expires       *float64 `json:"exp"`
		ValidDuration *float64 `json:"validDuration"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return signed, expires, fmt.Errorf("%w: %w", source.ErrMalformed, err)
	}
	from := got
	if claims.Issued != nil {
		if signed, err = pki.NumericDate(claims.Issued); err != nil {
			return signed, expires, fmt.Errorf("%w: iat: %w", source.ErrMalformed, err)
		}
		from = signed
	}
	if claims.Expires != nil {
		if expires, err = pki.NumericDate(claims.Expires); err != nil {
			return signed, expires, fmt.Errorf("%w: exp: %w", source.ErrMalformed, err)
		}
	}
	if claims.ValidDuration != nil {
		most := float64(source.EndOfTime.Sub(from).Milliseconds())
		if *claims.ValidDuration < 1 || math.IsNaN(*claims.ValidDuration) {
			return signed, expires, fmt.Errorf("%w: validDuration: %w", source.ErrMalformed, errors.New("not a duration"))
		}
		until := from.Add(time.Duration(min(*claims.ValidDuration, most)) * time.Millisecond)
		if expires.IsZero() || until.Before(expires) {
			expires = until
		}
	}
	return signed, expires, nil
}
