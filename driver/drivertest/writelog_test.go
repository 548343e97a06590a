package drivertest

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// A log as dm-log-writes lays it out, byte by byte: sectors of 512 bytes, a write of two to sector 1, a flush, a write to
// sector 0, one to sector 1 that is lasting itself, a flush with a write to sector 2.
func writtenLog() []byte {
	u64 := binary.LittleEndian.AppendUint64
	pad := func(b []byte) []byte { return append(b, make([]byte, 512-len(b))...) }
	sector := func(of byte) []byte { return slices.Repeat([]byte{of}, 512) }
	entry := func(sector, sectors, flags uint64) []byte {
		return pad(u64(u64(u64(u64(nil, sector), sectors), flags), 0))
	}
	return slices.Concat(
		pad(append([]byte("rhswfsj\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00"), 0, 2, 0, 0)),
		entry(1, 2, 0), sector('a'), sector('b'),
		entry(0, 0, 1),
		entry(0, 1, 0), sector('c'),
		entry(1, 1, 2), sector('d'),
		entry(2, 1, 1), sector('e'),
	)
}

func TestWriteLog(t *testing.T) {
	l, err := readWriteLog(writtenLog(), slices.Repeat([]byte{'.'}, 3*512))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		moment int
		kept   string // of the sectors that are asked for
		want   string // first byte of each sector
	}{
		{0, "nn", "..."},
		{0, "yn", ".a."}, // torn
		{1, "ny", "..b"},
		{2, "n", ".ab"},
		{2, "y", "cab"},
		{3, "nn", ".ab"}, // what lasts by itself does so when it is done
		{3, "ny", ".db"},
		{4, "nn", ".db"},
		{4, "yy", "cde"},
		{5, "n", "cdb"}, // a flush does not flush what comes with it
		{5, "y", "cde"},
	} {
		asked := 0
		disk := l.Cut(c.moment, func() bool {
			asked++
			return asked <= len(c.kept) && c.kept[asked-1] == 'y'
		})
		got := string([]byte{disk[0], disk[512], disk[1024]})
		if got != c.want || disk[511] != disk[0] || asked != len(c.kept) {
			t.Errorf("moment %d, kept %s: %s, want %s; asked for %d sectors", c.moment, c.kept, got, c.want, asked)
		}
	}
}

func TestWriteLogDamaged(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"empty":           func([]byte) []byte { return nil },
		"another magic":   func(b []byte) []byte { b[0]++; return b },
		"another version": func(b []byte) []byte { b[8]++; return b },
		"odd sectors":     func(b []byte) []byte { b[24]++; return b },
		"huge sectors":    func(b []byte) []byte { b[27] = 0x40; return b },
		"too short":       func(b []byte) []byte { return b[:len(b)-512] },
		"ends early":      func(b []byte) []byte { return b[:512] },
		"a discard":       func(b []byte) []byte { b[512+16] = 4; return b },
		"a long write":    func(b []byte) []byte { b[512+15] = 0x80; return b },
		"behind the disk": func(b []byte) []byte { b[512] = 2; return b },
		"far behind it":   func(b []byte) []byte { b[512+7] = 0x80; return b },
	} {
		if _, err := readWriteLog(change(writtenLog()), make([]byte, 3*512)); !errors.Is(err, errWriteLog) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
