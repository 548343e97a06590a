// Package storetest says for tests of other rooms whether what they read can be stored. Only tests import it.
package storetest

import (
	"errors"
	"reflect"
	"testing"

	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/store"
	"gatescan/verify"
)

// CheckRules fails unless rules and value sets that were read are bounded, can be stored, come back as they were, and reach the verifier.
func CheckRules(t *testing.T, rules [][]byte, sets []source.ValueSet) {
	t.Helper()
	allowed := source.WholeRuleBudget
	if err := allowed.Take(rules, sets); err != nil {
		t.Fatal(err)
	}
	file, err := store.Encode(&store.Generation{Number: 1, Sources: map[string]store.Stored{"a": {Holding: source.Holding{Rules: rules, ValueSets: sets}}}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := store.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	h := again.Sources["a"].Holding
	if len(h.Rules) != len(rules) || len(rules) > 0 && !reflect.DeepEqual(h.Rules, rules) ||
		len(h.ValueSets) != len(sets) || len(sets) > 0 && !reflect.DeepEqual(h.ValueSets, sets) {
		t.Fatal("they do not come back as they were stored")
	}
	var used []verify.Rule
	for _, body := range rules {
		if rule, err := verify.ParseRule(body); !errors.Is(err, verify.ErrRuleType) {
			used = append(used, rule)
		}
	}
	compiled, _ := verify.NewRules(used, nil)
	if compiled.Len() > len(used) || len(used) > 0 && compiled.Len() == 0 {
		t.Fatalf("%d rules of %d", compiled.Len(), len(used))
	}
}
