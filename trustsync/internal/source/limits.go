package source

import (
	"fmt"
	"unicode/utf8"

	"gatescan/verify"
)

const (
	// MaxListSize bounds an answer of a source, in bytes. The largest published so far, all participants of the WHO network, has 2 MB.
	MaxListSize = 64 << 20

	// MaxCursor bounds what a source may want to be reminded of, in bytes.
	MaxCursor = 4096

	// MaxCertificates bounds the certificates of one source. The longest list published so far had 832.
	MaxCertificates = 100_000
)

// Bounds of rules and value sets, of all sources together. In 2023 the 271 rules of 24 countries had 260 kB, the largest 3 kB; the
// largest value set has 150 kB.
const (
	MaxRules        = 10_000
	MaxValueSets    = 1_000
	MaxRuleSize     = verify.MaxRule // bytes of a body
	MaxValueSetSize = verify.MaxValueSet
	MaxRuleBytes    = 16 << 20 // of all bodies together
	MaxValueSetID   = 100      // bytes
)

// RuleBudget is how much of rules and value sets is still allowed.
type RuleBudget struct{ rules, sets, bytes int }

// WholeRuleBudget is what all sources together may hold.
var WholeRuleBudget = RuleBudget{MaxRules, MaxValueSets, MaxRuleBytes}

// Take counts what a source holds. What is too much or cannot be a body is an error.
func (left *RuleBudget) Take(rules [][]byte, sets []ValueSet) error {
	left.rules -= len(rules)
	left.sets -= len(sets)
	if left.rules < 0 || left.sets < 0 {
		return fmt.Errorf("%w: more than %d rules or %d value sets", ErrTooLarge, MaxRules, MaxValueSets)
	}
	for _, body := range rules {
		if err := left.body(body, MaxRuleSize); err != nil {
			return fmt.Errorf("a rule: %w", err)
		}
	}
	for _, set := range sets {
		if len(set.ID) == 0 || len(set.ID) > MaxValueSetID || !utf8.ValidString(set.ID) {
			return fmt.Errorf("%w: a value set called %.40q", ErrMalformed, set.ID)
		}
		if err := left.body(set.JSON, MaxValueSetSize); err != nil {
			return fmt.Errorf("value set %.40q: %w", set.ID, err)
		}
	}
	return nil
}

func (left *RuleBudget) body(body []byte, limit int) error {
	switch left.bytes -= len(body); {
	case len(body) == 0:
		return fmt.Errorf("%w: empty", ErrMalformed)
	case len(body) > limit:
		return fmt.Errorf("%w: %d bytes (%d are allowed)", ErrTooLarge, len(body), limit)
	case left.bytes < 0:
		return fmt.Errorf("%w: more than %d bytes of rules and value sets in all", ErrTooLarge, MaxRuleBytes)
	}
	return nil
}
