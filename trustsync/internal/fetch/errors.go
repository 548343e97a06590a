package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxSaid is how much of what a server said stands in an error, in bytes.
const maxSaid = 200

// StatusError says that a server answered with another status than it should.
type StatusError struct {
	Code int
	Said string // the beginning of the body
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("status %d", e.Code)
	if name := http.StatusText(e.Code); name != "" {
		text += " " + name
	}
	if e.Said != "" {
		text += ": " + Quote(e.Said)
	}
	return text
}

// briefError is an error whose text a server had a hand in: a name in its certificate, a line that is no HTTP.
type briefError struct{ error }

func (e briefError) Error() string {
	text := e.error.Error()
	if len(text) <= maxSaid && isPlain(text) {
		return text
	}
	return Quote(text)
}

func (e briefError) Unwrap() error { return e.error }

// brief makes an error of net/http short. The URL goes: a redirect may have chosen it, and who asked names the mirror.
func brief(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return briefError{err}
}

// because is why a request failed: why it was ended, if it was.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return brief(err)
}

// NotFound says whether the server has nothing at that URL.
func (e *StatusError) NotFound() bool { return e.Code == http.StatusNotFound }

// Quote is at most maxSaid bytes of s, quoted, in ASCII.
func Quote(s string) string {
	if len(s) > maxSaid {
		return strconv.QuoteToASCII(s[:maxSaid]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

// isPlain says whether s is printable ASCII.
func isPlain(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// WithoutQuery is a URL without its query, in which there may be a secret.
func WithoutQuery(s string) string {
	s, _, _ = strings.Cut(s, "?")
	return s
}
