package main

import (
	"path/filepath"
	"time"

	"gatescan/trustsync"
	"gatescan/verify"
)

// unusableRules warns of each acceptance rule of the country of arrival that cannot be judged by, as far as rules are on this
// machine: in directories of rules, and in the store that the daemon wrote. What cannot be read is for the daemon to say.
func (c *config) unusableRules(now time.Time) (warnings []mistake) {
	if c.Rules.Country == "" {
		return nil
	}
	var paths []string
	for _, source := range c.Trust.Sources {
		if source.Kind == "rules_directory" {
			paths = append(paths, under(filepath.Dir(c.file), source.Path))
		}
	}
	if c.Trust.Store != "" {
		paths = append(paths, c.Trust.Store)
	}
	warned := map[string]bool{}
	for _, path := range paths {
		loaded, err := trustsync.LoadRules(path)
		if err != nil {
			continue
		}
		for _, fault := range loaded.Rules.Unusable(verify.Acceptance, c.Rules.Country, c.Rules.Region, now) {
			if text := fault.Error(); !warned[text] {
				warned[text] = true
				warnings = append(warnings, mistake{key: "rules.country", text: text})
			}
		}
	}
	return warnings
}
