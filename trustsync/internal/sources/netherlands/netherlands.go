// Package netherlands is the source of the Dutch list, bare keys in a CMS. It must never know the Syncer, the store or another source.
package netherlands

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/verify"
)

const Kind = "netherlands"

// New makes the source of the Dutch list. A URL is that of the document itself. An anchor is a certificate: the
// publisher's, or that of an authority above it.
//
// An authority that is an anchor vouches for everybody to whom it gives certificates: under the government's root those are many.
// SignerName says whom of them is meant; it must be the common name, exactly.
func New(c sources.Config) (source.Source, error) {
	a, err := pki.ParseAnchors(c.Anchors)
	if err != nil {
		return nil, err
	}
	if len(a.Certificates) != len(a.Keys) {
		return nil, errors.New("an anchor that is a bare key: a CMS is signed by a certificate; name that, or its authority's")
	}
	asker, err := fetch.New(c.URLs, c.Transport, true)
	if err != nil {
		return nil, err
	}
	return &fetch.Document{
		Client: asker,
		About: source.Traits{
			Kind: Kind, Signs: "the list, with a certificate that is pinned or that a pinned authority gave",
			Age: source.AgeSigned, Rollback: true, Absence: "no longer listed",
		},
		Open: func(body []byte, now source.Moment) (payload []byte, signed, expires time.Time, err error) {
			payload, signed, err = openNetherlands(body, a, c.SignerName, now.Time)
			return payload, signed, time.Time{}, err
		},
		Parse: parseNetherlands,
	}, nil
}

// splitNetherlands reads {"payload","signature"}, both in base64. A document that holds the list itself has no signature.
func splitNetherlands(body []byte) (payload, signature []byte, err error) {
	if len(body) > source.MaxListSize {
		return nil, nil, fmt.Errorf("%w: %d bytes", source.ErrTooLarge, len(body))
	}
	w, listed := list.WalkJSON(body), false
	parts := map[string]*[]byte{"payload": &payload, "signature": &signature}
	err = w.Object(func(key string) error {
		part := parts[key]
		listed = listed || key == "eu_keys"
		if part == nil {
			return w.Skip()
		}
		var text string
		wrong, err := w.Value(&text)
		if err := errors.Join(wrong, err); err != nil {
			return err
		}
		if *part != nil {
			return fmt.Errorf("two of %q", key)
		}
		*part, err = base64.StdEncoding.Strict().DecodeString(text)
		return err
	})
	switch {
	case err == nil:
		err = w.End()
	}
	switch {
	case err != nil:
		return nil, nil, list.Malformed(err)
	case listed && payload == nil:
		return body, nil, nil
	case payload == nil:
		return nil, nil, fmt.Errorf("%w: no payload", source.ErrMalformed)
	}
	return payload, signature, nil
}

// openNetherlands returns the list and its signing time, which must be signed too: its age is counted from there. The
// signer must have the common name, if that is not empty.
func openNetherlands(body []byte, a pki.Anchors, name string, at time.Time) (payload []byte, signed time.Time, err error) {
	payload, signature, err := splitNetherlands(body)
	if err != nil {
		return nil, time.Time{}, err
	}
	if len(signature) == 0 {
		return nil, time.Time{}, fmt.Errorf("%w: no signature", source.ErrNotAuthentic)
	}
	signer, signed, err := pki.VerifyCMS(signature, payload, a, at, pki.CMSForm{Chained: true, Several: true})
	if err != nil {
		return nil, time.Time{}, err
	}
	if name != "" && signer.Subject.CommonName != name {
		return nil, time.Time{}, fmt.Errorf("%w: signed by %.80q, who is not %.80q", source.ErrNotAuthentic, signer.Subject.CommonName, name)
	}
	if signed.IsZero() {
		return nil, time.Time{}, fmt.Errorf("%w: no signing time", source.ErrMalformed)
	}
	return payload, signed, nil
}

// parseNetherlands reads {"eu_keys":{kid:[{"subjectPk","ian","keyUsage"}]}}. They are keys and not certificates, so neither the kid nor
// a validity can be checked. ian is the country; san, a part of it, and the keys of national passes (nl_keys, cl_keys) are
// not read.
func parseNetherlands(payload []byte) ([]source.Signer, source.Report, error) {
	e, w, found := list.NewEntries(), list.WalkJSON(payload), false
	err := w.Object(func(key string) error {
		if key != "eu_keys" {
			return w.Skip()
		}
		found = true
		return w.Object(func(kid string) error {
			return w.Array(func() error { return netherlandsEntry(e, w, kid) })
		})
	})
	if err == nil {
		err = w.End()
	}
	if err == nil && !found {
		err = errors.New("no eu_keys")
	}
	if err != nil {
		return nil, source.Report{}, list.Malformed(err)
	}
	signers, report := e.Done()
	return signers, report, nil
}

func netherlandsEntry(e *list.Entries, w list.JSON, kid string) error {
	if err := e.More(); err != nil {
		return err
	}
	var entry struct {
		SubjectPK string   `json:"subjectPk"`
		Country   string   `json:"ian"`
		Usage     []string `json:"keyUsage"`
	}
	wrong, err := w.Value(&entry)
	if err != nil {
		return err
	}
	name := list.Name(kid, entry.Country)
	if wrong != nil {
		e.Skip(name, wrong)
		return nil
	}
	usage, err := usageOfLetters(entry.Usage)
	if err == nil {
		err = e.AddKey(entry.SubjectPK, kid, entry.Country, usage)
	}
	if err != nil {
		e.Skip(name, err)
	}
	return nil
}

// usageOfLetters reads a set of t, v and r; the empty set restricts nothing. One of which nothing is known allows nothing,
// which no usage can say.
func usageOfLetters(letters []string) (usage verify.Usage, err error) {
	for _, letter := range letters {
		switch letter {
		case "t":
			usage |= verify.SignsTest
		case "v":
			usage |= verify.SignsVaccination
		case "r":
			usage |= verify.SignsRecovery
		}
	}
	if usage == 0 && len(letters) > 0 {
		return 0, fmt.Errorf("key usage %.20q is not known", letters[0])
	}
	return usage, nil
}

// LooksLike says whether data is this document, or the list in it.
func LooksLike(data []byte) bool {
	payload, _, err := splitNetherlands(data)
	if err != nil {
		return false
	}
	w, found := list.WalkJSON(payload), false
	err = w.Object(func(key string) error {
		found = found || key == "eu_keys"
		return w.Skip()
	})
	return err == nil && found
}

// Read reads a document whose signature is not checked.
func Read(data []byte) ([]source.Signer, source.Report, error) {
	payload, _, err := splitNetherlands(data)
	if err != nil {
		return nil, source.Report{}, err
	}
	return parseNetherlands(payload)
}
