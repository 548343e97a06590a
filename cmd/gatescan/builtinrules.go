package main

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

// builtInNames returns the names of all sets of built-in rules.
func builtInNames() (names []string) {
	entries, err := builtIn.ReadDir("builtin")
	if err != nil {
		panic(err) // they are in the program
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// builtInRules returns a set of built-in rules for a country of arrival and a region ("" for the whole country). It panics
// if no set has that name.
func builtInRules(name, country, region string) (rules []verify.Rule) {
	for _, text := range builtInTexts(name, country, region) {
		rule, err := verify.ParseRule(text)
		if err != nil {
			panic(err) // a test reads them all
		}
		rules = append(rules, rule)
	}
	return rules
}

// builtInTexts returns the same rules as JSON, one text a rule.
func builtInTexts(name, country, region string) (texts []json.RawMessage) {
	data, err := builtIn.ReadFile("builtin/" + name + ".json")
	if err != nil {
		panic(err)
	}
	var file struct{ Rules []map[string]json.RawMessage }
	if err := json.Unmarshal(data, &file); err != nil {
		panic(err)
	}
	for _, rule := range file.Rules {
		rule["Country"], _ = json.Marshal(country)
		if region != "" {
			rule["Region"], _ = json.Marshal(region)
		}
		text, err := json.Marshal(rule)
		if err != nil {
			panic(err)
		}
		texts = append(texts, text)
	}
	return texts
}

// compileBuiltIn compiles what builtInRules returns.
func compileBuiltIn(name, country, region string) *verify.Rules {
	compiled, faults := verify.NewRules(builtInRules(name, country, region), nil)
	if len(faults) > 0 {
		panic(faults[0]) // a test compiles them all
	}
	return compiled
}

// printBuiltIn returns a set of built-in rules as a file that gatescan check -rules reads.
func printBuiltIn(name, country, region string) (string, error) {
	if !slices.Contains(builtInNames(), name) {
		return "", fmt.Errorf("there are no built-in rules %q; there are %s", name, strings.Join(builtInNames(), ", "))
	}
	var b strings.Builder
	b.WriteString("{\"rules\":[\n")
	for i, text := range builtInTexts(name, country, region) {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.Write(text)
	}
	b.WriteString("\n],\"valueSets\":{}}\n")
	return b.String(), nil
}
