package eu

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// maxRulesList bounds a list of rules or value sets, in bytes. One of 271 rules has 45 kB.
const maxRulesList = 4 << 20

// listedBody is an entry of a list: a rule, or, if it has no country, a value set.
type listedBody struct {
	name, version, country string
	asked                  string // country as the list has it, which is how the body is asked for
	hash                   bodyHash
}

func (b listedBody) String() string {
	if b.country == "" {
		return fmt.Sprintf("value set %.60q", b.name)
	}
	return fmt.Sprintf("rule %.60q of %s", b.name, b.country)
}

// Path is where the body is found. The hash is written as it was computed, never as the list had it.
func (b listedBody) path() string {
	if b.country == "" {
		return "valuesets/" + b.hash.String()
	}
	return "rules/" + url.PathEscape(b.asked) + "/" + b.hash.String()
}

// ruleList asks which rules there are: [{"identifier","version","country","hash"}].
func (s *rulesService) ruleList(ctx context.Context, now source.Moment, m *rulesMirror) ([]listedBody, error) {
	return s.list(ctx, now, m, "rules", source.MaxRules, parseRuleEntry)
}

// setList asks which value sets there are: [{"id","hash"}].
func (s *rulesService) setList(ctx context.Context, now source.Moment, m *rulesMirror) ([]listedBody, error) {
	return s.list(ctx, now, m, "valuesets", source.MaxValueSets, parseSetEntry)
}

func (s *rulesService) list(ctx context.Context, now source.Moment, m *rulesMirror, path string, most int, parse func(list.JSON) (listedBody, error)) (all []listedBody, err error) {
	err = m.clients[0].Get(ctx, now, fetch.Request{Path: path, Limit: maxRulesList}, func(r *fetch.Response) (err error) {
		if err = r.OK(); err != nil {
			return err
		}
		if err = s.verify(r); err != nil {
			return err
		}
		all, err = parseRulesList(r.Body, most, parse)
		return err
	})
	return all, err
}

// Verify says whether an anchor signed a body, where there are any: X-SIGNATURE is the DER of an ECDSA signature, in base64,
// with SHA-256 over the 64 hexadecimal digits of the SHA-256 of the body (JksSigningService).
func (s *rulesService) verify(r *fetch.Response) error {
	if !s.signed() {
		return nil
	}
	text := r.Field("X-SIGNATURE")
	if text == "" {
		return fmt.Errorf("%w: not signed: there is no X-SIGNATURE", source.ErrNotAuthentic)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return fmt.Errorf("%w: X-SIGNATURE: %w", source.ErrNotAuthentic, err)
	}
	sum := sha256.Sum256(r.Body)
	digest := sha256.Sum256(hex.AppendEncode(nil, sum[:]))
	for _, key := range s.anchors.Keys {
		if k, ok := key.(*ecdsa.PublicKey); ok && ecdsa.VerifyASN1(k, digest[:], signature) {
			return nil
		}
	}
	return fmt.Errorf("%w: X-SIGNATURE is not by an anchor over this", source.ErrNotAuthentic)
}

// parseRulesList reads a list, in which no entry may be wrong.
func parseRulesList(body []byte, most int, parse func(list.JSON) (listedBody, error)) (all []listedBody, err error) {
	if err := list.CheckJSON(body); err != nil {
		return nil, list.Malformed(err)
	}
	w := list.WalkJSON(body)
	err = w.Array(func() error {
		if len(all) == most {
			return fmt.Errorf("%w: more than %d entries", source.ErrTooLarge, most)
		}
		one, err := parse(w)
		if err != nil {
			return fmt.Errorf("entry %d: %w", len(all)+1, err)
		}
		all = append(all, one)
		return nil
	})
	if err != nil {
		return nil, list.Malformed(err)
	}
	return all, nil
}

func parseRuleEntry(w list.JSON) (b listedBody, err error) {
	hash, err := texts(w, map[string]*string{"identifier": &b.name, "version": &b.version, "country": &b.asked})
	if err != nil {
		return b, err
	}
	b.country, _ = verify.ParseCountry(b.asked) // EL as GR
	if b.name == "" || b.version == "" || b.country == "" {
		return b, fmt.Errorf("identifier %.40q, version %.20q, country %.20q", b.name, b.version, b.asked)
	}
	b.hash, err = decodeBodyHash(hash)
	return b, err
}

func parseSetEntry(w list.JSON) (b listedBody, err error) {
	hash, err := texts(w, map[string]*string{"id": &b.name})
	if err != nil {
		return b, err
	}
	if b.name == "" || len(b.name) > source.MaxValueSetID {
		return b, fmt.Errorf("id %.40q", b.name)
	}
	b.hash, err = decodeBodyHash(hash)
	return b, err
}

// texts reads an object, of which the named members must be strings, and its hash.
func texts(w list.JSON, members map[string]*string) (hash string, err error) {
	members["hash"] = &hash
	err = w.Object(func(key string) error {
		into := members[key]
		if into == nil {
			return w.Skip()
		}
		wrong, err := w.Value(into)
		return errors.Join(wrong, err)
	})
	return hash, err
}

func decodeBodyHash(text string) (hash bodyHash, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(hash) {
		return hash, fmt.Errorf("hash %.80q: not the hexadecimal digits of a SHA-256", text)
	}
	return bodyHash(raw), nil
}
