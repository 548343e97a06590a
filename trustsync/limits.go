package trustsync

import (
	"fmt"
	"unicode/utf8"

	"gatescan/verify"
)

const (
	// maxListSize bounds an answer of a source, in bytes. The largest published so far, all participants of the WHO network, has 2 MB.
	maxListSize = 64 << 20

	// maxCursor bounds what a source may want to be reminded of, in bytes.
	maxCursor = 4096

	// maxCertificates bounds the certificates of one source. The longest list published so far had 832.
	maxCertificates = 100_000
)

// Bounds of rules and value sets, of all sources together. In 2023 the 271 rules of 24 countries had 260 kB, the largest 3 kB; the
// largest value set has 150 kB.
const (
	maxRules        = 10_000
	maxValueSets    = 1_000
	maxRuleSize     = verify.MaxRule // bytes of a body
	maxValueSetSize = verify.MaxValueSet
	maxRuleBytes    = 16 << 20 // of all bodies together
	maxValueSetID   = 100      // bytes
)

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
