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
	noRead  [][]byte // messages that are no frames

	overlong, torn, nuls, noReads uint64
}

// Next consumes b up to the end of the first frame in it and returns that frame and what follows. Without a complete frame in b
// it consumes all of b and returns nil, nil. The frame is valid until the next call of any method.
func (f *Framer) Next(b []byte) (frame Frame, rest []byte) {
	f.wipeYielded()
	for i, c := range b {
		switch c {
		case cr, lf, tab, etx:
			if frame := f.end(); frame.Text != nil {
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

// Gap tells that the line has been silent for an idle gap. That ends a frame, whole or not; nil if none had begun.
// The frame is valid until the next call of any method.
func (f *Framer) Gap() Frame {
	f.wipeYielded()
	return f.end()
}

// Reset wipes whatever is held, a frame that was returned included.
func (f *Framer) Reset() {
	clear(f.buf[:f.n])
	f.n, f.over, f.yielded = 0, false, false
}

// Overlong returns how many frames were cut at [MaxFrame].
func (f *Framer) Overlong() uint64 { return f.overlong }

// Torn returns how many unfinished frames were thrown away because an STX began another one.
func (f *Framer) Torn() uint64 { return f.torn }

// NULs returns how many NULs came: a break on the line, or a byte with bad parity.
func (f *Framer) NULs() uint64 { return f.nuls }

func (f *Framer) wipeYielded() {
	if f.yielded {
		f.Reset()
	}
}

func (f *Framer) add(c byte) {
	if c == 0 {
		f.nuls++
	}
	switch {
	case f.n == 0 && c == 0: // as trimNUL, in front: a break lasting for hours must not fill the buffer
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

func (f *Framer) end() Frame {
	b := f.buf[:f.n]
	if f.over {
		f.overlong++ // and no NULs are trimmed: a cut frame must stay too long for every verifier
	} else {
		b = trimNUL(b)
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
	return Frame{Text: b[:len(b):len(b)]}
}
