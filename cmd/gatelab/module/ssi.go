package module

import "time"

// ssi follows the Simple Serial Interface chapters of the DS457 and DS8108 guides.
type ssi struct {
	flash, table map[byte]byte
	enabled      bool

	packet    []byte
	awakeAt   time.Time // since when it is awake
	lastByte  time.Time
	awaiting  chan bool
	seen      string
	seenAt    time.Time
	triggered bool
}

// Parameters, and what is set of them at the factory.
const (
	paramTrigger = 0x8A // 00 level, 07 presentation
	paramSame    = 0x89 // in 100 ms
	paramFormat  = 0xEE // 00 lines, 01 packets

	// sleepAfter is how long it stays awake without a byte, wakeTime how long it takes to wake up: what comes then is lost.
	sleepAfter = time.Second
	wakeTime   = 7 * time.Millisecond
	// charTimeout is the longest pause within a packet.
	charTimeout = 200 * time.Millisecond
)

func (s *ssi) factory() {
	s.flash = map[byte]byte{paramTrigger: 0, paramSame: 6, paramFormat: 0, baudParam: 6}
}

// baudParam is the one for the speed: 06 is 9600. Its other values differ from engine to engine; here 0A is 115200.
const baudParam = 0x9C

func (s *ssi) ready() { s.flash[paramTrigger] = 7 }

func (s *ssi) powerOn() {
	s.table = map[byte]byte{}
	for parameter, value := range s.flash {
		s.table[parameter] = value
	}
	s.enabled, s.packet, s.seen = true, nil, ""
}

func (s *ssi) baud() int {
	if s.table[baudParam] == 10 {
		return 115200
	}
	return 9600
}

func (s *ssi) setBaud(baud int) {
	s.flash[baudParam] = 6
	if baud == 115200 {
		s.flash[baudParam] = 10
	}
}

func (s *ssi) parity() bool { return false }

// seal is a packet of the decoder, with its checksum: what makes the sum of all bytes, as 16 bits, zero.
func seal(opcode, status byte, data ...byte) []byte {
	b := append([]byte{byte(4 + len(data)), opcode, 0x00, status}, data...)
	total := 0
	for _, c := range b {
		total += int(c)
	}
	return append(b, byte((0x10000-total)>>8), byte(0x10000-total))
}

func (s *ssi) hear(c byte, now time.Time) response {
	if now.Sub(s.lastByte) > sleepAfter {
		s.awakeAt = now.Add(wakeTime)
	}
	if now.Sub(s.lastByte) > charTimeout {
		s.packet = nil
	}
	s.lastByte = now
	if now.Before(s.awakeAt) {
		return response{}
	}
	s.packet = append(s.packet, c)
	b := s.packet
	if b[0] < 4 {
		s.packet = nil
		return response{}
	}
	if len(b) < int(b[0])+2 {
		return response{}
	}
	s.packet = nil
	total := 0
	for _, c := range b[:len(b)-2] {
		total += int(c)
	}
	if (total+int(b[len(b)-2])<<8+int(b[len(b)-1]))&0xFFFF != 0 || b[2] != 0x04 {
		return response{answer: seal(0xD1, 0, 0x01)} // send again
	}
	return s.obey(b[1], b[3], b[4:len(b)-2])
}

func (s *ssi) obey(opcode, status byte, data []byte) response {
	ack := response{answer: seal(0xD0, 0)}
	switch opcode {
	case 0xD0, 0xD1:
		if s.awaiting != nil {
			s.awaiting <- opcode == 0xD0
			s.awaiting = nil
		}
		return response{}
	case 0xA3:
		return response{answer: seal(0xA4, 0, []byte("PAABS00-005-R01D0")...)}
	case 0xC6:
		for i := 1; i+1 < len(data); i += 2 {
			if _, known := s.table[data[i]]; !known {
				return response{answer: seal(0xD1, 0, 0x06)} // denied
			}
			s.table[data[i]] = data[i+1]
			if status&0x08 != 0 {
				s.flash[data[i]] = data[i+1]
			}
		}
		return ack
	case 0xC7:
		values := []byte{0xFF}
		for _, parameter := range data {
			value, known := s.table[parameter]
			if !known {
				return response{answer: seal(0xD1, 0, 0x06)}
			}
			values = append(values, parameter, value)
		}
		return response{answer: seal(0xC6, 0, values...)}
	case 0xE4:
		s.triggered = true
		return ack
	case 0xE5:
		s.triggered = false
		return ack
	case 0xE9, 0xEA:
		s.enabled = opcode == 0xE9
		return ack
	case 0xC8:
		s.factory()
		s.powerOn()
		return ack
	}
	return response{answer: seal(0xD1, 0, 0x02)} // bad context
}

func (s *ssi) reads(text string, now time.Time) bool {
	if !s.enabled || s.table[paramTrigger] != 7 && !s.triggered {
		return false
	}
	if text == s.seen && now.Sub(s.seenAt) < time.Duration(s.table[paramSame])*100*time.Millisecond {
		return false
	}
	s.triggered = false
	s.seen, s.seenAt = text, now
	return true
}

func (s *ssi) obeys(string) bool { return false }

// message is a line, or packets of 250 characters, each of which says that it is a QR code.
func (s *ssi) message(text string) (parts [][]byte) {
	text += "\r"
	if s.table[paramFormat] == 0 {
		return [][]byte{[]byte(text)}
	}
	for len(text) > 250 {
		parts = append(parts, seal(0xF3, 0x02, append([]byte{0xF1}, text[:250]...)...))
		text = text[250:]
	}
	return append(parts, seal(0xF3, 0x00, append([]byte{0xF1}, text...)...))
}

func (s *ssi) sent(part []byte) <-chan bool {
	if s.table[paramFormat] == 0 {
		return nil
	}
	s.lastByte = time.Now() // it is awake
	s.awaiting = make(chan bool, 1)
	return s.awaiting
}

func (s *ssi) again(part []byte) []byte { return seal(part[1], part[3]|0x01, part[4:len(part)-2]...) }
