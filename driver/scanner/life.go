package scanner

import (
	"errors"
	"time"
)

const (
	// A module that was heard nothing of for heartbeatPause is asked, and after heartbeatTries questions, heartbeatWait
	// apart, without an answer it is gone. What comes later than heartbeatWait after a question is no answer to it.
	heartbeatPause = 10 * time.Second
	heartbeatWait  = 2 * time.Second
	heartbeatTries = 3

	// A module of which not even the family is known is looked for again after minSearch, then after twice as long, and so on to
	// maxSearch. While it is being looked for, 8 s at the most, nothing is read.
	minSearch = 8 * time.Second
	maxSearch = 64 * time.Second
)

var (
	errSilent   = errors.New("the module has stopped answering: check its power and its cable")
	errAnswers  = errors.New("the module answers now, and is set up")
	errForgot   = errors.New("the module has lost its settings, and is set up again: check its power")
	errNoModule = errors.New("no barcode module has answered, and nothing was read: check its power and both wires of the serial line")
	errEndless  = errors.New("the module never stops sending, so that no text can be told from the next: check its cable, its power and " +
		"reader.baud, and switch its same-code delay on")
)

// life is what is known of whether the module of a session lives. One that cannot be asked does, as long as its port does.
type life struct {
	proven    bool      // it has answered, or sent a text, since its port was opened
	search    time.Time // when to look for a module again if none was found; zero: one was
	questions [][]byte  // none: it cannot be asked
	next      int
	heard     time.Time
	asked     time.Time
	missed    int // questions since it was heard

	answers sign // to the question that is open
	open    bool
	doubts  int // questions in a row all answers to which say that the settings are lost
}

// alive is told that the module has proved itself.
func (l *life) alive(now time.Time) { l.heard, l.missed = now, 0 }

// watch is told of every turn: whether a text came, and what the module's messages say. Its error ends the session: the module is
// silent, or wants to be set up. It allocates nothing.
func (l *life) watch(p port, now time.Time, text bool, s sign) error {
	if now.Sub(l.asked) >= heartbeatWait {
		if err := l.judge(); err != nil {
			return err
		}
		s = noSign // it answers no question: somebody shows a code that reads like a message
	}
	l.answers |= s
	switch {
	case text && !l.proven: // it sends but does not answer: there is no point in asking
		l.proven, l.questions = true, nil
	case s != noSign && !l.proven:
		return errAnswers
	case text || s != noSign:
		l.alive(now)
	}
	if !l.proven && !l.search.IsZero() && !now.Before(l.search) {
		return errNoModule
	}
	if len(l.questions) == 0 || now.Sub(l.heard) < heartbeatPause && l.doubts == 0 || now.Sub(l.asked) < heartbeatWait {
		return nil
	}
	if l.missed == heartbeatTries {
		return errSilent
	}
	return l.ask(p, now)
}

// judge looks at all answers to a question once its time is over. A single one that shows the settings in force outweighs those
// that do not, for a code may have been among them; and the question is put once more before the settings count as lost.
func (l *life) judge() error {
	if !l.open {
		return nil
	}
	l.open = false
	switch l.answers {
	case noSign:
	case forgetful:
		if l.doubts++; l.doubts == 2 {
			return errForgot
		}
	default:
		l.doubts = 0
	}
	return nil
}

// ask puts the next question, or the last one again while the settings are in doubt.
func (l *life) ask(p port, now time.Time) error {
	if l.doubts > 0 {
		l.next = (l.next + len(l.questions) - 1) % len(l.questions)
	}
	question := l.questions[l.next]
	l.next = (l.next + 1) % len(l.questions)
	l.asked, l.open, l.answers = now, true, noSign
	l.missed++
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
