package certlogic

import (
	"bytes"

	"gatescan/verify/internal/cbor"
)

// fill reads the item at c into the slot of a branch, and what is in it into those of the branches behind.
func (m *Machine) fill(c *cbor.Cursor, at int32) bool {
	slot, b := &m.slots[at], &m.set.branches[at]
	if slot.form != formAbsent { // a key twice
		return false
	}
	kind := untag(c)
	ok := true
	switch kind {
	case cbor.Array, cbor.Map:
		if *slot, ok = container(*c, kind); !ok {
			return false
		}
		switch {
		case kind == cbor.Array && len(b.indexes) > 0:
			return m.fillElements(c, b)
		case kind == cbor.Map && len(b.names) > 0:
			return m.fillMembers(c, b)
		}
		return c.Skip()
	}
	if *slot, ok = scalar(c, kind); slot.kind == kindText {
		slot.form = formSlot
	}
	return ok
}

func (m *Machine) fillElements(c *cbor.Cursor, b *branch) bool {
	array, ok := c.Array()
	if !ok {
		return false
	}
	edges := b.indexes
	for i := int32(0); c.Next(&array); i++ {
		if len(edges) > 0 && edges[0].index == i {
			if !m.fill(c, edges[0].to) {
				return false
			}
			edges = edges[1:]
		} else if !c.Skip() {
			return false
		}
	}
	return true
}

func (m *Machine) fillMembers(c *cbor.Cursor, b *branch) bool {
	members, ok := c.Map()
	if !ok {
		return false
	}
	for c.Next(&members) {
		to := int32(0)
		if name, ok := c.Text(); ok {
			to = b.find(name)
		} else if !c.Skip() {
			return false
		}
		if to != 0 {
			if !m.fill(c, to) {
				return false
			}
		} else if !c.Skip() {
			return false
		}
	}
	return true
}

// untag passes over tags: a date-time may have tag 0.
func untag(c *cbor.Cursor) cbor.Kind {
	kind := c.Kind()
	for kind == cbor.Tag {
		if _, ok := c.Tag(); !ok {
			return cbor.None
		}
		kind = c.Kind()
	}
	return kind
}

// container describes the array or map at c.
func container(c cbor.Cursor, kind cbor.Kind) (v Value, ok bool) {
	v = Value{kind: kindArray, form: formCBOR, n: int64(c.Offset())}
	var g cbor.Group
	if kind == cbor.Map {
		v.kind = kindObject
		g, ok = c.Map()
	} else {
		g, ok = c.Array()
	}
	if ok && c.Next(&g) {
		v.size = 1
	}
	return v, ok
}

// scalar reads an item that is neither array nor map.
func scalar(c *cbor.Cursor, kind cbor.Kind) (v Value, ok bool) {
	opaque := Value{kind: kindOpaque, form: formPlain}
	switch kind {
	case cbor.Text:
		s, ok := c.Text()
		return text(trim(s)), ok
	case cbor.Uint, cbor.Negative:
		if n, ok := c.Int(); ok {
			return Value{kind: kindInteger, form: formPlain, n: n}, true
		}
		return opaque, c.Skip()
	case cbor.Bytes:
		return opaque, c.Skip()
	case cbor.Simple:
		if f, ok := c.Float(); ok {
			return number(f), true
		}
		simple, ok := c.Simple()
		switch simple {
		case cbor.False:
			v = valueFalse
		case cbor.True:
			v = valueTrue
		case cbor.Null, cbor.Undefined:
			v = valueNull
		default:
			v = opaque
		}
		v.form = formPlain
		return v, ok
	}
	return Value{}, false
}

// item reads a whole item of any kind.
func item(c *cbor.Cursor) (v Value, ok bool) {
	v, ok = peek(c)
	if ok && v.form == formCBOR {
		ok = c.Skip()
	}
	return v, ok
}

// peek reads an item of any kind, but does not move behind an array or a map.
func peek(c *cbor.Cursor) (v Value, ok bool) {
	kind := untag(c)
	if kind == cbor.Array || kind == cbor.Map {
		return container(*c, kind)
	}
	return scalar(c, kind)
}

// trim takes white space off both ends, which some issuers let in and no verifier of theirs sees.
func trim(s []byte) []byte {
	if n := len(s); n == 0 || graphic(s[0]) && graphic(s[n-1]) {
		return s
	}
	return bytes.TrimSpace(s)
}

// graphic reports whether the byte is a character of its own and not white space.
func graphic(c byte) bool { return ' ' < c && c < 0x7f }
