package trustsync

import (
	"gatescan/trustsync/internal/sources/directory"
	"gatescan/trustsync/store"
	"gatescan/verify"
)

// LoadedRules are rules that somebody names by a path, who thereby vouches for them.
type LoadedRules struct {
	Rules  *verify.Rules
	Report Report   // what has no part in a verdict
	Faults []string // what cannot be used as it is; a rule among them lets nobody in
}

// LoadRules reads rules and value sets as ReadRules does, or those of a store that a daemon wrote, and compiles them.
func LoadRules(path string) (LoadedRules, error) {
	if store.Is(path) {
		return storedRules(path)
	}
	rules, sets, report, err := directory.ReadRules(path)
	if err != nil {
		return LoadedRules{}, err
	}
	book := compileRules([]ruledSource{{name: "this", held: &Holding{Rules: rules, ValueSets: sets}}})
	return LoadedRules{Rules: book.rules, Report: report, Faults: book.faults}, nil
}

// storedRules compiles the rules and value sets of all sources in a store, as the daemon does.
func storedRules(path string) (loaded LoadedRules, err error) {
	g, faults, err := store.Read(path)
	if err != nil {
		return loaded, err
	}
	for _, fault := range faults {
		loaded.Faults = append(loaded.Faults, fault.Error())
	}
	var given []ruledSource
	if g != nil {
		for _, name := range sortedNames(g.Sources) {
			if stored := g.Sources[name]; len(stored.Holding.Rules)+len(stored.Holding.ValueSets) > 0 {
				given = append(given, ruledSource{name: name, held: &stored.Holding})
			}
		}
	}
	book := compileRules(given)
	loaded.Rules, loaded.Faults = book.rules, append(loaded.Faults, book.faults...)
	return loaded, nil
}
