package store

import (
	"fmt"

	"gatescan/trustsync/internal/source"
)

// valueSetForm is the CBOR of a value set.
type valueSetForm struct {
	_    struct{} `cbor:",toarray"`
	ID   string
	JSON []byte
}

// format is the first format that can hold what f holds.
func (f *storedForm) format() uint64 {
	if len(f.Domains) > 0 {
		return 3
	}
	if len(f.Rules) > 0 || len(f.ValueSets) > 0 {
		return 2
	}
	return 1
}

func (f *storedForm) setRules(h source.Holding) (err error) {
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

// Rules reads what setRules wrote, of which left is allowed.
func (f *storedForm) rules(left *source.RuleBudget) (rules [][]byte, sets []source.ValueSet, err error) {
	if len(f.Rules) > 0 {
		if err := decodeStored(f.Rules, &rules, source.MaxRules); err != nil {
			return nil, nil, err
		}
		if len(rules) == 0 {
			return nil, nil, fmt.Errorf("%w: a list of no rules", source.ErrMalformed)
		}
	}
	if len(f.ValueSets) > 0 {
		var forms []valueSetForm
		if err := decodeStored(f.ValueSets, &forms, source.MaxValueSets); err != nil {
			return nil, nil, err
		}
		if len(forms) == 0 {
			return nil, nil, fmt.Errorf("%w: a list of no value sets", source.ErrMalformed)
		}
		for _, one := range forms {
			sets = append(sets, source.ValueSet{ID: one.ID, JSON: one.JSON})
		}
	}
	return rules, sets, left.Take(rules, sets)
}
