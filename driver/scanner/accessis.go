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
		if frame := a.add(c); frame != nil {
			return frame, b[i+1:]
		}
	}
	return nil, nil
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
	case a.place == symbology && c != cr && c != etx:
		a.place = inText
	case a.place == inText && c == cr:
		a.place = behindCR
	case a.place == behindCR && c == etx && !a.spoilt:
		a.place = outside
		return a.end()
	case a.place == inText && c != etx:
		a.Framer.add(c)
	default:
		a.tear()
	}
	return nil
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
	return nil
}

func (a *accessis) Reset() {
	a.Framer.Reset()
	a.place, a.spoilt = outside, false
}

func (a *accessis) drop([]byte) {}

func (a *accessis) answer() []byte { return nil }

func (a *accessis) heard() bool { return false }

func (a *accessis) stray() uint64 { return a.lost }
