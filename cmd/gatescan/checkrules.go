package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"gatescan/trustsync"
	"gatescan/verify"
)

// ruleFlags are what check asks about rules.
type ruleFlags struct {
	path, country, region string
	explain               bool
	how                   verify.Explain
}

func (f *ruleFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&f.path, "rules", "", "")
	flags.StringVar(&f.country, "country", "", "")
	flags.StringVar(&f.region, "region", "", "")
	flags.BoolVar(&f.explain, "explain", false, "")
	flags.StringVar(&f.how.Lang, "lang", "", "")
	flags.BoolVar(&f.how.Holder, "holder", false, "")
}

// wrong says what does not go together.
func (f *ruleFlags) wrong(icvp bool) error {
	switch {
	case f.path != "" && f.country == "":
		return usageError("-rules needs the country of arrival: say which with -country, such as -country DE")
	case f.path == "" && f.country != "":
		return usageError("-country needs rules: say where they are with -rules")
	case f.region != "" && f.country == "":
		return usageError("-region is a part of a country: say which with -country")
	case f.explain && f.path == "" && !icvp:
		return usageError("-explain explains rules: say where they are with -rules, or judge yellow cards with -icvp")
	case !f.explain && f.how != verify.Explain{}:
		return usageError("-lang and -holder are for -explain")
	}
	if f.country == "" {
		return nil
	}
	code, ok := verify.ParseCountry(f.country)
	if !ok {
		return usageError(fmt.Sprintf("-country %q is no ISO 3166-1 code of two letters, such as DE", f.country))
	}
	f.country = code
	return nil
}

// load reads the rules and asks for them in the policy. What of them cannot be used, and that none can apply, is told on
// stderr.
func (f *ruleFlags) load(policy *verify.Policy, stderr io.Writer) (*verify.Rules, error) {
	if f.path == "" {
		return nil, nil
	}
	policy.Arrival, policy.Region, policy.RulesRequire = f.country, f.region, true
	loaded, err := trustsync.LoadRules(f.path)
	if err != nil {
		return nil, err
	}
	for _, fault := range loaded.Faults {
		fmt.Fprintf(stderr, "gatescan check: %s\n", fault)
	}
	for _, skipped := range loaded.Report.Skipped {
		fmt.Fprintf(stderr, "gatescan check: skipped %q: %v\n", skipped.Name, skipped.Err)
	}
	if why := f.noneApplies(loaded.Rules); why != "" {
		fmt.Fprintf(stderr, "gatescan check: %s\n", why)
	}
	return loaded.Rules, nil
}

// noneApplies says why no acceptance rule can apply, if so.
func (f *ruleFlags) noneApplies(rules *verify.Rules) string {
	regions := rules.Regions(f.country)
	if slices.Contains(regions, strings.ToUpper(strings.TrimSpace(f.region))) {
		return ""
	}
	if len(regions) == 0 {
		of := "none of any country"
		if countries := rules.Countries(verify.Acceptance); len(countries) > 0 {
			of = "those of " + strings.Join(countries, ", ")
		}
		return fmt.Sprintf("%s has no acceptance rule of %s, but %s", f.path, f.country, of)
	}
	for i, region := range regions {
		if regions[i] = "-region " + region; region == "" {
			regions[i] = "no -region"
		}
	}
	return fmt.Sprintf("the acceptance rules of %s in %s are for %s", f.country, f.path, strings.Join(regions, ", "))
}
