package source

import (
	"time"

	"gatescan/verify"
)

// Holding is all that one source vouches for at one moment. It is immutable once returned.
type Holding struct {
	Signers   []Signer
	Withdrawn []verify.KID // withdrawn expressly: nobody may vouch for these any more

	Rules     [][]byte   // in JSON, each byte for byte as it was authenticated; a source of rules holds no keys
	ValueSets []ValueSet // that they refer to

	Signed  time.Time // when it was signed, zero if nothing that is signed says so
	Expires time.Time // its signed end, zero if it has none
	Cursor  []byte    // what the source wants to be reminded of (an ETag, a resume token); at most MaxCursor bytes
}

// Empty says whether a holding vouches for nothing.
func (h *Holding) Empty() bool {
	return len(h.Signers) == 0 && len(h.Rules) == 0 && len(h.ValueSets) == 0
}

// Serves says whether a holding has what a source of this kind gives.
func (h *Holding) Serves(t Traits) bool {
	if t.Rules {
		return len(h.Rules) > 0 || len(h.ValueSets) > 0
	}
	return len(h.Signers) > 0
}

// SameRules says whether two holdings have the same rules and value sets, in whatever order.
func (h *Holding) SameRules(other *Holding) bool {
	if h == nil || len(h.Rules) != len(other.Rules) || len(h.ValueSets) != len(other.ValueSets) {
		return false
	}
	count := map[string]int{}
	each := func(h *Holding, by int) {
		for _, rule := range h.Rules {
			count[string(rule)] += by
		}
		for _, set := range h.ValueSets {
			count["set "+set.ID+" "+string(set.JSON)] += by
		}
	}
	each(h, 1)
	each(other, -1)
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// ValueSet is a value set in JSON, as it was authenticated: an array of its codes, or an object with a member valueSetValues whose
// names they are (eu-dcc-valuesets).
type ValueSet struct {
	ID   string // by which rules ask for it; at most 100 bytes of UTF-8
	JSON []byte // at most 4 MiB
}
