package verify

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"gatescan/verify/certlogic"
)

// Disease is what an ICVP certifies protection from, or a set of such. It is not in the payload: the catalogue says it
// of the product (REQ-DE-12).
type Disease uint8

const (
	YellowFever Disease = 1 << iota // decision table ICVP.DT.1
	Polio                           // decision table ICVP.DT.2
)

var diseaseNames = [...]string{"yellow_fever", "polio"}

// catalogueSets are the value sets that are the catalogue, in the order of the bits of Disease.
var catalogueSets = [...]string{"icvp-yellow-fever", "icvp-polio"}

// ParseDisease reads one disease: "yellow_fever" or "polio".
func ParseDisease(name string) (d Disease, ok bool) {
	for i, known := range diseaseNames {
		if name == known {
			return 1 << i, true
		}
	}
	return 0, false
}

// String is the name of one disease, or empty.
func (d Disease) String() string {
	for i, name := range diseaseNames {
		if d == 1<<i {
			return name
		}
	}
	return ""
}

// asks says whether a policy that names these diseases asks for d. The empty set asks for any.
func (d Disease) asks(one Disease) bool { return d == 0 || d&one != 0 }

// icvpFiles are WHO's decision tables and catalogue; icvp/README.md says where they are from.
//
//go:embed icvp/*.json
var icvpFiles embed.FS

// icvpReasons are the reasons of the rules in icvp/tables.json.
var icvpReasons = map[string]Reason{
	"ICVP-PRODUCT": ICVPProduct,
	"ICVP-DOSE":    ICVPNotValid,
	"ICVP-DAY-10":  ICVPTooEarly,
	"ICVP-FROM":    ICVPTooEarly,
	"ICVP-UNTIL":   ICVPNotValid,
}

// icvpTables are the compiled tables, in the order in which they are judged by.
type icvpTables struct {
	rules     []*compiledRule
	reasons   []Reason // of a rule that fails, by its place
	catalogue *Catalogue
}

// builtInICVP compiles the tables once.
var builtInICVP = sync.OnceValue(func() *icvpTables {
	texts, sets := ICVPTables()
	var rules []Rule
	t := &icvpTables{}
	for _, text := range texts {
		rule, err := ParseRule(text)
		if err != nil {
			panic(err) // they are in the program
		}
		rules = append(rules, rule)
		t.reasons = append(t.reasons, icvpReasons[rule.Identifier])
	}
	for i := range rules {
		t.rules = append(t.rules, newCompiledRule(rules[i]))
	}
	if faults := compileRules(t.rules); len(faults) > 0 {
		panic(faults[0])
	}
	catalogue, err := NewCatalogue(sets)
	if err != nil {
		panic(err)
	}
	t.catalogue = catalogue
	return t
})

// ICVPTables are the built-in tables as they are printed: rules as the gateway has them, of the country XX, and the codes of
// the two value sets that are the catalogue.
func ICVPTables() (rules []json.RawMessage, sets map[string][]string) {
	read := func(name string) []byte {
		data, err := icvpFiles.ReadFile("icvp/" + name)
		if err != nil {
			panic(err) // it is in the program
		}
		return data
	}
	var file struct{ Rules []json.RawMessage }
	if err := json.Unmarshal(read("tables.json"), &file); err != nil {
		panic(err)
	}
	sets = map[string][]string{}
	for _, name := range []string{"yellow-fever.json", "polio.json"} {
		id, codes, err := ParseValueSet(read(name))
		if err != nil {
			panic(err)
		}
		sets[id] = codes
	}
	return file.Rules, sets
}

// maxProduct bounds the code of a product, in bytes; WHO's have 48 to 63. A longer one is in no catalogue.
const maxProduct = 96

// Catalogue are the products that WHO's tables accept, by disease. It never changes; any number of verifiers may share it.
type Catalogue struct{ sets *certlogic.ValueSets }

// NewCatalogue makes a catalogue of two value sets, icvp-yellow-fever and icvp-polio, and keeps nothing of what it is given.
// The error says which of them is missing, or what is wrong with a code.
func NewCatalogue(sets map[string][]string) (*Catalogue, error) {
	own := map[string][]string{}
	for _, id := range catalogueSets {
		codes, ok := sets[id]
		if !ok {
			return nil, fmt.Errorf("catalogue: value set %s is missing", id)
		}
		for _, code := range codes {
			if code == "" || len(code) > maxProduct {
				return nil, fmt.Errorf("catalogue: value set %s: code %.40q has %d bytes, not 1 to %d", id, code, len(code), maxProduct)
			}
		}
		own[id] = codes
	}
	return &Catalogue{certlogic.NewValueSets(own)}, nil
}

// CatalogueSets are the ids of the value sets that are a catalogue.
func CatalogueSets() []string { return slices.Clone(catalogueSets[:]) }

// Catalogue is the one among the value sets; nil if there is none, or one of the two is missing.
func (r *Rules) Catalogue() *Catalogue {
	if r == nil {
		return nil
	}
	return r.catalogue
}

// disease is what a product is against, or 0 if it is not in the catalogue. It does not allocate.
func (c *Catalogue) disease(product []byte) Disease {
	for i, id := range catalogueSets {
		if c.sets.Contains(id, product) {
			return 1 << i
		}
	}
	return 0
}
