package status

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Limits of a token file.
const (
	MinToken  = 16 // characters
	maxToken  = 256
	maxTokens = 64
	maxFile   = 64 << 10
)

// Scope is what a token may read.
type Scope uint8

const (
	noScope Scope = iota
	// Venue may read all but the metrics, which hide no small counts.
	Venue
	// All may read everything.
	All
)

// venueWord before a token in its file gives it the scope Venue.
const venueWord = "venue"

// Token is one that is accepted. The token itself is not kept.
type Token struct {
	hash  [sha256.Size]byte
	scope Scope
}

// Tokens are those that are accepted.
type Tokens []Token

// ReadTokens reads a token file, which only its owner and group may read.
func ReadTokens(path string) (Tokens, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a named pipe would keep the daemon waiting
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return nil, fmt.Errorf("token file: %s is no regular file", path)
	case mode.Perm()&0o006 != 0:
		return nil, fmt.Errorf("token file: everybody may read or write %s; chmod 640 it, and make new tokens", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	tokens, err := ParseTokens(text)
	if err != nil {
		return nil, fmt.Errorf("token file %s: %w", path, err)
	}
	return tokens, nil
}

// ParseTokens reads the text of a token file: one token a line, of 16 to 256 visible ASCII characters; "venue" and a blank
// before it keep it from the metrics; empty lines and those that begin with # are skipped. No error quotes a token.
func ParseTokens(text []byte) (Tokens, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes; is it the right file?", maxFile)
	}
	var tokens Tokens
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		scope := All
		if len(fields) == 2 && fields[0] == venueWord {
			scope, fields = Venue, fields[1:]
		}
		if len(fields) != 1 {
			return nil, fmt.Errorf("line %d: more than one word; write one token a line, with nothing but \"%s\" before it", n, venueWord)
		}
		token := fields[0]
		if len(token) < MinToken || len(token) > maxToken {
			return nil, fmt.Errorf("line %d: a token of %d characters; make one of %d to %d: head -c 24 /dev/urandom | base64", n, len(token), MinToken, maxToken)
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("line %d: a token of other characters than visible ASCII; make one by: head -c 24 /dev/urandom | base64", n)
		}
		if len(tokens) == maxTokens {
			return nil, fmt.Errorf("line %d: more than %d tokens; remove old ones", n, maxTokens)
		}
		tokens = append(tokens, Token{sha256.Sum256([]byte(token)), scope})
	}
	if err := lines.Err(); err != nil {
		return nil, errors.New("a line is too long; is it the right file?")
	}
	if len(tokens) == 0 {
		return nil, errors.New("there is no token in it; make one by: head -c 24 /dev/urandom | base64")
	}
	return tokens, nil
}

// scope is what the given token may read. How long it takes does not depend on which is nearly right.
func (t Tokens) scope(given string) Scope {
	hash := sha256.Sum256([]byte(given))
	var found int
	for i := range t {
		same := subtle.ConstantTimeCompare(hash[:], t[i].hash[:])
		found = subtle.ConstantTimeSelect(same, max(found, int(t[i].scope)), found)
	}
	return Scope(found)
}
