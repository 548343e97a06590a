package status

import (
	"strconv"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// mask hides small counts: somebody who stood by may know whose a single one is, and asking again and again, or for a sum
// and its parts, would find it. So a count below min is told as "fewer than", and any other as the largest multiple of min
// in it, so that a difference of two is no nearer to the truth than min. Sums over any time that one likes to ask for
// would give it away all the same, by their number: they are made of what the rows tell; see told.plus.
type mask struct {
	min     uint64
	running bool // counting goes on, so that even the step from 0 would say when somebody came
	totals  bool // kinds and reasons are left out: who watches the lane could tell to whom they belong
}

// mask is that of a row, for a token.
func (c *Config) mask(scope Scope, running bool) mask {
	return mask{uint64(c.minCount(scope)), running, scope != All && running}
}

// minCount is below what a count is hidden from a token.
func (c *Config) minCount(scope Scope) int {
	if scope == All {
		return max(c.MinCount, 0)
	}
	return max(c.MinCount, c.VenueMinCount, 0)
}

// figure is a count as it may be told: "fewer than" is null in JSON.
type figure struct {
	n   uint64
	min uint64 // not 0: fewer than that
}

func (m mask) of(n uint64) figure {
	switch {
	case m.min <= 1:
		return figure{n: n}
	case n >= m.min:
		return figure{n: n - n%m.min}
	case n == 0 && !m.running:
		return figure{}
	}
	return figure{min: m.min}
}

// String is for the page.
func (f figure) String() string {
	if f.min > 0 {
		return "fewer than " + strconv.FormatUint(f.min, 10)
	}
	digits := strconv.FormatUint(f.n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:] // a narrow blank, which nobody takes for a decimal point
	}
	return digits
}

// Few says whether it is not told how many; for the page.
func (f figure) Few() bool { return f.min > 0 }

// cell is for the CSV.
func (f figure) cell() string {
	if f.min > 0 {
		return "<" + strconv.FormatUint(f.min, 10)
	}
	return strconv.FormatUint(f.n, 10)
}

func (f figure) appendJSON(b []byte) []byte {
	if f.min > 0 {
		return append(b, "null"...)
	}
	return strconv.AppendUint(b, f.n, 10)
}

func (f figure) MarshalJSON() ([]byte, error) { return f.appendJSON(nil), nil }

// told is a row's counts as they may be told.
type told struct {
	Accepted figure  `json:"accepted"`
	Refused  figure  `json:"refused"`
	ByKind   figures `json:"accepted_by_kind"`
	ByReason figures `json:"refused_by_reason"`
	turnstile.Each[figure]
}

func (m mask) tell(c *Counts) told {
	t := told{Accepted: m.of(c.Accepted), Refused: m.of(c.Refused)}
	figures := t.All()
	for i, n := range c.All() {
		*figures[i] = m.of(*n)
	}
	if m.totals {
		return t
	}
	for k := range kinds() {
		t.ByKind = append(t.ByKind, named{k.String(), m.of(c.ByKind[k])})
	}
	for r := range refusals() {
		t.ByReason = append(t.ByReason, named{r.String(), m.of(c.ByReason[r])})
	}
	return t
}

// plus adds what another row tells. What is "fewer than" adds nothing, so the sum is at least what it says.
func (t *told) plus(other *told) {
	t.Accepted.plus(other.Accepted)
	t.Refused.plus(other.Refused)
	figures := t.All()
	for i, f := range other.All() {
		figures[i].plus(*f)
	}
	if other.ByKind == nil {
		return
	}
	for i := range t.ByKind {
		t.ByKind[i].plus(other.ByKind[i].figure)
	}
	for i := range t.ByReason {
		t.ByReason[i].plus(other.ByReason[i].figure)
	}
}

func (f *figure) plus(other figure) {
	f.n += other.n
	if f.min = max(f.min, other.min); f.n > 0 {
		f.min = 0
	}
}

// figures is a JSON object in its own order, without the zeros; null if nothing is told.
type figures []named

type named struct {
	name string // a word of verify
	figure
}

func (f figures) MarshalJSON() ([]byte, error) {
	if f == nil {
		return []byte("null"), nil
	}
	b := []byte{'{'}
	for _, one := range f {
		if one.figure == (figure{}) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, one.name), ':')
		b = one.appendJSON(b)
	}
	return append(b, '}'), nil
}

// kinds are those that an accepted pass may have.
func kinds() func(func(verify.Kind) bool) {
	return func(yield func(verify.Kind) bool) {
		for k := verify.NoKind + 1; int(k) < verify.NumKinds && yield(k); k++ {
		}
	}
}

// refusals are all reasons but verify.Accepted, in the order in which they are found.
func refusals() func(func(verify.Reason) bool) {
	return func(yield func(verify.Reason) bool) {
		for r := range verify.Reason(verify.NumReasons) {
			if r != verify.Accepted && !yield(r) {
				return
			}
		}
	}
}
