// Package scanner reads a serial barcode module: bytes in, frames out.
//
// A [Frame] is one text as the module sent it. Modules mark its end in different ways, and a [Framer] understands
// them all without being told which one it has:
//
//	text CR | text LF | text CR LF | text TAB     most makers
//	STX code-id text CR ETX                       Access-IS "standard Access configuration", 7E1
//	]Q1 text CR                                   AIM symbology identifier (ISO/IEC 15424)
//	code-id text <silence>                        Access-IS "raw": only the idle gap ends it
//
// The text itself cannot be confused with any of that, because Base45 (RFC 9285, table 1) has no control characters
// and no ']'. It does have SPACE, and a text may end in one, so a space is never trimmed.
//
// A [Reader] owns the port. It stands in for what a turnstile needs of a reader beyond framing:
//
//   - A decision is made on what is presented now. While the handler works, and from then on until the line has been
//     silent for one idle gap, everything that arrives is dropped: a code that waited in a buffer never opens the gate
//     for somebody who has left. The same holds when a port is opened and after the process itself was stopped.
//   - A port that fails is closed at once (a held descriptor makes a replugged module come back under another name)
//     and opened again with growing pauses, for as long as the program runs.
//   - What was read is wiped as soon as it has been handled or thrown away, and it never reaches a log.
//   - Nothing is allocated per frame.
//
// The package knows nothing of certificates.
package scanner
