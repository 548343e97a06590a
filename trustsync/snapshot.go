package trustsync

import (
	"time"

	"gatescan/verify"
)

// publishLocked makes one snapshot of all holdings, keys and rules together, and puts it into force. Nothing is published before
// any key was ever loaded.
func (s *Syncer) publishLocked() {
	loaded := false
	type identity struct {
		kid                 verify.KID
		key                 SPKIHash
		notBefore, notAfter int64
		country             string
		usage               verify.Usage
		domain              verify.Domain
	}
	index := map[identity]int{}
	barredKeys := map[SPKIHash]bool{}
	for _, key := range s.config.Barred.Keys {
		barredKeys[key] = true
	}
	barred := append([]verify.KID(nil), s.config.Barred.KIDs...)
	var dscs []verify.DSC
	for _, source := range s.config.Sources {
		k := s.kept[source.Name]
		if !k.has || source.Traits().Rules { // rules vouch for no key
			continue
		}
		loaded = true
		until := freshUntil(source, k)
		k.state.FreshUntil = until
		barred = append(barred, k.Holding.Withdrawn...)
		for i := range k.Holding.Signers {
			signer := &k.Holding.Signers[i]
			if signer.Lab && !s.config.Lab { // of a time when the configuration wanted it
				continue
			}
			key := signer.Hash()
			id := identity{signer.KID, key, signer.NotBefore.Unix(), signer.NotAfter.Unix(), signer.Country, signer.Usage, signer.Domain}
			if at, known := index[id]; known {
				dscs[at].FreshUntil = later(dscs[at].FreshUntil, until)
				continue
			}
			d := signer.DSC
			d.FreshUntil, d.Barred = until, barredKeys[key]
			index[id] = len(dscs)
			dscs = append(dscs, d)
		}
	}
	rules := s.rulebookLocked()
	if loaded {
		s.current.Store(verify.NewTrust(dscs, barred...).WithRules(rules))
	} else {
		s.current.Store(nil)
	}
}

// freshUntil is how long what a source vouched for may be used; zero for ever.
func freshUntil(source Named, k *kept) (until time.Time) {
	from := k.Confirmed
	age := source.Traits().Age
	if age == AgeSigned && !k.Holding.Signed.IsZero() {
		from = k.Holding.Signed
	}
	switch {
	case source.MaxAge > 0:
		until = from.Add(source.MaxAge)
	case source.MaxAge == 0 && age != AgeNone:
		until = from.Add(DefaultMaxAge)
	}
	if end := k.Holding.Expires; !end.IsZero() && (until.IsZero() || end.Before(until)) {
		until = end
	}
	return until
}

// later is the later of two ends, of which zero is never.
func later(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	if b.After(a) {
		return b
	}
	return a
}
