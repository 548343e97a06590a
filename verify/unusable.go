package verify

import (
	"fmt"
	"slices"
	"time"
)

// schemaMajor is the major version of the schemas that passes follow (1.0.0 to 1.3.3).
const schemaMajor = 1

func (r *compiledRule) unusable() *RuleError {
	return &RuleError{Identifier: r.Identifier, Country: r.Country, Open: true, Err: r.err}
}

// foreign says why a rule that may be sound is not decided here: it is for another engine, or for passes that follow
// another schema. A rule whose head cannot be read has another fault.
func (r *compiledRule) foreign() error {
	switch {
	case r.fault != nil:
		return nil
	case r.Engine != engine || r.EngineVersion.Major > engineMajor:
		return fmt.Errorf("is for engine %.20q %v, and this one is %s %d", r.Engine, r.EngineVersion, engine, engineMajor)
	case r.SchemaVersion.Major != schemaMajor:
		return fmt.Errorf("is for schema %v, and passes follow schema %d", r.SchemaVersion, schemaMajor)
	}
	return nil
}

// Unusable says which rules of a country are not decided, and why, of those that passes are judged by at a moment: whoever
// such a rule applies to is refused with RuleOpen. Region counts for acceptance rules (Policy.Region). Each *RuleError has
// Identifier and Country. It is empty for nil.
func (r *Rules) Unusable(t RuleType, code, region string, now time.Time) (faults []*RuleError) {
	p := Policy{Arrival: code, Region: region}
	q, ok := p.question()
	rules := r.of(q.arrival)
	if !ok || rules == nil {
		return nil
	}
	q.ms = now.UnixMilli()
	for q.kind = NoKind + 1; q.kind < numKinds; q.kind++ {
		applied := ""
		for _, rule := range rules.of(t)[q.kind] {
			if q.excludes(rule) != selected || rule.Identifier == applied {
				continue // the newest version in force comes first
			}
			applied = rule.Identifier
			if known := func(f *RuleError) bool { return f.Identifier == rule.Identifier }; rule.err != nil && !slices.ContainsFunc(faults, known) {
				faults = append(faults, rule.unusable())
			}
		}
	}
	return faults
}
