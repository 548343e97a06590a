package scanner

import (
	"bytes"
	"fmt"
)

const (
	maxNoReads = 32 // messages
	maxNoRead  = 64 // bytes of one: the longest that Microscan's readers can be given
)

// NoReads returns the messages for "nothing was read" that modules are known to send, which a Config without any stands for:
// Honeywell, Symbol and Allen-Bradley NR, ZKTeco %%NoRead, Microscan NOREAD and BADCODE, Rockwell NO-READ, Keyence ERROR.
func NoReads() []string {
	return []string{"NR", "%%NoRead", "NOREAD", "NO READ", "NO-READ", "BADCODE", "ERROR"}
}

// validNoRead says what is wrong with a message; empty if nothing is.
func validNoRead(message string) string {
	switch b := []byte(message); {
	case len(bytes.Trim(b, " ")) == 0 || len(b) > maxNoRead:
		return fmt.Sprintf("must be 1 to %d characters", maxNoRead)
	case printable(b) != message:
		return "must be printable ASCII without spaces around it, and no terminator"
	case hasContext(text(b)):
		return "is how a certificate begins"
	}
	return ""
}

// noReadsOf prepares messages for a Framer.
func noReadsOf(messages []string) (list [][]byte) {
	for _, message := range messages {
		list = append(list, []byte(message))
	}
	return list
}

// isNoRead reports whether b is one of the messages, in capitals or not. With code-ids switched on, Symbol's modules put that
// of Code 39 in front of it, a letter.
func isNoRead(messages [][]byte, b []byte) bool {
	if len(b) > maxNoRead+3 {
		return false
	}
	b = bytes.Trim(b, " ")
	for _, message := range messages {
		if bytes.EqualFold(b, message) || len(b) > 1 && isLetter(b[0]) && bytes.EqualFold(b[1:], message) {
			return true
		}
	}
	return false
}
