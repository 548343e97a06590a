package main

import (
	"slices"
	"strings"
	"time"

	"gatescan/verify"
)

type policyConfig struct {
	Kinds         []string `toml:"kinds"`
	Tolerate      []string `toml:"tolerate"`
	RepeatWindow  duration `toml:"repeat_window"`
	ClockSkew     duration `toml:"clock_skew"`
	IssuerMatches bool     `toml:"issuer_matches"`
	Issuers       []string `toml:"issuers"`
}

// tolerances are the words for what a policy may tolerate.
var tolerances = map[string]verify.Tolerance{
	"alg_unprotected": verify.AlgUnprotected,
	"no_prefix":       verify.NoPrefix,
	"not_compressed":  verify.NotCompressed,
}

// versionTolerance is the word for what icvp.unknown_version lets through. It is no word of policy.tolerate.
const versionTolerance = "icvp_version"

var usages = map[string]verify.Usage{
	verify.Vaccination.String(): verify.SignsVaccination,
	verify.Test.String():        verify.SignsTest,
	verify.Recovery.String():    verify.SignsRecovery,
	verify.ICVP.String():        verify.SignsICVP,
}

// toleranceNames lists the words for a set of tolerances.
func toleranceNames(set verify.Tolerance) (words []string) {
	for word, tolerance := range tolerances {
		if set&tolerance != 0 {
			words = append(words, word)
		}
	}
	if set&verify.ICVPVersion != 0 {
		words = append(words, versionTolerance)
	}
	slices.Sort(words)
	return words
}

func (c *config) policy() (p verify.Policy) {
	for _, kind := range c.Policy.Kinds {
		p.Kinds |= usages[kind]
	}
	for _, word := range c.Policy.Tolerate {
		p.Tolerate |= tolerances[word]
	}
	p.IssuerMatches = c.Policy.IssuerMatches
	p.ClockSkew = time.Duration(c.Policy.ClockSkew)
	for _, pair := range c.Policy.Issuers {
		under, _ := issuedUnder(pair)
		p.Issuers = append(p.Issuers, under)
	}
	c.Rules.apply(&p)
	c.ICVP.apply(&p, c.Counters.Zone.location(), c.catalogue)
	return p
}

// issuedUnder reads an exception like "GG=GB".
func issuedUnder(pair string) (under verify.IssuedUnder, ok bool) {
	if len(pair) != len("GG=GB") || pair[2] != '=' || strings.Trim(pair[:2]+pair[3:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return under, false
	}
	return verify.IssuedUnder{Issuer: [2]byte([]byte(pair[:2])), Country: [2]byte([]byte(pair[3:]))}, true
}
