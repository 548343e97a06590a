package scanner

// accessis reads Access-IS modules in their "standard Access configuration": 9600 baud, 7 data bits, even parity, and
//
//	STX | symbology, '7' for QR | text | CR ETX
//
// Only what is whole is a frame: a byte with bad parity, which the tty reports as NUL, spoils its message.
// They are never sent anything. Their "raw" configuration is read as lines that silence ends.
type accessis struct {
	*Framer
	place  accessPlace
	ended  bool // the text has: a line break came in it
	spoilt bool
	lost   uint64
}

type accessPlace int

const (
	outside accessPlace = iota
	symbology
	inText
	behindCR
)

func (a *accessis) Next(b []byte) (Frame, []byte) {
	a.wipeYielded()
	for i, c := range b {
		if frame := a.add(c); frame.Text != nil {
			return frame, b[i+1:]
		}
	}
	return Frame{}, nil
}

func (a *accessis) add(c byte) Frame {
	switch {
	case c == stx:
		if a.place != outside {
			a.tear()
		}
		a.place, a.spoilt = symbology, false
	case c == 0:
		a.nuls++
		a.spoilt = true
	case a.place == outside:
		a.lost++
	case c == etx && a.place == behindCR && !a.spoilt:
		a.place, a.ended = outside, false
		return a.end(true)
	case c == etx:
		a.tear()
	case a.place == symbology:
		a.place = inText
	case c == cr:
		a.ended = a.ended || a.place == behindCR && a.n > 0
		a.place = behindCR
	default:
		a.ended = a.ended || (a.place == behindCR || c == lf || c == tab) && a.n > 0
		a.place = inText
		if !a.ended && c != lf && c != tab {
			a.Framer.add(c)
		}
	}
	return Frame{}
}

// tear gives up the message under way.
func (a *accessis) tear() {
	a.torn++
	a.Reset()
}

// Gap ends no message: it would lack its end.
func (a *accessis) Gap() Frame {
	a.wipeYielded()
	if a.place != outside {
		a.tear()
	}
	return Frame{}
}

func (a *accessis) Reset() {
	a.Framer.Reset()
	a.place, a.ended, a.spoilt = outside, false, false
}

func (a *accessis) unfinished() bool { return a.place != outside }

// pause changes nothing: a message begins with STX and ends with ETX.
func (a *accessis) pause() Frame {
	a.wipeYielded()
	return Frame{}
}

func (a *accessis) drop([]byte) {}

func (a *accessis) answer() []byte { return nil }

func (a *accessis) heard() sign { return noSign }

func (a *accessis) stray() uint64 { return a.lost }
