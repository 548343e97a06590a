package main

import (
	"strings"
	"testing"
	"time"

	"gatescan/trustsync"
)

// What sync says of rules, to people.
func TestSayRules(t *testing.T) {
	good := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	state := trustsync.State{
		Generation: 7, DSCs: 2, Rules: 12, ValueSets: 3, RuleFaults: []string{"rule GR-FR-0009 of FR: no logic"},
		Sources: []trustsync.SourceState{
			{Name: "eu", Kind: "eu_rules", Rules: 12, ValueSets: 3, Added: 1, Removed: 1, Changed: 2, FreshUntil: good, Changes: []string{
				"new: rule GR-FR-0001 1.0.0", "gone: value set x", "changed: rule GR-FR-0002 1.0.1",
			}},
			{Name: "again", Kind: "eu_rules", Rules: 12, ValueSets: 3, Unchanged: true, Added: 1, Changes: []string{"new: rule GR-FR-0001 1.0.0"}},
			{Name: "kept", Kind: "rules_directory", Rules: 1, Error: "x.json: malformed"},
			{Name: "none", Kind: "rules_directory", Error: "no such file"},
		},
	}
	var b strings.Builder
	if err := sayState(&b, state); err != nil {
		t.Fatal(err)
	}
	const want = `eu (eu_rules): 1 added, 1 removed, 2 changed, 12 rules and 3 value sets, good until 2026-03-01T00:00:00Z
  new: rule GR-FR-0001 1.0.0
  gone: value set x
  changed: rule GR-FR-0002 1.0.1
  and 1 more
again (eu_rules): unchanged, 12 rules and 3 value sets
kept (rules_directory): failed, what it said before stays in force: x.json: malformed
  1 rules and 0 value sets
none (rules_directory): failed, and there is nothing from before: no such file
rules: rule GR-FR-0009 of FR: no logic
2 certificates in all, 12 rules, 3 value sets, stored as generation 7
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}
