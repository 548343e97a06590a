// Package cbor reads CBOR (RFC 8949) from a byte slice without allocating and without a way to panic.
//
// Use it in two steps: Checker.Check says once whether the bytes are one well-formed item within our limits, then a
// Cursor walks over it. The cursor does not rely on the check to stay within bounds, only for what is a key twice.
package cbor

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// Limits of ours. A DCC nests 7 deep and has fewer than 50 keys open at any moment.
const (
	// MaxDepth bounds how deep arrays, maps and tags may nest.
	MaxDepth = 16
	// MaxKeys bounds the keys of all the maps that are open at one moment.
	MaxKeys = 256
)

// Major types (RFC 8949 §3.1).
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Values of the additional information (RFC 8949 §3).
const (
	infoUint8      = 24
	infoUint64     = 27
	infoIndefinite = 31
)

const breakByte = 0xff

// head is the first part of an item: major type, additional information, argument.
type head struct {
	major byte
	info  byte
	arg   uint64
}

func (h head) indefinite() bool { return h.info == infoIndefinite }

// readHead reads the head at off and returns the offset behind it. It refuses the reserved values, and indefinite
// lengths where none may be; the break is an indefinite majorSimple.
func readHead(data []byte, off int) (h head, next int, ok bool) {
	if off >= len(data) {
		return head{}, 0, false
	}
	h = head{major: data[off] >> 5, info: data[off] & 31}
	off++
	switch {
	case h.info < infoUint8:
		h.arg = uint64(h.info)
	case h.info <= infoUint64:
		size := 1 << (h.info - infoUint8)
		if len(data)-off < size {
			return head{}, 0, false
		}
		switch size {
		case 1:
			h.arg = uint64(data[off])
		case 2:
			h.arg = uint64(binary.BigEndian.Uint16(data[off:]))
		case 4:
			h.arg = uint64(binary.BigEndian.Uint32(data[off:]))
		case 8:
			h.arg = binary.BigEndian.Uint64(data[off:])
		}
		off += size
		if h.major == majorSimple && h.info == infoUint8 && h.arg < 32 { // RFC 8949 §3.3
			return head{}, 0, false
		}
	case h.info == infoIndefinite:
		if h.major == majorUint || h.major == majorNegative || h.major == majorTag {
			return head{}, 0, false
		}
	default:
		return head{}, 0, false
	}
	return h, off, true
}

func (h head) isBreak() bool { return h.major == majorSimple && h.indefinite() }

// Checker holds the memory that a check needs. Its zero value is ready; it serves one goroutine.
type Checker struct {
	data []byte
	keys [MaxKeys]struct{ start, end int } // of the maps that are open, innermost last
}

// Check reports whether data is exactly one well-formed item: nothing behind it, text in UTF-8, no deeper than
// MaxDepth, and in no map a key twice. Keys must be integers or texts; the length in which a key is encoded does not
// make it another key (RFC 8949 §5.6).
func (c *Checker) Check(data []byte) bool {
	c.data = data
	end, ok := c.item(0, 0, 0)
	c.data = nil
	return ok && end == len(data)
}

// item checks the item at off, in depth containers, with c.keys[:open] in use, and returns the offset behind it.
func (c *Checker) item(off, depth, open int) (next int, ok bool) {
	h, off, ok := readHead(c.data, off)
	if !ok || h.isBreak() {
		return 0, false
	}
	switch h.major {
	case majorUint, majorNegative, majorSimple:
		return off, true
	case majorBytes, majorText:
		return c.string(h, off)
	}
	if depth == MaxDepth {
		return 0, false
	}
	depth++
	if h.major == majorTag {
		return c.item(off, depth, open)
	}
	first := open
	for left := h.arg; ; left-- {
		if h.indefinite() {
			if off < len(c.data) && c.data[off] == breakByte {
				return off + 1, true
			}
		} else if left == 0 {
			return off, true
		}
		if h.major == majorMap {
			start := off
			if off, ok = c.key(start); !ok || open == MaxKeys {
				return 0, false
			}
			for _, k := range c.keys[first:open] {
				if sameKey(c.data[k.start:k.end], c.data[start:off]) {
					return 0, false
				}
			}
			c.keys[open].start, c.keys[open].end = start, off
			open++
		}
		if off, ok = c.item(off, depth, open); !ok {
			return 0, false
		}
	}
}

// key checks the map key at off.
func (c *Checker) key(off int) (next int, ok bool) {
	h, off, ok := readHead(c.data, off)
	switch {
	case !ok:
		return 0, false
	case h.major == majorUint || h.major == majorNegative:
		return off, true
	case h.major == majorText:
		return c.string(h, off)
	}
	return 0, false
}

// string checks the byte or text string whose head is before off (RFC 8949 §3.2.3: chunks are definite and of the
// same type, and each text chunk is UTF-8 by itself).
func (c *Checker) string(h head, off int) (next int, ok bool) {
	if !h.indefinite() {
		return c.chunk(h, off)
	}
	for {
		chunk, behind, ok := readHead(c.data, off)
		switch {
		case !ok:
			return 0, false
		case chunk.isBreak():
			return behind, true
		case chunk.major != h.major || chunk.indefinite():
			return 0, false
		}
		if off, ok = c.chunk(chunk, behind); !ok {
			return 0, false
		}
	}
}

func (c *Checker) chunk(h head, off int) (next int, ok bool) {
	if h.arg > uint64(len(c.data)-off) {
		return 0, false
	}
	next = off + int(h.arg)
	return next, h.major == majorBytes || utf8.Valid(c.data[off:next])
}

// sameKey compares two keys that were checked. What decides is the value, not how long it was encoded.
func sameKey(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	ha, offA, _ := readHead(a, 0)
	hb, offB, _ := readHead(b, 0)
	if ha.major != hb.major {
		return false
	}
	if ha.major != majorText {
		return ha.arg == hb.arg
	}
	if !ha.indefinite() && !hb.indefinite() {
		return bytes.Equal(a[offA:], b[offB:])
	}
	return sameText(newTextReader(ha, a[offA:]), newTextReader(hb, b[offB:]))
}

// textReader reads a checked text byte by byte, over its chunks.
type textReader struct {
	data []byte
	left int // bytes left in the chunk
	last bool
}

func newTextReader(h head, data []byte) textReader {
	if h.indefinite() {
		return textReader{data: data}
	}
	return textReader{data: data, left: int(h.arg), last: true}
}

func (r *textReader) next() (b byte, ok bool) {
	for r.left == 0 {
		if r.last {
			return 0, false
		}
		h, off, ok := readHead(r.data, 0)
		if !ok || h.isBreak() {
			return 0, false
		}
		r.data, r.left = r.data[off:], int(h.arg)
	}
	if len(r.data) == 0 {
		return 0, false
	}
	b = r.data[0]
	r.data = r.data[1:]
	r.left--
	return b, true
}

func sameText(a, b textReader) bool {
	for {
		x, okX := a.next()
		y, okY := b.next()
		if okX != okY || x != y {
			return false
		}
		if !okX {
			return true
		}
	}
}
