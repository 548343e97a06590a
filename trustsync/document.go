package trustsync

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"gatescan/trustsync/internal/source"
)

// document is a source of one document that is signed as a whole, and asked for only if it has changed.
type document struct {
	client *client
	traits source.Traits

	// open says what was signed, and when, and until when it holds, zero where nothing signed says so. parse reads that.
	open  func(body []byte, now source.Moment) (payload []byte, signed, expires time.Time, err error)
	parse func(payload []byte) ([]source.Signer, source.Report, error)
}

func (d *document) Traits() source.Traits { return d.traits }

// Fetch implements Source.
func (d *document) Fetch(ctx context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	var holding *source.Holding
	var report source.Report
	r := request{limit: source.MaxListSize, header: map[string]string{}}
	tag := lastETag(now.Last)
	if tag != "" {
		r.header["If-None-Match"] = tag
	}
	err := d.client.get(ctx, now, r, func(got *response) (err error) {
		switch {
		case got.status == http.StatusNotModified && tag != "":
			return source.ErrUnchanged
		case got.status != http.StatusOK:
			return fmt.Errorf("%w: status %d", source.ErrMalformed, got.status)
		}
		holding, report, err = d.read(got.body, now)
		if err == nil {
			holding.Cursor = eTagOf(got.header)
		}
		return err
	})
	if err != nil {
		return nil, source.Report{}, err
	}
	return holding, report, nil
}

// read authenticates a document before it reads it.
func (d *document) read(body []byte, now source.Moment) (*source.Holding, source.Report, error) {
	payload, signed, expires, err := d.open(body, now)
	if err != nil {
		return nil, source.Report{}, err
	}
	if err := source.CheckWindow(now, signed, expires, 0); err != nil {
		return nil, source.Report{}, err
	}
	signers, report, err := d.parse(payload)
	if err != nil {
		return nil, source.Report{}, err
	}
	return &source.Holding{Signers: signers, Signed: signed, Expires: expires}, report, nil
}
