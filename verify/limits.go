package verify

// Limits of the specifications.
const (
	// maxText is the capacity of the largest QR code, version 40-L in alphanumeric mode (ISO/IEC 18004), in characters.
	maxText = 4296
	// maxCompressed is what Base45 can make of maxText characters behind the prefix, in bytes (RFC 9285: 3 give 2).
	maxCompressed = (maxText - len(prefix) + 2) / 3 * 2
	// maxNumericDate is 9999-12-31T23:59:59Z, the last second that RFC 3339 can write. Milliseconds are beyond it.
	maxNumericDate = 253402300799
)

// Limits of ours.
const (
	// maxCWT bounds what a text inflates to, in bytes: more than nine times the largest pass ever seen (870 bytes).
	maxCWT = 8 << 10
	// maxJoined bounds the strings of indefinite length that are put together, in bytes: once as part of the COSE
	// message, once as part of its payload, once for the rules that read it.
	maxJoined = 3 * maxCWT
)
