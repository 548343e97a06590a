package scanner

import "bytes"

const (
	// maxText is the longest text of the QR alphabet that certificates use, in characters: version 40-L in
	// alphanumeric mode (ISO/IEC 18004, table 7). A verifier refuses longer ones.
	maxText = 4296
	// MaxFrame bounds a frame, in bytes. The slack holds what stands around the longest text (AIM identifier 3, code-id 1,
	// NULs of a disturbed line), and a frame that was cut here is still beyond maxText after those are removed.
	MaxFrame = maxText + 16
)

// Frame is one text as the barcode module sent it. The zero value is no frame.
type Frame struct {
	// Text is 1 to [MaxFrame] bytes, without terminator, STX, AIM identifier and code-id. It is anybody's text: nothing in it was
	// checked. It is valid only until the handler returns and is wiped then.
	Text []byte
}

// text removes what the module put in front of the text: an AIM identifier, then a code-id.
func text(b []byte) []byte {
	if hasAIM(b) {
		b = b[len("]Q1"):]
	}
	// Without "HC1:" behind it a code-id cannot be told from the first character of some other text. A space is never one.
	if len(b) > 0 && b[0] != ' ' && hasContext(b[1:]) {
		b = b[1:]
	}
	return b
}

// hasAIM reports whether b starts with a symbology identifier, "]cm" (ISO/IEC 15424).
func hasAIM(b []byte) bool {
	return len(b) >= 3 && b[0] == ']' && isLetter(b[1]) && (isLetter(b[2]) || isDigit(b[2]))
}

// hasContext reports whether b starts with an HCERT context identifier, "HC1:" to "HCZ:" (hcert-spec §4.3).
func hasContext(b []byte) bool {
	return len(b) >= 4 && b[0] == 'H' && b[1] == 'C' && b[3] == ':' &&
		(b[2] >= '1' && b[2] <= '9' || b[2] >= 'A' && b[2] <= 'Z')
}

func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// trimNUL removes the NULs behind b. A tty in raw mode reports a break and a bad parity bit as NUL (termios(3), PARMRK).
func trimNUL(b []byte) []byte { return bytes.TrimRight(b, "\x00") }
