package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gatescan/driver/flash"

	"golang.org/x/sys/unix"
)

// clockRecord is what a clock's file holds: one line of words, with a checksum over those before it.
//
//	gatescan-clock 1 2026-11-22T21:00:00Z sync 3e0cae5c-… 93784000000000 2026-11-22T21:04:05.678Z sha256:…
//
// They are: format and version; the floor; who vouched last for the clock, in which boot, at which boot time in
// nanoseconds, and what the clock said then. The last four let a daemon that is started again go on to hold the clock. If
// nobody vouched, each of them is "-".
type clockRecord struct {
	floor  time.Time // in seconds
	anchor anchor
	bootID string
}

const (
	clockMagic      = "gatescan-clock 1"
	clockWords      = 8
	maxClockFile    = 512 // bytes
	clockSumPrefix  = "sha256:"
	clockRecordNone = "-"
)

func (r clockRecord) equal(other clockRecord) bool { return r.String() == other.String() }

// String is the line.
func (r clockRecord) String() string {
	by, id, boot, wall := clockRecordNone, clockRecordNone, clockRecordNone, clockRecordNone
	if r.anchor.by != byNobody {
		by, id = string(r.anchor.by), r.bootID
		boot, wall = strconv.FormatInt(int64(r.anchor.boot), 10), r.anchor.wall.UTC().Format(time.RFC3339Nano)
	}
	text := strings.Join([]string{clockMagic, r.floor.UTC().Format(time.RFC3339), by, id, boot, wall}, " ")
	return fmt.Sprintf("%s %s%x\n", text, clockSumPrefix, sha256.Sum256([]byte(text)))
}

var errClockFile = errors.New("is damaged")

// parseClockRecord accepts what String makes, and nothing else.
func parseClockRecord(line string) (r clockRecord, err error) {
	words := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	if len(words) != clockWords {
		return clockRecord{}, errClockFile
	}
	words = words[2:]
	if r.floor, err = time.Parse(time.RFC3339, words[0]); err != nil {
		return clockRecord{}, errClockFile
	}
	if words[1] != clockRecordNone {
		r.anchor.by, r.bootID = voucher(words[1]), words[2]
		boot, err := strconv.ParseInt(words[3], 10, 64)
		if err != nil || boot < 0 {
			return clockRecord{}, errClockFile
		}
		r.anchor.boot = time.Duration(boot)
		if r.anchor.wall, err = time.Parse(time.RFC3339Nano, words[4]); err != nil {
			return clockRecord{}, errClockFile
		}
		if r.anchor.by != bySync && r.anchor.by != byTechnician || !bootIDPattern.MatchString(r.bootID) {
			return clockRecord{}, errClockFile
		}
	}
	if r.String() != line { // the checksum among others
		return clockRecord{}, errClockFile
	}
	return r, nil
}

// readClockFile reads a record. A file that is not there is an empty one, as on the first day.
func readClockFile(path string) (clockRecord, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return clockRecord{}, nil
	}
	if err != nil {
		return clockRecord{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return clockRecord{}, err
	}
	if !info.Mode().IsRegular() {
		return clockRecord{}, fmt.Errorf("%s is no plain file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxClockFile+1))
	if err != nil {
		return clockRecord{}, err
	}
	if len(data) > maxClockFile {
		return clockRecord{}, fmt.Errorf("%s is larger than %d bytes", path, maxClockFile)
	}
	r, err := parseClockRecord(string(data))
	if err != nil {
		return clockRecord{}, fmt.Errorf("%s %w", path, err)
	}
	return r, nil
}

func writeClockFile(path string, r clockRecord) error {
	w := flash.Writer{Disk: flash.Dir(filepath.Dir(path)), Access: flash.Access{Mode: 0o644, LikeDirectory: true}}
	return w.Replace(filepath.Base(path), []byte(r.String()))
}

// load takes over what the file holds. mu is held.
func (c *clock) load() {
	if c.file == "" {
		return
	}
	r, err := readClockFile(c.file)
	if err == nil && c.beyond(r.floor) {
		r, err = clockRecord{}, fmt.Errorf("%s holds %s, which no clock of this program has seen", c.file, r.floor.Format(time.RFC3339))
	}
	if err != nil {
		c.fault = err
		c.note(slog.LevelError, "the stored time is lost; the clock's floor is older without it", "err", err)
		return
	}
	c.written, c.stored = r, r.floor
	if r.anchor.by == bySync {
		c.lastSynced = r.anchor.wall
	}
	if r.anchor.by != byNobody && r.bootID == c.bootID {
		c.anchor = r.anchor // look finds out whether the clock was set since
	}
}

// save raises the floor if that is due, and stores it. At once, it does so before it is due, and stores whatever is new.
// Nothing is stored of a clock that is wrong: a file that was removed must not come back.
func (c *clock) save(atOnce bool) {
	c.saving.Lock()
	defer c.saving.Unlock()
	var r clockRecord
	write := false
	c.locked(func() {
		l := c.last.Load()
		certain := l.certain().Truncate(time.Second)
		if settled := l.state == clockSynced && l.boot-c.steady >= settleTime; settled && certain.After(c.stored) &&
			(atOnce || certain.Sub(c.stored) >= storeEvery) {
			c.stored = certain
			write = true
			c.look()
		}
		r = clockRecord{floor: c.stored}
		if c.anchor.by != byNobody && !c.anchor.broken && c.bootID != "" {
			r.anchor, r.bootID = c.anchor, c.bootID
		}
		write = write || atOnce && l.state != clockInvalid && !r.equal(c.written)
	})
	if !write || c.file == "" {
		return
	}
	err := writeClockFile(c.file, r)
	if err == nil {
		c.written = r
	}
	c.locked(func() {
		if err != nil && c.fault == nil {
			c.note(slog.LevelWarn, "the time could not be stored; the clock's floor is lost with the power", "err", err)
		}
		c.fault = err
	})
}
