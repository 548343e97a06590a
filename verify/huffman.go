package verify

import "math/bits"

// huffman decodes one canonical code of DEFLATE (RFC 1951 §3.2.2): short codes by one look-up, longer ones by
// counting through the lengths.
type huffman struct {
	short   [1 << shortBits]uint16 // symbol<<4 | length, indexed by the next bits; 0 if the code is longer
	counts  [maxCodeBits + 1]uint16
	symbols [288]uint16 // in the order of their codes
}

// shortBits is where building the table costs as much as it saves, for a pass of 300 symbols.
const shortBits = 9

type codeStatus uint8

const (
	codeBad codeStatus = iota
	codeIncomplete
	codeComplete
)

// build makes the code of the lengths in bits of symbols 0, 1, …; 0 is a symbol that does not occur. An
// over-subscribed code is bad, and so is an incomplete one, but for no code at all and one code of one bit,
// which zlib allows too.
func (h *huffman) build(lengths []uint8) codeStatus {
	clear(h.counts[:])
	for _, length := range lengths {
		h.counts[length]++
	}
	used := len(lengths) - int(h.counts[0])
	h.counts[0] = 0

	left := 1
	for _, count := range h.counts[1:] {
		if left = left<<1 - int(count); left < 0 {
			return codeBad
		}
	}
	if left > 0 && used > 0 && (used != 1 || h.counts[1] != 1) {
		return codeBad
	}

	var index, code [maxCodeBits + 2]uint16
	for i := 1; i <= maxCodeBits; i++ {
		index[i+1] = index[i] + h.counts[i]
		code[i+1] = (code[i] + h.counts[i]) << 1
	}
	clear(h.short[:])
	for symbol, length := range lengths {
		if length == 0 {
			continue
		}
		h.symbols[index[length]] = uint16(symbol)
		index[length]++
		if length <= shortBits {
			// The stream has codes with the first bit lowest.
			reversed := bits.Reverse16(code[length]) >> (16 - length)
			for i := int(reversed); i < len(h.short); i += 1 << length {
				h.short[i] = uint16(symbol)<<4 | uint16(length)
			}
		}
		code[length]++
	}
	if left > 0 {
		return codeIncomplete
	}
	return codeComplete
}

// lookup finds the symbol that the bits begin with. A length of 0 says that no code does.
func (h *huffman) lookup(acc uint32) (symbol uint16, length uint) {
	if entry := h.short[acc%(1<<shortBits)]; entry != 0 {
		return entry >> 4, uint(entry & 15)
	}
	code, first, index := 0, 0, 0
	for length := 1; length <= maxCodeBits; length++ {
		code |= int(acc & 1)
		acc >>= 1
		count := int(h.counts[length])
		if code-first < count {
			return h.symbols[index+code-first], uint(length)
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, 0
}
