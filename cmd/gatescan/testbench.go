package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// benchLease is how long a self-test holds the gate after each step. A technician who goes away gives it back by that.
const benchLease = 2 * time.Minute

// testbench holds the gate for a self-test: frames are judged by the self-test's own trust and open nothing, and the lamps
// show what is asked for. Its zero value holds nothing.
type testbench struct {
	mu     sync.Mutex
	token  string // of who holds the gate; empty for nobody
	until  time.Time
	signal turnstile.Signal

	verifier *verify.Verifier // made when first needed
	trust    *verify.Trust
	seen     chan seenCode // of what was read since begin, the last ones
}

// seenCode is what a self-test read.
type seenCode struct {
	Code   string `json:"code"`   // which of testCodes, empty for anything else
	Reason string `json:"reason"` // as the self-test's trust has it
	Length int    `json:"length"` // bytes
}

var (
	errBenchTaken = errors.New("another self-test is going on; wait until it is over, two minutes at the most")
	errBenchOver  = errors.New("this self-test is over, because nothing was asked of it for two minutes; begin again")
)

// begin takes the gate. It shows closed from now on.
func (b *testbench) begin(now time.Time) (token string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held(now) {
		return "", errBenchTaken
	}
	if b.verifier == nil {
		b.verifier, b.trust = verify.New(verify.Policy{}), testTrust()
	}
	b.token, b.until, b.signal = rand.Text(), now.Add(benchLease), turnstile.Closed
	b.seen = make(chan seenCode, 8)
	return b.token, nil
}

// extend says whether a token still holds the gate, and lets it go on to.
func (b *testbench) extend(token string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held(now) || token != b.token {
		return errBenchOver
	}
	b.until = now.Add(benchLease)
	return nil
}

// end gives the gate back.
func (b *testbench) end(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if token == b.token {
		b.token = ""
	}
}

func (b *testbench) held(now time.Time) bool { return b.token != "" && now.Before(b.until) }

// shows says what the lamps show, if a self-test holds the gate.
func (b *testbench) shows(now time.Time) (s turnstile.Signal, held bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.signal, b.held(now)
}

func (b *testbench) show(s turnstile.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signal = s
}

// take judges a frame if a self-test holds the gate, and says whether it did. Without one it allocates nothing.
func (b *testbench) take(text []byte, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held(now) {
		return false
	}
	v := b.verifier.Verify(text, b.trust, testMoment)
	seen := seenCode{Reason: v.Reason().String(), Length: len(text)}
	for _, c := range testCodes {
		if bytes.Equal(bytes.TrimSpace(text), c.text()) {
			seen.Code = c.name
		}
	}
	select {
	case b.seen <- seen:
	default: // nobody asks
	}
	return true
}

// read waits for a code.
func (b *testbench) read(ctx context.Context) (seenCode, error) {
	b.mu.Lock()
	seen := b.seen
	b.mu.Unlock()
	select {
	case code := <-seen:
		return code, nil
	case <-ctx.Done():
		return seenCode{}, errors.New("nothing was read")
	}
}

// goodVerdict is what the verifier says of the self-test's good code.
func (b *testbench) goodVerdict() verify.Verdict {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.verifier.Verify(testCodes[0].text(), b.trust, testMoment)
}

// benchSignals are the signals that a self-test may ask for, by their words.
func benchSignal(word string) (turnstile.Signal, error) {
	for s := turnstile.Closed; s <= turnstile.Fault; s++ {
		if s.String() == word {
			return s, nil
		}
	}
	return 0, fmt.Errorf("there is no signal %q", shorten(word))
}
