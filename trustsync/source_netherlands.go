package trustsync

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

const kindNetherlands = "netherlands"

// newNetherlands makes the source of the Dutch list. A URL is that of the document itself. An anchor is a certificate: the
// publisher's, or that of an authority above it.
//
// An authority that is an anchor vouches for everybody to whom it gives certificates: under the government's root those are many.
// SignerName says whom of them is meant; it must be the common name, exactly.
func newNetherlands(c SourceConfig) (source.Source, error) {
	a, err := parseAnchors(c.Anchors)
	if err != nil {
		return nil, err
	}
	if len(a.certs) != len(a.keys) {
		return nil, errors.New("an anchor that is a bare key: a CMS is signed by a certificate; name that, or its authority's")
	}
	asker, err := newClient(c.URLs, c.Transport, true)
	if err != nil {
		return nil, err
	}
	return &document{
		client: asker,
		traits: source.Traits{
			Kind: kindNetherlands, Signs: "the list, with a certificate that is pinned or that a pinned authority gave",
			Age: source.AgeSigned, Rollback: true, Absence: "no longer listed",
		},
		open: func(body []byte, now source.Moment) (payload []byte, signed, expires time.Time, err error) {
			payload, signed, err = openNetherlands(body, a, c.SignerName, now.Time)
			return payload, signed, time.Time{}, err
		},
		parse: parseNetherlands,
	}, nil
}

// splitNetherlands reads {"payload","signature"}, both in base64. A document that holds the list itself has no signature.
func splitNetherlands(body []byte) (payload, signature []byte, err error) {
	if len(body) > source.MaxListSize {
		return nil, nil, fmt.Errorf("%w: %d bytes", source.ErrTooLarge, len(body))
	}
	w, list := walkJSON(body), false
	parts := map[string]*[]byte{"payload": &payload, "signature": &signature}
	err = w.object(func(key string) error {
		part := parts[key]
		list = list || key == "eu_keys"
		if part == nil {
			return w.skip()
		}
		var text string
		wrong, err := w.value(&text)
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
		err = w.end()
	}
	switch {
	case err != nil:
		return nil, nil, malformedList(err)
	case list && payload == nil:
		return body, nil, nil
	case payload == nil:
		return nil, nil, fmt.Errorf("%w: no payload", source.ErrMalformed)
	}
	return payload, signature, nil
}

// openNetherlands returns the list and its signing time, which must be signed too: its age is counted from there. The
// signer must have the common name, if that is not empty.
func openNetherlands(body []byte, a anchors, name string, at time.Time) (payload []byte, signed time.Time, err error) {
	payload, signature, err := splitNetherlands(body)
	if err != nil {
		return nil, time.Time{}, err
	}
	if len(signature) == 0 {
		return nil, time.Time{}, fmt.Errorf("%w: no signature", source.ErrNotAuthentic)
	}
	signer, signed, err := verifyCMS(signature, payload, a, at, cmsForm{chained: true, several: true})
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
	e, w, found := newEntries(), walkJSON(payload), false
	err := w.object(func(key string) error {
		if key != "eu_keys" {
			return w.skip()
		}
		found = true
		return w.object(func(kid string) error {
			return w.array(func() error { return netherlandsEntry(e, w, kid) })
		})
	})
	if err == nil {
		err = w.end()
	}
	if err == nil && !found {
		err = errors.New("no eu_keys")
	}
	if err != nil {
		return nil, source.Report{}, malformedList(err)
	}
	signers, report := e.done()
	return signers, report, nil
}

func netherlandsEntry(e *entries, w jsonWalk, kid string) error {
	if err := e.more(); err != nil {
		return err
	}
	var entry struct {
		SubjectPK string   `json:"subjectPk"`
		Country   string   `json:"ian"`
		Usage     []string `json:"keyUsage"`
	}
	wrong, err := w.value(&entry)
	if err != nil {
		return err
	}
	name := named(kid, entry.Country)
	if wrong != nil {
		e.skip(name, wrong)
		return nil
	}
	usage, err := usageOfLetters(entry.Usage)
	if err == nil {
		err = e.addKey(entry.SubjectPK, kid, entry.Country, usage)
	}
	if err != nil {
		e.skip(name, err)
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

// looksLikeNetherlands says whether data is this document, or the list in it.
func looksLikeNetherlands(data []byte) bool {
	payload, _, err := splitNetherlands(data)
	if err != nil {
		return false
	}
	w, found := walkJSON(payload), false
	err = w.object(func(key string) error {
		found = found || key == "eu_keys"
		return w.skip()
	})
	return err == nil && found
}

// readNetherlands reads a document whose signature is not checked.
func readNetherlands(data []byte) ([]source.Signer, source.Report, error) {
	payload, _, err := splitNetherlands(data)
	if err != nil {
		return nil, source.Report{}, err
	}
	return parseNetherlands(payload)
}
