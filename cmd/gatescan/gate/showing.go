package gate

import (
	"hash/maphash"
	"sync"
	"time"

	"gatescan/driver/scanner"
	"gatescan/verify"
)

// DefaultAway is how long a code must be out of sight before seeing it again is another showing.
const DefaultAway = 2 * time.Second

// maxShowings bounds how many showings are open at a time. The one that was seen longest ago makes room.
const maxShowings = 8

// showing is one code held before the barcode module: from the first frame until it was away for some time. Modules send a
// code again and again while it is there. A showing has one verdict, one pulse at most, one lamp and one count.
type showing struct {
	is      sight
	text    uint64     // keyed hash of the last text
	pass    verify.Tag // of a passSight
	kind    verify.Kind
	seen    time.Time     // last, with a monotonic reading; zero for an empty place
	took    time.Duration // from the first frame to its verdict, while undecided
	decided bool          // false while the turnstile is busy with another person
	opened  bool          // the gate
	pieces  bool          // the code may come in pieces: an unreadable one, or a ticket with bytes that end a text
}

// sight is what a showing shows.
type sight uint8

const (
	otherSight      sight = iota // a code that was read, but is no accepted pass
	passSight                    // a pass that Verify accepted, however it is spelled
	unreadableSight              // pieces of a code, which cannot be told from pieces of another
)

// showings are the open ones. They know codes by keyed hashes that no other process could compare. The zero value is ready.
type showings struct {
	mu    sync.Mutex
	away  time.Duration // zero stands for DefaultAway
	seed  maphash.Seed  // the zero Seed until the first frame
	open  [maxShowings]showing
	last  int                              // the place of the showing that was seen last
	ended func(over showing, at time.Time) // called for each showing that is over; nil calls nothing
}

func (s *showings) setAway(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = d
}

// continues says whether a frame only keeps a decided showing alive: its text is still there.
func (s *showings) continues(text []byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireLocked(now)
	hash := s.hash(text)
	for i := range s.open {
		if o := &s.open[i]; !o.seen.IsZero() && o.is != unreadableSight && o.text == hash {
			o.seen, s.last = now, i
			return o.decided
		}
	}
	return false
}

// belongs says whether a frame that was judged belongs to a decided showing although its text is another: the same pass in
// another spelling, or a piece of what is there. It opens a showing for every other frame.
func (s *showings) belongs(f scanner.Frame, v verify.Verdict, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	frame := showing{text: s.hash(f.Text), kind: v.Kind(), seen: now, pieces: unreadable(v.Reason()) || v.Family() == verify.RailTicket}
	if tag, accepted := v.Tag(); accepted {
		frame.is, frame.pass = passSight, tag
	} else if unreadable(v.Reason()) {
		frame.is = unreadableSight
	}
	for i := range s.open {
		if o := &s.open[i]; o.shows(&frame) {
			frame.took, frame.decided, frame.opened = o.took, o.decided, o.opened
			*o, s.last = frame, i
			return o.decided
		}
	}
	if last := &s.open[s.last]; f.Continued && last.pieces && !last.seen.IsZero() && v.Family() == verify.UnknownFamily {
		last.seen = now // a binary ticket has printable pieces, too
		return true
	}
	if frame.is == unreadableSight && s.expireLocked(now) {
		return true // a piece does not keep a showing of another code alive, or the next person would wait for ever
	}
	s.last = s.oldest()
	s.end(&s.open[s.last], now)
	s.open[s.last] = frame
	return false
}

// shows says whether o shows what a frame shows.
func (o *showing) shows(frame *showing) bool {
	switch {
	case o.seen.IsZero():
		return false
	case frame.is == unreadableSight || o.is == unreadableSight:
		return frame.is == o.is
	case frame.is == passSight && o.is == passSight:
		return frame.pass == o.pass
	}
	return frame.text == o.text
}

// wait notes that the showing that was seen last has to wait for its verdict: the turnstile serves another person.
func (s *showings) wait(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[s.last].took = took
}

// decide notes that the showing that was seen last has its verdict.
func (s *showings) decide(opened bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[s.last].decided, s.open[s.last].opened = true, opened
}

// oldest returns an empty place, or else that of the showing that was seen longest ago.
func (s *showings) oldest() (place int) {
	for i := range s.open {
		if s.open[i].seen.Before(s.open[place].seen) {
			place = i
		}
	}
	return place
}

// expire ends the showings whose code was away for long enough, and says whether another code is still there.
func (s *showings) expire(now time.Time) (held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expireLocked(now)
}

func (s *showings) expireLocked(now time.Time) (held bool) {
	away := s.away
	if away <= 0 {
		away = DefaultAway
	}
	for i := range s.open {
		if o := &s.open[i]; now.Sub(o.seen) >= away {
			s.end(o, o.seen.Add(away))
		} else {
			held = true
		}
	}
	return held
}

// endAll ends every showing, so that a code that is still there is another showing.
func (s *showings) endAll(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.open {
		s.end(&s.open[i], now)
	}
}

// end empties a place.
func (s *showings) end(o *showing, at time.Time) {
	over := *o
	*o = showing{}
	if !over.seen.IsZero() && s.ended != nil {
		s.ended(over, at)
	}
}

func (s *showings) hash(text []byte) uint64 {
	if s.seed == (maphash.Seed{}) {
		s.seed = maphash.MakeSeed()
	}
	return maphash.Bytes(s.seed, text)
}

// unreadable says whether a frame was no whole code, so that the person is to hold it better.
func unreadable(r verify.Reason) bool {
	switch r {
	case verify.NotHCERT, verify.TooLarge, verify.BadBase45, verify.BadDeflate, verify.BadCBOR:
		return true
	}
	return false
}
