package trustsync

import "gatescan/trustsync/internal/source"

const kindGermanyRules = "germany_rules"

// newGermanyRules makes the source of Germany's business rule service (distribution.dcc-rules.de), which is one of those that the
// EU made. Beside acceptance and invalidation rules it lists some of types of its own (masks, domestic status), which are named in
// the report and not used.
func newGermanyRules(c SourceConfig) (source.Source, error) {
	return newRulesService(c, kindGermanyRules)
}
