// Package germany is the source of Germany's list, JSON under a signature of its own. It must never know the Syncer, the store or another source.
package germany

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
)

const Kind = "germany"

// New makes the source of the German list (certification-apis, dsc-update). A URL is that of the document itself.
//
// Nothing that is signed has a time: an old list that somebody replays cannot be told from the newest one.
func New(c sources.Config) (source.Source, error) {
	a, err := pki.ParseAnchors(c.Anchors)
	if err != nil {
		return nil, err
	}
	if err := pki.AllP256(a.Keys); err != nil {
		return nil, err
	}
	asker, err := fetch.New(c.URLs, c.Transport, true)
	if err != nil {
		return nil, err
	}
	return &fetch.Document{
		Client: asker,
		About: source.Traits{
			Kind: Kind, Signs: "the list, with a pinned key", Age: source.AgeObserved, Rollback: false,
			Absence: "no longer listed",
		},
		Open: func(body []byte, _ source.Moment) (payload []byte, signed, expires time.Time, err error) {
			payload, err = openGermany(body, a)
			return payload, time.Time{}, time.Time{}, err
		},
		Parse: parseGermany,
	}, nil
}

// splitGermany splits a document into its signature, empty if there is no line with one, and the JSON without the space
// around it, which is what is signed.
func splitGermany(body []byte) (signature, payload []byte, err error) {
	if len(body) > source.MaxListSize {
		return nil, nil, fmt.Errorf("%w: %d bytes", source.ErrTooLarge, len(body))
	}
	start := bytes.IndexByte(body, '{')
	if start < 0 {
		return nil, nil, fmt.Errorf("%w: no JSON object", source.ErrMalformed)
	}
	payload = bytes.TrimRight(body[start:], pki.JSONSpace)
	line := string(bytes.Trim(body[:start], pki.JSONSpace))
	if signature, err = base64.StdEncoding.Strict().DecodeString(line); err != nil {
		return nil, nil, fmt.Errorf("%w: signature: %w", source.ErrMalformed, err)
	}
	return signature, payload, nil
}

// openGermany returns the JSON of a document if one of the anchors signed it: ECDSA on P-256 with SHA-256, r and s of 32 bytes each.
// A certificate among the anchors counts as its key; its dates are not judged.
func openGermany(body []byte, a pki.Anchors) ([]byte, error) {
	signature, payload, err := splitGermany(body)
	if err != nil {
		return nil, err
	}
	const half = 32
	if len(signature) != 2*half {
		return nil, fmt.Errorf("%w: signature of %d bytes, not %d", source.ErrNotAuthentic, len(signature), 2*half)
	}
	r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
	hash := sha256.Sum256(payload)
	for _, key := range a.Keys {
		if pki.IsP256(key) && ecdsa.Verify(key.(*ecdsa.PublicKey), hash[:], r, s) {
			return payload, nil
		}
	}
	return nil, fmt.Errorf("%w: the signature is not by an anchor over this list", source.ErrNotAuthentic)
}

// parseGermany reads {"certificates":[{"certificateType","country","kid","rawData"}]}; rawData is the DER in base64. What each country
// signed at the gateway is there too, and not read: the list as a whole is signed.
func parseGermany(payload []byte) ([]source.Signer, source.Report, error) {
	e, w, found := list.NewEntries(), list.WalkJSON(payload), false
	err := w.Object(func(key string) error {
		if key != "certificates" {
			return w.Skip()
		}
		found = true
		return w.Array(func() error { return germanyEntry(e, w) })
	})
	if err == nil {
		err = w.End()
	}
	if err == nil && !found {
		err = errors.New("no certificates")
	}
	if err != nil {
		return nil, source.Report{}, list.Malformed(err)
	}
	signers, report := e.Done()
	return signers, report, nil
}

func germanyEntry(e *list.Entries, w list.JSON) error {
	if err := e.More(); err != nil {
		return err
	}
	var entry struct {
		CertificateType string `json:"certificateType"`
		Country         string `json:"country"`
		KID             string `json:"kid"`
		RawData         string `json:"rawData"`
	}
	wrong, err := w.Value(&entry)
	if err != nil {
		return err
	}
	name := list.Name(entry.KID, entry.Country)
	switch {
	case wrong != nil:
		e.Skip(name, wrong)
		return nil
	case entry.CertificateType != "DSC":
		e.Skip(name, fmt.Errorf("a %.20q, not a DSC", entry.CertificateType))
		return nil
	}
	der, signer, err := list.CertificateText(entry.RawData, entry.KID, entry.Country)
	if err != nil {
		e.Skip(name, err)
		return nil
	}
	e.Add(der, signer)
	return nil
}

// LooksLike says whether data begins like this document, with its signature or without.
func LooksLike(data []byte) bool {
	head := data[:min(len(data), 512)]
	signature, payload, err := splitGermany(head)
	if err != nil || len(signature) != 0 && len(signature) != 64 {
		return false
	}
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(payload[1:], pki.JSONSpace), []byte(`"certificates"`))
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, pki.JSONSpace), []byte(":"))
}

// Read reads a document whose signature is not checked.
func Read(data []byte) ([]source.Signer, source.Report, error) {
	_, payload, err := splitGermany(data)
	if err != nil {
		return nil, source.Report{}, err
	}
	return parseGermany(payload)
}
