package counters

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/driver/flash/flashtest"
)

// Reading changes nothing: neither the files nor what is reported. The book itself finds an old file that is damaged, sets it
// aside, reports it once, and no longer reports it when it is gone.
func TestInspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := flashtest.New()
		day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for i := range 100 { // of one bucket each
			r := record{seq: 1, parts: []part{{id: uint64(i), start: day.AddDate(0, 0, i).Unix(), length: 3600, filed: 1}}}
			d.Set(dayName(day.AddDate(0, 0, i)), r.encode())
		}
		const name = "day-2026-03-20"
		d.Set(name, bytes.ToUpper(d.Data(name)))
		d.Set("now-1", (&record{seq: 1}).encode())
		log := &bytes.Buffer{}
		b, err := openDisk(Config{Dir: "x"}, d, func() time.Time { return day.AddDate(0, 0, 100) }, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		defer running.Wait()
		defer cancel()
		files := d.Names()
		query := func() {
			t.Helper()
			synctest.Wait()
			before := b.State()
			buckets, err := b.Query(day.AddDate(0, 0, 19), day.AddDate(0, 0, 20))
			if err != nil || len(buckets) != 1 || !buckets[0].Lost {
				t.Errorf("%+v, %v", buckets, err)
			}
			if after := b.State(); !slices.Equal(before.Damage, after.Damage) || after.Fault != before.Fault {
				t.Errorf("a query changed %+v into %+v", before, after)
			}
		}
		query()
		if s := b.State(); len(s.Damage) != 0 || !slices.Equal(d.Names(), files) {
			t.Errorf("a query reports %q", s.Damage)
		}
		running.Go(func() { b.Run(ctx) })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if s := b.State(); len(s.Damage) != 1 || !strings.Contains(s.Damage[0], name+".damaged") || d.Data(name) != nil || len(d.Names()) != len(files) {
			t.Errorf("after 10 s the damage is %q", s.Damage)
		}
		query()
		time.Sleep(50 * time.Hour)
		query()
		if n := strings.Count(log.String(), name); n != 2 { // one line has the name twice
			t.Errorf("the log has the name %d times:\n%s", n, log)
		}
		b.io.Lock()
		d.Set(name+".damaged", nil)
		b.io.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := b.State(); len(s.Damage) != 0 {
			t.Errorf("the file is gone, and %q is reported", s.Damage)
		}
	})
}
