package trustsync

import (
	"fmt"
	"unicode/utf8"
)

// valueSetForm is the CBOR of a value set.
type valueSetForm struct {
	_    struct{} `cbor:",toarray"`
	ID   string
	JSON []byte
}

// format is the first format that can hold what f holds.
func (f *storedForm) format() uint64 {
	if len(f.Rules) > 0 || len(f.ValueSets) > 0 {
		return 2
	}
	return 1
}

func (f *storedForm) setRules(h Holding) (err error) {
	if len(h.Rules) > 0 {
		if f.Rules, err = storeEncoding.Marshal(h.Rules); err != nil {
			return err
		}
	}
	if len(h.ValueSets) == 0 {
		return nil
	}
	sets := make([]valueSetForm, len(h.ValueSets))
	for i, s := range h.ValueSets {
		sets[i] = valueSetForm{ID: s.ID, JSON: s.JSON}
	}
	f.ValueSets, err = storeEncoding.Marshal(sets)
	return err
}

// rules reads what setRules wrote, of which left is allowed.
func (f *storedForm) rules(left *rulesAllowed) (rules [][]byte, sets []ValueSet, err error) {
	if len(f.Rules) > 0 {
		if err := decodeStored(f.Rules, &rules, maxRules); err != nil {
			return nil, nil, err
		}
		if len(rules) == 0 {
			return nil, nil, fmt.Errorf("%w: a list of no rules", ErrMalformed)
		}
	}
	if len(f.ValueSets) > 0 {
		var forms []valueSetForm
		if err := decodeStored(f.ValueSets, &forms, maxValueSets); err != nil {
			return nil, nil, err
		}
		if len(forms) == 0 {
			return nil, nil, fmt.Errorf("%w: a list of no value sets", ErrMalformed)
		}
		for _, one := range forms {
			sets = append(sets, ValueSet{one.ID, one.JSON})
		}
	}
	return rules, sets, left.take(rules, sets)
}

// rulesAllowed is how much of rules and value sets is still allowed.
type rulesAllowed struct{ rules, sets, bytes int }

// rulesLeft is what all sources together may hold.
var rulesLeft = rulesAllowed{maxRules, maxValueSets, maxRuleBytes}

// take counts what a source holds. What is too much or cannot be a body is an error.
func (left *rulesAllowed) take(rules [][]byte, sets []ValueSet) error {
	left.rules -= len(rules)
	left.sets -= len(sets)
	if left.rules < 0 || left.sets < 0 {
		return fmt.Errorf("%w: more than %d rules or %d value sets", ErrTooLarge, maxRules, maxValueSets)
	}
	for _, body := range rules {
		if err := left.body(body, maxRuleSize); err != nil {
			return fmt.Errorf("a rule: %w", err)
		}
	}
	for _, set := range sets {
		if len(set.ID) == 0 || len(set.ID) > maxValueSetID || !utf8.ValidString(set.ID) {
			return fmt.Errorf("%w: a value set called %.40q", ErrMalformed, set.ID)
		}
		if err := left.body(set.JSON, maxValueSetSize); err != nil {
			return fmt.Errorf("value set %.40q: %w", set.ID, err)
		}
	}
	return nil
}

func (left *rulesAllowed) body(body []byte, limit int) error {
	switch left.bytes -= len(body); {
	case len(body) == 0:
		return fmt.Errorf("%w: empty", ErrMalformed)
	case len(body) > limit:
		return fmt.Errorf("%w: %d bytes (%d are allowed)", ErrTooLarge, len(body), limit)
	case left.bytes < 0:
		return fmt.Errorf("%w: more than %d bytes of rules and value sets in all", ErrTooLarge, maxRuleBytes)
	}
	return nil
}
