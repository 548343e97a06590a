package list

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"gatescan/trustsync/internal/source"
)

// Rules collects rules and value sets from documents that hold several. A rule that cannot be read spoils the document it
// is in: what is missing of rules would let somebody in. A value set that cannot is named in the report: a rule that asks for
// it is open, and lets nobody in.
type Rules struct {
	Rules     [][]byte
	ValueSets []source.ValueSet
	Report    source.Report
	seen      map[string]bool // rules, and sets with their name
	bytes     int
}

func NewRules() *Rules { return &Rules{seen: map[string]bool{}} }

// ParseRules reads {"rules":[rule],"valueSets":{id:[code]}}; other members are not read.
func ParseRules(document []byte) ([][]byte, []source.ValueSet, source.Report, error) {
	r := NewRules()
	if err := r.Both(document); err != nil {
		return nil, nil, source.Report{}, Malformed(err)
	}
	return r.Rules, r.ValueSets, r.Report, nil
}

// Document reads what a file may hold: the form of ParseRules, an array of rules, one rule, or one value set that names itself.
func (r *Rules) Document(data []byte) error {
	err := CheckJSON(data)
	switch {
	case err != nil:
	case FirstByte(data) == '[':
		w := WalkJSON(data)
		err = w.Array(func() error { return r.nextRule(w) })
	default:
		var isRule, isSet bool
		if isRule, isSet, err = looksLikeRule(data); err != nil {
			break
		}
		switch {
		case isRule:
			err = r.Rule(bytes.TrimSpace(data))
		case isSet:
			var id string
			if id, err = ReadValueSetID(data); err == nil {
				err = r.set(id, bytes.TrimSpace(data))
			}
		default:
			err = r.Both(data)
		}
	}
	return Malformed(err)
}

// looksLikeRule says whether an object is a rule, or a value set.
func looksLikeRule(data []byte) (rule, set bool, err error) {
	w := WalkJSON(data)
	err = w.Object(func(key string) error {
		rule = rule || key == "Identifier" || key == "identifier"
		set = set || key == "valueSetId"
		return w.Skip()
	})
	return rule, set && !rule, err
}

// Both reads the form of ParseRules.
func (r *Rules) Both(document []byte) error {
	if err := CheckJSON(document); err != nil {
		return err
	}
	w, found := WalkJSON(document), false
	err := w.Object(func(key string) error {
		switch key {
		case "rules":
			found = true
			return w.Array(func() error { return r.nextRule(w) })
		case "valueSets":
			found = true
			return w.Object(func(id string) error { return r.nextSet(w, id) })
		}
		return w.Skip()
	})
	if err == nil && !found {
		err = errors.New("neither rules nor valueSets, and not a rule or a value set")
	}
	return err
}

func (r *Rules) nextRule(w JSON) error {
	var raw json.RawMessage
	if err := w.Decode(&raw); err != nil {
		return err
	}
	if err := r.Rule(raw); err != nil {
		return fmt.Errorf("rule %d: %w", len(r.Rules)+r.Report.Duplicates+1, err)
	}
	return nil
}

func (r *Rules) nextSet(w JSON, id string) error {
	var raw json.RawMessage
	if err := w.Decode(&raw); err != nil {
		return err
	}
	return r.SetOrSkip(id, raw)
}

// SetOrSkip adds one value set, or names it in the report.
func (r *Rules) SetOrSkip(id string, body []byte) error {
	err := r.set(id, body)
	if err != nil && !errors.Is(err, source.ErrTooLarge) {
		r.Report.Skipped = append(r.Report.Skipped, source.Skipped{Name: fmt.Sprintf("value set %.60s", id), Err: err})
		return r.count(0)
	}
	return err
}

// Rule adds one rule.
func (r *Rules) Rule(body []byte) error {
	head, err := ReadRuleHead(body)
	if err != nil {
		return err
	}
	if r.again(string(body)) {
		return nil
	}
	head.CountIn(&r.Report)
	r.Rules = append(r.Rules, body)
	return r.count(len(body))
}

// set adds one value set.
func (r *Rules) set(id string, body []byte) error {
	if err := CheckValueSet(id, body); err != nil {
		return err
	}
	if id == "" || len(id) > source.MaxValueSetID {
		return fmt.Errorf("a value set called %.40q", id)
	}
	if r.again("set " + id + " " + string(body)) {
		return nil
	}
	r.ValueSets = append(r.ValueSets, source.ValueSet{ID: id, JSON: body})
	return r.count(len(body))
}

func (r *Rules) again(what string) bool {
	if r.seen[what] {
		r.Report.Duplicates++
		return true
	}
	r.seen[what] = true
	return false
}

func (r *Rules) count(n int) error {
	r.bytes += n
	switch {
	case r.bytes > source.MaxRuleBytes:
		return fmt.Errorf("%w: more than %d bytes of rules and value sets", source.ErrTooLarge, source.MaxRuleBytes)
	case len(r.Rules) > source.MaxRules || len(r.ValueSets) > source.MaxValueSets:
		return fmt.Errorf("%w: more than %d rules or %d value sets", source.ErrTooLarge, source.MaxRules, source.MaxValueSets)
	case len(r.Report.Skipped) > source.MaxRules+source.MaxValueSets:
		return fmt.Errorf("%w: more than %d that cannot be used", source.ErrTooLarge, source.MaxRules+source.MaxValueSets)
	}
	return nil
}
