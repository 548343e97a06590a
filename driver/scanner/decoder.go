package scanner

// decoder makes frames of what a module sends, as [Framer] does. Beyond that it may want to answer, and it recognises messages that
// are no texts. It allocates nothing per frame.
type decoder interface {
	Next(b []byte) (frame Frame, rest []byte)
	Gap() Frame
	Reset()

	// unfinished reports whether the end of a frame or of what was dropped is still to come, by what is known of how this module
	// marks ends. Then pause may be called instead of Gap: it tells of a silence and cuts nothing.
	unfinished() bool
	pause() Frame

	// drop consumes b without a frame, and so that nothing of b ends up in a later one.
	drop(b []byte)
	// answer returns what is to be sent to the module now, and forgets it; nil if nothing is.
	answer() []byte
	// heard returns what the messages since the last call say about the module.
	heard() sign
	// stray returns how many bytes belonged to no message.
	stray() uint64
}

// sign is what a module's messages say about it: a set, for several may have come. Anybody may show a code that reads like a
// message, so a sign counts only as the answer to a question; see life.
type sign uint8

const (
	living    sign = 1 << iota
	forgetful      // it lives, and has lost its settings

	noSign sign = 0
)

// lines reads a module that sends lines, and answers in lines.
type lines struct {
	*Framer
	isAnswer func([]byte) sign // nil: it never answers
	sign     sign
}

// Next skips answers.
func (l *lines) Next(b []byte) (Frame, []byte) {
	for {
		frame, rest := l.Framer.Next(b)
		if !l.recognise(frame) {
			return frame, rest
		}
		b = rest
	}
}

func (l *lines) Gap() Frame {
	if frame := l.Framer.Gap(); !l.recognise(frame) {
		return frame
	}
	l.Reset()
	return Frame{}
}

func (l *lines) recognise(f Frame) bool {
	if f.Text == nil || l.isAnswer == nil {
		return false
	}
	sign := l.isAnswer(f.Text)
	l.sign |= sign
	return sign != noSign
}

func (l *lines) unfinished() bool { return l.ends.marked && l.ends.inside }

func (l *lines) drop(b []byte) { l.pass(b) }

func (l *lines) answer() []byte { return nil }

func (l *lines) heard() sign {
	was := l.sign
	l.sign = noSign
	return was
}

func (l *lines) stray() uint64 { return 0 }
