package scanner

import (
	"bytes"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	// Of a burst, the first evidenceHead and the last evidenceTail bytes are looked at, and there must be leastEvidence. The
	// last ones are the module's own: no code that a visitor shows can end what a module sends.
	evidenceHead  = 96
	evidenceTail  = 16
	leastEvidence = 16
	// A diagnosis needs so many bursts in a row that all say the same. One that rests on nothing but the lack of any order needs more.
	enoughBursts = 3
	manyBursts   = 6
)

// evidence is what is looked at while no whole text was read since the port was opened: do the line's settings fit the module? It
// keeps parts of a burst, which it wipes with the burst's end.
type evidence struct {
	proven bool // a whole text was read, or the module has answered: the settings are right
	head   [evidenceHead]byte
	n      int // bytes of head in use
	tail   [evidenceTail]byte
	length int  // of the whole burst, in bytes
	zeros  int  // of them
	hole   bool // what followed the last byte was dropped unseen

	verdict verdict
	votes   int // bursts in a row that say so
	garbled int // bursts without any order, less twice those that a terminator ended
}

// verdict is what a burst looks like. The zero value is nothing in particular.
type verdict struct {
	problem Problem
	likely  string
}

func (e *evidence) take(b []byte) {
	if e.proven || len(b) == 0 {
		return
	}
	e.n += copy(e.head[e.n:], b)
	e.length += len(b)
	e.zeros += bytes.Count(b, []byte{0})
	e.hole = false
	b = b[max(0, len(b)-evidenceTail):]
	copy(e.tail[:], e.tail[len(b):])
	copy(e.tail[evidenceTail-len(b):], b)
}

// wipe forgets the burst.
func (e *evidence) wipe() {
	clear(e.head[:e.n])
	e.tail = [evidenceTail]byte{}
	e.n, e.length, e.zeros, e.hole = 0, 0, 0, false
}

// text is told of a text that was read. It reports whether that shows the settings to be right; noise makes a few readable
// characters now and then, but not many.
func (e *evidence) text(f Frame) bool {
	switch {
	case !readable(f.Text):
		return false
	case hasContext(f.Text) || len(f.Text) >= 12:
		e.proven = true
		e.wipe()
	case !f.Whole || len(f.Text) < 6:
		return false
	}
	e.verdict, e.votes, e.garbled = verdict{}, 0, 0
	return true
}

// silence ends a burst. It returns what all bursts say, if they are enough.
func (e *evidence) silence(c Config) (v verdict, enough bool) {
	if e.proven || e.n == 0 {
		return verdict{}, false
	}
	defer e.wipe()
	if e.n < leastEvidence || c.DataBits != 8 && c.Parity == ParityNone {
		return verdict{}, false
	}
	if v = e.judge(c); v != e.verdict {
		e.verdict, e.votes = v, 0
	}
	e.votes++
	switch {
	case v.problem != NoProblem:
		e.garbled = 0
		return v, e.votes >= enoughBursts
	case e.hole || c.Parity != ParityNone || c.Module == ModuleAccessISRaw: // whose end is not seen, not to be expected in order, or not marked
	case isEnd(e.tail[evidenceTail-1]):
		e.garbled = max(0, e.garbled-2)
	case e.isGarbled():
		e.garbled++
	}
	return verdict{WrongSpeed, c.otherBaud()}, e.garbled >= manyBursts
}

// judge looks for the order that a text has which was sent with other settings.
func (e *evidence) judge(c Config) verdict {
	if c.Parity != ParityNone {
		return e.ofParity(c)
	}
	b := e.head[:e.n]
	if parity := parityBits(b); parity != "" && (e.n == e.length || parityOf(e.tail[:], parity == "7 data bits, odd")) {
		return verdict{WrongParity, parity}
	}
	if e.zeros == e.length { // nothing but breaks: a start bit of the module is longer than a character of ours
		if e.length < 200 {
			return verdict{}
		}
		return verdict{WrongSpeed, slower(c.Baud, 9)}
	}
	zeros := bytes.Count(b, []byte{0})
	if e.n-zeros >= 8 {
		ending := e.ending()
		if last := len(ending) - 1; ending[last] >= 0x80 { // behind its last character the line rests
			ending = ending[:last]
		}
		for _, k := range []int{6, 4, 3, 2} {
			if s := (sending{ascii(false), unit / k, unknown}); !s.refuted(b, true, 0) && !s.refuted(ending, false, 0) {
				return verdict{WrongSpeed, nearestBaud(c.Baud / k)}
			}
		}
	}
	if len(b) >= 48 && kinds(b) >= 16 && zeros <= len(b)/16 { // texts have no NULs, and many letters
		for odd, likely := range []string{"even", "odd"} {
			if !(sending{ascii(true), unit, odd}).refuted(b, true, len(b)/24) {
				return verdict{WrongParity, "8 data bits, " + likely}
			}
		}
		if !(sending{inverse(ascii(false)), unit, unknown}).refuted(b, true, len(b)/24) {
			return verdict{Inverted, ""}
		}
	}
	return verdict{}
}

// kinds returns how many different bytes b has.
func kinds(b []byte) int { return len(slices.Compact(slices.Sorted(slices.Values(b)))) }

// ending is the end of the burst.
func (e *evidence) ending() []byte { return e.tail[max(0, evidenceTail-e.length):] }

// isGarbled reports whether a burst has no order at all: no end that a module would mark, no beginning of letters, no text of any
// character set, and all kinds of bytes. That is what comes of a module that sends faster.
func (e *evidence) isGarbled() bool {
	b := e.head[:e.n]
	if readable(b[:4]) || utf8.Valid(b[:len(b)-3]) || e.length > 400 {
		return false
	}
	var high, control int
	for _, c := range b {
		switch {
		case c >= 0x80:
			high++
		case c < ' ' && !isEnd(c) && c != 0:
			control++
		}
	}
	return high >= len(b)/5 && control > 0
}

// parityBits says which parity all bytes of b have if their eighth bits are parity bits of texts; empty if they are not.
func parityBits(b []byte) string {
	var seen [256]bool
	kinds, odd := 0, 0
	for _, c := range b {
		odd += bits.OnesCount8(c) % 2
		if low := c & 0x7F; (low < ' ' || low > '~') && low != stx && !isEnd(low) {
			return ""
		}
		if c >= 0x80 && !seen[c] {
			seen[c] = true
			kinds++
		}
	}
	switch {
	case kinds < 4:
		return ""
	case odd == 0:
		return "7 data bits, even"
	case odd == len(b):
		return "7 data bits, odd"
	}
	return ""
}

// parityOf reports whether all bytes of b have one parity.
func parityOf(b []byte, odd bool) bool {
	for _, c := range b {
		if bits.OnesCount8(c)%2 == 1 != odd {
			return false
		}
	}
	return true
}

// ofParity judges a burst on a line with parity, where a bad byte arrives as NUL. Bytes of seven bits that were sent without a parity
// bit are good by chance: those whose own bits have the right parity. On a line that is set right all kinds are good.
func (e *evidence) ofParity(c Config) verdict {
	b := e.head[:e.n]
	good := slices.DeleteFunc(slices.Concat(b, e.ending()), func(c byte) bool { return c == 0 })
	bad := bytes.Count(b, []byte{0})
	switch {
	case e.zeros == e.length && c.Parity == ParityEven:
		return verdict{WrongParity, "odd, or none"}
	case e.zeros == e.length:
		return verdict{WrongParity, "even, or none"}
	case c.DataBits == 7 && bad >= len(b)/4 && kinds(good) >= 4 && parityOf(good, c.Parity == ParityOdd):
		return verdict{WrongParity, "8 data bits, none"}
	}
	return verdict{}
}

func isEnd(c byte) bool { return c == cr || c == lf || c == tab || c == etx }

// standardBauds are the speeds of modules, rising.
var standardBauds = []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200}

// nearestBaud returns the standard speed that is next to one that was measured.
func nearestBaud(measured int) string {
	best := standardBauds[0]
	for _, baud := range standardBauds {
		if max(baud, measured)*min(best, measured) < max(best, measured)*min(baud, measured) {
			best = baud
		}
	}
	return strconv.Itoa(best)
}

// slower returns the highest standard speed that is at least so many times lower.
func slower(baud, times int) string {
	best := standardBauds[0]
	for _, candidate := range standardBauds {
		if candidate*times <= baud {
			best = candidate
		}
	}
	return strconv.Itoa(best)
}

// otherBaud is the speed at which modules leave the factory, if the configured one does not fit.
func (c Config) otherBaud() string {
	if c.Baud < 115200 {
		return "115200"
	}
	return "9600"
}
