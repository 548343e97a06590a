package counters

import "sync"

// MaxRules bounds how many rules are counted by name. What others refuse is counted together.
const MaxRules = 64

// maxRuleName bounds the Identifier of a rule, in bytes (verify.Rule).
const maxRuleName = 40

// rules counts refusals by the rule that refused, since the process began. Its zero value is ready.
type rules struct {
	mu     sync.Mutex
	names  [MaxRules]ruleName // a copy: a name must not keep the rules of former times in memory
	n      [MaxRules]uint64
	known  int
	others uint64
}

type ruleName struct {
	text [maxRuleName]byte
	len  int
}

func (r *rules) add(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(name) > maxRuleName {
		r.others++
		return
	}
	for i := range r.known {
		if known := &r.names[i]; string(known.text[:known.len]) == name {
			r.n[i]++
			return
		}
	}
	if r.known == MaxRules {
		r.others++
		return
	}
	fresh := &r.names[r.known]
	fresh.len = copy(fresh.text[:], name)
	r.n[r.known] = 1
	r.known++
}

// RuleCount is how often a rule refused.
type RuleCount struct {
	Rule string // Identifier
	N    uint64
}

// AddRule counts a refusal by a rule. An empty name is no rule. It does not allocate.
func (c *Counters) AddRule(name string) {
	if name != "" {
		c.rules.add(name)
	}
}

// Rules are the first MaxRules rules that refused, in the order in which each first did, and how often all others did.
func (c *Counters) Rules() (counts []RuleCount, others uint64) {
	c.rules.mu.Lock()
	defer c.rules.mu.Unlock()
	for i := range c.rules.known {
		name := &c.rules.names[i]
		counts = append(counts, RuleCount{string(name.text[:name.len]), c.rules.n[i]})
	}
	return counts, c.rules.others
}
