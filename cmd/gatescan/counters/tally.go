package counters

import (
	"iter"
	"strings"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// Tally is everything that is counted, as plain numbers.
type Tally struct {
	Frames [verify.NumKinds][verify.NumReasons]uint64 // by kind and reason
	turnstile.Counts
}

// Accepted is how many frames were accepted.
func (t *Tally) Accepted() (n uint64) {
	for k := range t.Frames {
		n += t.Frames[k][verify.Accepted]
	}
	return n
}

// Refused is how many frames were refused, for whatever reason.
func (t *Tally) Refused() (n uint64) {
	for k := range t.Frames {
		for r := range t.Frames[k] {
			if verify.Reason(r) != verify.Accepted {
				n += t.Frames[k][r]
			}
		}
	}
	return n
}

const (
	numFrames = verify.NumKinds * verify.NumReasons
	numCells  = numFrames + turnstile.NumCounts
)

// cell is the number at index, which is below numCells.
func (t *Tally) cell(index int) *uint64 {
	if index < numFrames {
		return &t.Frames[index/verify.NumReasons][index%verify.NumReasons]
	}
	return t.All()[index-numFrames]
}

// cellWord names a number on flash: "v/accepted", "/bad_base45" (no kind), "granted". Numbers of reasons change with the
// program, words do not.
func cellWord(index int) string {
	if index >= numFrames {
		return turnstile.CountNames[index-numFrames]
	}
	return verify.Kind(index/verify.NumReasons).String() + "/" + verify.Reason(index%verify.NumReasons).String()
}

var cellOfWord = func() map[string]int {
	m := make(map[string]int, numCells)
	for index := range numCells {
		m[cellWord(index)] = index
	}
	return m
}()

// wordCell is the cell for a word. A frame that a later version of the program refused for a reason that is unknown here
// counts as an internal refusal; a counter that is unknown here counts nowhere.
func wordCell(word string) (index int, known bool) {
	if index, known = cellOfWord[word]; known {
		return index, true
	}
	kind, _, isFrame := strings.Cut(word, "/")
	if !isFrame {
		return 0, false
	}
	if index, known = cellOfWord[kind+"/"+verify.Internal.String()]; known {
		return index, true
	}
	return int(verify.NoKind)*verify.NumReasons + int(verify.Internal), true
}

// sparse is a tally without its zeros. It is not changed once it is made.
type sparse []struct {
	cell int
	n    uint64
}

func (t *Tally) sparse() (s sparse) {
	for cell := range numCells {
		if n := *t.cell(cell); n > 0 {
			s = append(s, struct {
				cell int
				n    uint64
			}{cell, n})
		}
	}
	return s
}

// addTo adds to a tally.
func (s sparse) addTo(t *Tally) {
	for _, c := range s {
		*t.cell(c.cell) += c.n
	}
}

func (s sparse) tally() (t Tally) {
	s.addTo(&t)
	return t
}

func (t *Tally) add(other *Tally) {
	for cell := range numCells {
		*t.cell(cell) += *other.cell(cell)
	}
}

// raise lets the higher one of each two numbers stand. Of two states of the same counters, that is the later one.
func (t *Tally) raise(other *Tally) {
	for cell := range numCells {
		*t.cell(cell) = max(*t.cell(cell), *other.cell(cell))
	}
}

// since is what was added after an earlier state.
func (t *Tally) since(earlier *Tally) (delta Tally) {
	for cell := range numCells {
		if now, then := *t.cell(cell), *earlier.cell(cell); now > then {
			*delta.cell(cell) = now - then
		}
	}
	return delta
}

// frames are the counts of frames that are not zero.
func (t *Tally) frames() iter.Seq[Frames] {
	return func(yield func(Frames) bool) {
		for k := range t.Frames {
			for r, n := range t.Frames[k] {
				if n > 0 && !yield(Frames{verify.Kind(k), verify.Reason(r), n}) {
					return
				}
			}
		}
	}
}
