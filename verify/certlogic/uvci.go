package certlogic

import "bytes"

// uvciPrefix is what may stand before a UVCI. Only this spelling is taken off.
const uvciPrefix = "URN:UVCI:"

// extractFromUVCI returns the fragment of that index, or ok false if there is none. Fragments are what is between the
// separators '/', '#' and ':'; they may be empty.
func extractFromUVCI(uvci []byte, index int64) (fragment []byte, ok bool) {
	if index < 0 {
		return nil, false
	}
	rest := bytes.TrimPrefix(uvci, []byte(uvciPrefix))
	for {
		end := bytes.IndexAny(rest, "/#:")
		if index == 0 {
			if end >= 0 {
				rest = rest[:end]
			}
			return rest, true
		}
		if end < 0 {
			return nil, false
		}
		rest = rest[end+1:]
		index--
	}
}
