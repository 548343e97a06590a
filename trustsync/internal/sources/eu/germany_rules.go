package eu

import (
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
)

const KindGermanyRules = "germany_rules"

// NewGermanyRules makes the source of Germany's business rule service (distribution.dcc-rules.de), which is one of those that the
// EU made. Beside acceptance and invalidation rules it lists some of types of its own (masks, domestic status), which are named in
// the report and not used.
func NewGermanyRules(c sources.Config) (source.Source, error) {
	return newRulesService(c, KindGermanyRules)
}
