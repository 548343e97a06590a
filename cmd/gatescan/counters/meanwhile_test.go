package counters

import (
	"testing"
	"time"

	"gatescan/driver/flash/flashtest"
)

// People come while the disk is being written. What is filed is never ahead of the totals that are lasting, and what grows
// while it is filed counts once.
func TestCountedMeanwhile(t *testing.T) {
	d := flashtest.New()
	c := newClerk(t, d, 40)
	hour := c.at
	sums := func(b *Book) (sum Tally) {
		buckets, err := b.Query(time.Time{}, time.Unix(maxStart, 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, bucket := range buckets {
			tally := bucket.Tally()
			sum.add(&tally)
		}
		return sum
	}
	cuts := 0
	meanwhile := func(do func()) {
		t.Helper()
		inside := false
		d.Before = func(copied *flashtest.Disk) {
			if inside {
				return
			}
			inside = true
			copied.Settle()
			cut := *c
			cut.disk = copied
			cut.open()
			if totals := cut.book.Totals(); sums(cut.book) != totals {
				t.Errorf("after a cut, the buckets are not the totals: %+v", totals)
			}
			cuts++
			at := c.at
			c.at = hour
			c.count(1)
			c.at = at
			inside = false
		}
		do()
		d.Before = nil
		if err := c.counted.check(c.book); err != nil {
			t.Fatal(err)
		}
	}
	flush := func() {
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
	}
	c.count(5)
	c.at = c.at.Add(time.Hour)
	c.file() // one part of the hour is filed, and gone from memory
	c.at = hour
	c.count(5)
	meanwhile(flush)
	c.at = hour.Add(time.Hour)
	meanwhile(c.file) // another one is filed, and has grown since
	c.count(1)
	c.at = hour // that one is open again
	for range 4 {
		c.count(1)
		flush()
		c.at = hour.Add(time.Hour)
		c.count(1)
		flush()
		c.at = hour
		c.file() // the hour after
	}
	c.at = hour.Add(2 * time.Hour)
	c.file()
	if err := c.counted.check(c.book); err != nil {
		t.Error(err)
	}
	c.open()
	if err := c.counted.check(c.book); err != nil {
		t.Error(err)
	}
	if cuts < 6 {
		t.Errorf("%d cuts", cuts)
	}
}
