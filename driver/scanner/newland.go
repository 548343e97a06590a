package scanner

import (
	"bytes"
	"fmt"
	"time"
)

// newland is the family that understands Newland's unified commands: EM20, FM30, FM430, FM530, HR series.
//
//	host    ~ SOH 0000 | # for now, @ for good | tag and subtag, 6 characters | value, or * to ask | ; ETX
//	module  STX SOH 0000 | the same | ACK, NAK (value) or ENQ (tag) | ; ETX
//
// What was read is sent as a line.
type newland struct{}

const (
	newlandWait  = time.Second           // the manual allows for 5 s; what is later is recognised, but not waited for
	newlandPause = 60 * time.Millisecond // commands must be 50 ms apart
)

// newlandBauds are the values of 232BAD.
var newlandBauds = map[int]string{9600: "3", 19200: "5", 38400: "6", 57600: "7", 115200: "8"}

var (
	newlandHead = []byte("\x02\x010000")
	newlandTail = []byte(";\x03")
)

func newlandCommand(storage byte, body string) []byte {
	return append(append([]byte("~\x010000"), storage), body+";\x03"...)
}

// findNewland returns a function that finds the answer about a tag: all of it, from STX to ETX.
func findNewland(tag string) func([]byte) []byte {
	return func(b []byte) []byte {
		for {
			i := bytes.Index(b, newlandHead)
			if i < 0 {
				return nil
			}
			b = b[i:]
			end := bytes.Index(b, newlandTail)
			if end < 0 {
				return nil
			}
			if body := b[len(newlandHead):end]; len(body) > 1 && bytes.HasPrefix(body[1:], []byte(tag)) {
				return b[:end+len(newlandTail)]
			}
			b = b[end:]
		}
	}
}

const ack, nak, enq = 0x06, 0x15, 0x05

// acknowledged tells what an answer ends in: status, and two bytes behind it.
func (newland) acknowledged(answer []byte) bool {
	return len(answer) > 3 && answer[len(answer)-3] == ack
}

func (newland) meet(t *talk, _ *Setup) bool {
	t.pause(newlandPause)
	return t.ask(newlandCommand('#', "SCNMOD*"), newlandWait/2, findNewland("SCNMOD")) != nil
}

func (n newland) configure(t *talk, c Config, s *Setup) {
	baud, known := newlandBauds[c.Baud]
	t.raise(s, known, func() { n.set(t, 1, "232BAD"+baud) }, func() bool { return n.meet(t, s) })
	if !s.Answered {
		return
	}
	ms := c.SameCodeDelay.Milliseconds()
	s.kept = s.note("reading by itself", n.set(t, 2, "SCNMOD2"))
	s.note(fmt.Sprintf("same-code delay %v", c.SameCodeDelay), n.set(t, 2, "RRDENA1") && n.set(t, 2, fmt.Sprintf("RRDDUR%d", ms)))
	s.note("setup codes off", n.set(t, 2, "SETUPE0"))
	if t.save { // each was, with @; the speed only if it was changed
		s.Saved = len(s.Missed) == 0 && (!known || n.set(t, 2, "232BAD"+baud))
		s.note("saved", s.Saved)
	}
}

// set sends a setting up to times times.
func (n newland) set(t *talk, times int, body string) bool {
	storage := byte('#')
	if t.save {
		storage = '@'
	}
	for range times {
		t.pause(newlandPause)
		if a := t.ask(newlandCommand(storage, body), newlandWait, findNewland(body[:6])); a != nil {
			return n.acknowledged(a)
		}
	}
	return false
}

func (newland) heartbeat() [][]byte { return [][]byte{newlandCommand('#', "SCNMOD*")} }

func (newland) decoder(f *Framer, _ Config, s Setup) decoder {
	return &lines{Framer: f, isAnswer: func(b []byte) sign {
		switch {
		case !isNewlandAnswer(b):
			return noSign
		case s.kept && bytes.Contains(b, newlandMode) && !bytes.Contains(b, newlandByItself):
			return forgetful
		}
		return living
	}}
}

var (
	newlandMode     = []byte("SCNMOD")
	newlandByItself = []byte("SCNMOD2\x06")
)

// isNewlandAnswer recognises an answer as the Framer leaves it, without STX and ETX.
func isNewlandAnswer(b []byte) bool {
	return bytes.HasPrefix(b, newlandHead[1:]) && b[len(b)-1] == ';'
}
