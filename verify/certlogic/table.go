package certlogic

// table is an array that never changes: one written in a rule, or a value set.
type table struct {
	items []Value
	texts map[string]struct{} // of the items, if they are worth it
}

// worthHashing is the number of items from which a hash is quicker than looking at each.
const worthHashing = 8

func newTable(items []Value) *table {
	t := &table{items: items}
	if len(items) >= worthHashing {
		t.texts = make(map[string]struct{}, len(items))
		for i := range items {
			if items[i].kind == kindText {
				t.texts[string(items[i].text)] = struct{}{}
			}
		}
	}
	return t
}

func (t *table) value() Value {
	return Value{kind: kindArray, form: formTable, size: int32(len(t.items)), table: t}
}

// contains reports whether a scalar is among the items.
func (t *table) contains(v *Value) bool {
	if v.kind == kindText && t.texts != nil {
		_, ok := t.texts[string(v.text)]
		return ok
	}
	for i := range t.items {
		if equal, _ := v.equal(&t.items[i]); equal {
			return true
		}
	}
	return false
}
