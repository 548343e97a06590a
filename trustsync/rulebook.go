package trustsync

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"gatescan/trustsync/internal/list"
	"gatescan/verify"
)

// rulebook is the rules and value sets of all sources, compiled.
type rulebook struct {
	of     [sha256.Size]byte // what it was compiled of
	rules  *verify.Rules
	sets   int
	faults []string        // what cannot be used as it is, by rule
	vouch  map[uint64]bool // sets of sources of which one must be fresh, as bits
}

// maxConflict bounds the identifier of a rule, in bytes (verify.Rule).
const maxConflict = 40

// neverFresh is the end of rules that are not there. The zero time would be for ever.
var neverFresh = time.Unix(1, 0)

// rulebookLocked is what the holdings of all sources of rules come to, nil if none is configured. They are compiled only if they are
// others than the last time.
//
// A rule or value set is fresh while one source that is not too old vouches for it, and all together are fresh while each of them
// is: to leave out the others would let somebody in. For the same reason they are not fresh before every source of rules has
// given some.
func (s *Syncer) rulebookLocked() *verify.Rules {
	var given []ruledSource
	complete := true
	for _, source := range s.config.Sources {
		if !source.Traits().Rules {
			continue
		}
		if k := s.kept[source.Name]; k.has {
			given = append(given, ruledSource{source.Name, &k.Holding, freshUntil(source, k)})
			k.state.FreshUntil = given[len(given)-1].until
		} else {
			complete = false
		}
	}
	if len(given) == 0 && complete {
		s.book, s.rulesUntil = rulebook{}, time.Time{}
		return nil
	}
	if of := hashRules(given); s.book.rules == nil || of != s.book.of {
		quietly(func() { s.book = compileRules(given) })
		s.book.of = of
		for _, fault := range s.book.faults[:min(len(s.book.faults), maxNamed)] {
			s.log.Error("a rule or value set cannot be used as it is", "fault", fault)
		}
		if more := len(s.book.faults) - maxNamed; more > 0 {
			s.log.Error("more rules or value sets cannot be used as they are", "count", more)
		}
	}
	until := s.book.freshUntil(given)
	if !complete {
		until = neverFresh
	}
	s.rulesUntil = until
	return s.book.rules.Until(until)
}

// ruledSource is what one source of rules gave.
type ruledSource struct {
	name  string
	held  *Holding
	until time.Time // zero for ever
}

func hashRules(given []ruledSource) (sum [sha256.Size]byte) {
	h := sha256.New()
	part := func(b []byte) {
		_ = binary.Write(h, binary.BigEndian, uint64(len(b))) // a hash takes everything
		h.Write(b)
	}
	for _, g := range given {
		part([]byte(g.name))
		_ = binary.Write(h, binary.BigEndian, [2]uint64{uint64(len(g.held.Rules)), uint64(len(g.held.ValueSets))})
		for _, rule := range g.held.Rules {
			part(rule)
		}
		for _, set := range g.held.ValueSets {
			part([]byte(set.ID))
			part(set.JSON)
		}
	}
	h.Sum(sum[:0])
	return sum
}

// freshUntil is the first end of what the sources vouch for together.
func (b *rulebook) freshUntil(given []ruledSource) (until time.Time) {
	for sources := range b.vouch {
		if sources == 0 { // more sources than bits
			return neverFresh
		}
		last, found := time.Time{}, false
		for i, g := range given {
			if sources&(1<<i) == 0 {
				continue
			}
			if last = later(last, g.until); !found {
				last, found = g.until, true
			}
		}
		if !last.IsZero() && (until.IsZero() || last.Before(until)) {
			until = last
		}
	}
	return until
}

// compileRules compiles what all sources gave. It holds no lock of a Syncer's.
func compileRules(given []ruledSource) rulebook {
	c := ruleCompiler{rules: map[ruleKey][]compiling{}, sets: map[string]*joinedSet{}}
	for i, g := range given {
		for _, body := range g.held.Rules {
			c.rule(g.name, uint64(1)<<i, body)
		}
		for _, set := range g.held.ValueSets {
			c.set(g.name, uint64(1)<<i, set)
		}
	}
	return c.book()
}

// ruleCompiler brings together what several sources say.
type ruleCompiler struct {
	rules  map[ruleKey][]compiling
	order  []ruleKey
	sets   map[string]*joinedSet
	faults []string
}

// ruleKey is what makes a rule the same rule. Bodies that differ under one key are a conflict. The region is that of an acceptance
// rule: others count whatever theirs is.
type ruleKey struct{ country, region, identifier, version string }

// compiling is one body of a rule, and who vouches for it.
type compiling struct {
	verify.Rule
	err    error // of the parser
	body   []byte
	first  string // source
	source uint64 // bits
}

// joinedSet is a value set, and who vouches for it.
type joinedSet struct {
	codes   []string
	first   string
	sources []uint64 // each of which must be fresh
}

// Rule takes a body. The same once more is one. Bodies that differ under the same identifier and version both count, so that only who
// passes both is let in: the second goes by the name of its source as well, for of one name the newest version alone counts.
func (c *ruleCompiler) rule(source string, bit uint64, body []byte) {
	rule, err := verify.ParseRule(body)
	if errors.Is(err, verify.ErrRuleType) {
		return // named when it was fetched
	}
	key := ruleKey{rule.Country, "", rule.Identifier, rule.Version.String()}
	if rule.Type == verify.Acceptance {
		key.region = rule.Region
	}
	known := c.rules[key]
	for i := range known {
		if known[i].same(rule, err, body) {
			known[i].source |= bit
			return
		}
	}
	if len(known) == 0 {
		c.order = append(c.order, key)
	} else {
		c.fault("rule %s %s of %s: sources %s and %s differ; both count", rule.Identifier, rule.Version, rule.Country, known[0].first, source)
		rule.Identifier = c.conflicting(rule.Identifier, source, len(known))
		if rule.Identifier == "" { // a name that is as long as names may be: then nobody passes
			known[0].Logic = nil
			known[0].source |= bit
			return
		}
	}
	c.rules[key] = append(known, compiling{rule, err, body, source, bit})
}

// same says whether another body says the same: in other words perhaps, but by the same logic for the same passes.
func (r *compiling) same(rule verify.Rule, err error, body []byte) bool {
	if r.err != nil || err != nil {
		return bytes.Equal(r.body, body)
	}
	a, b := r.Rule, rule
	logic := sameJSON(a.Logic, b.Logic)
	window := a.ValidFrom.Equal(b.ValidFrom) && a.ValidTo.Equal(b.ValidTo)
	for _, one := range []*verify.Rule{&a, &b} {
		one.Logic, one.Description, one.ValidFrom, one.ValidTo = nil, nil, time.Time{}, time.Time{}
	}
	return logic && window && reflect.DeepEqual(a, b)
}

// conflicting is another name for a rule, empty if there is no room for one.
func (c *ruleCompiler) conflicting(identifier, source string, n int) string {
	name := fmt.Sprintf("%s.%d.%s", identifier, n+1, strings.Map(func(r rune) rune {
		if r < 128 && (r == '-' || r == '.' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') {
			return r
		}
		return '_'
	}, source))
	if most := len(identifier) + 3; most > maxConflict {
		return ""
	}
	return name[:min(len(name), maxConflict)]
}

// set takes a value set. Of sets that differ under one id only those codes count that all of them have.
func (c *ruleCompiler) set(source string, bit uint64, set ValueSet) {
	codes, err := valueSetCodes(set)
	if err != nil {
		c.fault("value set %s of source %s: %v; a rule that needs it lets nobody in", set.ID, source, err)
		return
	}
	known := c.sets[set.ID]
	switch {
	case known == nil:
		c.sets[set.ID] = &joinedSet{codes, source, []uint64{bit}}
	case slices.Equal(known.codes, codes):
		known.sources[0] |= bit
	default:
		c.fault("value set %s: sources %s and %s differ; only codes that both have count", set.ID, known.first, source)
		known.codes = slices.DeleteFunc(known.codes, func(code string) bool { return !slices.Contains(codes, code) })
		known.sources = append(known.sources, bit)
	}
}

func (c *ruleCompiler) fault(format string, args ...any) {
	c.faults = append(c.faults, printable(fmt.Sprintf(format, args...)))
}

// book compiles.
func (c *ruleCompiler) book() rulebook {
	b := rulebook{vouch: map[uint64]bool{}, sets: len(c.sets)}
	var rules []verify.Rule
	for _, key := range c.order {
		for _, one := range c.rules[key] {
			rules = append(rules, one.Rule)
			b.vouch[one.source] = true
		}
	}
	codes := map[string][]string{}
	for id, set := range c.sets {
		codes[id] = set.codes
		for _, sources := range set.sources {
			b.vouch[sources] = true
		}
	}
	var errs []error
	b.rules, errs = verify.NewRules(rules, codes)
	b.faults = c.faults
	for _, err := range errs {
		b.faults = append(b.faults, printable(err.Error()))
	}
	return b
}

// valueSetCodes are the codes of a value set, sorted, each once.
func valueSetCodes(set ValueSet) (codes []string, err error) {
	if list.FirstByte(set.JSON) == '[' {
		err = json.Unmarshal(set.JSON, &codes)
	} else {
		_, codes, err = verify.ParseValueSet(set.JSON)
	}
	slices.Sort(codes)
	return slices.Compact(codes), err
}

// sameJSON says whether two texts are the same value, whatever their space and the order of names.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var values [2][]byte
	for i, text := range [][]byte{a, b} {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return false
		}
		canonical, err := json.Marshal(v) // names sorted
		if err != nil {
			return false
		}
		values[i] = canonical
	}
	return bytes.Equal(values[0], values[1])
}
