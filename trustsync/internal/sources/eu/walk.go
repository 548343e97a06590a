package eu

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// euWalk is a walk through the rows of a mirror: what was kept of them, and how far it came. One that is resumed begins with
// what was kept before.
type euWalk struct {
	token   int64 // the number of the last row, 0 before the first
	resumed bool
	keys    map[verify.KID][]source.Signer
	given   map[verify.KID]bool // by this walk, usable or not
	missing [sha256.Size]byte   // hash of the kids that were listed at the end of the last walk without a usable key being kept
	rows    int
	size    int64 // bytes of all rows
	report  source.Report
}

func newEUWalk() *euWalk {
	return &euWalk{keys: map[verify.KID][]source.Signer{}, given: map[verify.KID]bool{}, missing: hashKIDs(nil)}
}

func resumeEUWalk(c euCursor, last *source.Holding) *euWalk {
	w := newEUWalk()
	w.resumed, w.token, w.missing = true, c.Token, [sha256.Size]byte(c.Missing)
	for _, s := range last.Signers {
		w.keys[s.KID] = append(w.keys[s.KID], s)
	}
	return w
}

// walk asks for one row after the other until there are no more. w is good after an error, too.
func (s *euService) walk(ctx context.Context, now source.Moment, m *euMirror, w *euWalk) error {
	for end := false; !end; {
		r := fetch.Request{Path: s.form.update, Limit: pki.MaxCertificateText}
		if w.token > 0 {
			r.Header = map[string]string{"X-RESUME-TOKEN": strconv.FormatInt(w.token, 10)}
		}
		err := m.client.Get(ctx, now, r, func(answer *fetch.Response) error {
			end = answer.NoContent()
			if end {
				return nil
			}
			return s.row(w, answer)
		})
		if err != nil {
			return err
		}
		now.ReportProgress(w.rows, 0)
	}
	return nil
}

// row takes one answer of signercertificateUpdate. An error is about the walk: a key that cannot be used goes to the report.
func (s *euService) row(w *euWalk, r *fetch.Response) error {
	token, err := strconv.ParseInt(r.Field("X-RESUME-TOKEN"), 10, 64)
	switch {
	case err != nil:
		return fmt.Errorf("%w: resume token %s", source.ErrMalformed, fetch.Quote(r.Field("X-RESUME-TOKEN")))
	case token <= w.token:
		return fmt.Errorf("%w: resume token %d after %d, so that the end would never come", source.ErrMalformed, token, w.token)
	case w.rows >= source.MaxCertificates:
		return fmt.Errorf("%w: more than %d keys", source.ErrTooLarge, source.MaxCertificates)
	}
	if w.size += int64(len(r.Body)); w.size > source.MaxListSize {
		return fmt.Errorf("%w: keys of more than %d MiB", source.ErrTooLarge, source.MaxListSize>>20)
	}
	w.rows++
	w.token = token

	stated := r.Field("X-KID")
	if kid, err := list.DecodeKID(stated); err == nil {
		w.given[kid] = true
	}
	signer, err := s.parseServiceKey(r.Body, stated)
	if err != nil {
		w.report.Skipped = append(w.report.Skipped, source.Skipped{Name: fmt.Sprintf("row %d (kid %.24q)", token, stated), Err: err})
		return nil
	}
	w.add(signer)
	return nil
}

// Add keeps a signer. Different certificates with one kid all stay. The kid of a bare key proves nothing, so whatever comes
// later takes its place.
func (w *euWalk) add(s source.Signer) {
	list := slices.DeleteFunc(w.keys[s.KID], isBareKey)
	if slices.ContainsFunc(list, func(other source.Signer) bool { return bytes.Equal(other.SPKI, s.SPKI) }) {
		w.report.Duplicates++
		return
	}
	w.keys[s.KID] = append(list, s)
}

// isBareKey says whether a signer came without a certificate: no certificate is valid for that long.
func isBareKey(s source.Signer) bool {
	return s.NotBefore.Equal(source.BeginningOfTime) && s.NotAfter.Equal(source.EndOfTime)
}

// Status asks which kids are valid now. None at all is never meant: it is what a service says that lost its own source.
func (s *euService) status(ctx context.Context, now source.Moment, m *euMirror) (listed map[verify.KID]bool, skipped []source.Skipped, err error) {
	err = m.client.Get(ctx, now, fetch.Request{Path: s.form.status, Limit: maxServiceKIDs}, func(r *fetch.Response) error {
		listed, skipped = map[verify.KID]bool{}, nil
		doc := list.WalkJSON(r.Body)
		err := readServiceKIDs(doc, func(i int, kid verify.KID, err error) error {
			if err != nil {
				skipped = append(skipped, source.Skipped{Name: "status " + strconv.Itoa(i), Err: err})
				return nil
			}
			listed[kid] = true
			return nil
		})
		if err == nil {
			err = doc.End()
		}
		if err != nil {
			return list.Malformed(err)
		}
		if len(listed) == 0 {
			return fmt.Errorf("%w: lists not one key", source.ErrImplausible)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return listed, skipped, nil
}

// readServiceKIDs reads a JSON array of kids. What is no kid comes as an error.
func readServiceKIDs(doc list.JSON, each func(i int, kid verify.KID, err error) error) error {
	n := 0
	return doc.Array(func() error {
		if n++; n > source.MaxCertificates {
			return fmt.Errorf("%w: more than %d kids", source.ErrTooLarge, source.MaxCertificates)
		}
		var text string
		wrong, err := doc.Value(&text)
		if err != nil {
			return err
		}
		var kid verify.KID
		if wrong == nil {
			kid, wrong = list.DecodeKID(text)
		}
		return each(n, kid, wrong)
	})
}

// explains says whether the walk accounts for all that is listed: each kid was kept, or was given and cannot be used, or
// was amiss the last time already. If it does not, there are rows that the walk passed by.
func (w *euWalk) explains(listed map[verify.KID]bool) bool {
	rest := w.without(listed)
	rest = slices.DeleteFunc(rest, func(k verify.KID) bool { return w.given[k] })
	return len(rest) == 0 || hashKIDs(rest) == w.missing
}

// without returns the kids of listed that no key was kept for.
func (w *euWalk) without(listed map[verify.KID]bool) (kids []verify.KID) {
	for kid := range listed {
		if len(w.keys[kid]) == 0 {
			kids = append(kids, kid)
		}
	}
	return kids
}

// Empty says whether no key was kept, and none was given that could not be.
func (w *euWalk) empty() bool { return len(w.keys) == 0 && w.rows == 0 }

// Signers returns what was kept of the kids that are listed, in their order.
func (w *euWalk) signers(listed map[verify.KID]bool) []source.Signer {
	all := make([]source.Signer, 0, len(w.keys))
	for kid, list := range w.keys {
		if listed[kid] {
			all = append(all, list...)
		}
	}
	slices.SortFunc(all, func(a, b source.Signer) int {
		if order := source.CompareKIDs(a.KID, b.KID); order != 0 {
			return order
		}
		return bytes.Compare(a.SPKI, b.SPKI)
	})
	return all
}

// parseServiceKey reads one answer of signercertificateUpdate: base64 of the DER of a certificate, or of a bare key where
// the form allows that. stated is what the service says is its kid: a certificate is refused if it says so wrongly, a bare key
// has no other kid.
func (s *euService) parseServiceKey(body []byte, stated string) (source.Signer, error) {
	der, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(body)))
	if err != nil {
		return source.Signer{}, fmt.Errorf("certificate: %w", err)
	}
	kid, err := list.DecodeKID(stated)
	if err != nil {
		return source.Signer{}, err
	}
	if pki.IsSPKI(der) {
		if !s.form.bareKeys || s.cscas != nil {
			return source.Signer{}, errors.New("a key without a certificate, so that nothing in it can be checked")
		}
		return pki.ParseKey(der, kid, "", 0)
	}
	signer, err := list.Certificate(der, kid[:], "")
	if err != nil {
		return source.Signer{}, err
	}
	if s.cscas != nil {
		if err := s.cscas.Verify(der); err != nil {
			return source.Signer{}, err
		}
	}
	signer.SPKI = bytes.Clone(signer.SPKI) // lets go of the certificate
	return signer, nil
}

// hashKIDs is the hash of a set of kids, in any order.
func hashKIDs(kids []verify.KID) [sha256.Size]byte {
	kids = slices.SortedFunc(slices.Values(kids), source.CompareKIDs)
	hash := sha256.New()
	for _, kid := range kids {
		hash.Write(kid[:])
	}
	return [sha256.Size]byte(hash.Sum(nil))
}
