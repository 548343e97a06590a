//go:build board

package counters

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatescan/driver/drivertest"
	"gatescan/driver/turnstile"
)

// unsyncedDisk is a directory of which nothing is made lasting.
type unsyncedDisk struct{ dirDisk }

type unsyncedFile struct{ diskFile }

func (unsyncedDisk) sync() error { return nil }
func (unsyncedFile) sync() error { return nil }

func (d unsyncedDisk) create(name string) (diskFile, error) {
	f, err := d.dirDisk.create(name)
	return unsyncedFile{f}, err
}

func (d unsyncedDisk) open(name string) (diskFile, error) {
	f, err := d.dirDisk.open(name)
	return unsyncedFile{f}, err
}

// countOnBoard is the gate on the board: it counts one visit after another, and marks in the log of the disk what it has
// counted and what the book calls lasting.
func countOnBoard(t *testing.T, dir string) {
	var d disk = dirDisk(dir)
	synced := os.Getenv(unsyncedVariable) == ""
	if !synced {
		d = unsyncedDisk{dirDisk(dir)}
	}
	var now atomic.Pointer[visit]
	now.Store(&visit{})
	b, err := openDisk(Config{Dir: dir, Keep: MaxKeep, Believed: func() bool { return now.Load().believed }}, d,
		func() time.Time { return now.Load().at }, quiet)
	if err != nil {
		t.Fatal(err)
	}
	b.tick, b.due, b.filing = killedTick, killedDue, killedFiling
	marks, err := os.OpenFile(drivertest.DiskPath, os.O_WRONLY|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	sector, err := unix.Mmap(-1, 0, boardMarkSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON) // O_DIRECT wants it aligned
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begin, n, granted := time.Now(), 0, uint64(0)
	go b.Run(ctx)
	for ; n < boardVisits || time.Since(begin) < boardCounting; n++ {
		b.mu.Lock() // nobody is to see half a visit
		v := nthVisit(n + 1)
		now.Store(&v)
		b.live.Add(v.kind, v.reason)
		if v.granted {
			granted++
		}
		b.live.Passages(turnstile.Counts{Granted: granted, Passages: granted})
		b.collect()
		b.mu.Unlock()
		boardMark{synced, n + 1, visits(b.Lasting())}.encode(sector)
		if _, err := marks.WriteAt(sector, drivertest.MarkOffset); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	state := b.State()
	fmt.Printf("synced %t: counted %d visits, %d lasting, in %d writes, %d days, fault %q\n", synced, n, visits(b.Lasting()), state.WritesToday, state.Days, state.Fault)
}
