package austria

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"

	"github.com/fxamacker/cbor/v2"
)

const KindRules = "austria_rules"

// austriaForm is one of the documents that Austria signs, each with a signature beside it.
type austriaForm struct {
	document, signature string // beneath a mirror's URL
	label, version      int64  // in the protected header of the signature: which document, and in which form
}

// The documents (hcert-kotlin). The same key signs all of them, and only the label tells which one is meant.
var (
	austriaTrustList = austriaForm{"trustlist", "trustlistsig", 42, 2}
	austriaRuleFile  = austriaForm{"rules", "rulessig", -65537, 1}
	austriaSetFile   = austriaForm{"valuesets", "valuesetssig", -65538, 1}
)

// austriaRules is the source of the Austrian rules and value sets: two documents, each with one that signs its hash.
type austriaRules struct{ austria }

// NewRules makes the source of the Austrian rules. A URL is that of the directory that all four documents are in.
func NewRules(c sources.Config) (source.Source, error) {
	s, err := New(c)
	if err != nil {
		return nil, err
	}
	return &austriaRules{*s.(*austria)}, nil
}

// Traits implements Source.
func (s *austriaRules) Traits() source.Traits {
	return source.Traits{
		Kind: KindRules, Signs: "a hash of the rules, and one of the value sets, with a pinned key", Age: source.AgeSigned, Rollback: true,
		Absence: "no longer listed", Rules: true,
	}
}

// Fetch implements Source.
func (s *austriaRules) Fetch(ctx context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	return fetch.FirstMirror(ctx, s.mirrors, func(m *fetch.Client) (*source.Holding, source.Report, error) {
		h, report, err := s.fetch(ctx, m, now)
		if errors.Is(err, errListsDiffer) { // perhaps one was replaced while we were between them
			return s.fetch(ctx, m, now)
		}
		return h, report, err
	})
}

// austriaRulesCursor reminds the source of when both were signed. A holding has one time only, that of the older.
type austriaRulesCursor struct {
	Rules, Sets string // their hashes
	From        [2]int64
	Until       [2]int64
}

// fetch asks one mirror for both documents, unless both signatures are those that it gave last.
func (s *austriaRules) fetch(ctx context.Context, mirror *fetch.Client, now source.Moment) (*source.Holding, source.Report, error) {
	rulesSigned, err := s.askSignature(ctx, mirror, now, austriaRuleFile)
	if err != nil {
		return nil, source.Report{}, err
	}
	setsSigned, err := s.askSignature(ctx, mirror, now, austriaSetFile)
	if err != nil {
		return nil, source.Report{}, err
	}
	cursor := austriaRulesCursor{
		string(rulesSigned.cursor()), string(setsSigned.cursor()),
		[2]int64{rulesSigned.from.Unix(), setsSigned.from.Unix()},
		[2]int64{rulesSigned.until.Unix(), setsSigned.until.Unix()},
	}
	if err := cursor.follows(now.Last); err != nil {
		return nil, source.Report{}, err
	}
	h := &source.Holding{Signed: rulesSigned.from, Expires: rulesSigned.until}
	if setsSigned.from.Before(h.Signed) {
		h.Signed = setsSigned.from
	}
	if setsSigned.until.Before(h.Expires) {
		h.Expires = setsSigned.until
	}
	r := list.NewRules()
	if err := s.askDocument(ctx, mirror, now, austriaRuleFile, rulesSigned, func(b []byte) error { return readAustriaRules(r, b) }); err != nil {
		return nil, source.Report{}, err
	}
	if err := s.askDocument(ctx, mirror, now, austriaSetFile, setsSigned, func(b []byte) error { return readAustriaSets(r, b) }); err != nil {
		return nil, source.Report{}, err
	}
	h.Rules, h.ValueSets = r.Rules, r.ValueSets
	h.Cursor, err = json.Marshal(cursor)
	return h, r.Report, err
}

// follows says whether neither document is older than what a source gave last; ErrUnchanged if both are the same.
func (c austriaRulesCursor) follows(last *source.Holding) error {
	var before austriaRulesCursor
	if last == nil || json.Unmarshal(last.Cursor, &before) != nil {
		return nil
	}
	if c == before {
		return source.ErrUnchanged
	}
	for i, what := range []string{austriaRuleFile.document, austriaSetFile.document} {
		if c.From[i] < before.From[i] {
			return fmt.Errorf("%w: the %s", source.ErrRollback, what)
		}
	}
	return nil
}

// askSignature asks for the signature of a document.
func (s *austria) askSignature(ctx context.Context, mirror *fetch.Client, now source.Moment, form austriaForm) (sig austriaSigned, err error) {
	now.Last = nil // of the trust list, or of two documents: that is the caller's
	err = mirror.Get(ctx, now, fetch.Request{Path: form.signature, Limit: maxAustriaSignature}, func(r *fetch.Response) (err error) {
		if err = r.OK(); err != nil {
			return err
		}
		if sig, err = openAustriaSignature(r.Body, form, s.anchors); err != nil {
			return err
		}
		return source.CheckWindow(now, sig.from, sig.until, austriaLeeway)
	})
	return sig, err
}

// askDocument asks for what was signed.
func (s *austria) askDocument(ctx context.Context, mirror *fetch.Client, now source.Moment, form austriaForm, sig austriaSigned, parse func([]byte) error) error {
	return mirror.Get(ctx, now, fetch.Request{Path: form.document, Limit: source.MaxListSize}, func(r *fetch.Response) error {
		if err := r.OK(); err != nil {
			return err
		}
		if sha256.Sum256(r.Body) != sig.hash {
			return errListsDiffer
		}
		return parse(r.Body)
	})
}

// readAustriaRules reads {"r":[{"i": label, "r": JSON of the rule}]} in CBOR. A rule is what it says of itself: the publisher's own
// example (hcert-kotlin, README) labels every one the same.
func readAustriaRules(r *list.Rules, document []byte) error {
	return eachAustria(document, "r", func(raw cbor.RawMessage) error {
		var entry struct {
			Rule string `cbor:"r"`
		}
		if err := austriaCBOR.Unmarshal(raw, &entry); err != nil {
			return errors.New("not an entry with a rule")
		}
		return r.Rule([]byte(entry.Rule))
	})
}

// readAustriaSets reads {"v":[{"n": label, "v": JSON of the value set}]} in CBOR. A set goes by its label if it has no name of its own.
func readAustriaSets(r *list.Rules, document []byte) error {
	return eachAustria(document, "v", func(raw cbor.RawMessage) error {
		var entry struct {
			Label string `cbor:"n"`
			Set   string `cbor:"v"`
		}
		if err := austriaCBOR.Unmarshal(raw, &entry); err != nil {
			return errors.New("not an entry of label and value set")
		}
		id := entry.Label
		if own, err := list.ReadValueSetID([]byte(entry.Set)); err == nil && own != "" {
			id = own
		}
		return r.SetOrSkip(id, []byte(entry.Set))
	})
}

// eachAustria reads a map with an array under a name, in which no element may be wrong.
func eachAustria(document []byte, name string, each func(cbor.RawMessage) error) error {
	var outer map[string]cbor.RawMessage
	err := austriaCBOR.Unmarshal(document, &outer)
	var all *[]cbor.RawMessage
	if err == nil && outer[name] != nil {
		err = austriaCBOR.Unmarshal(outer[name], &all)
	}
	if err != nil {
		var many *cbor.MaxArrayElementsError
		if errors.As(err, &many) {
			return fmt.Errorf("%w: %w", source.ErrTooLarge, err)
		}
		return fmt.Errorf("%w: %w", source.ErrMalformed, err)
	}
	if all == nil {
		return fmt.Errorf("%w: nothing under %q", source.ErrMalformed, name)
	}
	for i, raw := range *all {
		if err := each(raw); err != nil {
			return list.Malformed(fmt.Errorf("entry %d: %w", i+1, err))
		}
	}
	return nil
}
