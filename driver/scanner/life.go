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
	errAnswers = errors.New("the module answers now")
)

// pulse watches whether a module lives that can be asked.
type pulse struct {
	question []byte // nil: it cannot be asked
	heard    time.Time
	asked    time.Time
	missed   int
}

// alive is told that the module has proved itself.
func (l *pulse) alive(now time.Time) { l.heard, l.missed = now, 0 }

// beat asks if it is time to. A question that begins with NUL wakes the module up with it first. It allocates nothing.
func (l *pulse) beat(p port, now time.Time) error {
	if l.question == nil || now.Sub(l.heard) < heartbeatPause || now.Sub(l.asked) < heartbeatWait {
		return nil
	}
	if l.missed == heartbeatTries {
		return errSilent
	}
	l.asked = now
	l.missed++
	question := l.question
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

// life is what is known of whether the module of a session lives. One that cannot be asked does, as long as its port does.
type life struct {
	pulse
	proven bool // it has answered, or sent a frame, since its port was opened
}

// watch is told of every turn. Its error ends the session: the module is silent, or answers at last and wants to be set up.
func (l *life) watch(p port, now time.Time, frame, answered bool) error {
	switch {
	case frame && !l.proven: // it sends but does not answer: there is no point in asking
		l.proven, l.question = true, nil
	case answered && !l.proven:
		return errAnswers
	case frame || answered:
		l.alive(now)
	}
	return l.beat(p, now)
}
