package who

import (
	"fmt"

	"gatescan/trustsync/internal/source"
)

// environment is one of WHO's networks. Each has participants and signing keys of its own, and writes its name into the context and the
// codes of its documents, so that it is part of what is signed. The zero environment is production.
type environment uint8

const (
	production environment = iota
	acceptance
	development

	numEnvironments
)

var environments = [numEnvironments]struct {
	word   string // in a configuration
	suffix string // in IRIs
}{{"production", ""}, {"uat", "-UAT"}, {"dev", "-DEV"}}

// parseEnvironment reads the word of a configuration; empty is production.
func parseEnvironment(word string) (environment, error) {
	if word == "" {
		return production, nil
	}
	for e := range numEnvironments {
		if environments[e].word == word {
			return e, nil
		}
	}
	return 0, fmt.Errorf("unknown environment %.40q; use one of production, uat and dev", word)
}

func (e environment) String() string { return environments[e].word }

// context is the third context of a document.
func (e environment) context() string {
	return "https://smart.who.int/trust/tng-context/v1" + environments[e].suffix + ".jsonld"
}

// check refuses a document of another environment, whichever key signed it.
func (e environment) check(d *didDocument) error {
	if d.environment != e {
		return fmt.Errorf("%w: a document of the environment %v, this source is of %v (environment)", source.ErrNotAuthentic, d.environment, e)
	}
	return nil
}
