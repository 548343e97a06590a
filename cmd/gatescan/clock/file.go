package clock

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

// record is what a clock's file holds: one line of words, with a checksum over those before it.
//
//	gatescan-clock 1 2026-11-22T21:00:00Z sync 3e0cae5c-… 93784000000000 2026-11-22T21:04:05.678Z sha256:…
//
// They are: format and version; the floor; who vouched last for the clock, in which boot, at which boot time in
// nanoseconds, and what the clock said then. The last four let a daemon that is started again go on to hold the clock. If
// nobody vouched, each of them is "-".
type record struct {
	floor  time.Time // in seconds
	anchor anchor
	bootID string
}

const (
	magic       = "gatescan-clock 1"
	recordWords = 8
	maxFile     = 512 // bytes
	sumPrefix   = "sha256:"
	none        = "-"
)

func (r record) equal(other record) bool { return r.String() == other.String() }

// String is the line.
func (r record) String() string {
	by, id, boot, wall := none, none, none, none
	if r.anchor.by != byNobody {
		by, id = string(r.anchor.by), r.bootID
		boot, wall = strconv.FormatInt(int64(r.anchor.boot), 10), r.anchor.wall.UTC().Format(time.RFC3339Nano)
	}
	text := strings.Join([]string{magic, r.floor.UTC().Format(time.RFC3339), by, id, boot, wall}, " ")
	return fmt.Sprintf("%s %s%x\n", text, sumPrefix, sha256.Sum256([]byte(text)))
}

var errFile = errors.New("is damaged")

// parseRecord accepts what String makes, and nothing else.
func parseRecord(line string) (r record, err error) {
	words := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	if len(words) != recordWords {
		return record{}, errFile
	}
	words = words[2:]
	if r.floor, err = time.Parse(time.RFC3339, words[0]); err != nil {
		return record{}, errFile
	}
	if words[1] != none {
		r.anchor.by, r.bootID = voucher(words[1]), words[2]
		boot, err := strconv.ParseInt(words[3], 10, 64)
		if err != nil || boot < 0 {
			return record{}, errFile
		}
		r.anchor.boot = time.Duration(boot)
		if r.anchor.wall, err = time.Parse(time.RFC3339Nano, words[4]); err != nil {
			return record{}, errFile
		}
		if r.anchor.by != bySync && r.anchor.by != byTechnician || !bootIDPattern.MatchString(r.bootID) {
			return record{}, errFile
		}
	}
	if r.String() != line { // the checksum among others
		return record{}, errFile
	}
	return r, nil
}

// readFile reads a record. A file that is not there is an empty one, as on the first day.
func readFile(path string) (record, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return record{}, err
	}
	if !info.Mode().IsRegular() {
		return record{}, fmt.Errorf("%s is no plain file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return record{}, err
	}
	if len(data) > maxFile {
		return record{}, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	r, err := parseRecord(string(data))
	if err != nil {
		return record{}, fmt.Errorf("%s %w", path, err)
	}
	return r, nil
}

func writeFile(path string, r record) error {
	return flash.Writer{Disk: flash.Dir(filepath.Dir(path)), Access: flash.Access{Mode: 0o644, LikeDirectory: true}}.Replace(filepath.Base(path), []byte(r.String()))
}

// load takes over what the file holds. mu is held.
func (c *Clock) load() {
	if c.file == "" {
		return
	}
	r, err := readFile(c.file)
	if err == nil && c.beyond(r.floor) {
		r, err = record{}, fmt.Errorf("%s holds %s, which no clock of this program has seen", c.file, r.floor.Format(time.RFC3339))
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
func (c *Clock) save(atOnce bool) {
	c.saving.Lock()
	defer c.saving.Unlock()
	var r record
	write := false
	c.locked(func() {
		l := c.last.Load()
		certain := l.certain().Truncate(time.Second)
		if settled := l.state == Synced && l.boot-c.steady >= settleTime; settled && certain.After(c.stored) &&
			(atOnce || certain.Sub(c.stored) >= storeEvery) {
			c.stored = certain
			write = true
			c.look()
		}
		r = record{floor: c.stored}
		if c.anchor.by != byNobody && !c.anchor.broken && c.bootID != "" {
			r.anchor, r.bootID = c.anchor, c.bootID
		}
		write = write || atOnce && l.state != Invalid && !r.equal(c.written)
	})
	if !write || c.file == "" {
		return
	}
	err := writeFile(c.file, r)
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
