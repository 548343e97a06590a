package counters

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/driver/flash/flashtest"
	"gatescan/driver/turnstile"
	"gatescan/verify"
)

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string // what the error names; empty for none
	}{
		{Config{}, ""},
		{Config{Bucket: 5 * time.Minute}, ""},
		{Config{Bucket: 12 * time.Minute, Keep: MinKeep, Flush: MinFlush}, ""},
		{Config{Bucket: 4 * time.Minute}, "choose 5m"},
		{Config{Bucket: 7 * time.Minute}, "choose 5m"},
		{Config{Bucket: 450 * time.Second}, "choose 5m"},
		{Config{Bucket: 2 * time.Hour}, "choose 5m"},
		{Config{Bucket: -time.Hour}, "choose 5m"},
		{Config{Keep: time.Hour}, "kept for"},
		{Config{Keep: 2 * MaxKeep}, "kept for"},
		{Config{Flush: time.Millisecond}, "flushed every"},
		{Config{Flush: 2 * time.Hour}, "flushed every"},
	} {
		_, err := Open(c.config, time.Now, quiet)
		if c.want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.config, err)
		}
	}
}

// running is a book that runs in a bubble of time, with a clock that can be set.
type running struct {
	*Book
	mu       sync.Mutex
	ahead    time.Duration
	believed bool
}

func (r *running) set(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ahead = time.Until(at)
}

func (r *running) trust(believed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.believed = believed
}

func run(t *testing.T, c Config, d disk, at time.Time) *running {
	t.Helper()
	return runTicking(t, c, d, at, time.Second)
}

func runTicking(t *testing.T, c Config, d disk, at time.Time, tick time.Duration) *running {
	t.Helper()
	r := &running{believed: true}
	r.set(at)
	c.Believed = func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.believed
	}
	now := func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return time.Now().Add(r.ahead)
	}
	var err error
	if r.Book, err = openDisk(c, d, now, quiet); err != nil {
		t.Fatal(err)
	}
	if tick != time.Second {
		r.tick = tick
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { r.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return r
}

func (r *running) accept(n int) {
	for range n {
		r.Live().Add(verify.Vaccination, verify.Accepted)
	}
}

// expect compares what is accepted in each bucket, by its start.
func (r *running) expect(t *testing.T, want map[string]uint64) {
	t.Helper()
	buckets, err := r.Query(time.Time{}, time.Unix(maxStart, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets {
		start := b.Start.Format(time.RFC3339)
		if b.Accepted() != want[start] {
			t.Errorf("%d at %s, want %d", b.Accepted(), start, want[start])
		}
		delete(want, start)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v in %v", want, buckets)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := flashtest.New()
		lisbon := zone(t, "Europe/Lisbon")
		b := run(t, Config{Dir: "x", Zone: lisbon}, d, time.Date(2026, 10, 25, 0, 50, 0, 0, time.UTC))
		synctest.Wait()
		b.accept(3)
		if b.Lasting() != (Tally{}) {
			t.Error("flushed at once")
		}
		time.Sleep(DefaultFlush)
		if lasting := b.Lasting(); lasting.Accepted() != 3 {
			t.Errorf("%d lasting after a minute", lasting.Accepted())
		}
		time.Sleep(8*time.Minute + 58*time.Second)
		b.accept(4) // within the last two seconds of the hour: 1:00 of summer
		time.Sleep(3 * time.Second)
		b.accept(5) // 1:00 of winter
		time.Sleep(time.Hour)
		b.accept(6)
		time.Sleep(90 * time.Second)
		want := map[string]uint64{"2026-10-25T00:00:00Z": 7, "2026-10-25T01:00:00Z": 5, "2026-10-25T02:00:00Z": 6}
		b.expect(t, want)
		if s := b.State(); s.Pending != 1 || s.Days != 1 || s.Fault != "" || s.BytesToday == 0 || s.LastFlush.IsZero() || s.Bytes < 2*slotSize {
			t.Errorf("%+v", s)
		}

		syncs := d.Syncs()
		time.Sleep(5 * time.Hour)
		if d.Syncs() > syncs+1 { // the last hour is filed
			t.Errorf("%d writes while nothing is counted", d.Syncs()-syncs)
		}

		// The clock goes back into an hour that is filed, is not believed, and comes back.
		b.set(time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC))
		b.accept(1)
		time.Sleep(10 * time.Second)
		b.trust(false)
		b.accept(2)
		time.Sleep(10 * time.Second)
		b.trust(true)
		b.set(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC))
		b.accept(4)
		time.Sleep(10 * time.Second)
		b.set(time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC))
		b.accept(8)
		time.Sleep(10 * time.Second)
		b.set(time.Date(2026, 10, 25, 9, 0, 0, 0, time.UTC))
		b.accept(16)
		time.Sleep(2 * time.Hour)
		b.expect(t, map[string]uint64{
			"2026-10-25T00:00:00Z": 7, "2026-10-25T01:00:00Z": 6, "2026-10-25T02:00:00Z": 6, "2026-10-25T09:00:00Z": 16,
		})
		undated := b.Undated()
		if undated.Accepted() != 14 || !undated.Start.IsZero() {
			t.Errorf("undated %+v", undated)
		}
		total, lasting := b.Totals(), b.Lasting()
		if total.Accepted() != 49 || lasting != total {
			t.Errorf("%d, %d lasting", total.Accepted(), lasting.Accepted())
		}
	})
}

// The loss that is stated: whatever is counted is lasting after Flush.
func TestFlushInTime(t *testing.T) {
	for _, flush := range []time.Duration{MinFlush, 10 * time.Second, DefaultFlush, MaxFlush} {
		synctest.Test(t, func(t *testing.T) {
			b := run(t, Config{Dir: "x", Flush: flush}, flashtest.New(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
			random := rand.New(rand.NewPCG(cutSeed, 20))
			type count struct {
				at time.Time
				n  uint64
			}
			var counted []count
			n := uint64(0)
			for range 3000 {
				time.Sleep(time.Duration(random.Int64N(int64(flush / 30))))
				b.accept(1)
				n++
				counted = append(counted, count{time.Now(), n})
				for len(counted) > 0 && time.Since(counted[0].at) > flush {
					if lasting := b.Lasting(); lasting.Accepted() < counted[0].n {
						t.Fatalf("flush %v: after %v, %d of %d are lasting", flush, time.Since(counted[0].at), lasting.Accepted(), counted[0].n)
					}
					counted = counted[1:]
				}
			}
		})
	}
}

// What is counted while the disk is written is flushed without another count to remind of it.
func TestCountedWhileFlushing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := flashtest.New()
		b := run(t, Config{Dir: "x"}, d, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
		more := 1
		d.Before = func(*flashtest.Disk) {
			b.accept(more)
			more = 0
			b.Totals()
		}
		b.accept(1)
		time.Sleep(2 * DefaultFlush)
		if lasting := b.Lasting(); more != 0 || lasting.Accepted() != 2 {
			t.Errorf("%d of 2 are lasting", lasting.Accepted())
		}
	})
}

// A day of 10,000 passes, with the defaults.
func TestBytesPerDay(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		passes int
		bytes  int
		syncs  int64
	}{
		{"default", Config{}, 10_000, 6 << 20, 1200},
		{"5 minutes", Config{Bucket: MinBucket}, 10_000, 8 << 20, 1200},
		{"flush of 10 minutes", Config{Flush: 10 * time.Minute}, 10_000, 1 << 20, 200},
		{"nobody", Config{}, 0, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			c.config.Dir = "x"
			d := flashtest.New()
			b := run(t, c.config, d, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
			b.wrote(0) // the day begins
			random := rand.New(rand.NewPCG(cutSeed, 21))
			end := time.Now().Add(24*time.Hour - time.Second)
			time.Sleep(6 * time.Hour)
			for range c.passes {
				time.Sleep(time.Duration(random.Int64N(int64(2 * 16 * time.Hour / 10_100))))
				b.Live().Add(verify.Kind(random.IntN(verify.NumKinds)), verify.Accepted)
				if random.IntN(20) == 0 {
					b.Live().Add(verify.NoKind, verify.Reason(random.IntN(verify.NumReasons)))
				}
			}
			time.Sleep(time.Until(end))
			s := b.State()
			t.Logf("%s: %d bytes in %d writes, %d times waited for the flash; files of %d bytes", c.name, s.BytesToday, s.WritesToday-1, d.Syncs(), s.Bytes)
			if int(s.BytesToday) > c.bytes || d.Syncs() > c.syncs || c.passes > 0 && d.Syncs() < 50 {
				t.Error("that is not what is stated")
			}
		})
	}
}

func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := flashtest.New()
		d.Set("day-1999-01-01x", []byte{}) // not ours
		begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		b := runTicking(t, Config{Dir: "x", Keep: 10 * 24 * time.Hour}, d, begin, time.Minute)
		for range 30 {
			b.accept(1)
			time.Sleep(24 * time.Hour)
		}
		if s := b.State(); s.Days < 10 || s.Days > 12 {
			t.Errorf("%+v", s)
		}
		synctest.Wait()
		if totals := b.Totals(); totals.Accepted() != 30 || d.Data("day-1999-01-01x") == nil {
			t.Errorf("%d in all", totals.Accepted())
		}
		// A clock that is years ahead for some hours takes little away.
		b.set(time.Date(2036, 3, 1, 12, 0, 0, 0, time.UTC))
		time.Sleep(5 * time.Hour)
		if s := b.State(); s.Days < 6 {
			t.Errorf("%d days are left", s.Days)
		}
	})
}

func TestInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, Config{Keep: 48 * time.Hour}, nil, time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC))
		for range 100 {
			b.accept(2)
			b.Live().Passages(turnstile.Counts{Granted: 2, Passages: 1, NotEntered: 1}) // monotone: the same again adds nothing
			time.Sleep(time.Hour)
		}
		b.Live().Passages(turnstile.Counts{Granted: 1})
		totals := b.Totals()
		if totals.Accepted() != 200 || totals.Granted != 2 || totals.NotEntered != 1 || b.Lasting() != (Tally{}) {
			t.Errorf("%+v", totals)
		}
		buckets, err := b.Query(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC))
		if err != nil || len(buckets) != 24 {
			t.Errorf("%d buckets, %v", len(buckets), err)
		}
		if all, err := b.Query(time.Time{}, time.Unix(maxStart, 0)); err != nil || len(all) < 48 || len(all) > 50 {
			t.Errorf("%d buckets are kept, %v", len(all), err)
		}
		if s := b.State(); s.Fault != "" || s.LastFlush != (time.Time{}) {
			t.Errorf("%+v", s)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}
