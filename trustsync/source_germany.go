package trustsync

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"time"

	"gatescan/trustsync/internal/source"
)

const kindGermany = "germany"

// newGermany makes the source of the German list (certification-apis, dsc-update). A URL is that of the document itself.
//
// Nothing that is signed has a time: an old list that somebody replays cannot be told from the newest one.
func newGermany(c SourceConfig) (source.Source, error) {
	a, err := parseAnchors(c.Anchors)
	if err != nil {
		return nil, err
	}
	if err := allP256(a.keys); err != nil {
		return nil, err
	}
	asker, err := newClient(c.URLs, c.Transport, true)
	if err != nil {
		return nil, err
	}
	return &document{
		client: asker,
		traits: source.Traits{
			Kind: kindGermany, Signs: "the list, with a pinned key", Age: source.AgeObserved, Rollback: false,
			Absence: "no longer listed",
		},
		open: func(body []byte, _ source.Moment) (payload []byte, signed, expires time.Time, err error) {
			payload, err = openGermany(body, a)
			return payload, time.Time{}, time.Time{}, err
		},
		parse: parseGermany,
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
	payload = bytes.TrimRight(body[start:], jsonSpace)
	line := string(bytes.Trim(body[:start], jsonSpace))
	if signature, err = base64.StdEncoding.Strict().DecodeString(line); err != nil {
		return nil, nil, fmt.Errorf("%w: signature: %w", source.ErrMalformed, err)
	}
	return signature, payload, nil
}

// openGermany returns the JSON of a document if one of the anchors signed it: ECDSA on P-256 with SHA-256, r and s of 32 bytes each.
// A certificate among the anchors counts as its key; its dates are not judged.
func openGermany(body []byte, a anchors) ([]byte, error) {
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
	for _, key := range a.keys {
		if isP256(key) && ecdsa.Verify(key.(*ecdsa.PublicKey), hash[:], r, s) {
			return payload, nil
		}
	}
	return nil, fmt.Errorf("%w: the signature is not by an anchor over this list", source.ErrNotAuthentic)
}

// parseGermany reads {"certificates":[{"certificateType","country","kid","rawData"}]}; rawData is the DER in base64. What each country
// signed at the gateway is there too, and not read: the list as a whole is signed.
func parseGermany(payload []byte) ([]source.Signer, source.Report, error) {
	e, w, found := newEntries(), walkJSON(payload), false
	err := w.object(func(key string) error {
		if key != "certificates" {
			return w.skip()
		}
		found = true
		return w.array(func() error { return germanyEntry(e, w) })
	})
	if err == nil {
		err = w.end()
	}
	if err == nil && !found {
		err = errors.New("no certificates")
	}
	if err != nil {
		return nil, source.Report{}, malformedList(err)
	}
	signers, report := e.done()
	return signers, report, nil
}

func germanyEntry(e *entries, w jsonWalk) error {
	if err := e.more(); err != nil {
		return err
	}
	var entry struct {
		CertificateType string `json:"certificateType"`
		Country         string `json:"country"`
		KID             string `json:"kid"`
		RawData         string `json:"rawData"`
	}
	wrong, err := w.value(&entry)
	if err != nil {
		return err
	}
	name := named(entry.KID, entry.Country)
	switch {
	case wrong != nil:
		e.skip(name, wrong)
		return nil
	case entry.CertificateType != "DSC":
		e.skip(name, fmt.Errorf("a %.20q, not a DSC", entry.CertificateType))
		return nil
	}
	der, signer, err := certificateEntry(entry.RawData, entry.KID, entry.Country)
	if err != nil {
		e.skip(name, err)
		return nil
	}
	e.add(der, signer)
	return nil
}

// looksLikeGermany says whether data begins like this document, with its signature or without.
func looksLikeGermany(data []byte) bool {
	head := data[:min(len(data), 512)]
	signature, payload, err := splitGermany(head)
	if err != nil || len(signature) != 0 && len(signature) != 64 {
		return false
	}
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(payload[1:], jsonSpace), []byte(`"certificates"`))
	return ok && bytes.HasPrefix(bytes.TrimLeft(rest, jsonSpace), []byte(":"))
}

// readGermany reads a document whose signature is not checked.
func readGermany(data []byte) ([]source.Signer, source.Report, error) {
	_, payload, err := splitGermany(data)
	if err != nil {
		return nil, source.Report{}, err
	}
	return parseGermany(payload)
}
