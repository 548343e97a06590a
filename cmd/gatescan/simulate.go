package main

import (
	"encoding/json"
	"io"
	"sync/atomic"
	"time"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// simEvent is one line of what a simulated gate tells on standard output: a change of the relay or of the lamps, or
// what became of a frame. Times are microseconds since the daemon began.
type simEvent struct {
	Event    string  `json:"event"` // "relay", "lamp" or "verdict"
	Micros   int64   `json:"us"`
	On       *bool   `json:"on,omitempty"`       // relay: energised
	Pulse    float64 `json:"pulse_ms,omitempty"` // relay: how long it was, when it ends
	Signal   string  `json:"signal,omitempty"`   // lamp
	Reason   string  `json:"reason,omitempty"`   // verdict
	Kind     string  `json:"kind,omitempty"`     // verdict
	Alg      string  `json:"alg,omitempty"`      // verdict
	Took     int64   `json:"took_us,omitempty"`  // verdict: from frame to pulse or refusal
	Accepted uint64  `json:"accepted,omitempty"` // verdict: counters, this one included
	Refused  uint64  `json:"refused,omitempty"`
}

// simulation writes the events of a simulated gate. The gate never waits for who reads them: what does not fit into
// the queue is dropped and counted.
type simulation struct {
	start   time.Time
	queue   chan simEvent
	written chan struct{} // closed when the queue is closed and empty
	dropped atomic.Uint64
	totals  func() (accepted, refused uint64)

	// Of the turnstile, which calls under its lock.
	last    turnstile.Event
	onSince time.Time
}

func newSimulation(w io.Writer, totals func() (accepted, refused uint64)) *simulation {
	s := &simulation{start: time.Now(), queue: make(chan simEvent, 256), written: make(chan struct{}), totals: totals}
	go func() {
		defer close(s.written)
		encoder := json.NewEncoder(w)
		var failed error
		for e := range s.queue {
			if failed == nil { // who read is gone; the gate goes on
				failed = encoder.Encode(e)
			}
		}
	}()
	return s
}

// close writes what is left, for a second at most, and says how many events were dropped. Nothing may be told any more.
func (s *simulation) close() (dropped uint64) {
	close(s.queue)
	select {
	case <-s.written:
	case <-time.After(time.Second):
	}
	return s.dropped.Load()
}

func (s *simulation) tell(e simEvent, at time.Time) {
	e.Micros = at.Sub(s.start).Microseconds()
	select {
	case s.queue <- e:
	default:
		s.dropped.Add(1)
	}
}

// changed is told by the turnstile, under its lock.
func (s *simulation) changed(e turnstile.Event) {
	if e.Relay != s.last.Relay {
		event := simEvent{Event: "relay", On: &e.Relay}
		if e.Relay {
			s.onSince = e.At
		} else {
			event.Pulse = float64(e.At.Sub(s.onSince).Microseconds()) / 1000
		}
		s.tell(event, e.At)
	}
	if e.Signal != s.last.Signal || s.last.At.IsZero() {
		s.tell(simEvent{Event: "lamp", Signal: e.Signal.String()}, e.At)
	}
	s.last = e
}

// decided is told by the gate.
func (s *simulation) decided(v verify.Verdict, became verify.Reason, took time.Duration) {
	e := simEvent{
		Event: "verdict", Reason: became.String(), Kind: v.Kind().String(), Alg: v.Alg().String(),
		Took: max(took.Microseconds(), 1),
	}
	e.Accepted, e.Refused = s.totals()
	s.tell(e, time.Now())
}
