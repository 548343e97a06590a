package turnstile

import (
	"errors"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Event is a change of a simulated gate.
type Event struct {
	At     time.Time
	Relay  bool   // whether the relay is energised
	Signal Signal // what the lamps show
}

// Simulated is a gate without hardware. It tells every change of its relay and lamps, at the moment it happens, to a
// function that must not wait, one change at a time.
type Simulated struct {
	tell func(Event)

	mu   sync.Mutex
	last Event
}

// NewSimulated makes a simulated gate at rest.
func NewSimulated(tell func(Event)) *Simulated { return &Simulated{tell: tell} }

// Show puts a signal on the simulated lamps.
func (s *Simulated) Show(signal Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.Signal = signal
	s.changed()
}

// changed is called with the lock.
func (s *Simulated) changed() {
	s.last.At = time.Now()
	s.tell(s.last)
}

// Relay is the simulated relay, on a plain line.
func (s *Simulated) Relay() Relay { return LineRelay((*simulatedRelay)(s)) }

type simulatedRelay Simulated

func (r *simulatedRelay) Out(l gpio.Level) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last.Relay != bool(l) {
		r.last.Relay = bool(l)
		(*Simulated)(r).changed()
	}
	return nil
}

func (r *simulatedRelay) PWM(gpio.Duty, physic.Frequency) error {
	return errors.New("turnstile: a relay has no PWM")
}

func (r *simulatedRelay) Halt() error      { return r.Out(gpio.Low) }
func (r *simulatedRelay) String() string   { return r.Name() }
func (r *simulatedRelay) Name() string     { return "simulated relay" }
func (r *simulatedRelay) Number() int      { return -1 }
func (r *simulatedRelay) Function() string { return "Out" }
