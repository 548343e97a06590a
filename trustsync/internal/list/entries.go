// Package list reads what lists of keys and documents of rules have in common, bounded before it is allocated: JSON value by value, entries
// with a report of those that cannot be used, rules and value sets in their published forms. It must never know whose list it is, nor
// where it came from: no network, no file.
package list

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// Entries collects the signers of a list. What cannot be used is named in the report and spoils nothing else.
type Entries struct {
	Signers []source.Signer
	Report  source.Report
	seen    map[[sha256.Size]byte]int // hash of what was read -> index of its signer
	Count   int                       // of all entries, usable or not
}

func NewEntries() *Entries { return &Entries{seen: map[[sha256.Size]byte]int{}} }

// More counts an entry and fails if it is one too many.
func (e *Entries) More() error {
	if e.Count++; e.Count > source.MaxCertificates {
		return fmt.Errorf("%w: more than %d entries", source.ErrTooLarge, source.MaxCertificates)
	}
	return nil
}

// Skip reports the entry that was counted last.
func (e *Entries) Skip(name string, err error) {
	e.SkipNamed(fmt.Sprintf("entry %d %.60s", e.Count, name), err)
}

// SkipNamed reports something else of the list that cannot be used.
func (e *Entries) SkipNamed(name string, err error) {
	e.Report.Skipped = append(e.Report.Skipped, source.Skipped{Name: name, Err: err})
}

// Add takes a signer. unique tells it from others; the same once more is a duplicate, and at is where the first one is.
func (e *Entries) Add(unique []byte, signer source.Signer) (at int, again bool) {
	hash := sha256.Sum256(unique)
	if at, again = e.seen[hash]; again {
		e.Report.Duplicates++
		return at, true
	}
	e.seen[hash] = len(e.Signers)
	e.Signers = append(e.Signers, signer)
	return len(e.Signers) - 1, false
}

func (e *Entries) Done() ([]source.Signer, source.Report) {
	e.Report.Loaded = len(e.Signers)
	return e.Signers, e.Report
}

// CertificateText reads a certificate whose kid a list states, both in base64. A list that states another kid than the
// certificate has is wrong about one of them. The list's country counts where the certificate names none.
func CertificateText(certificate, kid, country string) (der []byte, signer source.Signer, err error) {
	if certificate == "" {
		return nil, source.Signer{}, errors.New("no certificate")
	}
	if der, err = base64.StdEncoding.DecodeString(certificate); err != nil {
		return nil, source.Signer{}, fmt.Errorf("certificate: %w", err)
	}
	stated, err := DecodeKID(kid)
	if err != nil {
		return nil, source.Signer{}, err
	}
	signer, err = Certificate(der, stated[:], country)
	return der, signer, err
}

// CertificateOf is CertificateText for lists in binary.
func Certificate(der, kid []byte, country string) (source.Signer, error) {
	signer, err := pki.ParseSigner(der)
	if err != nil {
		return source.Signer{}, err
	}
	if string(kid) != string(signer.KID[:]) {
		return source.Signer{}, fmt.Errorf("its certificate has the kid %v", signer.KID)
	}
	if signer.Country == "" {
		signer.Country = pki.CountryCode(country)
	}
	return signer, nil
}

// DecodeKID reads a kid in base64.
func DecodeKID(text string) (kid verify.KID, err error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return kid, fmt.Errorf("kid: %w", err)
	}
	if len(raw) != len(kid) {
		return kid, fmt.Errorf("kid of %d bytes, not %d", len(raw), len(kid))
	}
	return verify.KID(raw), nil
}

// Name is a kid and country as a list states them, for the report.
func Name(kid, country string) string { return fmt.Sprintf("(kid %.24q, country %.8q)", kid, country) }

// Malformed says that a list cannot be read, unless err says already what is wrong with it as a whole.
func Malformed(err error) error {
	if err == nil || errors.Is(err, source.ErrTooLarge) || errors.Is(err, source.ErrMalformed) {
		return err
	}
	return fmt.Errorf("%w: %w", source.ErrMalformed, err)
}

// AddKey adds a bare key in base64.
func (e *Entries) AddKey(spki, kid, country string, usage verify.Usage) error {
	der, err := base64.StdEncoding.DecodeString(spki)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	id, err := DecodeKID(kid)
	if err != nil {
		return err
	}
	signer, err := pki.ParseKey(der, id, country, usage)
	if err != nil {
		return err
	}
	e.Add(fmt.Appendf(nil, "%x %s %d %x", id, signer.Country, usage, der), signer)
	return nil
}
