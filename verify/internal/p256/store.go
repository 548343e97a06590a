package p256

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"golang.org/x/sys/unix"
)

// DefaultMemory is what tables may take unless SetMemory says otherwise, in bytes.
const DefaultMemory = 8 << 20

// enoughPasses is from which accepted pass on a key may have a wide table. From the second on it may have a medium one.
const enoughPasses = 3

// store decides which key has which table, for all keys of the process within one bound of memory. It builds them on a thread
// of the lowest priority, which lives while there is something to build. Verification never waits for it.
//
// Half of the memory is for small tables of all keys of a list, an eighth for the generator's, a sixteenth is kept from
// wide tables. When there is no room, a key takes it from the coldest one that has a table of that size, if it is much hotter.
// Only accepted passes make a key hot.
type store struct {
	limit   atomic.Int64
	running atomic.Bool
	wanted  chan *Key // their passes were accepted
	bars    [wide + 1]heat

	mu     sync.Mutex                     // of the next three
	lists  [][]*Key                       // to be given small tables
	byX    map[element]weak.Pointer[Key]  // keys that have had a table
	owners map[weak.Pointer[Key]]struct{} // the same

	// Of the goroutine that runs alone.
	used    int64  // what the tables of owners take
	minute  uint32 // of the last accepted pass
	builder builder
}

var shared = newStore()

func newStore() *store {
	s := &store{
		wanted: make(chan *Key, 64), byX: map[element]weak.Pointer[Key]{}, owners: map[weak.Pointer[Key]]struct{}{},
	}
	s.limit.Store(DefaultMemory)
	return s
}

// SetMemory bounds what the tables of all keys take, in bytes. With 0 it drops all of them, and every verification takes as
// long as that of a key that was never seen.
func SetMemory(bytes int64) {
	shared.limit.Store(max(0, bytes))
	shared.lowerBars()
	shared.start()
}

// Prepare builds small tables for the keys of a list, in the background, if the list is not too long for the memory.
// It keeps the slice until then.
func Prepare(keys []*Key) {
	s := shared
	if len(keys) == 0 {
		return
	}
	if int64(len(keys))*shapes[small].bytes() <= s.limit.Load()/2 {
		s.mu.Lock()
		s.lists = append(s.lists, keys)
		s.mu.Unlock()
	} else if _, missing := s.missingBase(); !missing {
		return
	}
	s.start()
}

// Accepted says that a pass of the key was accepted at a moment. It allocates nothing and waits for nothing.
func (k *Key) Accepted(now time.Time) {
	minute := minuteOf(now)
	passes := k.passes.Load()
	if passes < enoughPasses {
		passes = k.passes.Add(1)
	}
	heat := k.heat.see(minute)
	s, has, to := shared, k.level(), min(level(passes), wide)
	for to > has && heat < s.bars[to].at(minute) {
		to--
	}
	if to <= has || s.limit.Load() == 0 {
		return
	}
	select {
	case s.wanted <- k:
		s.start()
	default: // the next pass asks again
	}
}

func (k *Key) level() level {
	c := k.table.Load()
	if c == nil {
		return none
	}
	for l := small; l <= wide; l++ {
		if shapes[l] == c.shape {
			return l
		}
	}
	return none
}

// find returns the key of a point if it has had a table and is in use.
func (s *store) find(q *affine) *Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.byX[q.x].Value(); k != nil && k.q == *q {
		return k
	}
	return nil
}

func (s *store) start() {
	if s.running.CompareAndSwap(false, true) {
		go s.run()
	}
}

// Settle returns when nothing is being built. Tests and benchmarks measure from there.
func Settle() {
	for shared.running.Load() {
		time.Sleep(time.Millisecond)
	}
}

// leastPriority is the highest nice value (sched(7)).
const leastPriority = 19

func (s *store) run() {
	runtime.LockOSThread()                                    // and never unlocked: the thread ends with its priority
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, leastPriority) // 0 is the calling thread (setpriority(2), BUGS)
	for {
		s.serve()
		s.builder = builder{}
		s.running.Store(false)
		s.mu.Lock()
		idle := len(s.lists) == 0 && len(s.wanted) == 0
		s.mu.Unlock()
		if idle || !s.running.CompareAndSwap(false, true) {
			return
		}
	}
}

// serve builds tables: first for keys with passes, then for the generator, then for lists.
func (s *store) serve() {
	s.sweep()
	s.shrink()
	for {
		s.serveWanted()
		if s.buildBase() {
			continue
		}
		s.mu.Lock()
		if len(s.lists) == 0 {
			s.mu.Unlock()
			return
		}
		list := s.lists[0]
		s.lists = s.lists[1:]
		s.mu.Unlock()
		for _, k := range list {
			s.serveWanted()
			if k.level() == none {
				s.raise(k, small, math.MaxUint32)
			}
		}
	}
}

func (s *store) serveWanted() {
	for {
		select {
		case k := <-s.wanted:
			s.minute = uint32(k.heat.word.Load() >> 32)
			s.raise(k, min(level(k.passes.Load()), wide), k.heat.at(s.minute))
		default:
			return
		}
	}
}

// missingBase is the table that the generator should have: as large a one as an eighth of the memory holds.
func (s *store) missingBase() (shape shape, missing bool) {
	shape = baseShape
	if most := s.limit.Load() / 8; shape.bytes() > most {
		if shape = shapes[wide]; shape.bytes() > most {
			return shape, false
		}
	}
	return shape, base().points() < shape.points()
}

// buildBase builds the generator's table if it is missing, and says whether it did.
func (s *store) buildBase() bool {
	shape, missing := s.missingBase()
	if missing {
		baseTable.Store(s.builder.newComb(&generator, shape))
	}
	return missing
}

// raise gives a key the largest table up to a level for which there is room.
func (s *store) raise(k *Key, to level, heat uint32) {
	for l := to; l > k.level(); l-- {
		if s.makeRoom(k, l, heat) {
			s.set(k, l)
			return
		}
	}
}
