package gate

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// benchLease is how long a self-test holds the gate after each step: the gate opens again if the technician goes away.
const benchLease = 2 * time.Minute

// Exam is what a self-test shows to the reader, and by what it is judged.
type Exam struct {
	Trust *verify.Trust // vouches for the codes and nothing else
	At    time.Time     // the moment of every judgement: the clock of a gate that is being commissioned may show anything
	Codes []ExamCode    // the first one is good
}

// ExamCode is a code that a technician shows to the reader.
type ExamCode struct {
	Name string
	Text []byte // as the reader sends it
}

// Bench holds the gate for a self-test: frames are judged by the self-test's own trust and open nothing, and the lamps
// show what is asked for. Its zero value holds nothing; any goroutine may call its methods.
type Bench struct {
	mu     sync.Mutex
	token  string // of the self-test that holds the gate; empty for none
	until  time.Time
	signal turnstile.Signal

	sessions uint64           // self-tests that began
	verifier *verify.Verifier // made when first needed
	exam     Exam
	seen     chan Seen // the last codes that were read since begin
}

// Seen is a code that a self-test read.
type Seen struct {
	Code   string `json:"code"`   // its name in the exam, empty for any other code
	Reason string `json:"reason"` // as the self-test's trust has it
	Length int    `json:"length"` // bytes
}

var (
	errBenchTaken = errors.New("another self-test is going on; wait until it is over, two minutes at the most")
	ErrBenchOver  = errors.New("this self-test is over, because nothing was asked of it for two minutes; begin again")
)

// Begin takes the gate, which shows closed from now on, and returns the token that the other methods want.
func (b *Bench) Begin(e Exam, now time.Time) (token string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held(now) {
		return "", errBenchTaken
	}
	if b.verifier == nil {
		b.verifier = verify.New(verify.Policy{Kinds: verify.SignsVaccination | verify.SignsTest | verify.SignsRecovery | verify.SignsICVP})
	}
	b.exam = e
	b.sessions++
	b.token, b.until, b.signal = rand.Text(), now.Add(benchLease), turnstile.Closed
	b.seen = make(chan Seen, 8)
	return b.token, nil
}

// Extend prolongs the hold of a token; it fails if another self-test holds the gate, or none.
func (b *Bench) Extend(token string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held(now) || token != b.token {
		return ErrBenchOver
	}
	b.until = now.Add(benchLease)
	return nil
}

// End gives the gate back.
func (b *Bench) End(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if token == b.token {
		b.token = ""
	}
}

func (b *Bench) held(now time.Time) bool { return b.token != "" && now.Before(b.until) }

// session returns the number of the self-test that holds the gate, 0 for none.
func (b *Bench) session(now time.Time) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held(now) {
		return 0
	}
	return b.sessions
}

// shows returns the signal of the lamps while a self-test holds the gate.
func (b *Bench) shows(now time.Time) (s turnstile.Signal, held bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.signal, b.held(now)
}

// Show sets the signal of the lamps.
func (b *Bench) Show(s turnstile.Signal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.signal = s
}

// judge judges a frame by the self-test's trust if a self-test holds the gate. Without one it allocates nothing.
func (b *Bench) judge(text []byte, now time.Time) (v verify.Verdict, judged bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held(now) {
		return v, false
	}
	return b.verifier.Verify(text, b.exam.Trust, b.exam.At), true
}

// report has Read return a frame that was judged.
func (b *Bench) report(text []byte, v verify.Verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := Seen{Reason: v.Reason().String(), Length: len(text)}
	for _, c := range b.exam.Codes {
		if bytes.Equal(bytes.TrimSpace(text), c.Text) {
			seen.Code = c.Name
		}
	}
	select {
	case b.seen <- seen:
	default: // the technician shows more than is asked for
	}
}

// Read waits for a code, until ctx ends.
func (b *Bench) Read(ctx context.Context) (Seen, error) {
	b.mu.Lock()
	seen := b.seen
	b.mu.Unlock()
	select {
	case code := <-seen:
		return code, nil
	case <-ctx.Done():
		return Seen{}, errors.New("nothing was read")
	}
}

// goodVerdict returns the verdict on the first code of the exam. A self-test must have begun.
func (b *Bench) goodVerdict() verify.Verdict {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.verifier.Verify(b.exam.Codes[0].Text, b.exam.Trust, b.exam.At)
}

// Signal returns the signal of that word. ok is false for a word that a self-test may not ask for.
func Signal(word string) (s turnstile.Signal, ok bool) {
	for s := turnstile.Closed; s <= turnstile.Fault; s++ {
		if s.String() == word {
			return s, true
		}
	}
	return 0, false
}
