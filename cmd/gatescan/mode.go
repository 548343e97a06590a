package main

// mode is what the operator wants of the gate (turnstile.mode).
type mode int32

const (
	modeOpen        mode = iota // admits good passes
	modeClosed                  // refuses every pass
	modeMaintenance             // refuses every pass, and shows a fault
)

var modeText = [...]string{modeOpen: "open", modeClosed: "closed", modeMaintenance: "maintenance"}

// String returns the word of the configuration and of the state, "" for a mode that does not exist.
func (m mode) String() string {
	if m < 0 || int(m) >= len(modeText) {
		return ""
	}
	return modeText[m]
}

// parseMode reads the word of a mode; ok is false for any other word.
func parseMode(word string) (m mode, ok bool) {
	for m, text := range modeText {
		if text == word {
			return mode(m), true
		}
	}
	return 0, false
}
