package verify

import (
	"bytes"
	"encoding/hex"
	"slices"
	"time"
)

// KID is the first 8 bytes of the SHA-256 of a DSC's DER (Decision (EU) 2021/1073 Annex I §3.3.3).
// It is a hint: several DSCs may share one.
type KID [8]byte

func (k KID) String() string { return hex.EncodeToString(k[:]) }

// DSC is a document signer certificate, reduced to what a verdict needs.
type DSC struct {
	KID       KID
	Country   string    // ISO 3166-1 alpha-2 from the subject, empty if it has none
	NotBefore time.Time // first instant of validity
	NotAfter  time.Time // last instant of validity
	Usage     Usage     // kinds it may sign; zero restricts nothing
	Domain    Domain    // whose documents it vouches for; zero is DCC alone
	Key       PublicKey // ES256 or PS256; a DSC without one is dropped by NewTrust

	FreshUntil time.Time // last instant at which a list that is not too old vouches for it; zero for ever
	Barred     bool      // its key was withdrawn by name
}

func (d *DSC) stale(now time.Time) bool { return !d.FreshUntil.IsZero() && now.After(d.FreshUntil) }

// Trust is one immutable snapshot of everything that a verdict is judged by. Any number of verifiers may share it.
type Trust struct {
	dscs       []DSC     // sorted by KID
	barred     []KID     // sorted
	freshUntil time.Time // of the DSC that stays fresh longest; zero if one does for ever, or there is none
	rules      *Rules
}

// NewTrust builds a snapshot of dscs. Those without a key are left out. Nobody may vouch for a barred kid, whether there
// is a DSC with it or not.
func NewTrust(dscs []DSC, barred ...KID) *Trust {
	t := &Trust{dscs: make([]DSC, 0, len(dscs)), barred: slices.Clone(barred)}
	for _, d := range dscs {
		if d.Key.alg() != NoAlg {
			t.dscs = append(t.dscs, d)
		}
	}
	slices.SortStableFunc(t.dscs, func(a, b DSC) int { return compareKIDs(a.KID, b.KID) })
	slices.SortFunc(t.barred, compareKIDs)
	prepareTables(t.dscs)
	for i, d := range t.dscs {
		if d.FreshUntil.IsZero() {
			t.freshUntil = time.Time{}
			break
		}
		if i == 0 || d.FreshUntil.After(t.freshUntil) {
			t.freshUntil = d.FreshUntil
		}
	}
	return t
}

func compareKIDs(a, b KID) int { return bytes.Compare(a[:], b[:]) }

// Len is the number of DSCs; 0 for a nil snapshot.
func (t *Trust) Len() int {
	if t == nil {
		return 0
	}
	return len(t.dscs)
}

// Stale says whether every list is too old at a moment, so that nobody can be judged.
func (t *Trust) Stale(now time.Time) bool {
	return t != nil && !t.freshUntil.IsZero() && now.After(t.freshUntil)
}

func (t *Trust) bars(kid KID) bool {
	_, found := slices.BinarySearchFunc(t.barred, kid, compareKIDs)
	return found
}

// lookup returns every DSC with that kid.
func (t *Trust) lookup(kid KID) []DSC {
	first, found := slices.BinarySearchFunc(t.dscs, kid, func(d DSC, k KID) int { return compareKIDs(d.KID, k) })
	if !found {
		return nil
	}
	last := first + 1
	for last < len(t.dscs) && t.dscs[last].KID == kid {
		last++
	}
	return t.dscs[first:last]
}
