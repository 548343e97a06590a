package scanner

import (
	"fmt"
	"time"
)

// gm65 is the family of modules with "zone bit" registers: Hangzhou Grow GM60 to GM861, Waveshare, Hamlet, Newland EM2000
// and EM3095, and more.
//
//	host    7E 00 | kind | length | address, 2 bytes | data | CRC, 2 bytes
//	module  02 00 | status | length | data | CRC; of a heartbeat 03 00
//
// The CRC is CRC-16/XMODEM of all between the head and itself. A Grow module does not answer what it does not understand;
// a Newland answers with another status. What was read is sent as a line, without any envelope, on the same wire.
type gm65 struct{}

// Kinds of commands.
const (
	gm65Read      = 0x07 // data: how many registers
	gm65Write     = 0x08
	gm65Save      = 0x09 // all registers into flash
	gm65Heartbeat = 0x0A
)

// Registers.
const (
	gm65Mode       = 0x0000 // b1-0: 00 by trigger, 01 by command, 10 all the time, 11 when something moves; above: lamp, beeper, aim, light
	gm65SetupCodes = 0x0003 // 02: what a setup code says is sent as a text and not obeyed
	gm65Interval   = 0x0005 // between two reads, in 100 ms
	gm65Timeout    = 0x0006 // of one read, in 100 ms; 0: none
	gm65Output     = 0x000D // b1-0: 00 serial
	gm65SameCode   = 0x0013 // b7: on; b6-0: how long, in 100 ms
	gm65Divisor    = 0x002A // of the baud rate, 2 bytes, the low one first
)

// gm65Divisors are the speeds that a module knows.
var gm65Divisors = map[int][2]byte{
	9600: {0x39, 0x01}, 19200: {0x9C, 0x00}, 38400: {0x4E, 0x00}, 57600: {0x34, 0x00}, 115200: {0x1A, 0x00},
}

// gm65Wait is for an answer: 200 ms are not always enough.
const gm65Wait = 300 * time.Millisecond

func gm65Command(kind byte, address uint16, data ...byte) []byte {
	b := append([]byte{0x7E, 0x00, kind, byte(len(data)), byte(address >> 8), byte(address)}, data...)
	sum := xmodem(b[2:])
	return append(b, byte(sum>>8), byte(sum))
}

// xmodem is CRC-16/XMODEM: polynomial 1021h, initial value 0, nothing reflected.
func xmodem(b []byte) (sum uint16) {
	for _, c := range b {
		sum ^= uint16(c) << 8
		for range 8 {
			carry := sum & 0x8000
			sum <<= 1
			if carry != 0 {
				sum ^= 0x1021
			}
		}
	}
	return sum
}

const (
	gm65Overhead  = 6 // of an answer: head, status, length, CRC
	gm65MaxAnswer = gm65Overhead + 255
)

// gm65Answer looks at the beginning of b: how long the answer there is, 0 if there is none, -1 if it goes on behind b.
func gm65Answer(b []byte) int {
	if b[0] != 0x02 && b[0] != 0x03 || len(b) > 1 && b[1] != 0x00 || len(b) > 2 && b[2] > 0x03 || len(b) > 3 && b[3] == 0 {
		return 0
	}
	if len(b) < 4 || len(b) < gm65Overhead+int(b[3]) {
		return -1
	}
	end := gm65Overhead + int(b[3])
	if sum := xmodem(b[2 : end-2]); b[end-2] != byte(sum>>8) || b[end-1] != byte(sum) {
		return 0
	}
	return end
}

// findGM65 finds an answer to a command, whatever stands around it.
func findGM65(b []byte) []byte {
	for i := range b {
		if n := gm65Answer(b[i:]); n > 0 && b[i] == 0x02 {
			return b[i : i+n]
		}
	}
	return nil
}

func (gm65) meet(t *talk, _ *Setup) bool {
	return t.ask(gm65Command(gm65Read, gm65Divisor, 2), gm65Wait, findGM65) != nil
}

func (g gm65) configure(t *talk, c Config, s *Setup) {
	divisor, known := gm65Divisors[c.Baud]
	t.raise(s, known, func() {
		t.ask(gm65Command(gm65Write, gm65Divisor, divisor[:]...), gm65Wait, findGM65)
	}, func() bool { return g.meet(t, s) })
	if !s.Answered {
		return
	}
	mode := g.read(t, gm65Mode, 0xD4) // lamp, beeper, aim and light as they are at the factory
	s.kept = s.note("reading all the time", g.write(t, gm65Mode, mode&^0x03|0x02))
	s.note("setup codes off", g.write(t, gm65SetupCodes, 0x02))
	s.note("read interval 100ms", g.write(t, gm65Interval, 1))
	s.note("no read time-out", g.write(t, gm65Timeout, 0))
	s.note(fmt.Sprintf("same-code delay %v", c.SameCodeDelay), g.write(t, gm65SameCode, 0x80|byte(c.SameCodeDelay/(100*time.Millisecond))))
	if output := g.read(t, gm65Output, 0); output&0x03 != 0 {
		s.note("serial output", g.write(t, gm65Output, output&^0x03))
	}
	if t.save {
		s.Saved = accepted(t.askAgain(3, gm65Command(gm65Save, 0, 0), gm65Wait, findGM65))
		s.note("saved", s.Saved)
	}
}

// read returns one register, or otherwise.
func (gm65) read(t *talk, register uint16, otherwise byte) byte {
	a := t.askAgain(3, gm65Command(gm65Read, register, 1), gm65Wait, findGM65)
	if len(a) == gm65Overhead+1 && accepted(a) {
		return a[4]
	}
	return otherwise
}

func (gm65) write(t *talk, register uint16, value byte) bool {
	return accepted(t.askAgain(3, gm65Command(gm65Write, register, value), gm65Wait, findGM65))
}

func accepted(answer []byte) bool { return len(answer) > 2 && answer[2] == 0x00 }

func (gm65) heartbeat() [][]byte {
	return [][]byte{gm65Command(gm65Heartbeat, 0, 0), gm65Command(gm65Read, gm65Mode, 2)}
}

func (gm65) decoder(f *Framer, _ Config, s Setup) decoder {
	return &gm65Decoder{lines: lines{Framer: f}, kept: s.kept}
}

// gm65Decoder takes answers out of the lines, wherever they stand. Only what has the right CRC is an answer: all else is text.
type gm65Decoder struct {
	lines
	kept bool
	held [gm65MaxAnswer]byte // what may be an answer
	n    int
}

// says is what an answer says. Only the heartbeat asks for two registers, the mode and the one behind it.
func (d *gm65Decoder) says(answer []byte) sign {
	if d.kept && len(answer) == gm65Overhead+2 && accepted(answer) && answer[4]&0x03 != 0x02 {
		return forgetful
	}
	return living
}

func (d *gm65Decoder) Next(b []byte) (Frame, []byte) {
	d.wipeYielded()
	for i, c := range b {
		d.held[d.n] = c
		d.n++
		if frame := d.sift(false); frame.Text != nil {
			return frame, b[i+1:]
		}
	}
	return Frame{}, nil
}

// Gap takes for text what is held: an answer comes in one go.
func (d *gm65Decoder) Gap() Frame {
	d.wipeYielded()
	if frame := d.sift(true); frame.Text != nil {
		return frame
	}
	return d.Framer.Gap()
}

func (d *gm65Decoder) pause() Frame {
	d.wipeYielded()
	if frame := d.sift(true); frame.Text != nil {
		return frame
	}
	return d.Framer.pause()
}

// sift hands on what is held and cannot be an answer, up to the end of a frame; all of it if nothing more will come.
func (d *gm65Decoder) sift(ended bool) Frame {
	for d.n > 0 {
		n := gm65Answer(d.held[:d.n])
		if n < 0 && !ended {
			return Frame{}
		}
		if n > 0 {
			d.sign |= d.says(d.held[:n])
			d.shift(n)
			continue
		}
		frame, _ := d.Framer.Next(d.held[:1])
		d.shift(1)
		if frame.Text != nil {
			return frame
		}
	}
	return Frame{}
}

func (d *gm65Decoder) shift(n int) {
	left := copy(d.held[:], d.held[n:d.n])
	clear(d.held[left:d.n])
	d.n = left
}

// drop looks for answers, and forgets the rest.
func (d *gm65Decoder) drop(b []byte) {
	for len(b) > 0 {
		_, b = d.Next(b)
	}
	d.Framer.Reset()
}

func (d *gm65Decoder) Reset() {
	d.Framer.Reset()
	clear(d.held[:d.n])
	d.n = 0
}
