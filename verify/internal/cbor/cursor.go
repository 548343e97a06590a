package cbor

import "math"

// Cursor walks over CBOR. A method that finds what it is named after moves behind it and says ok; any other leaves
// the cursor where it was. It never reads outside of its bytes, whatever they hold.
type Cursor struct {
	data []byte
	off  int
	join *Arena
}

// NewCursor walks over data, which Checker.Check has passed. Strings of indefinite length are put together in join.
func NewCursor(data []byte, join *Arena) Cursor { return Cursor{data: data, join: join} }

// Arena is where strings of indefinite length are put together. Buf is never grown.
type Arena struct {
	Buf  []byte
	Used int
}

// Group is an array or map that the cursor is in.
type Group struct {
	left       uint64
	indefinite bool
}

// Done reports whether everything has been read.
func (c *Cursor) Done() bool { return c.off == len(c.data) }

// take reads a head of the wanted major type.
func (c *Cursor) take(major byte) (h head, ok bool) {
	h, next, ok := readHead(c.data, c.off)
	if !ok || h.major != major || h.isBreak() {
		return head{}, false
	}
	c.off = next
	return h, true
}

// Tag reads a tag number; what it tags is next.
func (c *Cursor) Tag() (number uint64, ok bool) {
	h, ok := c.take(majorTag)
	return h.arg, ok
}

// Array enters an array.
func (c *Cursor) Array() (g Group, ok bool) {
	h, ok := c.take(majorArray)
	return Group{left: h.arg, indefinite: h.indefinite()}, ok
}

// Map enters a map. Each entry is a key, then a value.
func (c *Cursor) Map() (g Group, ok bool) {
	h, ok := c.take(majorMap)
	return Group{left: h.arg, indefinite: h.indefinite()}, ok
}

// Next reports whether the group has another entry, and leaves the group if not.
func (c *Cursor) Next(g *Group) bool {
	if g.indefinite {
		if c.off < len(c.data) && c.data[c.off] == breakByte {
			c.off++
			return false
		}
		return c.off < len(c.data)
	}
	if g.left == 0 || c.off == len(c.data) {
		return false
	}
	g.left--
	return true
}

// Uint reads an integer that is not negative.
func (c *Cursor) Uint() (v uint64, ok bool) {
	h, ok := c.take(majorUint)
	return h.arg, ok
}

// Int reads an integer that fits an int64.
func (c *Cursor) Int() (v int64, ok bool) {
	h, next, ok := readHead(c.data, c.off)
	if !ok || h.major > majorNegative || h.arg > math.MaxInt64 {
		return 0, false
	}
	c.off = next
	if h.major == majorNegative {
		return -1 - int64(h.arg), true
	}
	return int64(h.arg), true
}

// Float reads a half, single or double precision number.
func (c *Cursor) Float() (v float64, ok bool) {
	h, next, ok := readHead(c.data, c.off)
	if !ok || h.major != majorSimple {
		return 0, false
	}
	switch h.info {
	case 25:
		v = halfToFloat(uint16(h.arg))
	case 26:
		v = float64(math.Float32frombits(uint32(h.arg)))
	case 27:
		v = math.Float64frombits(h.arg)
	default:
		return 0, false
	}
	c.off = next
	return v, true
}

// Null reads a null.
func (c *Cursor) Null() bool {
	const null = majorSimple<<5 | 22
	if c.off < len(c.data) && c.data[c.off] == null {
		c.off++
		return true
	}
	return false
}

// Bytes reads a byte string. The result shares memory with the data or the arena.
func (c *Cursor) Bytes() ([]byte, bool) { return c.string(majorBytes) }

// Text reads a text string. The result shares memory with the data or the arena.
func (c *Cursor) Text() ([]byte, bool) { return c.string(majorText) }

func (c *Cursor) string(major byte) (s []byte, ok bool) {
	start := c.off
	h, ok := c.take(major)
	if !ok {
		return nil, false
	}
	if h.indefinite() {
		s, ok = c.joined(major)
	} else {
		s, ok = c.chunk(h)
	}
	if !ok {
		c.off = start
		return nil, false
	}
	return s, true
}

func (c *Cursor) joined(major byte) ([]byte, bool) {
	if c.join == nil {
		return nil, false
	}
	first := c.join.Used
	for {
		if c.off < len(c.data) && c.data[c.off] == breakByte {
			c.off++
			return c.join.Buf[first:c.join.Used:c.join.Used], true
		}
		h, ok := c.take(major)
		if !ok || h.indefinite() {
			return nil, false
		}
		chunk, ok := c.chunk(h)
		if !ok || len(chunk) > len(c.join.Buf)-c.join.Used {
			return nil, false
		}
		c.join.Used += copy(c.join.Buf[c.join.Used:], chunk)
	}
}

func (c *Cursor) chunk(h head) ([]byte, bool) {
	if h.arg > uint64(len(c.data)-c.off) {
		return nil, false
	}
	s := c.data[c.off : c.off+int(h.arg) : c.off+int(h.arg)]
	c.off += int(h.arg)
	return s, true
}

// Skip passes over one item, of any type.
func (c *Cursor) Skip() bool {
	next, ok := skip(c.data, c.off, 0)
	if ok {
		c.off = next
	}
	return ok
}

func skip(data []byte, off, depth int) (next int, ok bool) {
	h, off, ok := readHead(data, off)
	if !ok || h.isBreak() || depth > MaxDepth {
		return 0, false
	}
	items := h.arg // how many items follow that belong to this one
	switch h.major {
	case majorUint, majorNegative, majorSimple:
		return off, true
	case majorBytes, majorText:
		if !h.indefinite() {
			if h.arg > uint64(len(data)-off) {
				return 0, false
			}
			return off + int(h.arg), true
		}
	case majorTag:
		items = 1
	case majorMap:
		if items > uint64(len(data)) { // cannot be, and must not overflow
			return 0, false
		}
		items *= 2
	}
	for ; h.indefinite() || items > 0; items-- {
		if h.indefinite() && off < len(data) && data[off] == breakByte {
			return off + 1, true
		}
		if off, ok = skip(data, off, depth+1); !ok {
			return 0, false
		}
	}
	return off, true
}

// halfToFloat converts an IEEE 754 binary16 (RFC 8949 appendix D).
func halfToFloat(half uint16) float64 {
	exponent, mantissa := int(half>>10&31), float64(half&1023)
	var v float64
	switch exponent {
	case 0:
		v = math.Ldexp(mantissa, -24)
	case 31:
		v = math.Inf(1)
		if mantissa != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(mantissa+1024, exponent-25)
	}
	if half>>15 != 0 {
		return -v
	}
	return v
}
