package fetch

import (
	"gatescan/trustsync/internal/source"
)

// LastETag is the entity tag (RFC 9110 §8.8.3) of what the source gave last, or empty. It is not signed; at worst it
// makes the source say that nothing has changed, which a replay of the document does as well.
func LastETag(last *source.Holding) string {
	if last == nil {
		return ""
	}
	return ValidETag(string(last.Cursor))
}

// ETag returns the entity tag of an answer, empty if there is none that can be sent back.
func (r *Response) ETag() string { return ValidETag(r.Header.Get("ETag")) }

// ValidETag is tag, or empty if it is none that can be sent back.
func ValidETag(tag string) string {
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
