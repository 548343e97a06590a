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
