package scanner

import (
	"errors"
	"time"
)

const (
	// A module that was heard nothing of for heartbeatPause is asked, and after heartbeatTries questions, heartbeatWait
	// apart, without an answer it is gone.
	heartbeatPause = 10 * time.Second
	heartbeatWait  = 2 * time.Second
	heartbeatTries = 3
)

var (
	errSilent  = errors.New("the module has stopped answering: check its power and its cable")
	errAnswers = errors.New("the module answers now, and is set up")
	errForgot  = errors.New("the module has lost its settings, and is set up again: check its power")
)

// life is what is known of whether the module of a session lives. One that cannot be asked does, as long as its port does.
type life struct {
	proven    bool     // it has answered, or sent a frame, since its port was opened
	questions [][]byte // none: it cannot be asked
	next      int
	heard     time.Time
	asked     time.Time
	missed    int // questions since it was heard
}

// alive is told that the module has proved itself.
func (l *life) alive(now time.Time) { l.heard, l.missed = now, 0 }

// watch is told of every turn. Its error ends the session: the module is silent, or wants to be set up. It allocates nothing.
func (l *life) watch(p port, now time.Time, frame bool, s sign) error {
	switch {
	case frame && !l.proven: // it sends but does not answer: there is no point in asking
		l.proven, l.questions = true, nil
	case s != noSign && !l.proven:
		return errAnswers
	case s == forgetful:
		return errForgot
	case frame || s == living:
		l.alive(now)
	}
	if len(l.questions) == 0 || now.Sub(l.heard) < heartbeatPause || now.Sub(l.asked) < heartbeatWait {
		return nil
	}
	if l.missed == heartbeatTries {
		return errSilent
	}
	l.asked = now
	l.missed++
	question := l.questions[l.next]
	l.next = (l.next + 1) % len(l.questions)
	return ask(p, question)
}

// ask sends a question. One that begins with NUL wakes the module up with it first.
func ask(p port, question []byte) error {
	if question[0] == 0 {
		if _, err := p.Write(question[:1]); err != nil {
			return err
		}
		time.Sleep(wakePause)
		question = question[1:]
	}
	_, err := p.Write(question)
	return err
}
