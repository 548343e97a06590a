package scanner

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// talkPause is how long a read waits while a module is talked to.
	talkPause = 10 * time.Millisecond
	// setUpLimit bounds a whole set-up. Nothing is read as a frame meanwhile.
	setUpLimit = 8 * time.Second
)

// talk is a conversation with a module, while no frames are read. After the first error of the port, or the end of its time,
// every question remains without an answer.
type talk struct {
	ctx    context.Context
	port   port
	config Config
	turn   func()
	save   bool // settings are to survive a loss of power
	until  time.Time
	err    error // of the port or of ctx

	buf [512]byte
}

// ask sends command and returns what find finds in that which comes within wait; nil if it finds nothing. What find
// returns is valid until the next question.
func (t *talk) ask(command []byte, wait time.Duration, find func([]byte) []byte) []byte {
	if !t.drain() || !t.send(command) {
		return nil
	}
	end := time.Now().Add(wait)
	for n := 0; t.goesOn(); {
		got, err := read(t.port, t.buf[n:])
		if err != nil {
			t.err = err
			break
		}
		n += got
		if answer := find(t.buf[:n]); answer != nil {
			return answer
		}
		if n == len(t.buf) { // a text, or noise; an answer may have begun
			n = copy(t.buf[:], t.buf[len(t.buf)/2:])
		}
		if !time.Now().Before(end) {
			break
		}
	}
	return nil
}

// askAgain is ask, repeated until there is an answer.
func (t *talk) askAgain(times int, command []byte, wait time.Duration, find func([]byte) []byte) []byte {
	for range times {
		if answer := t.ask(command, wait, find); answer != nil {
			return answer
		}
	}
	return nil
}

func (t *talk) goesOn() bool {
	t.turn()
	if t.err == nil {
		t.err = t.ctx.Err()
	}
	return t.err == nil && time.Now().Before(t.until)
}

// drain drops what came before a question, a late answer to the one before included.
func (t *talk) drain() bool {
	if t.goesOn() {
		t.err = t.port.ResetInputBuffer()
	}
	return t.err == nil
}

func (t *talk) send(command []byte) bool {
	if !t.goesOn() {
		return false
	}
	n, err := t.port.Write(command)
	if err == nil && n < len(command) {
		err = errors.New("the port takes nothing to send")
	}
	t.err = err
	return t.err == nil
}

// pause waits, and drops nothing.
func (t *talk) pause(d time.Duration) {
	if !t.goesOn() {
		return
	}
	select {
	case <-t.ctx.Done():
	case <-time.After(d):
	}
}

func (t *talk) setBaud(baud int) bool {
	if t.goesOn() {
		t.err = t.port.SetBaud(baud)
	}
	return t.err == nil
}

// raise brings the module, which listens at s.Baud, to the configured speed, if it knows that. change tells it; its answer,
// which may get lost or come at either speed, proves nothing: meet does.
func (t *talk) raise(s *Setup, known bool, change func(), meet func() bool) {
	old := s.Baud
	if old == t.config.Baud {
		return
	}
	if !known {
		s.note(speed(t.config.Baud), false)
		return
	}
	change()
	for _, baud := range []int{t.config.Baud, old} {
		if !t.setBaud(baud) {
			return
		}
		t.pause(50 * time.Millisecond)
		for range 2 {
			if meet() {
				s.Baud = baud
				s.note(speed(t.config.Baud), baud == t.config.Baud)
				return
			}
		}
	}
	s.Answered = false
}

// wipe forgets what was read: a text may have been among it.
func (t *talk) wipe() { clear(t.buf[:]) }

func speed(baud int) string { return fmt.Sprintf("%d baud", baud) }
