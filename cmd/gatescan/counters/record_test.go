package counters

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"gatescan/verify"
)

// someRecord has everything in it.
func someRecord(seed uint64, parts int) *record {
	random := rand.New(rand.NewPCG(cutSeed, seed))
	tally := func() (t Tally) {
		for range 12 {
			*t.cell(random.IntN(numCells)) = random.Uint64N(maxCount)
		}
		return t
	}
	r := &record{seq: 1 + random.Uint64N(1000), totals: tally(), undated: tally()}
	for i := range parts {
		t := tally()
		r.parts = append(r.parts, part{random.Uint64(), minStart + 86400 + int64(i)*3600, 3600, random.Uint64N(1000), t.sparse()})
	}
	return r
}

func TestRecord(t *testing.T) {
	for parts := range 5 {
		want := someRecord(uint64(parts), parts)
		data := want.encode()
		got, err := decodeRecord(data, false)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d parts: %+v, %v", parts, got, err)
		}
		padded := append(slices.Clone(data), 1, 2, 3)
		if got, err := decodeRecord(padded, true); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d parts in place: %v", parts, err)
		}
		if _, err := decodeRecord(padded, false); !errors.Is(err, errDamaged) {
			t.Errorf("%d parts and more: %v", parts, err)
		}
		for length := range data {
			if _, err := decodeRecord(data[:length], true); !errors.Is(err, errDamaged) {
				t.Fatalf("%d of %d bytes: %v", length, len(data), err)
			}
		}
	}
}

// A record of which everything counts has room.
func TestRecordFits(t *testing.T) {
	r := &record{seq: maxCount}
	for cell := range numCells {
		*r.totals.cell(cell), *r.undated.cell(cell) = maxCount, maxCount
	}
	r.parts = []part{{^uint64(0), maxStart, 3600, maxCount, r.totals.sparse()}, {1, maxStart, 3600, maxCount, r.totals.sparse()}}
	data, left := r.encodeSlot()
	if left != 0 || len(data) > 4*pageSize {
		t.Errorf("%d bytes, %d left", len(data), left)
	}
	if got, err := decodeRecord(data, true); err != nil || !reflect.DeepEqual(got, r) {
		t.Error(err)
	}
}

// Hostile bodies behind a checksum that is right.
func TestHostileBodies(t *testing.T) {
	seal := func(body ...byte) []byte {
		data := make([]byte, recordHeader, recordHeader+len(body))
		data = append(data, body...)
		copy(data, recordMagic)
		data[11], data[14], data[15] = recordVersion, byte(len(body)>>8), byte(len(body))
		sum := recordSum(data)
		copy(data[16:], sum[:])
		return data
	}
	if _, err := decodeRecord(seal(0, 1, 0, 0, 0), false); err != nil { // no word, sequence number 1, nothing
		t.Fatal(err)
	}
	huge := binary.AppendUvarint(nil, 1<<63)
	for name, body := range map[string][]byte{
		"empty":              {},
		"state 0":            {0, 0, 0, 0, 0},
		"more behind":        {0, 1, 0, 0, 0, 0},
		"words without end":  append(slices.Clone(huge), 1, 1),
		"a word too long":    {1, 200, 1, 1, 0, 0, 0},
		"an unknown index":   {0, 1, 1, 0, 1, 0, 0},
		"counts without end": append([]byte{0, 1}, huge...),
		"a count too large":  slices.Concat([]byte{1, 4, 'b', 'a', 'c', 'k', 1, 1, 0}, huge, []byte{0, 0}),
		"parts without end":  append([]byte{0, 1, 0, 0}, huge...),
		"a part of nothing":  {0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0},
		"a start in 1970":    {0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 60, 0, 0},
		"an endless varint":  {0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if r, err := decodeRecord(seal(body...), false); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for parts := range 4 {
		f.Add(someRecord(uint64(parts), parts).encode()[recordHeader:])
	}
	f.Add([]byte{0, 1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = decodeRecord(body, true)
		data := make([]byte, recordHeader, recordHeader+len(body))
		data = append(data, body...)
		copy(data, recordMagic)
		binary.BigEndian.PutUint32(data[8:], recordVersion)
		binary.BigEndian.PutUint32(data[12:], uint32(len(body)))
		sum := recordSum(data)
		copy(data[16:], sum[:])
		r, err := decodeRecord(data, false)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatal(err)
			}
			return
		}
		for _, tally := range []Tally{r.totals, r.undated} {
			for cell := range numCells {
				if *tally.cell(cell) > maxCount {
					return // several words that are unknown came together; such a sum is never written
				}
			}
		}
		for _, p := range r.parts {
			for _, c := range p.counts {
				if c.n > maxCount {
					return
				}
			}
			if _, length := bucketAt(p.at(), time.UTC, time.Hour); length != time.Hour {
				t.Fatalf("start %d", p.start)
			}
		}
		again, err := decodeRecord(r.encode(), false)
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v is written and read as %+v, %v", r, again, err)
		}
	})
}

func TestUniteAndMerge(t *testing.T) {
	p := func(id uint64, start int64, filed, n uint64) part {
		var t Tally
		t.Frames[verify.Test][verify.Expired] = n
		return part{id, start, 3600, filed, t.sparse()}
	}
	const a, b = minStart + 3600, minStart + 7200
	united := unite([]part{p(1, a, 5, 10), p(2, b, 5, 20)}, []part{p(2, b, 9, 25), p(3, a, 7, 1), p(1, a, 3, 4)})
	want := []part{p(1, a, 5, 10), p(2, b, 9, 25), p(3, a, 7, 1)}
	if !reflect.DeepEqual(united, want) {
		t.Errorf("united %+v", united)
	}
	if merged := merge(united, 6); !reflect.DeepEqual(merged, []part{p(1, a, 5, 10), p(3, a, 7, 1), p(2, b, 9, 25)}) {
		t.Errorf("merged too early: %+v", merged)
	}
	if merged := merge(united, 7); !reflect.DeepEqual(merged, []part{p(1, a, 7, 11), p(2, b, 9, 25)}) {
		t.Errorf("merged %+v", merged)
	}
}
