package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gatescan/trustsync"
	"gatescan/verify"
)

// icvpConfig is what a gate asks of WHO's yellow cards, if policy.kinds admits them.
type icvpConfig struct {
	Diseases       []string `toml:"diseases"`
	Complete       string   `toml:"complete"`
	UnknownVersion string   `toml:"unknown_version"`
	Catalogue      string   `toml:"catalogue" carry:"file"`
}

// completeness has the words for what a yellow card must have.
var completeness = map[string]verify.ICVPComplete{"issued": verify.ICVPAsIssued, "model": verify.ICVPAsModel}

// versionFlagged lets a yellow card of an unknown version through, and counts it as tolerated; versionRefused does not.
const (
	versionFlagged = "flag"
	versionRefused = "refuse"
)

func defaultICVP() icvpConfig {
	return icvpConfig{Diseases: []string{verify.YellowFever.String(), verify.Polio.String()}, Complete: "issued", UnknownVersion: versionRefused}
}

func (c *icvpConfig) check(kinds []string, mode string, bad func(key, format string, args ...any)) {
	if len(c.Diseases) == 0 {
		bad("icvp.diseases", "no disease is asked for, so that no yellow card could pass; name \"yellow_fever\", \"polio\" or both")
	}
	for _, name := range c.Diseases {
		if _, ok := verify.ParseDisease(name); !ok {
			bad("icvp.diseases", "%q is no disease that WHO has a table for; there are \"yellow_fever\" and \"polio\"", name)
		}
	}
	if _, ok := completeness[c.Complete]; !ok {
		bad("icvp.complete", "%q is none of \"issued\" (what genuine yellow cards have) and \"model\" (WHO's model of April 2026 alone)", c.Complete)
	}
	if c.UnknownVersion != versionFlagged && c.UnknownVersion != versionRefused {
		bad("icvp.unknown_version", "%q is none of \"refuse\" and \"flag\" (let through, and count as tolerated)", c.UnknownVersion)
	}
	if slices.Contains(kinds, verify.ICVP.String()) && mode != "" {
		bad("rules.mode", "%q is about COVID certificates, so that no yellow card could pass; take \"p\" out of policy.kinds, or leave the mode empty", mode)
	}
}

// build reads the file that takes the place of every other catalogue; nil without one. A relative path counts from dir.
func (c *icvpConfig) build(dir string) (*verify.Catalogue, []mistake) {
	if c.Catalogue == "" {
		return nil, nil
	}
	loaded, err := trustsync.LoadRules(under(dir, c.Catalogue))
	if err == nil && loaded.Rules.Catalogue() == nil {
		err = fmt.Errorf("%s holds no value sets %s", c.Catalogue, strings.Join(verify.CatalogueSets(), " and "))
	}
	if err != nil {
		return nil, []mistake{{key: "icvp.catalogue", text: err.Error() + "; gatescan config -rules icvp prints a file of that form"}}
	}
	return loaded.Rules.Catalogue(), nil
}

// apply puts what is asked of yellow cards into a policy. Days are those of the zone.
func (c *icvpConfig) apply(p *verify.Policy, zone *time.Location, catalogue *verify.Catalogue) {
	p.ICVP = verify.ICVPPolicy{Complete: completeness[c.Complete], Zone: zone, Catalogue: catalogue}
	for _, name := range c.Diseases {
		disease, _ := verify.ParseDisease(name)
		p.ICVP.Diseases |= disease
	}
	if c.UnknownVersion == versionFlagged {
		p.Tolerate |= verify.ICVPVersion
	}
}
