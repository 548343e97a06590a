package turnstile

import (
	"errors"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Relay is what frees the arm. It is inert unless a pulse is in progress. Release and Halt may be called while Pulse or Cut has
// not returned.
type Relay interface {
	// Pulse energises the relay. errPulsing says that a pulse is still in progress, and that nothing was done.
	Pulse(d time.Duration) error
	// Release ends the pulse, d after it began. It is called again and again until it succeeds.
	Release() error
	// Cut ends the pulse early. If it fails, Release is still to come.
	Cut() error
	// Halt makes the relay inert at once, for good.
	Halt() error
}

// errPulsing is what a relay says that still has a pulse to finish.
var errPulsing = errors.New("turnstile: a pulse is still in progress")

// LineRelay is a relay on a plain line: software ends its pulse. A process that is frozen in the middle of a pulse
// stretches it until somebody releases the line (the watchdog, and gatescan release).
func LineRelay(line gpio.PinOut) Relay { return lineRelay{line} }

type lineRelay struct{ line gpio.PinOut }

func (r lineRelay) Pulse(time.Duration) error { return r.line.Out(gpio.High) }
func (r lineRelay) Release() error            { return r.line.Out(gpio.Low) }
func (r lineRelay) Cut() error                { return r.line.Out(gpio.Low) }
func (r lineRelay) Halt() error               { return r.line.Out(gpio.Low) }

// Pulser is a relay whose pulse the kernel ends by itself, such as a gpio.Oneshot.
type Pulser interface {
	Pulse(d time.Duration) error
	Busy() bool  // whether Pulse would do nothing because one is in progress
	Halt() error // inert at once; Pulse does nothing any more
	Arm() error  // Pulse works again
}

// KernelRelay is a relay whose pulse ends whatever becomes of this process.
func KernelRelay(p Pulser) Relay { return kernelRelay{p} }

type kernelRelay struct{ pulser Pulser }

func (r kernelRelay) Pulse(d time.Duration) error {
	if r.pulser.Busy() { // its timer may be a little behind ours
		return errPulsing
	}
	return r.pulser.Pulse(d)
}

func (r kernelRelay) Release() error { return nil } // the kernel has done it
func (r kernelRelay) Halt() error    { return r.pulser.Halt() }

func (r kernelRelay) Cut() error {
	if err := r.pulser.Halt(); err != nil {
		return err
	}
	return r.pulser.Arm()
}
