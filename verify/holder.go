package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"gatescan/verify/internal/cbor"
)

const (
	// maxName bounds a name in bytes; the schema allows 80 characters.
	maxName = 320
	// maxNameParts bounds the parts of a surname, and those of given names, that are compared. The first ones count.
	maxNameParts = 8
)

// Holder tells whether two passes are of one person, within this process: keyed hashes of the date of birth with each
// part of the name, whose key never leaves memory. Its zero value is nobody.
type Holder struct {
	surname, given nameParts
}

// nameParts are hashes of the parts of a name, in no order.
type nameParts struct {
	n    uint8
	hash [maxNameParts]uint64
}

// SamePerson says whether two passes are of one person, by the rule that Germany's CovPassCheck and Corona-Warn-App came
// to (its version 2.19), since issuers leave out second names and titles: the dates of birth are equal, and surname and
// given names have one part each in common, or would if one pass had them exchanged. Names that are missing in both count
// as in common. Twins with different names and father and son are two people; twins who share a given name are one.
func (h *Holder) SamePerson(other *Holder) bool {
	if h.surname.n+h.given.n == 0 || other.surname.n+other.given.n == 0 {
		return false
	}
	return h.surname.meets(&other.surname) && h.given.meets(&other.given) ||
		h.surname.meets(&other.given) && h.given.meets(&other.surname)
}

func (p *nameParts) meets(other *nameParts) bool {
	for _, hash := range p.hash[:p.n] {
		for _, otherHash := range other.hash[:other.n] {
			if hash == otherHash {
				return true
			}
		}
	}
	return p.n == 0 && other.n == 0
}

// holder hashes whose pass it is. ok is false if there is no name, or no date of birth: strangers must not be taken for
// one person.
func (v *Verifier) holder(cl *claims) (h Holder, ok bool) {
	mark := v.join.Used
	born, _, _ := bytes.Cut(textMember(cl.body, "dob"), []byte("T"))
	if len(born) == 0 || len(born) > maxName {
		return h, false
	}
	keyed := append(append(append(v.tbs[:0], v.holderKey[:]...), born...), 0)
	v.tbsUsed = max(v.tbsUsed, len(keyed))
	v.releaseJoined(mark)
	nam, _ := member(cl.body, "nam")
	h.surname = v.nameParts(keyed, nam, "fnt", "fn")
	h.given = v.nameParts(keyed, nam, "gnt", "gn")
	return h, h.surname.n+h.given.n > 0
}

// nameParts hashes the parts of a name, as it is transliterated, else as it is written.
func (v *Verifier) nameParts(keyed []byte, nam cbor.Cursor, transliterated, written string) (p nameParts) {
	mark := v.join.Used
	for _, member := range [...]string{transliterated, written} {
		name := textMember(nam, member)
		for len(name) > 0 && len(name) <= maxName && p.n < maxNameParts {
			var part []byte
			part, name = nextNamePart(keyed[len(keyed):], name) // behind what is keyed, in the same memory
			v.tbsUsed = max(v.tbsUsed, len(keyed)+len(part))
			if len(part) > 0 && string(part) != doctor {
				sum := sha256.Sum256(keyed[:len(keyed)+len(part)])
				p.hash[p.n] = binary.BigEndian.Uint64(sum[:])
				p.n++
			}
		}
		v.releaseJoined(mark)
		if p.n > 0 {
			break
		}
	}
	return p
}
