package scanner

import "sync/atomic"

// Stats counts since the Reader was made. All values only grow.
type Stats struct {
	Bytes    uint64 // read from the port
	Frames   uint64 // handed to the handler
	NoReads  uint64 // messages that nothing was read, which are no frames
	Overlong uint64 // frames that were cut at MaxFrame
	Torn     uint64 // unfinished frames thrown away because another one began
	NULs     uint64 // breaks and bytes with bad parity; many of them mean wrong line settings
	Dropped  uint64 // bytes dropped between a decision, an opening or a stall and the silence after it, as far as they were read
	Stalls   uint64 // times that the process was held up for over a second, and what had waited was dropped
	Opens    uint64 // times that the port became ready, the first included
	Failures uint64 // times that an attempt to open, or an open port, failed
	Stray    uint64 // bytes that belonged to no message of the module's protocol
	SetUps   uint64 // set-ups of which something failed; see Setup
}

// Counter is one value of Stats, for metrics and records.
type Counter struct {
	Name  string // lower case letters and underscores
	Help  string // a sentence for people
	Value uint64
}

// Counters lists all values of s, always in this order.
func (s Stats) Counters() []Counter {
	return []Counter{
		{"bytes", "Bytes read from the barcode module.", s.Bytes},
		{"frames", "Texts read by the barcode module.", s.Frames},
		{"no_reads", "Messages of the barcode module that it has read nothing.", s.NoReads},
		{"overlong", "Texts that were too long and were cut.", s.Overlong},
		{"torn", "Texts whose end was lost because another one began.", s.Torn},
		{"nuls", "Breaks of the line and bytes with bad parity.", s.NULs},
		{"dropped_bytes", "Bytes dropped because a decision had just been made, or the port had just been opened.", s.Dropped},
		{"stalls", "Times that the program was held up for more than a second.", s.Stalls},
		{"opens", "Times that the barcode module became ready.", s.Opens},
		{"failures", "Times that the port of the barcode module failed or could not be opened.", s.Failures},
		{"stray_bytes", "Bytes that belong to no message of the module's family.", s.Stray},
		{"setup_faults", "Set-ups of the barcode module of which something failed.", s.SetUps},
	}
}

type stats struct {
	bytes, frames, noReads, overlong, torn, nuls, dropped, stalls, opens, failures, stray, setUpFaults atomic.Uint64
}

// Stats returns the counters. It may be called at any time from any goroutine.
func (r *Reader) Stats() Stats {
	return Stats{
		Bytes:    r.stats.bytes.Load(),
		Frames:   r.stats.frames.Load(),
		NoReads:  r.stats.noReads.Load(),
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
