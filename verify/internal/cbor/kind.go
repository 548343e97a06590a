package cbor

// Kind is what an item is, told from its first byte.
type Kind byte

// The major types (RFC 8949 §3.1), and None for the end of the data and for the break.
const (
	Uint Kind = iota
	Negative
	Bytes
	Text
	Array
	Map
	Tag
	Simple // also floating-point numbers
	None
)

// Kind says of what kind the next item is. It does not move.
func (c *Cursor) Kind() Kind {
	if c.off >= len(c.data) || c.data[c.off] == breakByte {
		return None
	}
	return Kind(c.data[c.off] >> 5)
}

// Simple values that have a meaning (RFC 8949 §3.3).
const (
	False     = 20
	True      = 21
	Null      = 22
	Undefined = 23
)

// Simple reads a simple value, such as True.
func (c *Cursor) Simple() (v byte, ok bool) {
	h, next, ok := readHead(c.data, c.off)
	if !ok || h.major != majorSimple || h.info > infoUint8 {
		return 0, false
	}
	c.off = next
	return byte(h.arg), true
}

// Offset says where the next item begins, counted from where the data does.
func (c *Cursor) Offset() int { return c.off }

// At is a cursor over the same data that stands elsewhere. Where nothing is, it is done.
func (c *Cursor) At(offset int) Cursor {
	if offset < 0 || offset > len(c.data) {
		offset = len(c.data)
	}
	return Cursor{data: c.data, off: offset, join: c.join}
}
