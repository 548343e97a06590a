package counters

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"gatescan/driver/flash/flashtest"
	"gatescan/verify"
)

const cutSeed = 20261122

// ledger is what was counted, kept by the test itself.
type ledger struct {
	totals  Tally
	undated Tally
	buckets map[int64]Tally // by Unix seconds
}

func (l ledger) clone() ledger {
	l.buckets = maps.Clone(l.buckets)
	return l
}

func (l *ledger) add(at time.Time, believed bool, delta *Tally) {
	l.totals.add(delta)
	if !believed {
		l.undated.add(delta)
		return
	}
	second := at.Unix() / 3600 * 3600
	sum := l.buckets[second]
	sum.add(delta)
	l.buckets[second] = sum
}

// clerk counts with a book and in its own ledger.
type clerk struct {
	t        testing.TB
	disk     disk
	book     *Book
	at       time.Time
	believed bool
	random   *rand.Rand
	counted  ledger
	seen     Tally // of the turnstile, since the book was opened
}

var quiet = slog.New(slog.DiscardHandler)

func newClerk(t testing.TB, d disk, seed uint64) *clerk {
	c := &clerk{
		t: t, disk: d, at: time.Date(2026, 3, 28, 22, 10, 0, 0, time.UTC), believed: true,
		random: rand.New(rand.NewPCG(cutSeed, seed)), counted: ledger{buckets: map[int64]Tally{}},
	}
	c.open()
	return c
}

func (c *clerk) open() {
	c.t.Helper()
	b, err := openDisk(Config{Dir: "cut", Keep: MaxKeep, Believed: func() bool { return c.believed }}, c.disk, func() time.Time { return c.at }, quiet)
	if err != nil {
		c.t.Fatal(err)
	}
	c.book, c.seen = b, Tally{}
}

// count has people come.
func (c *clerk) count(n int) {
	var delta Tally
	for range n {
		k, r := verify.Kind(c.random.IntN(verify.NumKinds)), verify.Reason(c.random.IntN(verify.NumReasons))
		if c.random.IntN(2) == 0 {
			k, r = verify.Vaccination, verify.Accepted
			delta.Granted++
			delta.Passages++
		}
		c.book.Live().Add(k, r)
		delta.Frames[k][r]++
	}
	c.seen.add(&delta)
	c.book.Live().Passages(c.seen.Counts)
	c.book.Totals() // as the tick does
	c.counted.add(c.at, c.believed, &delta)
}

func (c *clerk) flush() error {
	c.book.io.Lock()
	defer c.book.io.Unlock()
	return c.book.flush()
}

func (c *clerk) file() {
	c.book.io.Lock()
	defer c.book.io.Unlock()
	if c.book.loaded {
		c.book.file(time.Now())
	}
}

// inspect reads every file.
func (c *clerk) inspect() {
	c.book.io.Lock()
	defer c.book.io.Unlock()
	for c.book.inspect(time.Now()); len(c.book.unseen) > 0; {
		c.book.inspect(time.Now())
	}
}

// check says whether a book holds what a ledger does, all of it.
func (l ledger) check(b *Book) error {
	if totals := b.Totals(); totals != l.totals {
		return fmt.Errorf("totals %d/%d/%d, counted %d/%d/%d", totals.Accepted(), totals.Refused(), totals.Granted,
			l.totals.Accepted(), l.totals.Refused(), l.totals.Granted)
	}
	undated := b.Undated()
	if undated.Tally() != l.undated {
		return errors.New("another undated tally")
	}
	buckets, err := b.Query(time.Time{}, time.Unix(maxStart, 0))
	if err != nil {
		return err
	}
	if len(buckets) != len(l.buckets) {
		return fmt.Errorf("%d buckets, counted in %d", len(buckets), len(l.buckets))
	}
	for _, bucket := range buckets {
		if bucket.Lost || bucket.Length != time.Hour || bucket.Tally() != l.buckets[bucket.Start.Unix()] {
			return fmt.Errorf("another bucket at %v: %+v", bucket.Start, bucket)
		}
	}
	return nil
}

// work is a few days of a gate: hours that end, a clock that jumps and is not believed, restarts, a damaged file.
func (c *clerk) work(flushed func(), restart func()) {
	flush := func() {
		if c.flush() == nil {
			flushed()
		}
	}
	for step := range 26 {
		c.count(1 + c.random.IntN(5))
		flush()
		c.count(1)
		if step%3 == 0 {
			flush()
		}
		switch step {
		case 5:
			c.believed = false
		case 7:
			c.believed = true
		case 11:
			c.at = c.at.Add(-9 * time.Hour) // back into hours that are filed
		case 16:
			c.at = c.at.Add(8 * time.Hour)
		}
		c.at = c.at.Add(time.Duration(20+c.random.IntN(70)) * time.Minute)
		if step%2 == 1 {
			flush() // so that filing has nothing to flush, which the test would not see
			c.file()
		}
		if step%5 == 4 {
			flush()
			restart()
		}
	}
}

// cutPoint is a moment at which the power may go.
type cutPoint struct {
	disk              *flashtest.Disk
	acknowledged, now ledger
}

// cutScenario returns every moment at which something is done to the disk.
func cutScenario(t *testing.T, d *flashtest.Disk) (points []cutPoint) {
	t.Helper()
	c := newClerk(t, d, 1)
	acknowledged := c.counted.clone()
	d.Before = func(copied *flashtest.Disk) {
		points = append(points, cutPoint{copied, acknowledged, c.counted.clone()})
	}
	c.work(func() { acknowledged = c.counted.clone() }, c.open)
	_ = d.SyncDir(".") // and some time after all of it
	d.Before = nil
	if err := c.counted.check(c.book); err != nil {
		t.Fatal(err)
	}
	return points
}

var errCutLost = errors.New("lost")

// check says what is wrong with the book that is found after the cut, and goes on with it.
func (p *cutPoint) check(t *testing.T, d *flashtest.Disk, seed uint64) error {
	c := newClerk(t, d, seed)
	c.at = c.at.Add(40 * time.Hour)
	found := p.acknowledged
	err := found.check(c.book)
	if err != nil && p.now.check(c.book) == nil {
		found, err = p.now, nil // what was under way
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errCutLost, err)
	}
	c.counted = found.clone()
	return c.goOn()
}

// goOn counts on, and says what is wrong then.
func (c *clerk) goOn() error {
	c.count(3)
	if err := c.flush(); err != nil {
		return err
	}
	c.at = c.at.Add(2 * time.Hour)
	c.file()
	c.count(2)
	if err := c.flush(); err != nil {
		return err
	}
	c.open()
	if err := c.counted.check(c.book); err != nil {
		return fmt.Errorf("after going on: %w", err)
	}
	if s := c.book.State(); s.Fault != "" || len(s.Damage) > 0 {
		return fmt.Errorf("after going on: %+v", s)
	}
	return nil
}

func TestPowerCut(t *testing.T) {
	random := rand.New(rand.NewPCG(cutSeed, 2))
	points := cutScenario(t, flashtest.New())
	if len(points) < 100 {
		t.Fatalf("only %d moments", len(points))
	}
	limit := 150
	if testing.Short() {
		limit = 8
	}
	tried, twice := 0, 0
	for i, p := range points {
		tried += p.disk.Outcomes(limit, random, func(after *flashtest.Disk) {
			again := after.Copy()
			if err := p.check(t, after, 3); err != nil {
				t.Fatalf("cut before operation %d: %v", i, err)
			}
			if random.IntN(100) == 0 { // the power goes again while the book picks up
				twice += p.cutAgain(t, again, random)
			}
		})
	}
	t.Logf("%d moments, %d outcomes, %d after a second cut (seed %d)", len(points), tried, twice, cutSeed)
}

// cutAgain cuts the power once more, in the first flushes after p.
func (p *cutPoint) cutAgain(t *testing.T, d *flashtest.Disk, random *rand.Rand) (tried int) {
	t.Helper()
	c := newClerk(t, d, 4)
	c.at = c.at.Add(50 * time.Hour)
	c.counted = p.acknowledged.clone()
	if p.now.check(c.book) == nil {
		c.counted = p.now.clone()
	}
	acknowledged := c.counted.clone()
	var points []cutPoint
	d.Before = func(copied *flashtest.Disk) {
		points = append(points, cutPoint{copied, acknowledged, c.counted.clone()})
	}
	for range 2 {
		c.count(2)
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		acknowledged = c.counted.clone()
		c.at = c.at.Add(time.Hour)
		c.file()
	}
	for _, q := range points {
		tried += q.disk.Outcomes(10, random, func(after *flashtest.Disk) {
			if err := q.check(t, after, 5); err != nil {
				t.Fatalf("second cut: %v", err)
			}
		})
	}
	return tried
}

// TestPowerCutIsSeen shows that the test above can fail.
func TestPowerCutIsSeen(t *testing.T) {
	for name, spoil := range map[string]func(*flashtest.Disk){
		"files are not synced":        func(d *flashtest.Disk) { d.NoFileSync = true },
		"the directory is not synced": func(d *flashtest.Disk) { d.NoDirSync = true },
	} {
		disk := flashtest.New()
		spoil(disk)
		random := rand.New(rand.NewPCG(cutSeed, 6))
		tried, bad := 0, 0
		for _, p := range cutScenario(t, disk) {
			tried += p.disk.Outcomes(10, random, func(after *flashtest.Disk) {
				if errors.Is(p.check(t, after, 7), errCutLost) {
					bad++
				}
			})
		}
		if bad == 0 {
			t.Errorf("%s, and in none of %d outcomes anything is lost", name, tried)
		}
		t.Logf("%s: of %d outcomes %d are bad", name, tried, bad)
	}
}
