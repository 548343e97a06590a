package scanner

// ends is what a Framer has learned of how the frames of its module end.
type ends struct {
	ever   bool // a terminator has ended a frame
	marked bool // the last frame before a silence was ended by a terminator
	fresh  bool // nothing but terminators came since a terminator ended a frame
	inside bool // something else came since, dropped or not
	lost   int  // frames without an end since a terminator ended one
}

// take is told of every byte that is no terminator ending a frame.
func (e *ends) take(c byte) {
	switch c {
	case cr, lf, tab, etx:
		e.mark()
	default:
		e.inside, e.fresh = true, false
	}
}

// mark is told of every terminator.
func (e *ends) mark() {
	if e.inside {
		e.inside, e.fresh, e.ever, e.lost = false, true, true, 0
	}
}

// silence is told of every silence. One behind a terminator shows that this is how frames end; a visitor's code may have
// terminators within, but what follows then follows at once.
func (e *ends) silence() {
	if e.fresh {
		e.fresh, e.marked = false, true
	}
}

// cut is told that silence ends whatever was under way.
func (e *ends) cut(frame bool) {
	e.inside = false
	e.marked = e.marked && !frame
}

// lose is told of a frame behind which another one began after a pause. The second in a row shows that this module marks no ends.
func (e *ends) lose() {
	if e.lost++; e.lost > 1 {
		e.marked = false
	}
}
