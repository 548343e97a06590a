package trustsync

import (
	"net/http"

	"gatescan/trustsync/internal/source"
)

// lastETag is the entity tag (RFC 9110 §8.8.3) of what the source gave last, or empty. It is not signed; at worst it
// makes the source say that nothing has changed, which a replay of the document does as well.
func lastETag(last *source.Holding) string {
	if last == nil {
		return ""
	}
	return validETag(string(last.Cursor))
}

func eTagOf(header http.Header) []byte { return []byte(validETag(header.Get("ETag"))) }

// validETag is tag, or empty if it is none that can be sent back.
func validETag(tag string) string {
	if len(tag) < 2 || len(tag) > source.MaxCursor || tag[len(tag)-1] != '"' {
		return ""
	}
	for _, b := range []byte(tag) {
		if b < ' ' || b > '~' {
			return ""
		}
	}
	return tag
}
