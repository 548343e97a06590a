package main

import (
	"slices"
	"strings"
	"time"

	"gatescan/cmd/gatescan/rules"
	"gatescan/trustsync"
	"gatescan/verify"
)

type rulesConfig struct {
	Country string   `toml:"country"`
	Region  string   `toml:"region"`
	Require bool     `toml:"require"`
	BuiltIn bool     `toml:"built_in"`
	Mode    string   `toml:"mode"`
	Window  duration `toml:"window"`
}

const (
	defaultSecondPass = 30 * time.Second
	minSecondPass     = 5 * time.Second
	maxSecondPass     = 5 * time.Minute
	maxRulesRegion    = 5 // letters and digits (gateway: ^[A-Z0-9]{0,5}$)
)

// acceptancePeriods are the built-in rules that rules.built_in stands for.
const acceptancePeriods = "eu"

// ruleModes are the built-in rules of each mode. Where there are two, each must be met by a pass of the same person.
var ruleModes = map[string][]string{
	"":        nil,
	"3g":      {"3g"},
	"2g":      {"2g"},
	"2g+":     {"2g", "test"},
	"booster": {"booster"},
}

func (c *rulesConfig) check(kinds []string, bad func(key, format string, args ...any)) {
	if _, is := verify.ParseCountry(c.Country); c.Country != "" && !is {
		bad("rules.country", "%q is no country; write the two letters of ISO 3166-1, such as \"DE\"", c.Country)
	}
	if len(c.Region) > maxRulesRegion || strings.Trim(c.Region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		bad("rules.region", "%q is no region; write up to %d capital letters and digits, such as \"BY\"", c.Region, maxRulesRegion)
	}
	parts, known := ruleModes[c.Mode]
	if !known {
		bad("rules.mode", "%q is no mode; there are \"3g\", \"2g\", \"2g+\", \"booster\", and \"\" for none", c.Mode)
	}
	for key, set := range map[string]bool{"rules.require": c.Require, "rules.built_in": c.BuiltIn, "rules.mode": c.Mode != "", "rules.region": c.Region != ""} {
		if set && c.Country == "" {
			bad(key, "says nothing without rules.country; name the country of arrival, where this gate stands")
		}
	}
	if len(parts) > 1 && (!slices.Contains(kinds, verify.Test.String()) || !slices.Contains(kinds, verify.Vaccination.String()) && !slices.Contains(kinds, verify.Recovery.String())) {
		bad("rules.mode", "%q wants a test and another pass, and policy.kinds does not admit both", c.Mode)
	}
	if window := time.Duration(c.Window); window < minSecondPass || window > maxSecondPass {
		bad("rules.window", "%v is out of range; it must be %v to %v", c.Window, duration(minSecondPass), duration(maxSecondPass))
	}
}

// sourced says whether rules that are required can come.
func (c *rulesConfig) sourced(sources []trustsync.Named) []mistake {
	for _, s := range sources {
		if s.Source != nil && s.Traits().Rules {
			return nil
		}
	}
	if !c.Require {
		return nil
	}
	return []mistake{{key: "rules.require", text: "nobody would pass, for no [[trust.source]] brings rules; name one, " +
		"or leave it false: built-in rules and modes are in force anyway"}}
}

// apply puts the rules into a policy.
func (c *rulesConfig) apply(p *verify.Policy) {
	p.Arrival, p.Region, p.RulesRequire = c.Country, c.Region, c.Require
	if c.BuiltIn {
		p.Rules = rules.Compile(acceptancePeriods, c.Country, c.Region)
	}
	for _, part := range ruleModes[c.Mode] {
		p.Parts = append(p.Parts, rules.Compile(part, c.Country, c.Region))
	}
	p.Holder = len(p.Parts) > 1
}
