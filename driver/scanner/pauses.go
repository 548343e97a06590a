package scanner

import "bytes"

// pauses are the places in a frame under way where the line was silent: how much had come by then. Of more than it holds, the
// first are forgotten.
type pauses struct {
	at [8]int
	n  int
}

func (p *pauses) add(at int) {
	if at == 0 || p.n > 0 && p.last() == at {
		return
	}
	if p.n == len(p.at) {
		p.n = copy(p.at[:], p.at[1:])
	}
	p.at[p.n] = at
	p.n++
}

func (p *pauses) last() int { return p.at[p.n-1] }

// cut forgets those up to at, and counts the others from there.
func (p *pauses) cut(at int) {
	n := 0
	for _, place := range p.at[:p.n] {
		if place > at {
			p.at[n] = place - at
			n++
		}
	}
	p.n = n
}

// settle looks at what came behind the pauses. If that is another text, or cannot go on where the line paused, then what came
// before it had lost its end: two pieces of two texts never make a third one. ended says that a terminator came.
func (f *Framer) settle(ended bool) {
	for i := f.pauses.n - 1; i >= 0; i-- {
		at := f.pauses.at[i]
		before, behind := f.buf[:at], f.buf[at:f.n]
		if len(behind) > 0 && (begins(behind) || again(before, behind)) {
			f.part(at)
			break
		}
	}
	if f.pauses.n > 0 && f.pauses.last() < f.n && !f.joins(ended) {
		f.part(f.pauses.last())
	}
}

// again reports whether both begin alike: a module sends the same code again.
func again(before, behind []byte) bool {
	const enough = 8
	return len(before) >= enough && len(behind) >= enough && bytes.Equal(before[:enough], behind[:enough])
}

// joins reports whether all that came can be one text. A certificate is Base45 to its end; of other texts nothing is known.
func (f *Framer) joins(ended bool) bool {
	all := text(f.buf[:f.n])
	if !hasContext(all) || f.over {
		return true
	}
	all = trimNUL(all[len("HC1:"):])
	if !ended {
		all = all[:len(all)-len(all)%3]
	}
	return isBase45(all)
}

// part gives up what came before at.
func (f *Framer) part(at int) {
	f.torn++
	f.ends.lose()
	n := copy(f.buf[:], f.buf[at:f.n])
	clear(f.buf[n:f.n])
	f.n = n
	f.pauses.cut(at)
}
