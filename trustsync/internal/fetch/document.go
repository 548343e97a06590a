package fetch

import (
	"context"
	"time"

	"gatescan/trustsync/internal/source"
)

// Document is a source of one document that is signed as a whole, and asked for only if it has changed.
type Document struct {
	Client *Client
	About  source.Traits

	// open says what was signed, and when, and until when it holds, zero where nothing signed says so. parse reads that.
	Open  func(body []byte, now source.Moment) (payload []byte, signed, expires time.Time, err error)
	Parse func(payload []byte) ([]source.Signer, source.Report, error)
}

func (d *Document) Traits() source.Traits { return d.About }

// Fetch implements Source.
func (d *Document) Fetch(ctx context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	var holding *source.Holding
	var report source.Report
	r := Request{Limit: source.MaxListSize, Header: map[string]string{}}
	tag := LastETag(now.Last)
	if tag != "" {
		r.Header["If-None-Match"] = tag
	}
	err := d.Client.Get(ctx, now, r, func(got *Response) (err error) {
		switch {
		case got.NotModified() && tag != "":
			return source.ErrUnchanged
		}
		if err := got.OK(); err != nil {
			return err
		}
		holding, report, err = d.Read(got.Body, now)
		if err == nil {
			holding.Cursor = []byte(got.ETag())
		}
		return err
	})
	if err != nil {
		return nil, source.Report{}, err
	}
	return holding, report, nil
}

// Read authenticates a document before it reads it.
func (d *Document) Read(body []byte, now source.Moment) (*source.Holding, source.Report, error) {
	payload, signed, expires, err := d.Open(body, now)
	if err != nil {
		return nil, source.Report{}, err
	}
	if err := source.CheckWindow(now, signed, expires, 0); err != nil {
		return nil, source.Report{}, err
	}
	signers, report, err := d.Parse(payload)
	if err != nil {
		return nil, source.Report{}, err
	}
	return &source.Holding{Signers: signers, Signed: signed, Expires: expires}, report, nil
}
