package scanner

// uart is how one end of a serial line is set. The tests model a line bit by bit: what a module that is set one way makes of its
// bytes as levels over time, and what a receiver that is set another way makes of those.
type uart struct {
	baud     float64
	dataBits int
	parity   Parity
	stopBits int
	inverted bool
	waits    bool // behind a character without a stop bit it waits for a falling edge (PL011); else that is the next start bit (NS16550A)
}

// levels is a line over time.
type levels struct {
	bit      float64 // seconds
	bits     []bool
	inverted bool
}

const lead = 0.01 // seconds of silence in front

func (u uart) transmit(text string) levels {
	l := levels{bit: 1 / u.baud, inverted: u.inverted}
	for i := range len(text) {
		l.bits = append(l.bits, false)
		odd := false
		for b := range u.dataBits {
			one := text[i]>>b&1 == 1
			odd = odd != one
			l.bits = append(l.bits, one)
		}
		if u.parity != ParityNone {
			l.bits = append(l.bits, odd != (u.parity == ParityOdd))
		}
		for range u.stopBits {
			l.bits = append(l.bits, true)
		}
	}
	return l
}

func (l levels) end() float64 { return lead + float64(len(l.bits))*l.bit + 0.01 }

func (l levels) at(t float64) bool {
	i := int((t - lead) / l.bit)
	idle := t < lead || i >= len(l.bits)
	return (idle || l.bits[i]) != l.inverted
}

// until returns when the line has a level, from t on.
func (l levels) until(level bool, t, step float64) float64 {
	for t < l.end() && l.at(t) != level {
		t += step
	}
	return t
}

// receive returns what a tty in raw mode hands on: a byte with bad parity or without a stop bit as NUL if parity is checked, as it is
// if not, and a break as NUL.
func (u uart) receive(l levels) (got []byte) {
	bit := 1 / u.baud
	step := min(bit, l.bit) / 16
	t := 0.0
	if !l.at(0) {
		got = append(got, 0)
		t = l.until(true, t, step)
	}
	for t = l.until(false, t, step); t < l.end(); {
		if l.at(t + bit/2) { // too short for a start bit
			t = l.until(false, l.until(true, t, step), step)
			continue
		}
		at := t + 1.5*bit
		var c byte
		odd := false
		for b := range u.dataBits {
			if l.at(at) {
				c |= 1 << b
				odd = !odd
			}
			at += bit
		}
		bad, idle := false, c == 0
		if u.parity != ParityNone {
			one := l.at(at)
			bad = (odd != one) != (u.parity == ParityOdd)
			idle = idle && !one
			at += bit
		}
		stop := l.at(at)
		if u.parity != ParityNone && (bad || !stop) {
			c = 0
		}
		got = append(got, c)
		switch {
		case stop:
			t = l.until(false, at, step)
		case !idle && !u.waits:
			t = at - bit/2
		default:
			t = l.until(false, l.until(true, at, step), step)
		}
	}
	return got
}
