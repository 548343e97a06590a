package trustsync

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// document is a source of one document that is signed as a whole, and asked for only if it has changed.
type document struct {
	client *client
	traits Traits

	// open says what was signed, and when, and until when it holds, zero where nothing signed says so. parse reads that.
	open  func(body []byte, now Moment) (payload []byte, signed, expires time.Time, err error)
	parse func(payload []byte) ([]Signer, Report, error)
}

func (d *document) Traits() Traits { return d.traits }

// Fetch implements Source.
func (d *document) Fetch(ctx context.Context, now Moment) (*Holding, Report, error) {
	var holding *Holding
	var report Report
	r := request{limit: maxListSize, header: map[string]string{}}
	tag := lastETag(now.Last)
	if tag != "" {
		r.header["If-None-Match"] = tag
	}
	err := d.client.get(ctx, now, r, func(got *response) (err error) {
		switch {
		case got.status == http.StatusNotModified && tag != "":
			return errUnchanged
		case got.status != http.StatusOK:
			return fmt.Errorf("%w: status %d", ErrMalformed, got.status)
		}
		holding, report, err = d.read(got.body, now)
		if err == nil {
			holding.Cursor = eTagOf(got.header)
		}
		return err
	})
	if err != nil {
		return nil, Report{}, err
	}
	return holding, report, nil
}

// read authenticates a document before it reads it.
func (d *document) read(body []byte, now Moment) (*Holding, Report, error) {
	payload, signed, expires, err := d.open(body, now)
	if err != nil {
		return nil, Report{}, err
	}
	if err := checkWindow(now, signed, expires, 0); err != nil {
		return nil, Report{}, err
	}
	signers, report, err := d.parse(payload)
	if err != nil {
		return nil, Report{}, err
	}
	return &Holding{Signers: signers, Signed: signed, Expires: expires}, report, nil
}

// maxSkew is how much a publisher's clock may be ahead of ours, once ours is known to be right.
const maxSkew = 5 * time.Minute

// checkWindow judges the signed times of a list, of which zero is none. What is older than what a mirror gave last
// is refused here too, so that the next mirror is asked.
func checkWindow(now Moment, signed, expires time.Time, leeway time.Duration) error {
	switch {
	case !expires.IsZero() && now.Time.After(expires.Add(leeway)):
		return fmt.Errorf("%w at %s", ErrExpired, expires.UTC().Format(time.RFC3339))
	case now.Synced && signed.Sub(now.Time) > maxSkew:
		return fmt.Errorf("%w, at %s", ErrFuture, signed.UTC().Format(time.RFC3339))
	case now.Last != nil && !signed.IsZero() && signed.Before(now.Last.Signed):
		return fmt.Errorf("%w, which was signed at %s, this one at %s", ErrRollback,
			now.Last.Signed.UTC().Format(time.RFC3339), signed.UTC().Format(time.RFC3339))
	}
	return nil
}

// lastETag is the entity tag (RFC 9110 §8.8.3) of what the source gave last, or empty. It is not signed; at worst it
// makes the source say that nothing has changed, which a replay of the document does as well.
func lastETag(last *Holding) string {
	if last == nil {
		return ""
	}
	return validETag(string(last.Cursor))
}

func eTagOf(header http.Header) []byte { return []byte(validETag(header.Get("ETag"))) }

// validETag is tag, or empty if it is none that can be sent back.
func validETag(tag string) string {
	if len(tag) < 2 || len(tag) > maxCursor || tag[len(tag)-1] != '"' {
		return ""
	}
	for _, b := range []byte(tag) {
		if b < ' ' || b > '~' {
			return ""
		}
	}
	return tag
}
