package verify

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gatescan/verify/certlogic"
)

// Rules are compiled rules with the value sets that they look into. They never change; any number of verifiers may
// share them. Nil is no rules.
type Rules struct {
	countries map[country]*countryRules
	valueSets *certlogic.ValueSets
	catalogue *Catalogue // nil unless it is among the value sets
	count     int

	freshUntil time.Time
}

// countryRules are the rules of a country by the kind of pass they are for, so that a scan looks at no others. Of an
// Identifier the newest version comes first.
type countryRules struct {
	acceptance, invalidation [numKinds][]*compiledRule
	all                      []*compiledRule
}

// of is the rules of a type, by kind.
func (c *countryRules) of(t RuleType) *[numKinds][]*compiledRule {
	if t == Invalidation {
		return &c.invalidation
	}
	return &c.acceptance
}

// compiledRule is a rule that is ready to be judged by.
type compiledRule struct {
	Rule
	home     country
	program  *certlogic.Program // nil: never decided
	err      error              // why it is never decided, of a program or not; nil for a rule that is usable
	set      *certlogic.Set     // that program is of
	from, to int64              // in force from the first until before the second, ms since 1970
}

// The engine that we are, and the one that rules must be written for. Switzerland writes it as CertLogic.
const (
	engine      = "CERTLOGIC"
	engineMajor = 1
)

// NewRules compiles rules and value sets (id to codes). It keeps nothing of sets. The errors name every rule that
// cannot be used as it is, each a *RuleError; the others are in force. One more names what keeps the sets from being a
// Catalogue, if some of one is there. In force, too, is a rule that does not compile, or that
// ParseRule had an error with, if it has Identifier, Type and Country: it is never decided, and refuses with RuleOpen
// whoever it applies to.
func NewRules(rules []Rule, sets map[string][]string) (*Rules, []error) {
	r := &Rules{countries: map[country]*countryRules{}, valueSets: certlogic.NewValueSets(sets)}
	var faults []error
	for _, id := range catalogueSets {
		if _, ok := sets[id]; !ok {
			continue
		}
		var err error
		if r.catalogue, err = NewCatalogue(sets); err != nil {
			faults = append(faults, err)
		}
		break
	}
	byCountry := map[country][]*compiledRule{}
	for i := range rules {
		rule := newCompiledRule(rules[i])
		home, isCountry := countryOf(rule.Country)
		if !isCountry || !isIdentifier(rule.Identifier) || rule.Type != Acceptance && rule.Type != Invalidation {
			faults = append(faults, &RuleError{Identifier: rule.Identifier, Country: rule.Country, Err: cmp.Or(unwrapped(rule.fault), errHead)})
			continue
		}
		rule.home = home
		byCountry[home] = append(byCountry[home], rule)
		r.count++
	}
	for _, home := range slices.SortedFunc(maps.Keys(byCountry), func(a, b country) int { return strings.Compare(string(a[:]), string(b[:])) }) {
		list := byCountry[home]
		slices.SortStableFunc(list, newestFirst)
		faults = append(faults, compileRules(list)...)
		r.countries[home] = sortRules(list)
	}
	return r, faults
}

// newCompiledRule leaves the compiling to do. A window that cannot be read is always open.
func newCompiledRule(r Rule) *compiledRule {
	c := &compiledRule{Rule: r, from: math.MinInt64, to: math.MaxInt64}
	if r.ValidTo.IsZero() || r.ValidFrom.Before(r.ValidTo) {
		c.from = r.ValidFrom.UnixMilli()
		if !r.ValidTo.IsZero() {
			c.to = r.ValidTo.UnixMilli()
		}
	}
	return c
}

var errHead = errors.New("needs Identifier, Type and Country")

func unwrapped(err error) error {
	var named *RuleError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}

// newestFirst puts together what has the same Identifier. A rule whose head is broken may be newer than all.
func newestFirst(a, b *compiledRule) int {
	if c := strings.Compare(a.Identifier, b.Identifier); c != 0 {
		return c
	}
	if aBroken, bBroken := a.fault != nil, b.fault != nil; aBroken != bBroken {
		if aBroken {
			return -1
		}
		return 1
	}
	return b.Version.Compare(a.Version)
}

// compileRules compiles the rules of a country, as one set if they fit.
func compileRules(list []*compiledRule) (faults []error) {
	var compiler certlogic.Compiler
	begun := 0 // the first rule of the set
	finish := func(end int) {
		set := compiler.Set()
		for _, rule := range list[begun:end] {
			rule.set = set
		}
		begun = end
	}
	for i, rule := range list {
		err := unwrapped(rule.fault)
		if err == nil {
			rule.program, err = compiler.Add(rule.Logic)
			if isFull(err) && begun < i {
				finish(i)
				rule.program, err = compiler.Add(rule.Logic)
			}
		}
		if err != nil {
			if isFull(err) {
				compiler = certlogic.Compiler{} // holds this rule alone
			}
			rule.program = nil
		}
		if rule.err = cmp.Or(rule.foreign(), err); rule.err != nil {
			faults = append(faults, rule.unusable())
		}
	}
	finish(len(list))
	return faults
}

func isFull(err error) bool {
	var problem *certlogic.Error
	return errors.As(err, &problem) && problem.Problem == certlogic.SetFull
}

// ofType is the rules of a type, whatever their kind.
func (c *countryRules) ofType(t RuleType) (list []*compiledRule) {
	for _, rule := range c.all {
		if rule.Type == t {
			list = append(list, rule)
		}
	}
	return list
}

// sortRules sorts the rules of a country by type and kind.
func sortRules(list []*compiledRule) *countryRules {
	c := &countryRules{all: list}
	for _, rule := range list {
		kinds := c.of(rule.Type)
		for kind := NoKind + 1; kind < numKinds; kind++ {
			if rule.CertificateType == kind || rule.CertificateType == NoKind && kind.isEntry() {
				kinds[kind] = append(kinds[kind], rule)
			}
		}
	}
	return c
}

// Len is the number of rules in force at some time, those that are never decided included; 0 for nil.
func (r *Rules) Len() int {
	if r == nil {
		return 0
	}
	return r.count
}

// Count is the number of rules of a type and a country; 0 for nil.
func (r *Rules) Count(t RuleType, code string) int {
	home, _ := countryOf(code)
	if rules := r.of(home); rules != nil {
		return len(rules.ofType(t))
	}
	return 0
}

// Countries are those that have rules of a type, sorted.
func (r *Rules) Countries(t RuleType) (codes []string) {
	if r == nil {
		return nil
	}
	for home, rules := range r.countries {
		if len(rules.ofType(t)) > 0 {
			codes = append(codes, string(home.text()))
		}
	}
	slices.Sort(codes)
	return codes
}

// Regions are those for which a country has acceptance rules, sorted; the empty one stands for rules without a region.
func (r *Rules) Regions(code string) (regions []string) {
	home, _ := countryOf(code)
	if rules := r.of(home); rules != nil {
		for _, rule := range rules.ofType(Acceptance) {
			regions = append(regions, rule.Region)
		}
	}
	slices.Sort(regions)
	return slices.Compact(regions)
}

// of is the rules of a country, or nil.
func (r *Rules) of(c country) *countryRules {
	if r == nil {
		return nil
	}
	return r.countries[c]
}

// String says how many rules of how many countries there are.
func (r *Rules) String() string {
	if r == nil {
		return "no rules"
	}
	return fmt.Sprintf("%d rules of %d countries, %d value sets", r.count, len(r.countries), len(r.valueSets.IDs()))
}

// Until returns the rules with the last instant at which somebody who is not too old vouches for all of them; the zero time
// is for ever. After it they are unavailable if rules are required, and judged by all the same if not. Nil stays nil.
func (r *Rules) Until(t time.Time) *Rules {
	if r == nil {
		return nil
	}
	until := *r
	until.freshUntil = t
	return &until
}

// Stale says whether the rules are too old at a moment.
func (r *Rules) Stale(now time.Time) bool {
	return r != nil && !r.freshUntil.IsZero() && now.After(r.freshUntil)
}

// WithRules returns the snapshot with other rules, so that keys and rules change together. The snapshot itself stays
// as it is; nil stays nil.
func (t *Trust) WithRules(r *Rules) *Trust {
	if t == nil {
		return nil
	}
	with := *t
	with.rules = r
	return &with
}

// Rules are those of the snapshot; nil if it has none.
func (t *Trust) Rules() *Rules {
	if t == nil {
		return nil
	}
	return t.rules
}
