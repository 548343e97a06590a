package trustsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

const (
	// maxAhead is how much later than a synchronised clock something may have been signed: clocks differ a little.
	maxAhead = time.Hour
	// maxForward is how much later than the gate's own idea of the time something may have been signed while the clock
	// is not synchronised: a gate may have been in a box. A list from further ahead would lock out all that come before
	// it, so it is refused.
	maxForward = 3 * 365 * 24 * time.Hour
)

// attempt asks a source once. If that fails, what it said before stays: nothing is given up before something better is
// there.
func (s *Syncer) attempt(ctx context.Context, source Named) (err error) {
	quietly(func() { err = s.attempt1(ctx, source) })
	return err
}

func (s *Syncer) attempt1(ctx context.Context, src Named) error {
	moment := s.begin(src)
	got, report, err := src.Fetch(ctx, moment)
	if ctx.Err() != nil {
		s.abandon(src.Name)
		return ctx.Err()
	}
	var changed ruleChanges
	if err == nil && got != nil && src.Traits().Rules {
		changed = changesOfRules(moment.Last, got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[src.Name]
	if k == nil || k.Identity != src.Identity { // the configuration changed meanwhile
		return nil
	}
	unchanged := errors.Is(err, source.ErrUnchanged)
	if unchanged {
		got, err = moment.Last, nil
	}
	switch {
	case err == nil && got == nil:
		err = fmt.Errorf("%w: the answer holds nothing, not even for the first time", ErrImplausible)
	case err == nil:
		err = k.judge(got, moment)
	}
	if !unchanged && err == nil {
		got, report, err = s.usable(src, got, report)
	}
	now := time.Now()
	s.finishLocked(k, got, report, unchanged, now, err)
	if err == nil && !unchanged {
		k.state.noteRules(changed)
	}
	if err != nil {
		s.say(k, report, err)
		return err
	}
	k.Holding, k.Confirmed, k.has = *got, moment.Time, true
	if got.Signed.After(k.Floor) {
		k.Floor = got.Signed
		s.clock.Raise(got.Signed)
	}
	s.publishLocked()
	s.say(k, report, nil) // not before it is so
	if !unchanged || moment.Time.Sub(s.saved) >= source.ConfirmInterval {
		s.saveLocked(moment.Time)
	}
	return nil
}

// begin notes that an attempt is under way.
func (s *Syncer) begin(source Named) Moment {
	now, synced := s.clock.Moment()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[source.Name]
	k.state.Active, k.state.NextAttempt, k.state.Done, k.state.Total = true, time.Time{}, 0, 0
	m := Moment{
		Time: now, Synced: synced, Date: s.clock.Hint,
		Progress: func(done, total int) { s.progress(source.Name, done, total) },
	}
	if k.has {
		last := k.Holding
		m.Last = &last
	}
	return m
}

// judge says whether an authentic answer may replace what was there: never backwards, never from the future.
func (k *kept) judge(got *Holding, now Moment) error {
	switch {
	case len(got.Cursor) > source.MaxCursor:
		return fmt.Errorf("%w: a cursor of %d bytes", ErrTooLarge, len(got.Cursor))
	case !got.Expires.IsZero() && now.Time.After(got.Expires):
		return fmt.Errorf("%w at %s", ErrExpired, utc(got.Expires))
	case got.Signed.IsZero():
		return nil
	case got.Signed.Before(k.Floor):
		return fmt.Errorf("%w: signed %s, and there was one signed %s", ErrRollback, utc(got.Signed), utc(k.Floor))
	case now.Synced && got.Signed.Sub(now.Time) > maxAhead:
		return fmt.Errorf("%w: at %s, and it is %s", ErrFuture, utc(got.Signed), utc(now.Time))
	case got.Signed.Sub(now.Time) > maxForward:
		return fmt.Errorf("%w: at %s, years after all that this gate knows of; set its clock", ErrFuture, utc(got.Signed))
	}
	return nil
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// usable is what there is to use of an answer. Nothing is an error.
func (s *Syncer) usable(src Named, got *Holding, report Report) (*Holding, Report, error) {
	if src.Traits().Rules {
		allowed := source.WholeRuleBudget
		if err := allowed.Take(got.Rules, got.ValueSets); err != nil {
			return nil, report, err
		}
		if !got.Serves(src.Traits()) {
			return nil, report, fmt.Errorf("%w: not one rule", ErrImplausible)
		}
		return got, report, nil
	}
	got, report = s.withoutLab(got, report)
	if len(got.Signers) == 0 {
		return nil, report, errNoSigner(report)
	}
	return got, report, nil
}

// withoutLab leaves out what says of itself that it is for a lab, unless the configuration wants it.
func (s *Syncer) withoutLab(got *Holding, report Report) (*Holding, Report) {
	if s.config.Lab {
		return got, report
	}
	var signers []Signer
	for _, signer := range got.Signers {
		if signer.Lab {
			report.Skipped = append(report.Skipped, Skipped{Name: signer.KID.String(), Err: ErrLab})
			report.Loaded--
			continue
		}
		signers = append(signers, signer)
	}
	if len(signers) == len(got.Signers) {
		return got, report
	}
	reduced := *got
	reduced.Signers = signers
	return &reduced, report
}

// ErrLab says that a certificate is a lab's.
var ErrLab = errors.New("a lab's certificate; it opens only where the configuration says trust.lab")

// errNoSigner says that nothing was usable, and why the first was not.
func errNoSigner(report Report) error {
	if len(report.Skipped) > 0 {
		first := report.Skipped[0]
		return fmt.Errorf("%w: not one usable certificate; %q: %w", ErrImplausible, first.Name, first.Err)
	}
	return fmt.Errorf("%w: not one certificate", ErrImplausible)
}

// save writes what is kept, if it is newer than what is in the store by a while, or at the end.
func (s *Syncer) save(final bool) {
	now, _ := s.clock.Moment()
	s.mu.Lock()
	defer s.mu.Unlock()
	newest := s.saved
	for _, k := range s.kept {
		if k.has && k.Confirmed.After(newest) {
			newest = k.Confirmed
		}
	}
	if final && newest.After(s.saved) {
		s.saveLocked(now)
	}
}

// saveLocked writes a generation. If it cannot, the trust data live in memory, and the next attempt tries again.
func (s *Syncer) saveLocked(now time.Time) {
	if s.store == nil {
		return
	}
	g := &Generation{Written: now, Sources: map[string]Stored{}}
	for name, k := range s.kept {
		switch {
		case k.has:
			g.Sources[name] = k.Stored
		case !k.Floor.IsZero(): // configured no more, or for the first time
			g.Sources[name] = Stored{Kind: k.Kind, Identity: k.Identity, Floor: k.Floor}
		}
	}
	if err := s.store.Save(g); err != nil {
		if len(s.faults) == 0 || s.faults[len(s.faults)-1] != err.Error() {
			s.log.Error("the trust data cannot be stored; they live in memory only", "err", err)
			s.faults = append(s.faults[:min(len(s.faults), maxFaults-1)], err.Error())
		}
		return
	}
	s.generation, s.saved = g.Number, now
}

// ForgetFloor lets a source go backwards once: for a list that was signed in the future by mistake and shuts out all that
// come after it. It is an operator's act, never the network's. What the source vouched for stays until it says
// something else.
func (s *Syncer) ForgetFloor(name string) error {
	now, _ := s.clock.Moment()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[name]
	if k == nil {
		return fmt.Errorf("there is no source %q", name)
	}
	k.Floor = time.Time{}
	s.log.Warn("the floor of a source was forgotten", "source", name)
	if s.store == nil {
		return nil
	}
	if err := s.store.ForgetFloor(name); err != nil {
		return err
	}
	s.saveLocked(now)
	return nil
}

// maxFaults bounds the faults of the store that the state remembers.
const maxFaults = 8

// diff counts the kids that came and went.
func diff(before, after []Signer) (added, removed int) {
	kids := map[verify.KID]bool{}
	for i := range before {
		kids[before[i].KID] = false
	}
	for i := range after {
		if _, known := kids[after[i].KID]; !known {
			added++
		}
		kids[after[i].KID] = true
	}
	for _, still := range kids {
		if !still {
			removed++
		}
	}
	return added, removed
}
