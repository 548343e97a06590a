// Package scanner reads a serial barcode module: bytes in, frames out.
//
// A [Frame] is one text as the module sent it. Modules mark its end in different ways, and a [Framer] understands
// them all without being told which one it has:
//
//	text CR | text LF | text CR LF | text TAB     most makers
//	STX code-id text CR ETX                       Access-IS "standard Access configuration", 7E1
//	]Q1 text CR                                   AIM symbology identifier (ISO/IEC 15424)
//	\000026 text CR                               ECI escape, behind an AIM identifier or a code-id, too
//	code-id text <silence>                        Access-IS "raw": only the idle gap ends it
//
// The text itself cannot be confused with any of that, because Base45 (RFC 9285, table 1) has no control characters
// and no ']'. It does have SPACE, and a text may end in one, so a space is never trimmed.
//
// Modules also pause within a text, behind a USB hub or because they decode while they send. Once a port has shown that its frames
// end with a terminator, only a silence of 500 ms ends one; what comes behind a pause and is the beginning of another text is
// never joined to what came before it. [Frame.Whole] tells a whole text from a piece.
//
// Modules that are set to report it when they have read nothing send a message as if it were a text. Those of [Config.NoRead] are
// no frames; [Stats] counts them.
//
// Some modules can be told how to send, and asked whether they live. [Config.Module] says which family one belongs to, or that
// all are to be asked:
//
//	line           nothing is ever sent, texts are lines as above. The default, for a module that takes a question for
//	               another command could be spoilt by it
//	gm65           gm65.go       registers with CRC-16/XMODEM; answers are taken out of the lines
//	newland        newland.go    ~ SOH 0000 TAG...; ETX
//	honeywell      honeywell.go  SYN M CR TAG... !
//	ssi            ssi.go, ssidecoder.go  packets with a checksum, acknowledged; texts of several packets
//	accessis       accessis.go   STX symbology text CR ETX at 9600 baud, 7 data bits, even parity
//	accessis-raw   lines that silence ends, at 9600 baud
//	auto           the first of gm65, ssi, newland, honeywell that answers, for good; as line once a text came without an answer
//
// A module is set up after each opening of its port: looked for at the configured speed, 9600 and 115200, raised to the
// configured one, told to read by itself, not to send the same code again at once, and, where there is a command for it, not to
// obey setup codes: whoever may present those can switch a gate off. Settings are volatile; only [SaveModule] and
// [Reader.Save] write its flash, which wears. What it does not take is a fault in [Setup] and the log, and
// reading goes on as well as it can: a module that never answers is read with its own settings.
//
// Not every fact about every module could be confirmed without one. The unit of the GM65's same-code delay is taken
// for 100 ms, as other registers have it; TRGMOD and DLYRRD are those of Honeywell's Xenon; the speed of SSI engines is left as
// it is, for its values differ. A module that answers no to one of them says so in the log and works on.
//
// While no whole text has come since the port was opened, what comes is compared with what the texts of a module make that is set
// otherwise than the line (evidence.go, phases.go): slower, faster, with parity, with seven bits, inverted. [Reader.Diagnosis] names
// the likely setting and the keys to look at. It keeps nothing from being read, and the first whole text withdraws it. A code that
// somebody has made for that, bit by bit, can look so on a port on which nothing was read yet.
//
// [Ports] finds a USB module in sysfs by what it is, whatever number its tty has got.
//
// A [Reader] owns the port. It stands in for what a turnstile needs of a reader beyond framing:
//
//   - A decision is made on what is presented now. While the handler works, and from then on until the line has been
//     silent for one idle gap, everything that arrives is dropped: a code that waited in a buffer never opens the gate
//     for somebody who has left. The same holds when a port is opened and after the process itself was stopped.
//   - A port that fails is closed at once (a held descriptor makes a replugged module come back under another name)
//     and opened again with growing pauses, for as long as the program runs.
//   - A module that can be asked is, whenever it has been silent for 10 s. One that stops answering is taken for gone; one that has
//     lost its settings is asked once more and then set up again. Only what comes within 2 s of a question is an answer, for
//     anybody may show a code that reads like one.
//   - With auto, the reader is not ready before a module has answered or sent a text: it may be dead, or without power. It is
//     looked for again and again, after 8 s at first and 64 s later.
//   - A module that has sent for 10 s without one silence cannot be read, and the reader is not ready until it is silent.
//   - The port is locked: a second reader would take half of the texts.
//   - What was read is wiped as soon as it has been handled or thrown away, and it never reaches a log.
//   - Nothing is allocated per frame.
//
// The package knows nothing of certificates.
package scanner
