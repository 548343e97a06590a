package gate

// Mode is what the operator wants of the gate (turnstile.mode).
type Mode int32

const (
	Open        Mode = iota // admits good passes
	Closed                  // refuses every pass
	Maintenance             // refuses every pass, and shows a fault
)

var modeText = [...]string{Open: "open", Closed: "closed", Maintenance: "maintenance"}

// String returns the word of the configuration and of the state, "" for a mode that does not exist.
func (m Mode) String() string {
	if m < 0 || int(m) >= len(modeText) {
		return ""
	}
	return modeText[m]
}

// ParseMode reads the word of a mode; ok is false for any other word.
func ParseMode(word string) (m Mode, ok bool) {
	for m, text := range modeText {
		if text == word {
			return Mode(m), true
		}
	}
	return 0, false
}
