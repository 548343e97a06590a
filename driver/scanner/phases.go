package scanner

import "math/bits"

// sending is a guess at how a module sends: what each bit of one of its characters on the wire must be, and how long a bit of ours
// takes. A text sent so, and received as 8 data bits without parity, makes garbage; which garbage it can make is computed here.
type sending struct {
	bits []int8 // of one character, from its start bit on: 0, 1, or unknown
	step int    // how long a bit of the receiver takes, in 48ths of one of the sender
	odd  int    // 1 for odd parity, 0 for even, unknown for none
}

const (
	unknown = -1
	unit    = 48
	// blur is how far a sample may be off, in 48ths of a bit: the start of a character is found to a 16th of a bit only, and clocks
	// differ.
	blur = 5
)

// ascii is the characters of a text on the wire: eight data bits, the last of which is 0.
func ascii(parity bool) []int8 {
	b := []int8{0, unknown, unknown, unknown, unknown, unknown, unknown, unknown, 0}
	if parity {
		b = append(b, unknown)
	}
	return append(b, 1)
}

func inverse(b []int8) []int8 {
	for i, bit := range b {
		if bit != unknown {
			b[i] = 1 - bit
		}
	}
	return b
}

// phases is a set of places within a character of the sender, in 48ths of a bit, at which a character of the receiver may begin.
type phases [12 * unit]bool

// refuted reports whether what was received cannot be what it is if it was sent like s, but for some errors. A character begins at a falling edge;
// behind one without a stop bit the next begins in that place (NS16550A), or at the next falling edge (PL011). Both are considered.
// The first character may begin anywhere if it is not the first that was received.
func (s sending) refuted(received []byte, first bool, errors int) bool {
	var all phases
	for i := range all {
		all[i] = !first
	}
	for i, bit := range s.bits {
		if bit != 1 && s.bits[(i+len(s.bits)-1)%len(s.bits)] != 0 {
			all[i*unit] = true
		}
	}
	now := all
	for _, c := range received {
		next, any := phases{}, false
		for p, possible := range now[:len(s.bits)*unit] {
			if possible && s.follow(p, c, &next) {
				any = true
			}
		}
		if !any {
			if errors--; errors < 0 {
				return true
			}
			next = all
		}
		now = next
	}
	return false
}

// sample is where bit i of a character of the receiver is looked at, counted from its start bit.
func (s sending) sample(p, i int) int { return p + i*s.step + s.step/2 }

// at returns what bit the sender sends at a place, and its number; unknown if either is not certain.
func (s sending) at(place int) (bit int8, number int) {
	from, to := (place-blur)/unit, (place+blur)/unit
	if bit = s.bits[from%len(s.bits)]; from == to {
		return bit, from
	}
	if bit != s.bits[to%len(s.bits)] {
		bit = unknown
	}
	return bit, unknown
}

// follow adds to next where a character can begin behind c, which began at p. It reports whether that is possible at all.
func (s sending) follow(p int, c byte, next *phases) bool {
	if p < blur {
		p += len(s.bits) * unit // no place is negative
	}
	if bit, _ := s.at(s.sample(p, 0)); bit == 1 {
		return false
	}
	_, before := s.at(s.sample(p, 0))
	last := int8(0)
	for i := range 8 {
		value := int8(c >> i & 1)
		bit, number := s.at(s.sample(p, 1+i))
		if bit != unknown && bit != value || number != unknown && number == before && value != last {
			return false
		}
		before, last = number, value
	}
	stop, number := s.at(s.sample(p, 9))
	switch {
	case number != unknown && number == before:
		stop = last
	case s.odd != unknown && s.step == unit && p%(len(s.bits)*unit) == 0: // the parity bit is where we expect the stop bit
		stop = int8((bits.OnesCount8(c) + s.odd) % 2)
	}
	end := s.sample(p, 9)
	if stop != 0 {
		s.edges(end/unit+1, next)
	}
	if stop != 1 {
		if c != 0 {
			next[(end-s.step/2)%(len(s.bits)*unit)] = true
		}
		if s.odd == unknown { // who waits reads a text with parity as it is
			s.later(end/unit+1, next)
		}
	}
	return true
}

// edges adds the falling edges that may come first if bit from-1 is 1.
func (s sending) edges(from int, next *phases) {
	for i := from; i < from+len(s.bits)+2; i++ {
		n := i % len(s.bits)
		if s.bits[n] != 1 {
			next[n*unit] = true
		}
		if s.bits[n] == 0 {
			return
		}
	}
}

// later adds the falling edges that may come first behind a 1 at from or later.
func (s sending) later(from int, next *phases) {
	for i := from; i < from+len(s.bits); i++ {
		n := i % len(s.bits)
		if s.bits[n] != 0 {
			s.edges(i+1, next)
		}
		if s.bits[n] == 1 {
			return
		}
	}
}
