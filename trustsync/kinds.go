package trustsync

import (
	"fmt"
	"strings"
)

// kinds has what makes a source of each kind.
var kinds = map[string]func(SourceConfig) (Source, error){
	kindDirectory:   newDirectory,
	kindWHO:         newWHO,
	kindGermany:     newGermany,
	kindSweden:      newSweden,
	kindAustria:     newAustria,
	kindNetherlands: newNetherlands,
	"eu":            newEU,
	"italy":         newItaly,
	kindEUArchive:   newEUArchive,
	kindGateway:     newGateway,

	kindEURules:          newEURules,
	kindGermanyRules:     newGermanyRules,
	kindAustriaRules:     newAustriaRules,
	kindSwitzerlandRules: newSwitzerlandRules,
	kindRulesDirectory:   newRulesDirectory,
}

// Kinds are the words for the kinds of sources.
func Kinds() []string { return sortedNames(kinds) }

// NewSource makes a source of what an operator says. The error says what to do.
func NewSource(c SourceConfig) (Named, error) {
	make := kinds[c.Kind]
	if make == nil {
		return Named{}, fmt.Errorf("%q is no kind of source; there are %s", c.Kind, strings.Join(Kinds(), ", "))
	}
	source, err := make(c)
	if err != nil {
		return Named{}, err
	}
	return Named{Name: c.Name, Source: source, Interval: c.Interval, MaxAge: c.MaxAge, Identity: c.identity()}, nil
}
