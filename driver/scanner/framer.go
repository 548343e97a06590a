package scanner

// Control characters that modules put around a text (ISO 646).
const (
	stx = 0x02
	etx = 0x03
	tab = 0x09
	lf  = 0x0A
	cr  = 0x0D
)

// Framer cuts a stream of bytes into frames. It knows no port and no clock: bytes come in through [Framer.Next], silence through
// [Framer.Gap]. However the stream is chunked, the frames are the same. It allocates nothing. The zero value is ready to use.
type Framer struct {
	buf     [MaxFrame]byte
	n       int      // bytes of buf in use
	over    bool     // more came than buf holds
	yielded bool     // buf holds a frame that the caller has seen
	pauses  pauses   // within this frame
	noRead  [][]byte // messages that are no frames
	ends    ends

	overlong, torn, nuls, noReads uint64
}

// Next consumes b up to the end of the first frame in it and returns that frame and what follows. Without a complete frame in b
// it consumes all of b and returns no frame. The frame is valid until the next call of any method.
func (f *Framer) Next(b []byte) (frame Frame, rest []byte) {
	f.wipeYielded()
	for i, c := range b {
		switch c {
		case cr, lf, tab, etx:
			if frame := f.end(true); frame.Text != nil {
				return frame, b[i+1:]
			}
		case stx:
			f.tear()
		default:
			f.add(c)
		}
	}
	return Frame{}, nil
}

// Gap tells that the line has been silent for an idle gap. That ends a frame, whole or not, if one had begun.
// The frame is valid until the next call of any method.
func (f *Framer) Gap() Frame {
	f.wipeYielded()
	f.ends.silence()
	f.ends.cut(f.n > 0)
	return f.end(false)
}

// pause tells that the line has been silent, and that the frame under way may go on all the same.
func (f *Framer) pause() Frame {
	f.wipeYielded()
	f.ends.silence()
	f.settle(false)
	f.pauses.add(f.n)
	return Frame{}
}

// Reset wipes whatever is held, a frame that was returned included. What was learned of the module stays.
func (f *Framer) Reset() {
	clear(f.buf[:f.n])
	f.n, f.over, f.yielded, f.pauses.n = 0, false, false, 0
}

// begin is for a newly opened port.
func (f *Framer) begin() {
	f.Reset()
	f.ends = ends{}
}

// pass tells of bytes that were dropped.
func (f *Framer) pass(b []byte) {
	for _, c := range b {
		f.ends.take(c)
	}
}

// Overlong returns how many frames were cut at [MaxFrame].
func (f *Framer) Overlong() uint64 { return f.overlong }

// Torn returns how many unfinished frames were thrown away because another one began.
func (f *Framer) Torn() uint64 { return f.torn }

// NULs returns how many NULs came: a break on the line, or a byte with bad parity.
func (f *Framer) NULs() uint64 { return f.nuls }

func (f *Framer) wipeYielded() {
	if f.yielded {
		f.Reset()
	}
}

func (f *Framer) add(c byte) {
	f.ends.take(c)
	if c == 0 {
		f.nuls++
	}
	switch {
	case f.n == 0 && c == 0: // as trimNUL, in front: a break lasting for hours must not fill the buffer
	case f.n == len(f.buf) && f.pauses.n > 0: // too long for one text
		f.part(f.pauses.last())
		f.add(c)
	case f.n == len(f.buf):
		f.over = true
	default:
		f.buf[f.n] = c
		f.n++
	}
}

// tear begins a new frame. No text contains an STX, so what was collected had lost its end.
func (f *Framer) tear() {
	if f.n > 0 {
		f.torn++
	}
	f.Reset()
}

func (f *Framer) end(marked bool) Frame {
	f.settle(marked)
	b := f.buf[:f.n]
	if f.over {
		f.overlong++ // and no NULs are trimmed: a cut frame must stay too long for every verifier
	} else {
		b = trimNUL(b)
	}
	if marked {
		f.ends.mark()
	}
	b = text(b)
	if isNoRead(f.noRead, b) {
		f.noReads++
		b = nil
	}
	if len(b) == 0 {
		f.Reset()
		return Frame{}
	}
	f.yielded = true
	return Frame{Text: b[:len(b):len(b)], Whole: marked && !f.over}
}
