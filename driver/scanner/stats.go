package scanner

import "sync/atomic"

// Stats counts since the Reader was made. All values only grow.
type Stats struct {
	Bytes    uint64 // read from the port
	Frames   uint64 // handed to the handler
	Overlong uint64 // frames that were cut at MaxFrame
	Torn     uint64 // unfinished frames thrown away because an STX began another one
	NULs     uint64 // breaks and bytes with bad parity; many of them mean wrong line settings
	Dropped  uint64 // bytes dropped between a decision, an opening or a stall and the idle gap after it, as far as they were read
	Stalls   uint64 // times that the process was held up for over a second, and what had waited was dropped
	Opens    uint64 // times that the port became ready, the first included
	Failures uint64 // times that an attempt to open, or an open port, failed
	Stray    uint64 // bytes that belonged to no message of the module's protocol
	SetUps   uint64 // set-ups of which something failed; see Setup
}

type stats struct {
	bytes, frames, overlong, torn, nuls, dropped, stalls, opens, failures, stray, setUpFaults atomic.Uint64
}

// Stats returns the counters. It may be called at any time from any goroutine.
func (r *Reader) Stats() Stats {
	return Stats{
		Bytes:    r.stats.bytes.Load(),
		Frames:   r.stats.frames.Load(),
		Overlong: r.stats.overlong.Load(),
		Torn:     r.stats.torn.Load(),
		NULs:     r.stats.nuls.Load(),
		Dropped:  r.stats.dropped.Load(),
		Stalls:   r.stats.stalls.Load(),
		Opens:    r.stats.opens.Load(),
		Failures: r.stats.failures.Load(),
		Stray:    r.stats.stray.Load(),
		SetUps:   r.stats.setUpFaults.Load(),
	}
}
