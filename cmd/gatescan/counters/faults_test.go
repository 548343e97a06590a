package counters

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatescan/driver/flash/flashtest"
	"gatescan/verify"
)

// Every operation fails, once or for a while; when the disk is well again, everything is there that was ever counted.
func TestFaults(t *testing.T) {
	errs := []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}
	tried, step := 0, 1
	if testing.Short() {
		step = 5
	}
	for _, times := range []int{1, 7, 60} {
		for at := 0; ; at += step {
			d := flashtest.New()
			fail, reached := flashtest.Failing(at, times, errs[at%len(errs)])
			d.Fail = fail
			c := newClerk(t, d, 8)
			c.work(func() {}, func() {
				if c.book.Lasting() == c.book.Totals() { // otherwise a restart loses what was counted, as it must
					c.open()
				}
			})
			if !reached() {
				break
			}
			tried++
			d.Fail = nil
			if totals := c.book.Totals(); c.book.loaded && totals != c.counted.totals {
				t.Fatalf("%d faults at operation %d: %d counted, %d in the book", times, at, c.counted.totals.Accepted(), totals.Accepted())
			}
			c.at = c.at.Add(3 * time.Hour)
			c.count(1)
			if err := c.flush(); err != nil {
				t.Fatalf("%d faults at operation %d: after the disk is well: %v", times, at, err)
			}
			c.file()
			for range 2 {
				if err := c.counted.check(c.book); err != nil {
					t.Fatalf("%d faults at operation %d: %v", times, at, err)
				}
				if s := c.book.State(); s.Fault != "" {
					t.Fatalf("%d faults at operation %d: still %q", times, at, s.Fault)
				}
				c.open()
			}
		}
	}
	if tried < 200 {
		t.Fatalf("only %d faults", tried)
	}
	t.Logf("%d faults", tried)
}

// A disk that takes nothing for weeks: the totals stand, what has no room is said, and filed when the disk is well.
func TestDiskFull(t *testing.T) {
	d := flashtest.New()
	c := newClerk(t, d, 9)
	c.count(10)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	c.count(1)
	if err := c.flush(); err != nil { // both files have their room now
		t.Fatal(err)
	}
	creates := func() error { return fmt.Errorf("%w", syscall.ENOSPC) }
	said := ""
	for hour := range 900 {
		c.at = c.at.Add(time.Hour)
		c.count(60)
		d.Fail = nil
		if err := c.flush(); err != nil {
			t.Fatalf("hour %d: %v", hour, err)
		}
		d.Fail = creates
		c.book.io.Lock()
		c.book.file(time.Now())
		c.book.io.Unlock()
		if !strings.Contains(c.book.State().Fault, "no space") {
			t.Fatalf("hour %d: %+v", hour, c.book.State())
		}
		if said == "" && strings.Contains(c.book.State().Fault, "only in memory") {
			said = fmt.Sprintf("room for %d hours", hour)
		}
	}
	if said == "" {
		t.Error("nobody says that there is no room")
	}
	t.Log(said)
	d.Fail = nil
	if err := c.counted.check(c.book); err != nil {
		t.Error(err)
	}
	restarted := *c
	restarted.open() // the power goes
	if totals := restarted.book.Totals(); totals != c.counted.totals {
		t.Error("totals are lost")
	}
	c.at = c.at.Add(time.Hour)
	c.count(1)
	c.file()
	c.count(1)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	c.open()
	if err := c.counted.check(c.book); err != nil {
		t.Error(err)
	}
	if s := c.book.State(); s.Fault != "" {
		t.Error(s.Fault)
	}
}

// A disk that comes late: what was counted before is added to what is found.
func TestDiskComesLate(t *testing.T) {
	d := flashtest.New()
	c := newClerk(t, d, 10)
	c.count(20)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	d.Fail = func() error { return fs.ErrNotExist }
	c.open()
	before := c.counted.clone()
	c.count(5)
	if s := c.book.State(); s.Fault == "" {
		t.Error("no fault")
	}
	if totals := c.book.Totals(); totals.Accepted()+totals.Refused() != 5 {
		t.Errorf("%+v before the disk is there", totals)
	}
	if c.flush() == nil || c.book.Lasting() != (Tally{}) {
		t.Error("flushed to no disk")
	}
	d.Fail = nil
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	if err := c.counted.check(c.book); err != nil {
		t.Error(err)
	}
	c.open()
	if err := c.counted.check(c.book); err != nil || c.counted.totals == before.totals {
		t.Error(err)
	}
}

// Every bit of every file goes bad, one at a time: totals are those of one of the last two states, and no bucket ever says
// more than was counted, or less without saying that something is lost.
func TestBitFlips(t *testing.T) {
	d := flashtest.New()
	c := newClerk(t, d, 11)
	c.count(5)
	c.at = c.at.Add(-time.Hour)
	c.count(5)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(time.Hour)
	c.file() // the hour before is in the file of the day
	before := c.counted.clone()
	c.count(4)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	names := d.Names()
	if !slices.Equal(names, []string{"day-2026-03-28", "now-0", "now-1"}) {
		t.Fatal(names)
	}
	flips, padding := 0, 0
	for _, name := range names {
		whole := d.Data(name)
		length := recordHeader + int(binary.BigEndian.Uint32(whole[12:]))
		for bit := range min(len(whole), length+8) * 8 {
			if testing.Short() && bit%8 != bit/8%8 && bit/8 < length { // one bit of each byte
				continue
			}
			damaged := d.Copy()
			flipped := slices.Clone(whole)
			flipped[bit/8] ^= 1 << (bit % 8)
			damaged.Set(name, flipped)
			after := *c
			after.disk = damaged
			after.open()
			after.inspect()
			errNow, errBefore := c.counted.check(after.book), before.check(after.book)
			if bit/8 >= length {
				if padding++; errNow != nil || len(after.book.State().Damage) > 0 {
					t.Fatalf("%s bit %d, in padding: %v", name, bit, errNow)
				}
				continue
			}
			if flips++; len(after.book.State().Damage) == 0 {
				t.Fatalf("%s bit %d: nobody noticed", name, bit)
			}
			if errNow == nil || errBefore == nil {
				continue
			}
			if name[:4] != dayPrefix {
				t.Fatalf("%s bit %d: %v; %v", name, bit, errNow, errBefore)
			}
			if totals := after.book.Totals(); totals != c.counted.totals {
				t.Fatalf("%s bit %d: wrong totals", name, bit)
			}
			buckets, err := after.book.Query(time.Time{}, time.Unix(maxStart, 0))
			if err != nil || len(buckets) != 2 || !buckets[0].Lost || buckets[1].Tally() != c.counted.buckets[buckets[1].Start.Unix()] {
				t.Fatalf("%s bit %d: %+v, %v", name, bit, buckets, err)
			}
		}
	}
	t.Logf("%d flips, and %d in padding", flips, padding)
	if flips < 3*recordHeader || padding != 2*64 {
		t.Error("the flips hit nothing")
	}
}

// What is damaged is set aside, and the book goes on.
func TestDamaged(t *testing.T) {
	d := flashtest.New()
	c := newClerk(t, d, 12)
	c.work(func() {}, c.open)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	spoil := func(name string) {
		data := d.Data(name)
		data[recordHeader+3]++
		d.Set(name, data)
	}

	spoil(dayPrefix + "2026-03-29")
	c.open()
	c.at = time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	c.count(3)
	c.at = c.at.Add(3 * time.Hour)
	c.file()
	if d.Data("day-2026-03-29.damaged") == nil || d.Data("day-2026-03-29") == nil {
		t.Error("the day is not set aside")
	}
	before := len(c.book.State().Damage)
	buckets, err := c.book.Query(time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC))
	if err != nil || len(buckets) < 2 || !buckets[0].Lost {
		t.Errorf("%+v, %v", buckets, err)
	}
	if after := len(c.book.State().Damage); before != 1 || after != before {
		t.Errorf("%d faults, %d after a query", before, after)
	}
	if totals := c.book.Totals(); totals != c.counted.totals {
		t.Error("totals are lost with the day")
	}

	// Both states: the totals of the last filing stand.
	filed := c.book.Lasting()
	c.count(1)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	spoil("now-0")
	spoil("now-1")
	c.open()
	if totals := c.book.Totals(); totals != filed {
		t.Errorf("%d accepted, %d filed", totals.Accepted(), filed.Accepted())
	}
	if s := c.book.State(); len(s.Damage) != 3 || d.Data("now-0.damaged") == nil || d.Data("now-1.damaged") == nil {
		t.Errorf("%q", s.Damage)
	}
	c.count(1)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	c.open()
	if s := c.book.State(); s.Fault != "" || len(s.Damage) > 0 {
		t.Errorf("reported again: %+v", s)
	}

	// One of two is gone altogether.
	c.count(1)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	d.Set("now-0", nil)
	c.open()
	if s := c.book.State(); len(s.Damage) != 1 {
		t.Errorf("a file is missing: %q", s.Damage)
	}
}

func TestNewer(t *testing.T) {
	d := flashtest.New()
	c := newClerk(t, d, 13)
	c.count(3)
	if err := c.flush(); err != nil {
		t.Fatal(err)
	}
	data := (&record{seq: 7}).encode()
	data[11]++
	sum := recordSum(data)
	copy(data[16:], sum[:])
	d.Set("now-0", data)
	c.open()
	c.count(2)
	if s := c.book.State(); !strings.Contains(s.Fault, "newer") {
		t.Errorf("%+v", s)
	}
	if err := c.book.Close(); !errors.Is(err, errNewer) {
		t.Error(err)
	}
	if !slices.Equal(d.Data("now-0"), data) || len(d.Names()) != 2 {
		t.Error("it is not left alone")
	}
	if totals := c.book.Totals(); totals.Accepted()+totals.Refused() != 2 {
		t.Errorf("%+v", totals)
	}
	if _, err := decodeRecord(data[:len(data)-1], false); !errors.Is(err, errDamaged) {
		t.Error(err)
	}
}

// A word that is unknown here counts as an internal refusal of its kind.
func TestUnknownWords(t *testing.T) {
	for word, want := range map[string]int{
		"v/accepted":   int(verify.Vaccination)*verify.NumReasons + int(verify.Accepted),
		"/bad_base45":  int(verify.BadBase45),
		"r/from_later": int(verify.Recovery)*verify.NumReasons + int(verify.Internal),
		"x/accepted":   int(verify.Internal),
		"back":         numFrames + 4,
		"later":        -1,
	} {
		cell, known := wordCell(word)
		if !known {
			cell = -1
		}
		if cell != want {
			t.Errorf("%s is cell %d, want %d", word, cell, want)
		}
	}
	if len(cellOfWord) != numCells {
		t.Errorf("%d words for %d cells", len(cellOfWord), numCells)
	}
}

// A directory that cannot be read takes nothing with it that is in memory.
func TestQueryWithoutDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "counters")
	if err := os.WriteFile(dir, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 29, 12, 30, 0, 0, time.UTC)
	b, err := Open(Config{Dir: dir}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b.Live().Add(verify.Test, verify.Accepted)
	from, to := now.Add(-2*time.Hour), now.Add(2*time.Hour)
	buckets, err := b.Query(from, to)
	if err == nil {
		t.Error("nothing is said of the directory")
	}
	if len(buckets) != 2 || !buckets[0].Lost || buckets[0].Start != from || buckets[0].Length != 4*time.Hour || buckets[1].Accepted() != 1 {
		t.Errorf("%+v", buckets)
	}
}

// While an hour is filed one operation fails, and the power goes during the flush after it: the hour is still in the state
// or in the file of its day.
func TestCutAfterFaultOfFiling(t *testing.T) {
	tried := 0
	for at := 0; ; at++ {
		d := flashtest.New()
		c := newClerk(t, d, 14)
		c.count(5)
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		c.at = c.at.Add(time.Hour)
		c.count(2)
		if err := c.flush(); err != nil { // filing has nothing to flush
			t.Fatal(err)
		}
		fail, reached := flashtest.Failing(at, 1, syscall.EIO)
		d.Fail = fail
		c.file()
		d.Fail = nil
		if !reached() {
			break
		}
		acknowledged := c.counted.clone()
		c.count(1)
		var points []cutPoint
		d.Before = func(copied *flashtest.Disk) {
			points = append(points, cutPoint{copied, acknowledged, c.counted.clone()})
		}
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(cutSeed, 15))
		for i, p := range points {
			tried += p.disk.Outcomes(24, random, func(after *flashtest.Disk) {
				if err := p.check(t, after, 16); err != nil {
					t.Fatalf("operation %d of filing failed, cut before operation %d of the flush: %v", at, i, err)
				}
			})
		}
	}
	if tried < 100 {
		t.Errorf("only %d cuts", tried)
	}
}
