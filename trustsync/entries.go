package trustsync

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// entries collects the signers of a list. What cannot be used is named in the report and spoils nothing else.
type entries struct {
	signers []source.Signer
	report  source.Report
	seen    map[[sha256.Size]byte]int // hash of what was read -> index of its signer
	count   int                       // of all entries, usable or not
}

func newEntries() *entries { return &entries{seen: map[[sha256.Size]byte]int{}} }

// more counts an entry and fails if it is one too many.
func (e *entries) more() error {
	if e.count++; e.count > source.MaxCertificates {
		return fmt.Errorf("%w: more than %d entries", source.ErrTooLarge, source.MaxCertificates)
	}
	return nil
}

// skip reports the entry that was counted last.
func (e *entries) skip(name string, err error) {
	e.skipNamed(fmt.Sprintf("entry %d %.60s", e.count, name), err)
}

// skipNamed reports something else of the list that cannot be used.
func (e *entries) skipNamed(name string, err error) {
	e.report.Skipped = append(e.report.Skipped, source.Skipped{Name: name, Err: err})
}

// add takes a signer. unique tells it from others; the same once more is a duplicate, and at is where the first one is.
func (e *entries) add(unique []byte, signer source.Signer) (at int, again bool) {
	hash := sha256.Sum256(unique)
	if at, again = e.seen[hash]; again {
		e.report.Duplicates++
		return at, true
	}
	e.seen[hash] = len(e.signers)
	e.signers = append(e.signers, signer)
	return len(e.signers) - 1, false
}

func (e *entries) done() ([]source.Signer, source.Report) {
	e.report.Loaded = len(e.signers)
	return e.signers, e.report
}

// certificateEntry reads a certificate whose kid a list states, both in base64. A list that states another kid than the
// certificate has is wrong about one of them. The list's country counts where the certificate names none.
func certificateEntry(certificate, kid, country string) (der []byte, signer source.Signer, err error) {
	if certificate == "" {
		return nil, source.Signer{}, errors.New("no certificate")
	}
	if der, err = base64.StdEncoding.DecodeString(certificate); err != nil {
		return nil, source.Signer{}, fmt.Errorf("certificate: %w", err)
	}
	stated, err := decodeKID(kid)
	if err != nil {
		return nil, source.Signer{}, err
	}
	signer, err = certificateOf(der, stated[:], country)
	return der, signer, err
}

// certificateOf is certificateEntry for lists in binary.
func certificateOf(der, kid []byte, country string) (source.Signer, error) {
	signer, err := ParseSigner(der)
	if err != nil {
		return source.Signer{}, err
	}
	if string(kid) != string(signer.KID[:]) {
		return source.Signer{}, fmt.Errorf("its certificate has the kid %v", signer.KID)
	}
	if signer.Country == "" {
		signer.Country = countryCode(country)
	}
	return signer, nil
}

// decodeKID reads a kid in base64.
func decodeKID(text string) (kid verify.KID, err error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return kid, fmt.Errorf("kid: %w", err)
	}
	if len(raw) != len(kid) {
		return kid, fmt.Errorf("kid of %d bytes, not %d", len(raw), len(kid))
	}
	return verify.KID(raw), nil
}

// named is a kid and country as a list states them, for the report.
func named(kid, country string) string { return fmt.Sprintf("(kid %.24q, country %.8q)", kid, country) }

// malformedList says that a list cannot be read, unless err says already what is wrong with it as a whole.
func malformedList(err error) error {
	if err == nil || errors.Is(err, source.ErrTooLarge) || errors.Is(err, source.ErrMalformed) {
		return err
	}
	return fmt.Errorf("%w: %w", source.ErrMalformed, err)
}

// addKey adds a bare key in base64.
func (e *entries) addKey(spki, kid, country string, usage verify.Usage) error {
	der, err := base64.StdEncoding.DecodeString(spki)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	id, err := decodeKID(kid)
	if err != nil {
		return err
	}
	signer, err := ParseKey(der, id, country, usage)
	if err != nil {
		return err
	}
	e.add(fmt.Appendf(nil, "%x %s %d %x", id, signer.Country, usage, der), signer)
	return nil
}
