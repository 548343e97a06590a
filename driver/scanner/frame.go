package scanner

import (
	"bytes"
	"strings"
)

const (
	// maxText is the longest text of the QR alphabet that certificates use, in characters: version 40-L in
	// alphanumeric mode (ISO/IEC 18004, table 7). A verifier refuses longer ones.
	maxText = 4296
	// MaxFrame bounds a frame, in bytes. The slack holds what stands around the longest text (AIM identifier 3, code-id 3,
	// two ECI escapes of 7, NULs of a disturbed line), and a frame that was cut here is still beyond maxText after those are removed.
	MaxFrame = maxText + 32
)

// Frame is one text as the barcode module sent it. The zero value is no frame.
type Frame struct {
	// Text is 1 to [MaxFrame] bytes, without terminator, STX, AIM identifier, code-id and ECI escape. It is anybody's text: nothing in
	// it was checked. It is valid only until the handler returns and is wiped then.
	Text []byte

	// Whole says that the text came to its end: a terminator followed it, or its module has answered since the port was opened,
	// marks no ends, and fell silent. Without it the text may be a piece of what was presented, or noise.
	Whole bool

	// Continued says that the line was not silent for 500 ms between the frame before and this one. A binary ticket with a
	// terminator in it comes in such pieces, and so does a code that stays in view.
	Continued bool
}

// text removes what the module put in front of the text: an AIM identifier, an ECI escape, a code-id, in the orders in which
// modules send them.
func text(b []byte) []byte {
	if hasAIM(b) {
		b = b[len("]Q1"):]
	}
	b = cutECI(b)
	if n := codeID(b); n > 0 {
		b = cutECI(b[n:])
	}
	return b
}

// codeID returns how long the code-id is that b starts with. Without "HC1:" behind it a code-id cannot be told from the first
// characters of some other text. A space is never one.
func codeID(b []byte) int {
	if len(b) > 1 && b[0] != ' ' && hasContext(cutECI(b[1:])) {
		return 1
	}
	// Symbol and Zebra send "P01" for a QR code, "P00" for a Data Matrix, and so on.
	if len(b) > 3 && b[0] == 'P' && b[1] == '0' && (isLetter(b[2]) || isDigit(b[2])) && hasContext(cutECI(b[3:])) {
		return 3
	}
	return 0
}

// cutECI removes an ECI escape, a backslash and six digits, from the beginning of b. Modules that report the character set send
// it in front of the text (AIM ECI protocol). Base45 has no backslash.
func cutECI(b []byte) []byte {
	const length = len(`\000026`)
	if len(b) < length || b[0] != '\\' {
		return b
	}
	for _, c := range b[1:length] {
		if !isDigit(c) {
			return b
		}
	}
	return b[length:]
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

// begins reports whether b looks like the beginning of a text, and not like a part from its middle.
func begins(b []byte) bool {
	return hasAIM(b) || len(cutECI(b)) < len(b) || hasContext(text(b))
}

// readable reports whether b is a text of printable ASCII throughout, which noise and wrong line settings do not make.
func readable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(b) >= 4
}

// isBase45 reports whether b is Base45: three characters stand for two bytes, two at the end for one (RFC 9285, section 4).
func isBase45(b []byte) bool {
	for len(b) > 0 {
		n, most := 3, 1<<16-1
		if len(b) < 3 {
			n, most = 2, 1<<8-1
		}
		if len(b) < n {
			return false
		}
		value := 0
		for i := n - 1; i >= 0; i-- {
			digit := strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", b[i])
			if digit < 0 {
				return false
			}
			value = 45*value + digit
		}
		if value > most {
			return false
		}
		b = b[n:]
	}
	return true
}

func isLetter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// trimNUL removes the NULs behind b. A tty in raw mode reports a break and a bad parity bit as NUL (termios(3), PARMRK).
func trimNUL(b []byte) []byte { return bytes.TrimRight(b, "\x00") }
