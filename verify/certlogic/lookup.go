package certlogic

import "gatescan/verify/internal/cbor"

// follow goes along a path from a value. What is not there is null.
func (m *Machine) follow(v Value, path []fragment) Value {
	for i := range path {
		if v = m.member(&v, &path[i]); v.kind == kindNull || v.kind == kindFault {
			return v
		}
	}
	return v
}

// member is the element of an array by an index, or the member of an object by a name.
func (m *Machine) member(v *Value, f *fragment) Value {
	switch {
	case v.kind == kindArray && f.index >= 0:
		return m.element(v, f.index)
	case v.kind != kindObject || f.index >= 0:
		return valueNull
	}
	switch v.form {
	case formCBOR:
		return m.memberCBOR(v, f.name)
	case formFrame:
		switch f.name {
		case "accumulator":
			return m.items[v.n]
		case "current":
			return m.items[v.n+1]
		}
	case formRoot:
		switch f.name {
		case "payload":
			c := m.base
			return m.itemOrFault(&c)
		case "external":
			return Value{kind: kindObject, form: formExternal, size: 1}
		}
	case formExternal:
		return m.external(f.name)
	case formSets:
		if t := m.data.ValueSets.sets[f.name]; t != nil {
			return t.value()
		}
	}
	return valueNull
}

func (m *Machine) memberCBOR(v *Value, name string) Value {
	c := m.base.At(int(v.n))
	members, ok := c.Map()
	if !ok {
		return faults[MalformedPayload]
	}
	found := valueNull
	seen := false
	for c.Next(&members) {
		m.steps--
		key, isText := c.Text()
		switch {
		case !isText && !c.Skip():
			return faults[MalformedPayload]
		case !isText || string(key) != name:
			if !c.Skip() {
				return faults[MalformedPayload]
			}
		case seen:
			return faults[MalformedPayload]
		default:
			seen = true
			if found, ok = item(&c); !ok {
				return faults[MalformedPayload]
			}
		}
	}
	return found
}

func (m *Machine) itemOrFault(c *cbor.Cursor) Value {
	v, ok := item(c)
	if !ok {
		return faults[MalformedPayload]
	}
	return v
}

// element is the i-th element of an array.
func (m *Machine) element(v *Value, i int32) Value {
	if v.form != formCBOR {
		if i >= v.size {
			return valueNull
		}
		if v.form == formTable {
			return v.table.items[i]
		}
		return m.items[v.n+int64(i)]
	}
	c := m.base.At(int(v.n))
	array, ok := c.Array()
	for ; ok && c.Next(&array); i-- {
		m.steps--
		if i == 0 {
			e, ok := peek(&c)
			if !ok {
				return faults[MalformedPayload]
			}
			return e
		}
		ok = c.Skip()
	}
	if !ok {
		return faults[MalformedPayload]
	}
	return valueNull
}

// elements goes over the elements of an array.
type elements struct {
	m     *Machine
	array Value
	i     int32
	c     cbor.Cursor
	group cbor.Group
}

func (m *Machine) each(v *Value) elements {
	it := elements{m: m, array: *v}
	if v.form == formCBOR {
		it.c = m.base.At(int(v.n))
		it.group, _ = it.c.Array()
	}
	return it
}

// next reads the next element, which may be a fault.
func (it *elements) next(e *Value) bool {
	if it.array.form == formCBOR {
		if !it.c.Next(&it.group) {
			return false
		}
		*e = it.m.itemOrFault(&it.c)
		return true
	}
	if it.i >= it.array.size {
		return false
	}
	*e = it.m.element(&it.array, it.i)
	it.i++
	return true
}
