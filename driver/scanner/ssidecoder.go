package scanner

import "time"

// ssiPatience is how long a message may rest between two of its packets. A module that gets no acknowledgement sends again after
// 2 s, and gives up after 6.
const ssiPatience = 3 * time.Second

// ssiDecoder puts messages together from packets. A frame comes only out of a message all of whose packets came whole, in order
// and without a pause.
//
// Until the first whole packet it also reads lines, for a module that does not answer may send either: what begins like no packet
// is a line.
//
// What a module sends again was scanned up to 6 s ago. It never begins a frame, unless we have just asked for it:
// whoever presented it may have left.
type ssiDecoder struct {
	text     *Framer // of the message or line under way
	packets  bool    // only packets are read
	kept     bool    // it was set to send them
	inLine   bool
	patience int // idle gaps in ssiPatience

	held [ssiLongest]byte // what may be a packet
	n    int

	parts    int  // packets of the message under way
	code     byte // the symbology that they begin with
	ended    bool // a terminator came in its text
	doomed   bool // part of it was dropped, or may be missing
	spoilt   bool // a packet may have been lost since the last one
	dropping bool
	quiet    int  // idle gaps since the last packet
	wanted   bool // we asked for a packet to be sent again
	seen     bool // there was a packet of data
	last     [3]byte

	out     [4 * 7]byte
	outN    int
	sign    sign
	unknown uint64
}

func (d *ssiDecoder) Next(b []byte) (Frame, []byte) {
	d.text.wipeYielded()
	for i, c := range b {
		if frame := d.add(c); frame.Text != nil {
			return frame, b[i+1:]
		}
	}
	return Frame{}, nil
}

func (d *ssiDecoder) add(c byte) Frame {
	if d.inLine {
		return d.line(c)
	}
	d.held[d.n] = c
	d.n++
	return d.sift(false)
}

// line takes a byte of a line.
func (d *ssiDecoder) line(c byte) Frame {
	if c == cr || c == lf || c == tab || c == etx {
		d.inLine = false
	}
	frame, _ := d.text.Next([]byte{c})
	return frame
}

// sift takes packets out of what is held, up to the end of a frame. What is no packet is a line, or nothing. If the
// line is silent, what is held and not whole will not become so.
func (d *ssiDecoder) sift(silent bool) Frame {
	for d.n > 0 {
		n := ssiMessage(d.held[:d.n])
		switch {
		case n > 0:
			frame := d.take(d.held[:n])
			d.shift(n)
			if frame.Text != nil {
				return frame
			}
		case n < 0 && !silent:
			return Frame{}
		case !d.packets && d.parts == 0:
			if frame := d.asLine(); frame.Text != nil {
				return frame
			}
		default:
			d.damaged()
			d.spoilt = true
			d.unknown++
			d.shift(1)
		}
	}
	return Frame{}
}

// asLine reads what is held as a line.
func (d *ssiDecoder) asLine() Frame {
	d.inLine = true
	for d.n > 0 && d.inLine {
		c := d.held[0]
		d.shift(1)
		if frame := d.line(c); frame.Text != nil {
			return frame
		}
	}
	return Frame{}
}

// damaged asks for what is held again, once, if that looks like data.
func (d *ssiDecoder) damaged() {
	if d.n >= ssiHeader && d.held[1] == ssiDecodeData && d.held[2] == 0 && d.packets && !d.wanted && !d.dropping {
		d.wanted, d.quiet = true, 0
		d.say(nakResend)
	}
}

var (
	ackPacket = ssiPacket(ssiAck, 0)
	nakResend = ssiPacket(ssiNak, 0, 1)
)

// say appends to what answer returns. What does not fit is left out: the module sends again.
func (d *ssiDecoder) say(packet []byte) {
	if d.outN+len(packet) <= len(d.out) {
		d.outN += copy(d.out[d.outN:], packet)
	}
}

// take takes a whole packet. It returns a frame if that completes one.
func (d *ssiDecoder) take(p []byte) Frame {
	if !d.packets {
		d.packets = true
		d.text.Reset()
	}
	d.quiet = 0
	if p[1] != ssiSetParams {
		d.sign |= living
	}
	switch p[1] {
	case ssiAck, ssiNak:
		return Frame{}
	case ssiDecodeData:
	case ssiSetParams: // what it has, behind a beep code
		if data := p[ssiHeader : len(p)-2]; d.kept && len(data) == 3 && data[1] == ssiDataFormat && data[2] != 1 {
			d.sign |= forgetful
		} else {
			d.sign |= living
		}
		d.say(ackPacket)
		return Frame{}
	default: // a reply that comes late, an event
		d.say(ackPacket)
		return Frame{}
	}
	d.say(ackPacket)
	again := p[3]&ssiAgain != 0
	id := [3]byte{p[0], p[len(p)-2], p[len(p)-1]}
	if again { // as it was without the bit
		sum := ssiSum(p[:len(p)-2]) + ssiAgain
		id[1], id[2] = byte(sum>>8), byte(sum)
		if d.seen && id == d.last || d.parts == 0 && !d.wanted {
			return Frame{}
		}
	}
	d.doomed = d.doomed || d.dropping || d.spoilt && !again
	d.seen, d.last, d.wanted, d.spoilt = true, id, false, false
	d.collect(p[ssiHeader : len(p)-2])
	if p[3]&ssiContinued != 0 {
		return Frame{}
	}
	var frame Frame
	if d.doomed {
		d.text.Reset()
	} else {
		frame = d.text.end(true)
	}
	d.parts, d.ended, d.doomed = 0, false, false
	return frame
}

// collect adds the text of a packet to that of its message. Each packet begins with the symbology.
func (d *ssiDecoder) collect(data []byte) {
	if len(data) > 0 && (d.parts == 0 || data[0] == d.code) {
		d.code = data[0]
		data = data[1:]
	}
	d.parts++
	for _, c := range data {
		switch c {
		case cr, lf, tab, etx:
			d.ended = d.ended || d.text.n > 0
		case stx:
		default:
			if !d.ended {
				d.text.add(c)
			}
		}
	}
}

func (d *ssiDecoder) shift(n int) {
	left := copy(d.held[:], d.held[n:d.n])
	clear(d.held[left:d.n])
	d.n = left
}

// Gap ends a line, but no message: that goes on with its next packet.
func (d *ssiDecoder) Gap() Frame {
	d.text.wipeYielded()
	if frame := d.sift(true); frame.Text != nil {
		return frame
	}
	if d.inLine {
		d.inLine = false
		return d.text.Gap()
	}
	if d.parts == 0 && !d.wanted { // what comes next begins a message
		d.spoilt = false
	}
	if d.quiet++; d.quiet == d.patience {
		if d.parts > 0 {
			d.text.torn++
		}
		d.Reset()
	}
	return Frame{}
}

// unfinished is false: messages outlast silences by themselves.
func (d *ssiDecoder) unfinished() bool { return false }

func (d *ssiDecoder) pause() Frame { return d.Gap() }

// Reset forgets the message under way, and what it knew of the module stays.
func (d *ssiDecoder) Reset() {
	d.text.Reset()
	clear(d.held[:d.n])
	d.n, d.parts, d.quiet = 0, 0, 0
	d.inLine, d.ended, d.doomed, d.wanted, d.spoilt = false, false, false, false, false
}

// drop acknowledges packets, or the module would send them again, later. A message of which one was dropped makes no frame.
func (d *ssiDecoder) drop(b []byte) {
	d.dropping = true
	for len(b) > 0 {
		_, b = d.Next(b)
	}
	d.text.wipeYielded()
	if d.inLine {
		d.text.Reset()
	}
	d.dropping = false
}

func (d *ssiDecoder) answer() []byte {
	out := d.out[:d.outN]
	d.outN = 0
	return out
}

func (d *ssiDecoder) heard() sign {
	was := d.sign
	d.sign = noSign
	return was
}

func (d *ssiDecoder) stray() uint64 { return d.unknown }
