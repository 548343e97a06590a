package p256

import (
	"math"
	"weak"
)

// set exchanges the table of a key.
func (s *store) set(k *Key, to level) {
	s.used -= shapes[k.level()].bytes()
	if to == none {
		k.table.Store(nil)
		return
	}
	k.table.Store(s.builder.newComb(&k.q, shapes[to]))
	s.used += shapes[to].bytes()
	s.mu.Lock()
	defer s.mu.Unlock()
	w := weak.Make(k)
	s.owners[w] = struct{}{}
	s.byX[k.q.x] = w
}

// free is how many bytes tables of a level may still take.
func (s *store) free(l level) int64 {
	limit := s.limit.Load()
	free := limit - s.used - base().bytes()
	if l == wide {
		free -= limit / 16
	}
	return free
}

// hotter says whether one may take the room of another. The distance keeps two of the same heat from taking turns.
func hotter(one, other uint32) bool { return uint64(one) >= 2*uint64(other)+2*perMinute }

// makeRoom says whether there is room for a larger table of a key, and takes it from colder keys if need be. If it fails it
// sets a bar: colder keys do not ask again.
func (s *store) makeRoom(k *Key, to level, heat uint32) bool {
	need := shapes[to].bytes() - shapes[k.level()].bytes()
	from := to
	if heat == math.MaxUint32 { // a list, which takes nothing from its own keys
		from = medium
	}
	for s.free(to) < need {
		victim, cold := s.coldest(from, k)
		if victim == nil || !hotter(heat, cold) {
			if heat <= maxHeat {
				s.bars[to].set(s.minute, max(2*cold+2*perMinute, heat+perMinute))
			}
			return false
		}
		s.set(victim, victim.level()-1)
	}
	return true
}

// coldest finds the coldest key, other than one, that has a table of at least a level.
func (s *store) coldest(from level, other *Key) (coldest *Key, heat uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.owners {
		k := w.Value()
		if k == nil || k == other || k.level() < from {
			continue
		}
		if h := k.heat.at(s.minute); coldest == nil || h < heat {
			coldest, heat = k, h
		}
	}
	return coldest, heat
}

// sweep forgets keys that are no longer in use, and counts anew.
func (s *store) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.used
	s.used = 0
	for w := range s.owners {
		k := w.Value()
		if k == nil || k.level() == none {
			delete(s.owners, w)
			continue
		}
		s.used += shapes[k.level()].bytes()
	}
	for x, w := range s.byX {
		if w.Value() == nil {
			delete(s.byX, x)
		}
	}
	if s.used < before {
		s.lowerBars()
	}
}

// lowerBars lets every key ask again.
func (s *store) lowerBars() {
	for i := range s.bars {
		s.bars[i].set(0, 0)
	}
}

// shrink takes tables away until the others are within the memory, whose bound may have become less.
func (s *store) shrink() {
	limit := s.limit.Load()
	if c := baseTable.Load(); c != nil && c.bytes() > max(limit/8, shapes[medium].bytes()) {
		baseTable.Store(nil)
	}
	for s.used > 0 && s.used+base().bytes() > limit {
		victim, _ := s.coldest(wide, nil)
		if victim == nil {
			victim, _ = s.coldest(small, nil)
		}
		switch {
		case victim == nil:
			return
		case limit == 0:
			s.set(victim, none)
		default:
			s.set(victim, victim.level()-1)
		}
	}
}
