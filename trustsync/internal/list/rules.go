package list

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// maxRuleDepth bounds how deep the JSON of a rule or a value set is nested.
const maxRuleDepth = 100

// RuleHead is what is read of a rule before it is compiled.
type RuleHead struct {
	Identifier, Version, Country, Type string
}

// Name is how a rule is called.
func (h RuleHead) Name() string { return fmt.Sprintf("rule %.60s %.20s", h.Identifier, h.Version) }

// Used says whether a gate has a use for rules of this type. Germany distributes others in the same form.
func (h RuleHead) Used() bool { return h.Type == "Acceptance" || h.Type == "Invalidation" }

// ErrRuleType says that a rule is of a type that a gate has no use for.
var ErrRuleType = errors.New("neither an acceptance nor an invalidation rule")

// CountIn counts the rule in a report, as skipped if it is of another type. Such a rule is kept all the same: a newer version may have
// a use for it.
func (h RuleHead) CountIn(r *source.Report) {
	if h.Used() {
		r.Loaded++
		return
	}
	r.Skipped = append(r.Skipped, source.Skipped{Name: h.Name(), Err: fmt.Errorf("a %.40q: %w", h.Type, ErrRuleType)})
}

// ReadRuleHead reads a body far enough to know which rule it is. What is not the JSON of a rule is ErrMalformed: no name twice
// anywhere, identifier, version, country, type and logic there. Switzerland writes the names in small letters.
func ReadRuleHead(body []byte) (h RuleHead, err error) {
	if len(body) > source.MaxRuleSize {
		return h, fmt.Errorf("%w: a rule of %d bytes (%d are allowed)", source.ErrTooLarge, len(body), source.MaxRuleSize)
	}
	if err := CheckJSON(body); err != nil {
		return h, fmt.Errorf("%w: not a rule: %w", source.ErrMalformed, err)
	}
	logic := false
	h, err = WalkRule(body, func(name string) { logic = logic || name == "logic" })
	switch read, _ := verify.ParseRule(body); {
	case err != nil:
	case h.Version == "" || h.Type == "":
		err = errors.New("no version or type")
	case read.Identifier == "" || read.Country == "":
		err = fmt.Errorf("identifier %.60q, country %.20q", h.Identifier, h.Country)
	case !logic:
		err = errors.New("no logic")
	default:
		h.Country = read.Country
	}
	if err != nil {
		return RuleHead{}, fmt.Errorf("%w: not a rule: %w", source.ErrMalformed, err)
	}
	return h, nil
}

// WalkRule reads the head of a rule, whose other members each is told. No name may be there twice, whatever its case.
func WalkRule(body []byte, each func(name string)) (h RuleHead, err error) {
	w, seen := WalkJSON(body), map[string]bool{}
	members := map[string]*string{"identifier": &h.Identifier, "version": &h.Version, "country": &h.Country, "type": &h.Type}
	err = w.Object(func(key string) error {
		name := strings.ToLower(key)
		if seen[name] {
			return fmt.Errorf("two of %.20q", key)
		}
		seen[name] = true
		if into := members[name]; into != nil {
			wrong, err := w.Value(into)
			return errors.Join(wrong, err)
		}
		each(name)
		return w.Skip()
	})
	return h, err
}

// CheckValueSet says whether a body is the JSON of a value set, and if it names itself, that it does so by this id.
func CheckValueSet(id string, body []byte) error {
	if len(body) > source.MaxValueSetSize {
		return fmt.Errorf("%w: a value set of %d bytes (%d are allowed)", source.ErrTooLarge, len(body), source.MaxValueSetSize)
	}
	own, err := ReadValueSetID(body)
	if err == nil && own != "" && own != id {
		err = fmt.Errorf("it calls itself %.40q", own)
	}
	if err != nil {
		return fmt.Errorf("%w: value set %.40q: %w", source.ErrMalformed, id, err)
	}
	return nil
}

// ReadValueSetID reads how a value set calls itself, which an array cannot.
func ReadValueSetID(body []byte) (id string, err error) {
	if err := CheckJSON(body); err != nil {
		return "", err
	}
	w := WalkJSON(body)
	if FirstByte(body) == '[' {
		return "", w.Array(func() error {
			var code string
			wrong, err := w.Value(&code)
			return errors.Join(wrong, err)
		})
	}
	values := false
	err = w.Object(func(key string) error {
		switch key {
		case "valueSetId":
			wrong, err := w.Value(&id)
			return errors.Join(wrong, err)
		case "valueSetValues":
			values = true
			return w.Object(func(string) error { return w.Skip() })
		}
		return w.Skip()
	})
	if err == nil && !values {
		err = errors.New("no valueSetValues")
	}
	return id, err
}

// FirstByte is the first byte of a JSON text that is no space, zero if there is none.
func FirstByte(text []byte) byte {
	for _, b := range text {
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b
		}
	}
	return 0
}

// CheckJSON says whether text is one value in UTF-8 with no name twice in any object: readers differ in which of two they take.
func CheckJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("not UTF-8")
	}
	w := WalkJSON(text)
	if err := w.once(maxRuleDepth); err != nil {
		return err
	}
	return w.End()
}

// once reads the next value, in which no object may have a name twice.
func (w JSON) once(depth int) error {
	if depth == 0 {
		return fmt.Errorf("%w: nested more than %d deep", source.ErrTooLarge, maxRuleDepth)
	}
	token, err := w.Token()
	if err != nil {
		return err
	}
	delimiter, _ := token.(json.Delim)
	names := map[string]bool{}
	for delimiter != 0 && w.More() {
		if delimiter == '{' {
			token, err := w.Token()
			if err != nil {
				return err
			}
			name, _ := token.(string) // a decoder gives nothing else there
			if names[name] {
				return fmt.Errorf("two of %.40q in one object", name)
			}
			names[name] = true
		}
		if err := w.once(depth - 1); err != nil {
			return err
		}
	}
	if delimiter != 0 {
		_, err = w.Token() // its end
	}
	return err
}
