package scanner

import (
	"bytes"
	"fmt"
	"time"
)

// honeywell is the family that understands Honeywell's menu commands: N3680, HF680, N86, Xenon.
//
//	host    SYN M CR | tag and subtag, 6 characters | value, or ? to ask | ! for now, . for good
//	module  the same without SYN M CR, and ACK, NAK (value) or ENQ (tag) before the last character
//
// What was read is sent as a line. That menu codes which somebody presents are obeyed cannot be changed by a command that
// is known for all of them.
type honeywell struct{}

const honeywellWait = 400 * time.Millisecond

func honeywellCommand(body string, storage byte) []byte {
	return append([]byte("\x16M\r"+body), storage)
}

// findHoneywell returns a function that finds the answer about a tag: from the tag to its last character.
func findHoneywell(tag string) func([]byte) []byte {
	return func(b []byte) []byte {
		i := bytes.Index(b, []byte(tag))
		if i < 0 {
			return nil
		}
		b = b[i:]
		for end := len(tag) + 1; end < len(b); end++ {
			if isHoneywellAnswer(b[:end+1]) {
				return b[:end+1]
			}
		}
		return nil
	}
}

// isHoneywellAnswer recognises an answer by its end.
func isHoneywellAnswer(b []byte) bool {
	if len(b) < len("232BAD")+2 {
		return false
	}
	status, last := b[len(b)-2], b[len(b)-1]
	return (status == ack || status == nak || status == enq) && (last == '.' || last == '!')
}

func (honeywell) meet(t *talk, _ *Setup) bool {
	return t.ask(honeywellCommand("232BAD?", '.'), honeywellWait, findHoneywell("232BAD")) != nil
}

func (h honeywell) configure(t *talk, c Config, s *Setup) {
	t.raise(s, c.Baud == 115200, func() { h.set(t, 1, "232BAD9") }, func() bool { return h.meet(t, s) })
	if !s.Answered {
		return
	}
	s.kept = s.note("presentation mode", h.set(t, 2, "TRGMOD3"))
	s.note(fmt.Sprintf("same-code delay %v", c.SameCodeDelay), h.set(t, 2, fmt.Sprintf("DLYRRD%d", c.SameCodeDelay.Milliseconds())))
	if t.save {
		s.Saved = len(s.Missed) == 0 && (c.Baud != 115200 || h.set(t, 2, "232BAD9"))
		s.note("saved", s.Saved)
	}
}

func (honeywell) set(t *talk, times int, body string) bool {
	storage := byte('!')
	if t.save {
		storage = '.'
	}
	a := t.askAgain(times, honeywellCommand(body, storage), honeywellWait, findHoneywell(body[:6]))
	return len(a) > 1 && a[len(a)-2] == ack
}

func (honeywell) heartbeat() [][]byte { return [][]byte{honeywellCommand("TRGMOD?", '.')} }

func (honeywell) decoder(f *Framer, _ Config, s Setup) decoder {
	return &lines{Framer: f, isAnswer: func(b []byte) sign {
		switch {
		case !isHoneywellAnswer(b):
			return noSign
		case s.kept && bytes.Contains(b, honeywellMode) && !bytes.Contains(b, honeywellByItself):
			return forgetful
		}
		return living
	}}
}

var (
	honeywellMode     = []byte("TRGMOD")
	honeywellByItself = []byte("TRGMOD3\x06")
)
