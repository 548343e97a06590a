package trustsync

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"gatescan/trustsync/internal/source"
)

// rulesReader collects rules and value sets from documents that hold several. A rule that cannot be read spoils the document it
// is in: what is missing of rules would let somebody in. A value set that cannot is named in the report: a rule that asks for
// it is open, and lets nobody in.
type rulesReader struct {
	rules  [][]byte
	sets   []source.ValueSet
	report source.Report
	seen   map[string]bool // rules, and sets with their name
	bytes  int
}

func newRulesReader() *rulesReader { return &rulesReader{seen: map[string]bool{}} }

// parseRules reads {"rules":[rule],"valueSets":{id:[code]}}; other members are not read.
func parseRules(document []byte) ([][]byte, []source.ValueSet, source.Report, error) {
	r := newRulesReader()
	if err := r.both(document); err != nil {
		return nil, nil, source.Report{}, malformedList(err)
	}
	return r.rules, r.sets, r.report, nil
}

// document reads what a file may hold: the form of parseRules, an array of rules, one rule, or one value set that names itself.
func (r *rulesReader) document(data []byte) error {
	err := checkJSON(data)
	switch {
	case err != nil:
	case firstByte(data) == '[':
		w := walkJSON(data)
		err = w.array(func() error { return r.nextRule(w) })
	default:
		var isRule, isSet bool
		if isRule, isSet, err = looksLikeRule(data); err != nil {
			break
		}
		switch {
		case isRule:
			err = r.rule(bytes.TrimSpace(data))
		case isSet:
			var id string
			if id, err = readValueSetID(data); err == nil {
				err = r.set(id, bytes.TrimSpace(data))
			}
		default:
			err = r.both(data)
		}
	}
	return malformedList(err)
}

// looksLikeRule says whether an object is a rule, or a value set.
func looksLikeRule(data []byte) (rule, set bool, err error) {
	w := walkJSON(data)
	err = w.object(func(key string) error {
		rule = rule || key == "Identifier" || key == "identifier"
		set = set || key == "valueSetId"
		return w.skip()
	})
	return rule, set && !rule, err
}

// both reads the form of parseRules.
func (r *rulesReader) both(document []byte) error {
	if err := checkJSON(document); err != nil {
		return err
	}
	w, found := walkJSON(document), false
	err := w.object(func(key string) error {
		switch key {
		case "rules":
			found = true
			return w.array(func() error { return r.nextRule(w) })
		case "valueSets":
			found = true
			return w.object(func(id string) error { return r.nextSet(w, id) })
		}
		return w.skip()
	})
	if err == nil && !found {
		err = errors.New("neither rules nor valueSets, and not a rule or a value set")
	}
	return err
}

func (r *rulesReader) nextRule(w jsonWalk) error {
	var raw json.RawMessage
	if err := w.Decode(&raw); err != nil {
		return err
	}
	if err := r.rule(raw); err != nil {
		return fmt.Errorf("rule %d: %w", len(r.rules)+r.report.Duplicates+1, err)
	}
	return nil
}

func (r *rulesReader) nextSet(w jsonWalk, id string) error {
	var raw json.RawMessage
	if err := w.Decode(&raw); err != nil {
		return err
	}
	return r.setOrSkip(id, raw)
}

// setOrSkip adds one value set, or names it in the report.
func (r *rulesReader) setOrSkip(id string, body []byte) error {
	err := r.set(id, body)
	if err != nil && !errors.Is(err, source.ErrTooLarge) {
		r.report.Skipped = append(r.report.Skipped, source.Skipped{Name: fmt.Sprintf("value set %.60s", id), Err: err})
		return r.count(0)
	}
	return err
}

// rule adds one rule.
func (r *rulesReader) rule(body []byte) error {
	head, err := readRuleHead(body)
	if err != nil {
		return err
	}
	if r.again(string(body)) {
		return nil
	}
	head.countIn(&r.report)
	r.rules = append(r.rules, body)
	return r.count(len(body))
}

// set adds one value set.
func (r *rulesReader) set(id string, body []byte) error {
	if err := checkValueSet(id, body); err != nil {
		return err
	}
	if id == "" || len(id) > source.MaxValueSetID {
		return fmt.Errorf("a value set called %.40q", id)
	}
	if r.again("set " + id + " " + string(body)) {
		return nil
	}
	r.sets = append(r.sets, source.ValueSet{ID: id, JSON: body})
	return r.count(len(body))
}

func (r *rulesReader) again(what string) bool {
	if r.seen[what] {
		r.report.Duplicates++
		return true
	}
	r.seen[what] = true
	return false
}

func (r *rulesReader) count(n int) error {
	r.bytes += n
	switch {
	case r.bytes > source.MaxRuleBytes:
		return fmt.Errorf("%w: more than %d bytes of rules and value sets", source.ErrTooLarge, source.MaxRuleBytes)
	case len(r.rules) > source.MaxRules || len(r.sets) > source.MaxValueSets:
		return fmt.Errorf("%w: more than %d rules or %d value sets", source.ErrTooLarge, source.MaxRules, source.MaxValueSets)
	case len(r.report.Skipped) > source.MaxRules+source.MaxValueSets:
		return fmt.Errorf("%w: more than %d that cannot be used", source.ErrTooLarge, source.MaxRules+source.MaxValueSets)
	}
	return nil
}
