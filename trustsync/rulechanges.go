package trustsync

import (
	"slices"
	"strings"

	"gatescan/trustsync/internal/list"
)

// ruleChanges are the names of the rules and value sets that an answer brought, left out, or has otherwise.
type ruleChanges struct{ came, went, changed []string }

// changesOfRules compares by identifier: another version of a rule, or another body, is a change of it.
func changesOfRules(before, after *Holding) (c ruleChanges) {
	old, now := namedRules(before), namedRules(after)
	for _, id := range sortedNames(now) {
		was, known := old[id]
		switch {
		case !known:
			c.came = append(c.came, now[id].name)
		case was.bodies() != now[id].bodies():
			c.changed = append(c.changed, now[id].name)
		}
	}
	for _, id := range sortedNames(old) {
		if now[id] == nil {
			c.went = append(c.went, old[id].name)
		}
	}
	return c
}

// namedRule is all bodies of one rule, or of a value set.
type namedRule struct {
	name string
	all  []string
}

func (r *namedRule) bodies() string {
	slices.Sort(r.all)
	return strings.Join(r.all, "\x00")
}

// namedRules are what a holding has, by kind and identifier.
func namedRules(h *Holding) map[string]*namedRule {
	all := map[string]*namedRule{}
	add := func(id, name string, body []byte) {
		if all[id] == nil {
			all[id] = &namedRule{}
		}
		all[id].name = name
		all[id].all = append(all[id].all, string(body))
	}
	if h == nil {
		return all
	}
	for _, body := range h.Rules {
		head, _ := list.WalkRule(body, func(string) {}) // it was read when it came
		add("rule "+head.Country+" "+head.Identifier, head.Name(), body)
	}
	for _, set := range h.ValueSets {
		add("set "+set.ID, "value set "+set.ID, set.JSON)
	}
	return all
}

// noteRules takes the changes into the state.
func (st *SourceState) noteRules(c ruleChanges) {
	if len(c.came)+len(c.went)+len(c.changed) == 0 {
		return
	}
	st.Added, st.Removed, st.Changed = len(c.came), len(c.went), len(c.changed)
	for _, part := range []struct {
		what  string
		names []string
	}{{"new: ", c.came}, {"gone: ", c.went}, {"changed: ", c.changed}} {
		for _, name := range part.names {
			if len(st.Changes) < maxReasons {
				st.Changes = append(st.Changes, part.what+printable(name))
			}
		}
	}
}
