package module

import "time"

// gm65 has a table of one-byte registers (GM65 manual §3.2, Waveshare p. 44-47, TS-30 p. 19-37).
type gm65 struct {
	flash, table [256]byte

	command []byte // that is coming in
	last    time.Time

	seen   string // what it read last
	seenAt time.Time
}

const (
	regMode   = 0x00
	regTrig   = 0x02
	regCodes  = 0x03
	regGap    = 0x05
	regLimit  = 0x06
	regOutput = 0x0D
	regSame   = 0x13
	regBaud   = 0x2A
	regReset  = 0xD9

	// longestWait is how long the rest of a command may take.
	longestWait = 400 * time.Millisecond
)

func (g *gm65) factory() {
	g.flash = [256]byte{
		regMode: 0xD4, regCodes: 0x03, regGap: 0x0A, regLimit: 0x32, regOutput: 0xA0, regSame: 0x8A,
		regBaud: 0x39, regBaud + 1: 0x01,
	}
}

func (g *gm65) ready() { g.flash[regMode] = 0xD6 }

func (g *gm65) powerOn() {
	g.table = g.flash
	g.command, g.seen = nil, ""
}

var gm65Speeds = map[[2]byte]int{
	{0x39, 0x01}: 9600, {0x9C, 0x00}: 19200, {0x4E, 0x00}: 38400, {0x34, 0x00}: 57600, {0x1A, 0x00}: 115200,
}

func (g *gm65) baud() int {
	if speed := gm65Speeds[[2]byte{g.table[regBaud], g.table[regBaud+1]}]; speed != 0 {
		return speed
	}
	return 9600
}

func (g *gm65) setBaud(baud int) {
	for divisor, speed := range gm65Speeds {
		if speed == baud {
			g.flash[regBaud], g.flash[regBaud+1] = divisor[0], divisor[1]
		}
	}
}

func (g *gm65) parity() bool { return false }

// crc divides by x^16 + x^12 + x^5 + 1, bit by bit, as the manual writes it.
func crc(b []byte) (hi, lo byte) {
	remainder := 0
	for _, c := range b {
		for bit := 0x80; bit != 0; bit >>= 1 {
			carry := remainder&0x8000 != 0
			remainder = remainder << 1 & 0xFFFF
			if carry != (int(c)&bit != 0) {
				remainder ^= 0x1021
			}
		}
	}
	return byte(remainder >> 8), byte(remainder)
}

func withCRC(head, kind byte, data ...byte) []byte {
	b := append([]byte{head, 0x00, kind, byte(len(data))}, data...)
	hi, lo := crc(b[2:])
	return append(b, hi, lo)
}

// hear collects a command. What is malformed, late or has a wrong CRC is not answered.
func (g *gm65) hear(c byte, now time.Time) response {
	if len(g.command) > 0 && now.Sub(g.last) > longestWait {
		g.command = nil
	}
	g.last = now
	g.command = append(g.command, c)
	b := g.command
	if b[0] != 0x7E || len(b) > 1 && b[1] != 0x00 {
		g.command = nil
		return response{}
	}
	if len(b) < 4 || len(b) < 8+int(b[3]) {
		return response{}
	}
	g.command = nil
	end := len(b) - 2
	hi, lo := crc(b[2:end])
	if (b[end] != hi || b[end+1] != lo) && (b[end] != 0xAB || b[end+1] != 0xCD) {
		return response{}
	}
	return g.obey(b[2], int(b[4])<<8|int(b[5]), b[6:end])
}

func (g *gm65) obey(kind byte, address int, data []byte) response {
	done := response{answer: withCRC(0x02, 0x00, 0x00)}
	switch {
	case kind == 0x07 && len(data) == 1 && data[0] > 0 && address+int(data[0]) <= len(g.table):
		return response{answer: withCRC(0x02, 0x00, g.table[address:address+int(data[0])]...)}
	case kind == 0x08 && address+len(data) <= len(g.table):
		values := append([]byte(nil), data...)
		if address == regReset && len(values) == 1 && values[0] == 0x50 {
			return g.reset(done)
		}
		if address != regBaud { // a change of speed waits for its answer
			copy(g.table[address:], values)
			return done
		}
		done.after = func() { copy(g.table[address:], values) }
		return done
	case kind == 0x09 && len(data) == 1 && data[0] == 0x00:
		g.flash = g.table
		return done
	case kind == 0x09 && len(data) == 1 && data[0] == 0x02:
		return g.reset(done)
	case kind == 0x0A:
		return response{answer: withCRC(0x03, 0x00, 0x00)}
	}
	return response{}
}

// reset answers, and then reboots: to 9600.
func (g *gm65) reset(r response) response {
	r.reboot = true
	r.after = func() {
		g.factory()
		g.powerOn()
	}
	return r
}

func (g *gm65) reads(text string, now time.Time) bool {
	triggered := g.table[regTrig]&0x01 != 0
	if mode := g.table[regMode] & 0x03; mode < 2 && !triggered || g.table[regOutput]&0x03 != 0 {
		return false
	}
	same := g.table[regSame]
	if delay := time.Duration(same&0x7F) * 100 * time.Millisecond; same&0x80 != 0 && text == g.seen && now.Sub(g.seenAt) < delay {
		return false
	}
	g.table[regTrig] = 0
	g.seen, g.seenAt = text, now
	return true
}

// FactoryCode is what the simulated modules take for their maker's code to restore the factory settings.
const FactoryCode = "SETUP:FACTORY"

func (g *gm65) obeys(text string) bool {
	if text != FactoryCode || g.table[regCodes]&0x01 == 0 {
		return false
	}
	g.factory()
	g.powerOn()
	return true
}

func (g *gm65) message(text string) [][]byte { return [][]byte{[]byte(text + "\r")} }
