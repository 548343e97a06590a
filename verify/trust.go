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
	Key       PublicKey // ES256 or PS256; a DSC without one is dropped by NewTrust
}

// Trust is one immutable snapshot of everything that a verdict is judged by. Any number of verifiers may share it.
type Trust struct {
	dscs []DSC // sorted by KID
}

// NewTrust builds a snapshot of dscs. Those without a key are left out.
func NewTrust(dscs []DSC) *Trust {
	t := &Trust{dscs: make([]DSC, 0, len(dscs))}
	for _, d := range dscs {
		if d.Key.alg() != NoAlg {
			t.dscs = append(t.dscs, d)
		}
	}
	slices.SortStableFunc(t.dscs, func(a, b DSC) int { return bytes.Compare(a.KID[:], b.KID[:]) })
	return t
}

// Len is the number of DSCs; 0 for a nil snapshot.
func (t *Trust) Len() int {
	if t == nil {
		return 0
	}
	return len(t.dscs)
}

// lookup returns every DSC with that kid.
func (t *Trust) lookup(kid KID) []DSC {
	first, found := slices.BinarySearchFunc(t.dscs, kid, func(d DSC, k KID) int { return bytes.Compare(d.KID[:], k[:]) })
	if !found {
		return nil
	}
	last := first + 1
	for last < len(t.dscs) && t.dscs[last].KID == kid {
		last++
	}
	return t.dscs[first:last]
}
