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
	"gatescan/driver/flash"
	"gatescan/driver/turnstile"
)

// unsyncedDisk is a directory that is never synced.
type unsyncedDisk struct{ flash.Dir }

type unsyncedFile struct{ flash.File }

func (unsyncedDisk) SyncDir(string) error { return nil }
func (unsyncedFile) Sync() error          { return nil }

func (d unsyncedDisk) Create(name string, a flash.Access) (flash.File, error) {
	f, err := d.Dir.Create(name, a)
	return unsyncedFile{f}, err
}

func (d unsyncedDisk) OpenInPlace(name string) (flash.File, error) {
	f, err := d.Dir.OpenInPlace(name)
	return unsyncedFile{f}, err
}

// countOnBoard is the gate on the board: it counts one visit after another, and marks in the log of the disk what it has
// counted and what the book calls lasting.
func countOnBoard(t *testing.T, dir string) {
	var d disk = flash.Dir(dir)
	synced := os.Getenv(unsyncedVariable) == ""
	if !synced {
		d = unsyncedDisk{flash.Dir(dir)}
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
