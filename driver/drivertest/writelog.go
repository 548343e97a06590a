package drivertest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// The log of writes is in the format of Linux' dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst and
// drivers/md/dm-log-writes.c), in little endian: a sector with magic (8 bytes), version (8), number of entries (8) and size of a
// sector (4); then the entries, each a sector with first sector (8), number of sectors (8), flags (8) and, for marks, size of
// the data (8), followed by the sectors that were written.
const (
	writeLogMagic   = 0x6a736677736872
	writeLogVersion = 1
	writeLogSuper   = 28
	writeLogEntry   = 32

	flagFlush = 1 << 0
	flagFUA   = 1 << 1
)

var errWriteLog = errors.New("not a log of writes")

// WriteLog is what a disk did, in the order in which it was done with it.
type WriteLog struct {
	Writes     []Write
	SectorSize int
	disk       []byte // before all of it
}

// Write is one request.
type Write struct {
	Offset int64  // on the disk
	Data   []byte // whole sectors; empty for a flush alone
	Flush  bool   // made everything lasting that was done before
	FUA    bool   // was lasting itself
}

// readWriteLog reads the log of what was done to a disk.
func readWriteLog(data, disk []byte) (*WriteLog, error) {
	if len(data) < writeLogSuper || binary.LittleEndian.Uint64(data) != writeLogMagic || binary.LittleEndian.Uint64(data[8:]) != writeLogVersion {
		return nil, errWriteLog
	}
	number, sector := binary.LittleEndian.Uint64(data[16:]), binary.LittleEndian.Uint32(data[24:])
	if sector < 512 || bits.OnesCount32(sector) != 1 || uint64(len(data)) < uint64(sector) {
		return nil, fmt.Errorf("%w: sectors of %d bytes", errWriteLog, sector)
	}
	l := &WriteLog{SectorSize: int(sector), disk: disk}
	rest := data[sector:]
	for i := range number {
		if len(rest) < int(sector) {
			return nil, fmt.Errorf("%w: it ends at entry %d of %d", errWriteLog, i, number)
		}
		at, length, flags := binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:]), binary.LittleEndian.Uint64(rest[16:])
		rest = rest[sector:]
		if flags&^(flagFlush|flagFUA) != 0 {
			return nil, fmt.Errorf("%w: entry %d has flags %#x, which nobody here expects", errWriteLog, i, flags)
		}
		if on := uint64(len(disk)) / uint64(sector); length > uint64(len(rest))/uint64(sector) || length > on || at > on-length {
			return nil, fmt.Errorf("%w: entry %d is of %d sectors from %d on", errWriteLog, i, length, at)
		}
		size := int(length) * int(sector)
		l.Writes = append(l.Writes, Write{Offset: int64(at) * int64(sector), Data: rest[:size], Flush: flags&flagFlush != 0, FUA: flags&flagFUA != 0})
		rest = rest[size:]
	}
	return l, nil
}

// Mark says whether the write was to MarkOffset.
func (w Write) Mark() bool { return w.Offset >= MarkOffset && len(w.Data) > 0 }

// Cut returns what may be found on the disk if the power goes just before the disk has done Writes[moment], which is under way:
// all that was lasting then, and of the rest those sectors that kept is true for. It is asked once a sector. If moment is
// the number of Writes nothing is under way.
func (l *WriteLog) Cut(moment int, kept func() bool) []byte {
	flushed := 0 // number of Writes
	for i, w := range l.Writes[:moment] {
		if w.Flush {
			flushed = i
		}
	}
	disk := slices.Clone(l.disk)
	for i, w := range l.Writes[:min(moment+1, len(l.Writes))] {
		lasting := i < flushed || i < moment && w.FUA
		for at := 0; at < len(w.Data); at += l.SectorSize {
			if lasting || kept() {
				copy(disk[w.Offset+int64(at):], w.Data[at:at+l.SectorSize])
			}
		}
	}
	return disk
}
