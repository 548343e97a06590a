package counters

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"gatescan/driver/flash"
)

// Defaults and limits of a Config.
const (
	DefaultBucket = time.Hour
	DefaultKeep   = 400 * 24 * time.Hour
	DefaultFlush  = time.Minute

	MinBucket = 5 * time.Minute // no finer: a bucket shall not tell of one person
	MinKeep   = 24 * time.Hour
	MaxKeep   = 3660 * 24 * time.Hour
	MinFlush  = time.Second
	MaxFlush  = time.Hour

	// maxParts is how many buckets may be in memory, where no disk takes them: 400 days of hours. Then the oldest goes;
	// the totals stay.
	maxParts = 10_000
)

// Config says where and how a book is kept. What is zero is the default.
type Config struct {
	Dir    string         // on flash; empty keeps everything in memory, with 10,000 buckets at most
	Zone   *time.Location // of the venue; nil for UTC
	Bucket time.Duration  // 5 minutes to 1 hour, whole minutes that divide the hour
	Keep   time.Duration  // how long buckets are kept; what is older is removed within a day
	// Flush is how much a power cut may take at most: what was counted in the last Flush, as long as the disk takes no more
	// than 1/24 of it for a write. It also bounds the writes: at most one, of 4 KiB as a rule, in 7/8 of it, two more an
	// hour, and none while nothing is counted. By default that is at most 1,660 writes or 6.5 MiB a day.
	Flush    time.Duration
	Believed func() bool // says whether the clock is; nil if it always is. It must not block.
}

// Validate returns the first mistake of a configuration, with what may be chosen instead.
func (c Config) Validate() error {
	_, err := c.withDefaults()
	return err
}

func (c Config) withDefaults() (Config, error) {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	c.Bucket, c.Keep, c.Flush = cmp.Or(c.Bucket, DefaultBucket), cmp.Or(c.Keep, DefaultKeep), cmp.Or(c.Flush, DefaultFlush)
	if c.Believed == nil {
		c.Believed = func() bool { return true }
	}
	switch {
	case c.Bucket < MinBucket || c.Bucket > time.Hour || time.Hour%c.Bucket != 0 || c.Bucket%time.Minute != 0:
		return c, fmt.Errorf("counters: a bucket of %v: choose 5m, 6m, 10m, 12m, 15m, 20m, 30m or 1h", c.Bucket)
	case c.Keep < MinKeep || c.Keep > MaxKeep:
		return c, fmt.Errorf("counters: kept for %v: choose %v to %v", c.Keep, MinKeep, MaxKeep)
	case c.Flush < MinFlush || c.Flush > MaxFlush:
		return c, fmt.Errorf("counters: flushed every %v: choose %v to %v", c.Flush, MinFlush, MaxFlush)
	}
	return c, nil
}

// Book keeps what Counters count, by the hour. Its methods may be called from any goroutine; Live, Undated and
// State never wait for the disk. Two processes must not keep the same book.
type Book struct {
	config Config
	disk   disk // nil for none
	now    func() time.Time
	log    *slog.Logger
	tick   time.Duration // how late a count may be noticed
	due    time.Duration // after what it is flushed
	filing time.Duration // how often what is over goes to the file of its day, at most
	live   Counters

	io         sync.Mutex // held while the disk is used; locked before mu
	loaded     bool
	unread     int      // times that one of the two states could not be read
	absent     [2]bool  // which of the two files of the state is not there
	dirLasting bool     // nothing happened to the directory since it was synced
	acked      *record  // the newest state that is lasting; its parts are those that are to be filed
	unseen     []string // files that inspect has yet to read
	inspected  time.Time

	mu              sync.Mutex
	seen            Tally // what of live is in totals
	totals, undated Tally
	parts           []part // that are not known to be filed
	lasting         Tally  // totals that no power cut takes away
	dirtySince      time.Time
	tried, filed    time.Time // last
	fileTried       time.Time
	pruned          time.Time
	measured        time.Time
	faults          [numFaults]error
	state           State
	damage          []damage
	today           time.Time // when the day that state.BytesToday is about began
}

// Open opens a book. An error is a mistake in the configuration; if the disk is at fault the book counts in memory, says so
// in State and in the log, and tries again with every flush. Nothing is written before Run or Close.
func Open(c Config, now func() time.Time, log *slog.Logger) (*Book, error) {
	var d disk
	if c.Dir != "" {
		d = flash.Dir(c.Dir)
	}
	return openDisk(c, d, now, log)
}

func openDisk(c Config, d disk, now func() time.Time, log *slog.Logger) (*Book, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Book{config: c, disk: d, now: now, log: log, tick: min(time.Second, c.Flush/24), filing: time.Hour}
	b.due = c.Flush - c.Flush/24 - 2*b.tick // the disk takes some time too
	b.pruned = time.Now().Add(10*time.Minute - pruneEvery)
	if d != nil {
		b.io.Lock()
		defer b.io.Unlock()
		b.load()
	}
	return b, nil
}

// Live are the counters to count with. They begin at 0 with the process.
func (b *Book) Live() *Counters { return &b.live }

// Undated is what was counted while the clock was not believed. It is part of Totals, and of no other bucket.
func (b *Book) Undated() Bucket {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.collect()
	return newBucket(time.Time{}, 0, &b.undated)
}

// Run keeps the book until ctx ends. What was counted then is for Close to flush.
func (b *Book) Run(ctx context.Context) {
	var loops sync.WaitGroup
	defer loops.Wait()
	loops.Go(func() { // a disk that hangs must not put counts into a later bucket
		b.every(ctx, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.collect()
		})
	})
	if b.disk != nil {
		b.every(ctx, func() { b.keep(time.Now()) })
	}
}

func (b *Book) every(ctx context.Context, do func()) {
	ticker := time.NewTicker(b.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// Close flushes. The error says what is lost with the process.
func (b *Book) Close() error {
	if b.disk == nil {
		return nil
	}
	b.io.Lock()
	defer b.io.Unlock()
	return b.flush()
}

// collect puts what was counted since the last time into the bucket of now: a count may be off by a tick at the border of
// two. A clock that jumps takes up another bucket, old or new. mu is held.
func (b *Book) collect() {
	live := b.live.Tally()
	delta := live.since(&b.seen)
	if delta == (Tally{}) {
		return
	}
	b.seen.raise(&live)
	b.totals.add(&delta)
	if b.dirtySince.IsZero() {
		b.dirtySince = time.Now()
	}
	start, length, dated := b.current()
	if !dated {
		b.undated.add(&delta)
		return
	}
	for i := len(b.parts) - 1; i >= 0; i-- {
		if p := &b.parts[i]; p.start == start && p.length == length {
			sum := p.counts.tally()
			sum.add(&delta)
			p.counts = sum.sparse()
			return
		}
	}
	if b.disk == nil {
		b.forget()
	}
	if len(b.parts) >= maxParts {
		b.parts = b.parts[1:]
	}
	b.parts = append(b.parts, part{id: rand.Uint64(), start: start, length: length, counts: delta.sparse()})
}

// forget drops from memory what was kept long enough.
func (b *Book) forget() {
	oldest := b.now().Add(-b.config.Keep).Unix()
	b.parts = slices.DeleteFunc(b.parts, func(p part) bool { return p.start < oldest })
}

// current is the bucket of now.
func (b *Book) current() (start int64, length uint32, dated bool) {
	now := b.now()
	if second := now.Unix(); !b.config.Believed() || second < minStart+86400 || second > maxStart-86400 {
		return 0, 0, false
	}
	from, size := bucketAt(now, b.config.Zone, b.config.Bucket)
	return from.Unix(), uint32(size / time.Second), true
}

// Query returns the buckets that begin at from or later, and before to, in order; those in which nothing was counted are not
// there. A day whose file was damaged or cannot be read is a bucket that is Lost, besides what else is known of that day.
// What is undated is not among them. An error is about the directory as a whole: then the buckets are those in memory, behind
// one that is Lost and as long as from is from to.
func (b *Book) Query(from, to time.Time) (buckets []Bucket, err error) {
	b.mu.Lock()
	b.collect()
	parts := slices.Clone(b.parts)
	b.mu.Unlock()
	var lost []Bucket
	if b.disk != nil {
		filed, missing, e := b.readDays(from, to)
		parts, lost = unite(filed, parts), missing
		if e != nil {
			err = fmt.Errorf("counters: %w", e)
			lost = []Bucket{{Start: from, Length: to.Sub(from), Lost: true}}
		}
	}
	type span struct {
		start  int64
		length uint32
	}
	sums := map[span]*Tally{}
	for _, p := range parts {
		if at := p.at(); at.Before(from) || !at.Before(to) {
			continue
		}
		s := span{p.start, p.length}
		if sums[s] == nil {
			sums[s] = &Tally{}
		}
		p.counts.addTo(sums[s])
	}
	buckets = lost
	for s, t := range sums {
		buckets = append(buckets, newBucket(time.Unix(s.start, 0).UTC(), time.Duration(s.length)*time.Second, t))
	}
	slices.SortFunc(buckets, func(a, b Bucket) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(b.Length, a.Length))
	})
	return buckets, err
}
