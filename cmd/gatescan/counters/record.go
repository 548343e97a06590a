package counters

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// record is what every file holds: the state of the book at one moment.
//
//	8 bytes   "gscounts"
//	4 bytes   version, big endian, as all fixed numbers
//	4 bytes   length of the body
//	32 bytes  SHA-256 of the 16 bytes before and of the body
//	body      words that name what is counted; sequence number; totals; undated; parts
//
// Every later version keeps the first three, so that a newer file is told from a damaged one. The body is of unsigned
// varints (encoding/binary). A list begins with its length. A word is a list of bytes. A tally is a list of pairs: index of a
// word, count. A part is 8 bytes of identity, start in Unix seconds, length in seconds, sequence number with which it was
// filed, and a tally.
type record struct {
	seq     uint64
	totals  Tally // since the book was begun
	undated Tally // of these, counted while the clock was not believed
	parts   []part
}

// part is some of what one bucket holds. A bucket that is taken up again after it was filed gets another part, so that a
// part may be written twice and still counts once.
type part struct {
	id     uint64
	start  int64 // Unix seconds
	length uint32
	filed  uint64 // sequence number of the state with which it was filed last
	counts sparse
}

func (p *part) at() time.Time { return time.Unix(p.start, 0).UTC() }

const (
	recordMagic   = "gscounts"
	recordVersion = 1
	recordHeader  = len(recordMagic) + 4 + 4 + sha256.Size

	maxWords = 4096
	maxWord  = 64      // bytes
	maxCount = 1 << 48 // one a millisecond for 8900 years; no sum of such numbers overflows

	// The clock may say nothing else: a bucket begins after 2000 and before 2200.
	minStart, maxStart = 946684800, 7258118400
)

var (
	errDamaged = errors.New("is damaged")
	errNewer   = errors.New("was written by a newer version of the program")
)

func (r *record) encode() []byte {
	e := encoder{index: map[int]int{}}
	e.tally(r.totals.sparse())
	e.tally(r.undated.sparse())
	e.number(uint64(len(r.parts)))
	for _, p := range r.parts {
		e.body = binary.BigEndian.AppendUint64(e.body, p.id)
		e.number(uint64(p.start))
		e.number(uint64(p.length))
		e.number(p.filed)
		e.tally(p.counts)
	}
	tallies := e.body
	e.body = make([]byte, recordHeader, recordHeader+len(tallies)+16*len(e.words))
	e.number(uint64(len(e.words)))
	for _, cell := range e.words {
		word := cellWord(cell)
		e.number(uint64(len(word)))
		e.body = append(e.body, word...)
	}
	e.number(r.seq)
	data := append(e.body, tallies...)
	copy(data, recordMagic)
	binary.BigEndian.PutUint32(data[8:], recordVersion)
	binary.BigEndian.PutUint32(data[12:], uint32(len(data)-recordHeader))
	sum := recordSum(data)
	copy(data[16:], sum[:])
	return data
}

func recordSum(data []byte) [sha256.Size]byte {
	hash := sha256.New()
	hash.Write(data[:16])
	hash.Write(data[recordHeader:])
	return [sha256.Size]byte(hash.Sum(nil))
}

type encoder struct {
	body  []byte
	words []int       // cells, in the order in which they came
	index map[int]int // of a cell in words
}

func (e *encoder) number(n uint64) { e.body = binary.AppendUvarint(e.body, n) }

func (e *encoder) tally(s sparse) {
	e.number(uint64(len(s)))
	for _, c := range s {
		index, known := e.index[c.cell]
		if !known {
			index = len(e.words)
			e.index[c.cell] = index
			e.words = append(e.words, c.cell)
		}
		e.number(uint64(index))
		e.number(c.n)
	}
}

// decodeRecord reads a record with which data begins. What follows it must be zeros, or, in a file that is written in place,
// may be anything: the rest of a longer one.
func decodeRecord(data []byte, inPlace bool) (*record, error) {
	if len(data) < recordHeader || string(data[:len(recordMagic)]) != recordMagic {
		return nil, fmt.Errorf("%w: no record", errDamaged)
	}
	end := int64(recordHeader) + int64(binary.BigEndian.Uint32(data[12:]))
	if end > int64(len(data)) || !inPlace && end != int64(len(data)) {
		return nil, fmt.Errorf("%w: a record of %d bytes in %d", errDamaged, end, len(data))
	}
	data = data[:end]
	if sum := recordSum(data); !bytes.Equal(sum[:], data[16:recordHeader]) {
		return nil, fmt.Errorf("%w: wrong checksum", errDamaged)
	}
	if version := binary.BigEndian.Uint32(data[8:]); version != recordVersion {
		return nil, fmt.Errorf("%w (%d)", errNewer, version)
	}
	d := decoder{rest: data[recordHeader:]}
	r := d.record()
	if d.failed || len(d.rest) > 0 {
		return nil, fmt.Errorf("%w: whole, but not readable", errDamaged)
	}
	return r, nil
}

// decoder fails once and for all. It never allocates more than a small multiple of what it is given.
type decoder struct {
	rest   []byte
	cells  []int // by the index of the word; -1 for one that is unknown
	failed bool
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.failed, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) number(least, most uint64) uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n < least || n > most {
		d.failed, d.rest = true, nil
		return least
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) record() *record {
	for range d.number(0, maxWords) {
		word := d.bytes(d.number(0, maxWord))
		if d.failed {
			return nil
		}
		cell, known := wordCell(string(word))
		if !known {
			cell = -1
		}
		d.cells = append(d.cells, cell)
	}
	r := &record{seq: d.number(1, maxCount), totals: d.tally(), undated: d.tally()}
	for range d.number(0, uint64(len(d.rest))) {
		id := d.bytes(8)
		if d.failed {
			return nil
		}
		p := part{
			id: binary.BigEndian.Uint64(id), start: int64(d.number(minStart, maxStart)), length: uint32(d.number(1, 3600)),
			filed: d.number(0, maxCount),
		}
		t := d.tally()
		p.counts = t.sparse()
		r.parts = append(r.parts, p)
	}
	return r
}

func (d *decoder) tally() (t Tally) {
	for range d.number(0, maxWords) {
		index := d.number(0, maxWords)
		n := d.number(0, maxCount)
		if d.failed || index >= uint64(len(d.cells)) {
			d.failed = true
			return Tally{}
		}
		if cell := d.cells[index]; cell >= 0 {
			*t.cell(cell) += n
		}
	}
	return t
}

// unite adds parts to others, once each. Of one part that is in both, the higher counts stand.
func unite(parts, others []part) []part {
	at := make(map[uint64]int, len(parts)+len(others))
	united := slices.Clone(parts)
	for i := range united {
		at[united[i].id] = i
	}
	for _, p := range others {
		i, known := at[p.id]
		if !known {
			at[p.id] = len(united)
			united = append(united, p)
			continue
		}
		t, other := united[i].counts.tally(), p.counts.tally()
		t.raise(&other)
		united[i].counts, united[i].filed = t.sparse(), max(united[i].filed, p.filed)
	}
	return united
}

// merge makes one part of those of a bucket that were filed up to a state and are nowhere else.
func merge(parts []part, upTo uint64) []part {
	type bucket struct {
		start  int64
		length uint32
	}
	at := map[bucket]int{}
	var merged []part
	for _, p := range parts {
		i, known := at[bucket{p.start, p.length}]
		if p.filed > upTo || !known {
			if p.filed <= upTo {
				at[bucket{p.start, p.length}] = len(merged)
			}
			merged = append(merged, p)
			continue
		}
		t := merged[i].counts.tally()
		p.counts.addTo(&t)
		merged[i].counts, merged[i].filed = t.sparse(), max(merged[i].filed, p.filed)
	}
	slices.SortStableFunc(merged, func(a, b part) int { return cmp.Compare(a.start, b.start) })
	return merged
}
