package certlogic

import (
	"maps"
	"slices"
)

// ValueSets are the codes that rules find in external.valueSets, by the id of the set. They never change. Nil means
// that there are none: external.valueSets is null, and a rule that looks into one is open.
type ValueSets struct {
	sets map[string]*table
}

// NewValueSets makes value sets of the codes of each, in their compressed form: codes only. It keeps nothing of what
// it is given.
func NewValueSets(codes map[string][]string) *ValueSets {
	sets := make(map[string]*table, len(codes))
	for id, list := range codes {
		items := make([]Value, len(list))
		for i, code := range list {
			items[i] = text([]byte(code))
		}
		sets[id] = newTable(items)
	}
	return &ValueSets{sets: sets}
}

// IDs are the ids of the sets, sorted.
func (s *ValueSets) IDs() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.sets))
}

func (s *ValueSets) value() Value {
	if s == nil {
		return valueNull
	}
	return Value{kind: kindObject, form: formSets, size: int32(len(s.sets))}
}

// Contains says whether a set has a code. It does not allocate.
func (s *ValueSets) Contains(id string, code []byte) bool {
	if s == nil || s.sets[id] == nil {
		return false
	}
	v := text(code)
	return s.sets[id].contains(&v)
}
