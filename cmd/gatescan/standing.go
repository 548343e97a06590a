package main

import (
	"time"

	"gatescan/cmd/gatescan/clock"
	"gatescan/cmd/gatescan/counters"
	"gatescan/cmd/gatescan/gate"
	"gatescan/cmd/gatescan/status"
	"gatescan/driver/scanner"
	"gatescan/trustsync"
	"gatescan/verify"
)

// readerStanding is how it stands with the barcode module.
type readerStanding struct {
	up    bool
	since time.Time // zero until the module was tried
}

// standing is what the status server tells of the daemon.
func (d *daemon) standing() status.Daemon {
	return status.Daemon{State: d.snapshot, Counts: d.buckets, Stalled: d.progress.Stalled}
}

// snapshot is how it stands now.
func (d *daemon) snapshot() status.Snapshot {
	now := time.Now()
	d.takePassages()
	s := status.Snapshot{
		Version: version, Time: d.clock.Wall(now), Started: d.started,
		Gate:      gateStanding(d.gate.Status()),
		Reader:    d.readerStanding(),
		Clock:     clockStanding(d.clock.Status()),
		Trust:     trustStanding(d.syncer.State()),
		Totals:    countsOf(d.book.Live().Tally()),
		Tolerated: d.book.Live().Tolerated(verify.TolerateAll),
		Families:  d.book.Live().Families(),
		Faults:    append(d.faults(), d.gate.UnusableRules(now)...),
	}
	byRule, others := d.book.Live().Rules()
	for _, c := range byRule {
		s.ByRule = append(s.ByRule, status.ByRule(c))
	}
	s.ByRule = append(s.ByRule, status.ByRule{N: others})
	c := d.settings()
	_, passage := c.granted()
	s.Gate.PassageInput = passage.spec.wired
	for _, trouble := range []string{d.turnstile.Trouble(), d.gate.LacksRules(now)} {
		if trouble != "" && s.Gate.Open {
			s.Gate.Open, s.Gate.Why = false, trouble
		}
	}
	if tested := d.tested.Load(); tested != nil {
		s.Selftest = status.Selftest{Time: tested.Time, Usable: tested.Usable, Failed: tested.failed()}
	}
	manager, board := d.watchdog.Timeouts()
	s.Watchdogs.Manager, s.Watchdogs.Board = manager.Seconds(), board.Seconds()
	return s
}

// readerStanding says how it stands with the barcode module, and why.
func (d *daemon) readerStanding() status.Reader {
	reader := d.reader.Load()
	s := status.Reader{Up: reader.up, Since: reader.since}
	if r := d.scanner.Load(); r != nil {
		wrong := r.Diagnosis()
		s.Problem, s.Likely, s.Keys = string(wrong.Problem), wrong.Likely, wrong.Keys
		switch err := r.Err(); {
		case err != nil && !reader.up:
			s.Fault = err.Error()
		case wrong.Problem == scanner.NothingRead: // it may be that nobody has come
			s.Note, s.Fault = wrong.String(), r.Setup().Fault
		case wrong.Problem != scanner.NoProblem:
			s.Fault = wrong.String()
		default:
			s.Fault = r.Setup().Fault
		}
		for _, c := range r.Stats().Counters() {
			s.Line = append(s.Line, status.LineCount{Event: c.Name, N: c.Value})
		}
	}
	return s
}

// faults are what somebody should look after although the gate goes on.
func (d *daemon) faults() (faults []string) {
	book := d.book.State()
	if book.Fault != "" {
		faults = append(faults, "counts are not safe from a power cut: "+book.Fault)
	}
	for _, damage := range book.Damage {
		faults = append(faults, "kept counts are damaged: "+damage)
	}
	if d.storeFault != nil {
		faults = append(faults, "the trust data will not survive a restart: "+d.storeFault.Error())
	}
	return faults
}

// takePassages has what became of the turnstile's pulses counted.
func (d *daemon) takePassages() {
	d.book.Live().Passages(d.turnstile.Counts())
}

// buckets are what was counted from from on and before to, and all that is undated.
func (d *daemon) buckets(from, to time.Time) ([]status.Bucket, error) {
	d.takePassages()
	kept, _ := d.book.Query(from, to) // those in memory are there all the same, and a bucket that is Lost
	buckets := make([]status.Bucket, 0, len(kept)+1)
	for i := range kept {
		b := &kept[i]
		buckets = append(buckets, status.Bucket{Start: b.Start, End: b.Start.Add(b.Length), Lost: b.Lost, Counts: countsOf(b.Tally())})
	}
	if undated := d.book.Undated(); undated.Tally() != (counters.Tally{}) {
		buckets = append(buckets, status.Bucket{Undated: true, Counts: countsOf(undated.Tally())})
	}
	return buckets, nil
}

func countsOf(t counters.Tally) status.Counts {
	c := status.Counts{Accepted: t.Accepted(), Refused: t.Refused(), Counts: t.Counts}
	for kind := range t.Frames {
		for reason, n := range t.Frames[kind] {
			c.ByReason[reason] += n
		}
		c.ByKind[kind] = t.Frames[kind][verify.Accepted]
	}
	return c
}

func gateStanding(g gate.Status) status.Gate {
	return status.Gate{Mode: g.Mode.String(), Open: g.Open, Why: g.Why}
}

func clockStanding(c clock.Status) status.Clock {
	return status.Clock{
		State: c.State.String(), Required: c.Required.String(), Believed: c.Believed, Time: c.Time, Floor: c.Floor,
		LastSynced: c.LastSynced, HeldUntil: c.HeldUntil, MaxError: c.MaxError, Ahead: c.Offset, Jumps: c.Jumps,
		Fault: c.Fault, Explanation: c.Explanation,
	}
}

func trustStanding(t trustsync.State) status.Trust {
	s := status.Trust{Generation: t.Generation, DSCs: t.DSCs, Faults: t.Faults, Sources: make([]status.Source, 0, len(t.Sources))}
	for _, source := range t.Sources {
		s.Sources = append(s.Sources, status.Source{
			Name: source.Name, Kind: source.Kind, Active: source.Active, Attempts: source.Attempts, Failures: source.Failures,
			Error: source.Error, LastAttempt: source.LastAttempt, NextAttempt: source.NextAttempt,
			Confirmed: source.Confirmed, Signed: source.Signed, Expires: source.Expires, FreshUntil: source.FreshUntil,
			DSCs: source.Signers, Rules: source.Rules, Skipped: source.Skipped,
		})
	}
	return s
}
