package sweden

import (
	"encoding/json"
	"errors"
	"fmt"

	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// parseSweden reads {"dsc_trust_list":{CC:{"eku":{kid:[OID]},"keys":[{"kid","x5c":[DER in base64],"use"}]}}}.
//
// The certificate is normative (DSC Trust List §2.2.2), so a key without one is skipped. What eku says of it restricts
// what its own extended key usage says; a key for which nothing is left is skipped. A certificate under several countries
// is one signer, for all that it may sign under any of them: whoever looks it up by kid cannot know under which
// it was meant.
func parseSweden(payload []byte) ([]source.Signer, source.Report, error) {
	s, w, found := swedenReader{Entries: list.NewEntries()}, list.WalkJSON(payload), false
	err := w.Object(func(key string) error {
		if key != "dsc_trust_list" {
			return w.Skip()
		}
		found = true
		return w.Object(func(country string) error { return s.country(w, country) })
	})
	if err == nil {
		err = w.End()
	}
	if err == nil && !found {
		err = errors.New("no dsc_trust_list")
	}
	if err != nil {
		return nil, source.Report{}, list.Malformed(err)
	}
	signers, report := s.Done()
	return signers, report, nil
}

// swedenReader collects what the countries of a list hold.
type swedenReader struct {
	*list.Entries
	restrictions int // in all eku maps
}

// country reads what is under one country. Restrictions may stand after the keys.
func (s *swedenReader) country(w list.JSON, country string) error {
	restrictions := map[string][]string{}
	var keys []json.RawMessage
	err := w.Object(func(key string) error {
		switch key {
		case "eku":
			return w.Object(func(kid string) error { return s.restriction(w, kid, restrictions) })
		case "keys":
			return w.Array(func() error {
				if s.Count+len(keys) > source.MaxCertificates {
					return fmt.Errorf("%w: more than %d keys", source.ErrTooLarge, source.MaxCertificates)
				}
				var raw json.RawMessage
				_, err := w.Value(&raw)
				keys = append(keys, raw)
				return err
			})
		}
		return w.Skip()
	})
	if err != nil {
		return err
	}
	for _, raw := range keys {
		if err := s.More(); err != nil {
			return err
		}
		if name, err := s.key(raw, country, restrictions); err != nil {
			s.Skip(name, err)
		}
	}
	return nil
}

func (s *swedenReader) restriction(w list.JSON, kid string, into map[string][]string) error {
	if s.restrictions++; s.restrictions > source.MaxCertificates {
		return fmt.Errorf("%w: more than %d restrictions", source.ErrTooLarge, source.MaxCertificates)
	}
	var oids []string
	wrong, err := w.Value(&oids)
	if wrong != nil {
		return fmt.Errorf("eku of kid %.24q: %w", kid, wrong) // not to be taken for no restriction
	}
	into[kid] = append(into[kid], oids...)
	return err
}

// key reads one JWK and adds its signer.
func (s *swedenReader) key(raw json.RawMessage, country string, restrictions map[string][]string) (name string, err error) {
	var k struct {
		KID string   `json:"kid"`
		X5C []string `json:"x5c"`
		Use string   `json:"use"`
	}
	err = json.Unmarshal(raw, &k)
	name = list.Name(k.KID, country)
	switch {
	case err != nil:
		return name, errors.New("not a JWK")
	case k.Use != "" && k.Use != "sig":
		return name, fmt.Errorf("a key for %.10q, not for signatures", k.Use)
	case len(k.X5C) == 0:
		return name, errors.New("no certificate")
	}
	der, signer, err := list.CertificateText(k.X5C[0], k.KID, country)
	if err != nil {
		return name, err
	}
	if signer.Usage, err = restrict(signer.Usage, restrictions[k.KID]); err != nil {
		return name, err
	}
	if at, again := s.Add(der, signer); again {
		s.Signers[at].Usage = either(s.Signers[at].Usage, signer.Usage)
	}
	return name, nil
}

// restrict is what of a usage is left by a list of extended key usages. Without any of the DCC's it restricts nothing, as
// in a certificate; nothing left is an error, because no usage at all would mean every one.
func restrict(usage verify.Usage, oids []string) (verify.Usage, error) {
	var listed verify.Usage
	for _, oid := range oids {
		listed |= pki.UsageOf(oid)
	}
	switch {
	case listed == 0:
		return usage, nil
	case usage == 0:
		return listed, nil
	case usage&listed == 0:
		return 0, errors.New("its certificate is for other kinds of passes than the list says")
	}
	return usage & listed, nil
}

// either is what one of two usages allows.
func either(a, b verify.Usage) verify.Usage {
	if a == 0 || b == 0 {
		return 0
	}
	return a | b
}
