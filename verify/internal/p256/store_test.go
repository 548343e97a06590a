package p256

import (
	"math/big"
	"runtime"
	"sync"
	"testing"
	"time"
)

var noon = time.Unix(1_640_000_000, 0).Truncate(24 * time.Hour).Add(12 * time.Hour)

// freshStore is one with nothing but its bound.
func freshStore(t testing.TB, limit int64) *store {
	t.Helper()
	Settle()
	old := shared
	shared = newStore()
	shared.limit.Store(limit)
	t.Cleanup(func() {
		Settle()
		shared = old
	})
	return shared
}

// keys are count keys, from first·G on.
func keysFrom(t testing.TB, first, count int) []*Key {
	t.Helper()
	list := make([]*Key, count)
	for i := range list {
		q := multiple(t, big.NewInt(int64(first+i)))
		list[i] = &Key{q: q}
	}
	return list
}

// accept lets passes of a key be accepted, one a minute, and returns the next minute.
func accept(k *Key, passes int, now time.Time) time.Time {
	for range passes {
		k.Accepted(now)
		Settle()
		now = now.Add(time.Minute)
	}
	return now
}

// total is what tables take by their keys' own account.
func total(keys []*Key) (bytes int64) {
	for _, k := range keys {
		bytes += shapes[k.level()].bytes()
	}
	return bytes + base().bytes()
}

func count(keys []*Key, l level) (n int) {
	for _, k := range keys {
		if k.level() == l {
			n++
		}
	}
	return n
}

func TestTablesGrowWithPasses(t *testing.T) {
	freshStore(t, DefaultMemory)
	k := keysFrom(t, 100, 1)[0]
	now := noon
	for i, want := range []level{none, small, medium, wide, wide} {
		if got := k.level(); got != want {
			t.Errorf("after %d passes: level %d, want %d", i, got, want)
		}
		now = accept(k, 1, now)
	}
	if got := base().shape; got != baseShape {
		t.Errorf("the generator has %v", got)
	}
}

func TestListsHaveSmallTables(t *testing.T) {
	s := freshStore(t, DefaultMemory)
	fits := int(s.limit.Load() / 2 / shapes[small].bytes())
	if fits < 2000 {
		t.Errorf("only lists of %d keys have tables", fits)
	}
	shared.limit.Store(40 * shapes[small].bytes())
	list := keysFrom(t, 1000, 21)
	Prepare(list)
	Settle()
	if n := count(list, none); n != len(list) {
		t.Errorf("%d keys of a list that is too long have tables", len(list)-n)
	}
	Prepare(list[1:])
	Settle()
	if n := count(list, small); n != 16 && n != 20 { // the generator's table takes the room of 4
		t.Errorf("%d keys of a list have small tables", n)
	}
	shared.limit.Store(DefaultMemory)
	Prepare(list)
	Settle()
	if n := count(list, small); n != len(list) {
		t.Errorf("%d of %d keys have small tables", n, len(list))
	}
	accept(list[0], 1, noon)
	if list[0].level() != small {
		t.Error("the first pass of a key of the list changed its table")
	}
}

// A list that is read again finds the tables of the one before.
func TestTheSamePointIsTheSameKey(t *testing.T) {
	freshStore(t, DefaultMemory)
	k := keysFrom(t, 300, 1)[0]
	if again, err := NewKey(k.Bytes()); err != nil || again == k {
		t.Errorf("a key without a table was found; error %v", err)
	}
	accept(k, 3, noon)
	if again, err := NewKey(k.Bytes()); err != nil || again != k {
		t.Errorf("a key with a table was not found; error %v", err)
	}
	negative := k.Bytes()
	y := new(big.Int).SetBytes(negative[33:])
	y.Sub(bigP, y).FillBytes(negative[33:])
	if other, err := NewKey(negative); err != nil || other == k || other.q == k.q {
		t.Errorf("the negative of a point is the same key; error %v", err)
	}
	runtime.KeepAlive(k)
}

// crowd gives tables to keys of a day, each seen in minutes minutes, until there is no room for another wide one.
func crowd(t *testing.T, minutes int) (keys []*Key, now time.Time) {
	t.Helper()
	now = noon
	keys = keysFrom(t, 500, 12)
	for range minutes {
		for _, k := range keys {
			k.Accepted(now)
			Settle()
		}
		now = now.Add(time.Minute)
	}
	if n := count(keys, wide); n == 0 || n == len(keys) {
		t.Fatalf("%d of %d keys have wide tables", n, len(keys))
	}
	return keys, now
}

// One pass that is shown again and again pushes nothing out.
func TestARepeatedPassTakesNothing(t *testing.T) {
	s := freshStore(t, 2<<20)
	keys, now := crowd(t, 6)
	levels := make([]level, len(keys))
	for i, k := range keys {
		levels[i] = k.level()
	}
	intruder := keysFrom(t, 700, 1)[0]
	for range 50 {
		for range 200 {
			intruder.Accepted(now)
		}
		Settle()
	}
	for i, k := range keys {
		if k.level() != levels[i] {
			t.Errorf("key %d has level %d, had %d", i, k.level(), levels[i])
		}
	}
	if intruder.level() != medium {
		t.Errorf("the intruder has level %d", intruder.level())
	}
	if got := total(append(keys, intruder)); got > s.limit.Load() {
		t.Errorf("tables take %d bytes", got)
	}
}

// A key that is seen more often than another takes its wide table.
func TestAHotterKeyTakesTheColdest(t *testing.T) {
	s := freshStore(t, 2<<20)
	keys, now := crowd(t, 6)
	before := count(keys, wide)
	newcomer := keysFrom(t, 800, 1)[0]
	for i := range 20 {
		now = accept(newcomer, 1, now)
		if newcomer.level() == wide {
			if i < 6 {
				t.Errorf("it took a table after %d minutes", i)
			}
			break
		}
	}
	if newcomer.level() != wide || count(keys, wide) != before-1 {
		t.Errorf("the newcomer has level %d, %d of the others are wide, %d were", newcomer.level(), count(keys, wide), before)
	}
	if got := total(append(keys, newcomer)); got > s.limit.Load() {
		t.Errorf("tables take %d bytes", got)
	}
}

// Keys of yesterday make room for those of today.
func TestHeatFades(t *testing.T) {
	freshStore(t, 2<<20)
	keys, now := crowd(t, 20)
	newcomer := keysFrom(t, 900, 1)[0]
	now = now.Add(48 * time.Hour)
	accept(newcomer, 6, now)
	if newcomer.level() != wide {
		t.Errorf("level %d after two days", newcomer.level())
	}
	runtime.KeepAlive(keys)
}

func TestSetMemory(t *testing.T) {
	freshStore(t, DefaultMemory)
	keys := keysFrom(t, 1200, 6)
	for _, k := range keys {
		accept(k, 4, noon)
	}
	if n := count(keys, wide); n != len(keys) {
		t.Fatalf("%d keys have wide tables", n)
	}
	for _, limit := range []int64{1 << 20, 300 << 10, 40 << 10, 0} {
		SetMemory(limit)
		Settle()
		if got := total(keys); got > limit && got > base().bytes() {
			t.Errorf("tables take %d of %d bytes", got, limit)
		}
	}
	if n := count(keys, none); n != len(keys) {
		t.Errorf("%d keys have tables in no memory", len(keys)-n)
	}
	SetMemory(DefaultMemory)
	accept(keys[0], 1, noon)
	if keys[0].level() != wide {
		t.Errorf("level %d when there is memory again", keys[0].level())
	}
}

// What tables of forgotten keys took is free again.
func TestForgottenKeys(t *testing.T) {
	s := freshStore(t, 2<<20)
	func() {
		keys, _ := crowd(t, 6)
		runtime.KeepAlive(keys)
	}()
	runtime.GC()
	runtime.GC()
	k := keysFrom(t, 1300, 1)[0]
	accept(k, 3, noon.Add(10*time.Minute))
	if k.level() != wide || len(s.owners) != 1 || len(s.byX) != 1 {
		t.Errorf("level %d, %d and %d keys are known", k.level(), len(s.owners), len(s.byX))
	}
}

func TestAClockThatJumps(t *testing.T) {
	freshStore(t, DefaultMemory)
	k := keysFrom(t, 1400, 1)[0]
	for _, now := range []time.Time{noon, {}, noon.AddDate(200, 0, 0), time.Unix(-1<<40, 0), time.Unix(1<<60, 0), noon} {
		k.Accepted(now)
		Settle()
	}
	if k.level() != wide {
		t.Errorf("level %d", k.level())
	}
}

// Verification goes on while tables are exchanged, in both directions (make check runs this with the race detector).
func TestExchangeWhileVerifying(t *testing.T) {
	freshStore(t, DefaultMemory)
	private, point := newPrivate(t)
	k, err := NewKey(point)
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, private, [32]byte{1})
	bad := good
	bad.digest[0] ^= 1
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if !good.acceptedBy(k) || bad.acceptedBy(k) {
					t.Error("a verdict changed")
					return
				}
				k.Accepted(noon.Add(time.Duration(n) * time.Second))
			}
		})
	}
	seen := map[level]bool{}
	for range 2 {
		for _, limit := range []int64{0, 20 << 10, DefaultMemory} {
			SetMemory(limit)
			Settle()
			seen[k.level()] = true
			time.Sleep(5 * time.Millisecond)
			Settle()
			seen[k.level()] = true
		}
	}
	close(stop)
	wg.Wait()
	if !seen[none] || !seen[wide] {
		t.Errorf("levels seen: %v", seen)
	}
}

func TestAcceptedAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: the race detector allocates")
	}
	freshStore(t, DefaultMemory)
	k := keysFrom(t, 1500, 1)[0]
	now := accept(k, 4, noon)
	if n := testing.AllocsPerRun(100, func() { k.Accepted(now); now = now.Add(time.Minute) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
