package trustsync

import (
	"gatescan/trustsync/internal/sources/directory"
	"gatescan/verify"
)

// LoadedRules are rules that somebody names by a path, who thereby vouches for them.
type LoadedRules struct {
	Rules  *verify.Rules
	Report Report   // what has no part in a verdict
	Faults []string // what cannot be used as it is; a rule among them lets nobody in
}

// LoadRules reads rules and value sets as ReadRules does, and compiles them.
func LoadRules(path string) (LoadedRules, error) {
	rules, sets, report, err := directory.ReadRules(path)
	if err != nil {
		return LoadedRules{}, err
	}
	book := compileRules([]ruledSource{{name: "this", held: &Holding{Rules: rules, ValueSets: sets}}})
	return LoadedRules{Rules: book.rules, Report: report, Faults: book.faults}, nil
}
