package scanner

import (
	"fmt"
	"time"
)

// ssi is the Simple Serial Interface of Symbol, Motorola and Zebra (DS457, SE and MS engines), which Nadamoo, HPRT, Datalogic and
// Honeywell engines speak, too:
//
//	length | opcode | source: 04 host, 00 decoder | status | data | checksum, 2 bytes
//
// The length counts all but the checksum, which is the two's complement of the sum of the bytes before it. Modules leave the
// factory sending lines; the set-up has them send packets, which are acknowledged, and sent again if they were damaged.
type ssi struct{}

// Opcodes.
const (
	ssiRevision   = 0xA3 // a request
	ssiHasVersion = 0xA4 // the reply
	ssiSetParams  = 0xC6
	ssiAskParams  = 0xC7
	ssiAck        = 0xD0
	ssiNak        = 0xD1
	ssiScanEnable = 0xE9
	ssiDecodeData = 0xF3
)

// Bits of the status.
const (
	ssiAgain     = 0x01 // sent before
	ssiContinued = 0x02 // not the last packet of its message
	ssiPermanent = 0x08 // of parameters
)

// Parameters, behind a beep code; FF is no beep.
const (
	ssiTriggerMode = 0x8A // 07 presentation
	ssiSameCode    = 0x89 // time-out between decodes of the same symbol, in 100 ms
	ssiDataFormat  = 0xEE // 01 packets
)

const (
	ssiHeader   = 4
	ssiOverhead = ssiHeader + 2
	ssiLongest  = 255 + 2

	ssiWait = 300 * time.Millisecond
	// wakePause: a module that sleeps loses what comes within 7 ms of the NUL that wakes it.
	wakePause = 10 * time.Millisecond
)

func ssiPacket(opcode, status byte, data ...byte) []byte {
	b := append([]byte{byte(ssiHeader + len(data)), opcode, 0x04, status}, data...)
	sum := ssiSum(b)
	return append(b, byte(sum>>8), byte(sum))
}

func ssiSum(b []byte) (sum uint16) {
	for _, c := range b {
		sum -= uint16(c)
	}
	return sum
}

// ssiMessage looks at the beginning of b: how long the packet of a decoder there is, 0 if there is none, -1 if it goes on
// behind b.
func ssiMessage(b []byte) int {
	if b[0] < ssiHeader || len(b) > 1 && b[1] < 0x80 || len(b) > 2 && b[2] != 0x00 {
		return 0
	}
	end := int(b[0]) + 2
	if len(b) < end {
		return -1
	}
	if sum := ssiSum(b[:end-2]); b[end-2] != byte(sum>>8) || b[end-1] != byte(sum) {
		return 0
	}
	return end
}

// findSSI returns a function that finds a packet with one of these opcodes.
func findSSI(opcodes ...byte) func([]byte) []byte {
	return func(b []byte) []byte {
		for i := range b {
			n := ssiMessage(b[i:])
			if n <= 0 {
				continue
			}
			for _, opcode := range opcodes {
				if b[i+1] == opcode {
					return b[i : i+n]
				}
			}
		}
		return nil
	}
}

func (ssi) wake(t *talk) {
	t.send([]byte{0x00})
	t.pause(wakePause)
}

func (i ssi) meet(t *talk, s *Setup) bool {
	i.wake(t)
	a := t.ask(ssiPacket(ssiRevision, 0), ssiWait, findSSI(ssiHasVersion, ssiNak))
	if a == nil {
		return false
	}
	if a[1] == ssiHasVersion {
		s.Firmware = printable(a[ssiHeader : len(a)-2])
		t.send(ssiPacket(ssiAck, 0))
	}
	return true
}

func (i ssi) configure(t *talk, c Config, s *Setup) {
	i.wake(t)
	set := func(what string, parameter, value byte) bool {
		status := byte(0)
		if t.save {
			status = ssiPermanent
		}
		return s.note(what, i.acknowledged(t, ssiPacket(ssiSetParams, status, 0xFF, parameter, value)))
	}
	s.kept = set("packets", ssiDataFormat, 1)
	set("presentation mode", ssiTriggerMode, 7)
	same := min(c.SameCodeDelay, ssiMostSameCode)
	set(fmt.Sprintf("same-code delay %v", same), ssiSameCode, byte(same/(100*time.Millisecond)))
	s.note("scanning on", i.acknowledged(t, ssiPacket(ssiScanEnable, 0)))
	if t.save {
		s.Saved = len(s.Missed) == 0
		s.note("saved", s.Saved)
	}
	if s.Baud != c.Baud { // the parameter's values differ from engine to engine
		s.note(fmt.Sprintf("%d baud, which only the maker's setup codes can set", c.Baud), false)
	}
}

// ssiMostSameCode is the most that the parameter takes.
const ssiMostSameCode = 9900 * time.Millisecond

// acknowledged sends a packet up to three times.
func (ssi) acknowledged(t *talk, packet []byte) bool {
	a := t.askAgain(3, packet, ssiWait, findSSI(ssiAck, ssiNak))
	return len(a) > 1 && a[1] == ssiAck
}

func (ssi) heartbeat() [][]byte {
	return [][]byte{
		append([]byte{0x00}, ssiPacket(ssiRevision, 0)...),
		append([]byte{0x00}, ssiPacket(ssiAskParams, 0, ssiDataFormat)...),
	}
}

func (ssi) decoder(f *Framer, c Config, s Setup) decoder {
	return &ssiDecoder{text: f, packets: s.kept, kept: s.kept, patience: int(ssiPatience/c.IdleGap) + 1}
}
