package main

import (
	"path/filepath"
	"time"

	"gatescan/trustsync"
	"gatescan/trustsync/store"
	"gatescan/verify"
)

// unusableRules warns of each acceptance rule of the country of arrival that cannot be judged by, as far as rules are on this
// machine: in directories of rules, and in the store that the daemon wrote. What cannot be read is for the daemon to say.
func (c *config) unusableRules(now time.Time) (warnings []mistake) {
	if c.Rules.Country == "" {
		return nil
	}
	warned := map[string]bool{}
	warn := func(rules *verify.Rules) {
		for _, fault := range rules.Unusable(verify.Acceptance, c.Rules.Country, c.Rules.Region, now) {
			if text := fault.Error(); !warned[text] {
				warned[text] = true
				warnings = append(warnings, mistake{key: "rules.country", text: text})
			}
		}
	}
	dir := filepath.Dir(c.file)
	for _, source := range c.Trust.Sources {
		if source.Kind == "rules_directory" {
			if loaded, err := trustsync.LoadRules(under(dir, source.Path)); err == nil {
				warn(loaded.Rules)
			}
		}
	}
	if c.Trust.Store != "" && store.Is(c.Trust.Store) {
		if loaded, err := trustsync.Load(c.Trust.Store, time.Time{}); err == nil {
			warn(loaded.Trust.Rules())
		}
	}
	return warnings
}
