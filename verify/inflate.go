package verify

import (
	"encoding/binary"
	"hash/adler32"
)

// The standard library's inflate, and the well-kept others, allocate on some inputs; this one never does, and it
// writes into a buffer that bounds it. RFC 1950 and RFC 1951.

type inflateStatus uint8

const (
	inflateBad inflateStatus = iota
	inflateTooLarge
	inflateOK
)

const (
	maxCodeBits = 15
	numLitLen   = 286 // literals, end of block, lengths; codes 286 and 287 must not occur (RFC 1951 §3.2.6)
	numDist     = 30
	endOfBlock  = 256
)

var (
	lengthBase = [29]uint16{
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
	}
	lengthExtra = [29]uint8{
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
	}
	distBase = [numDist]uint16{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
		8193, 12289, 16385, 24577,
	}
	distExtra = [numDist]uint8{
		0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
	}
	codeLengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

	fixedLit, fixedDist = fixedCodes()
)

func fixedCodes() (lit, dist huffman) {
	var lengths [288]uint8 // RFC 1951 §3.2.6
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	lit.build(lengths[:])
	clear(lengths[:])
	for i := range 32 {
		lengths[i] = 5
	}
	dist.build(lengths[:32])
	return lit, dist
}

// inflater decompresses one zlib stream at a time into memory of the caller's.
type inflater struct {
	src  []byte
	pos  int
	acc  uint32 // bits read ahead, the next one lowest
	bits uint

	dst []byte
	n   int

	lit, dist huffman
	lengths   [numLitLen + numDist]uint8
}

// inflate decompresses src, which must be exactly one zlib stream without a preset dictionary, into dst. It returns
// what was written, whatever the status, so that it can be wiped. inflateTooLarge means that dst is too short.
func (f *inflater) inflate(dst, src []byte) ([]byte, inflateStatus) {
	f.src, f.pos, f.acc, f.bits, f.dst, f.n = src, 0, 0, 0, dst, 0
	status := f.stream()
	out := dst[:f.n]
	f.src, f.dst = nil, nil
	return out, status
}

// hasZlibHeader reports whether data begins like a zlib stream: CM, CINFO and FCHECK hold (RFC 1950 §2.2).
func hasZlibHeader(data []byte) bool {
	const deflate, maxWindow = 8, 7
	return len(data) >= 2 && data[0]&0x0f == deflate && data[0]>>4 <= maxWindow && binary.BigEndian.Uint16(data)%31 == 0
}

func (f *inflater) stream() inflateStatus {
	const presetDictionary = 0x20
	if !hasZlibHeader(f.src) || f.src[1]&presetDictionary != 0 {
		return inflateBad
	}
	f.pos = 2
	for {
		final, ok := f.take(1)
		if !ok {
			return inflateBad
		}
		if status := f.block(); status != inflateOK {
			return status
		}
		if final == 1 {
			break
		}
	}
	f.align()
	if len(f.src)-f.pos != adler32.Size || binary.BigEndian.Uint32(f.src[f.pos:]) != adler32.Checksum(f.dst[:f.n]) {
		return inflateBad
	}
	return inflateOK
}

func (f *inflater) block() inflateStatus {
	kind, ok := f.take(2)
	if !ok {
		return inflateBad
	}
	switch kind {
	case 0:
		return f.stored()
	case 1:
		return f.compressed(&fixedLit, &fixedDist)
	case 2:
		if !f.readCodes() {
			return inflateBad
		}
		return f.compressed(&f.lit, &f.dist)
	}
	return inflateBad
}

// stored copies a block that is not compressed (RFC 1951 §3.2.4).
func (f *inflater) stored() inflateStatus {
	f.align()
	if len(f.src)-f.pos < 4 {
		return inflateBad
	}
	length := binary.LittleEndian.Uint16(f.src[f.pos:])
	if length != ^binary.LittleEndian.Uint16(f.src[f.pos+2:]) {
		return inflateBad
	}
	f.pos += 4
	data := f.src[f.pos:]
	if int(length) > len(data) {
		return inflateBad
	}
	if int(length) > len(f.dst)-f.n {
		return inflateTooLarge
	}
	f.n += copy(f.dst[f.n:], data[:length])
	f.pos += int(length)
	return inflateOK
}

// compressed decodes a block with the given codes (RFC 1951 §3.2.3).
func (f *inflater) compressed(lit, dist *huffman) inflateStatus {
	for {
		symbol, ok := f.decode(lit)
		switch {
		case !ok || symbol >= numLitLen:
			return inflateBad
		case symbol == endOfBlock:
			return inflateOK
		case symbol < endOfBlock:
			if f.n == len(f.dst) {
				return inflateTooLarge
			}
			f.dst[f.n] = byte(symbol)
			f.n++
			continue
		}
		symbol -= endOfBlock + 1
		extra, ok := f.take(uint(lengthExtra[symbol]))
		if !ok {
			return inflateBad
		}
		length := int(lengthBase[symbol]) + int(extra)

		symbol, ok = f.decode(dist)
		if !ok || symbol >= numDist {
			return inflateBad
		}
		if extra, ok = f.take(uint(distExtra[symbol])); !ok {
			return inflateBad
		}
		distance := int(distBase[symbol]) + int(extra)
		if distance > f.n {
			return inflateBad
		}
		if length > len(f.dst)-f.n {
			return inflateTooLarge
		}
		for range length { // byte by byte: source and destination may overlap
			f.dst[f.n] = f.dst[f.n-distance]
			f.n++
		}
	}
}

// readCodes reads the codes of a dynamic block (RFC 1951 §3.2.7).
func (f *inflater) readCodes() bool {
	counts, ok := f.take(14)
	if !ok {
		return false
	}
	lits, dists, codes := int(counts&31)+257, int(counts>>5&31)+1, int(counts>>10)+4
	if lits > numLitLen || dists > numDist {
		return false
	}
	clear(f.lengths[:])
	for _, i := range codeLengthOrder[:codes] {
		length, ok := f.take(3)
		if !ok {
			return false
		}
		f.lengths[i] = uint8(length)
	}
	if f.lit.build(f.lengths[:len(codeLengthOrder)]) != codeComplete {
		return false
	}
	clear(f.lengths[:len(codeLengthOrder)])
	for i := 0; i < lits+dists; {
		symbol, ok := f.decode(&f.lit)
		if !ok {
			return false
		}
		if symbol < 16 {
			f.lengths[i] = uint8(symbol)
			i++
			continue
		}
		repeat, base, extraBits := uint8(0), 3, uint(3) // symbol 17: zeroes
		switch symbol {
		case 16:
			if i == 0 {
				return false
			}
			repeat, extraBits = f.lengths[i-1], 2
		case 18:
			base, extraBits = 11, 7
		}
		extra, ok := f.take(extraBits)
		count := base + int(extra)
		if !ok || count > lits+dists-i {
			return false
		}
		for range count {
			f.lengths[i] = repeat
			i++
		}
	}
	if f.lengths[endOfBlock] == 0 {
		return false
	}
	return f.lit.build(f.lengths[:lits]) != codeBad && f.dist.build(f.lengths[lits:lits+dists]) != codeBad
}

// fill reads ahead until at least 16 bits are there, or the input ends.
func (f *inflater) fill() {
	for f.bits < 16 && f.pos < len(f.src) {
		f.acc |= uint32(f.src[f.pos]) << f.bits
		f.pos++
		f.bits += 8
	}
}

// take consumes n bits, at most 16.
func (f *inflater) take(n uint) (uint32, bool) {
	if f.bits < n {
		if f.fill(); f.bits < n {
			return 0, false
		}
	}
	v := f.acc & (1<<n - 1)
	f.acc >>= n
	f.bits -= n
	return v, true
}

// align drops the rest of a byte and gives back the bytes read ahead.
func (f *inflater) align() {
	f.pos -= int(f.bits / 8)
	f.acc, f.bits = 0, 0
}

// decode consumes one symbol.
func (f *inflater) decode(h *huffman) (symbol uint16, ok bool) {
	f.fill()
	symbol, length := h.lookup(f.acc)
	if length == 0 || length > f.bits {
		return 0, false
	}
	f.acc >>= length
	f.bits -= length
	return symbol, true
}
