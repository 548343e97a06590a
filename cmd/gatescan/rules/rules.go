// Package rules holds the acceptance rules that come with the program. It must never know which of them a configuration puts
// into force, nor the rules that a source of trust data brings.
package rules

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gatescan/verify"
)

// builtIn holds the rules; builtin/README.md says what they are and where they come from.
//
//go:embed builtin/*.json
var builtIn embed.FS

// ICVP is the name of WHO's decision tables for yellow cards, which come with package verify and are in force where a policy admits
// those.
const ICVP = "icvp"

// Names returns the names of all sets of built-in rules.
func Names() (names []string) {
	entries, err := builtIn.ReadDir("builtin")
	if err != nil {
		panic(err) // they are in the program
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return append(names, ICVP)
}

// parse returns a set of built-in rules. It panics if no set has that name.
func parse(name, country, region string) (rules []verify.Rule) {
	all, _ := texts(name, country, region)
	for _, text := range all {
		rule, err := verify.ParseRule(text)
		if err != nil {
			panic(err) // a test reads them all
		}
		rules = append(rules, rule)
	}
	return rules
}

// texts returns the same rules as JSON, one text a rule, and the value sets that they look into. No country leaves the one that they
// are written for, XX.
func texts(name, country, region string) (texts []json.RawMessage, sets map[string][]string) {
	written, sets := read(name)
	for _, text := range written {
		var rule map[string]json.RawMessage
		if err := json.Unmarshal(text, &rule); err != nil {
			panic(err)
		}
		if country != "" {
			rule["Country"], _ = json.Marshal(country)
		}
		if region != "" {
			rule["Region"], _ = json.Marshal(region)
		}
		text, err := json.Marshal(rule)
		if err != nil {
			panic(err)
		}
		texts = append(texts, text)
	}
	return texts, sets
}

// read returns a set of rules as it is written.
func read(name string) (rules []json.RawMessage, sets map[string][]string) {
	if name == ICVP {
		return verify.ICVPTables()
	}
	data, err := builtIn.ReadFile("builtin/" + name + ".json")
	if err != nil {
		panic(err)
	}
	var file struct{ Rules []json.RawMessage }
	if err := json.Unmarshal(data, &file); err != nil {
		panic(err)
	}
	return file.Rules, map[string][]string{}
}

// Compile returns a set of built-in rules, compiled, for a country of arrival and a region ("" for the whole country). It panics if
// no set has that name.
func Compile(name, country, region string) *verify.Rules {
	compiled, faults := verify.NewRules(parse(name, country, region), nil)
	if len(faults) > 0 {
		panic(faults[0]) // a test compiles them all
	}
	return compiled
}

// Print returns a set of built-in rules as a file that gatescan check -rules reads.
func Print(name, country, region string) (string, error) {
	if !slices.Contains(Names(), name) {
		return "", fmt.Errorf("there are no built-in rules %q; there are %s", name, strings.Join(Names(), ", "))
	}
	var b strings.Builder
	b.WriteString("{\"rules\":[\n")
	all, sets := texts(name, country, region)
	for i, text := range all {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.Write(text)
	}
	codes, err := json.Marshal(sets)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "\n],\"valueSets\":%s}\n", codes)
	return b.String(), nil
}
