package verify

import (
	"bytes"
	"crypto/sha256"
)

// maxName bounds a part of a name, in bytes; the schema allows 80 characters.
const maxName = 320

// holder hashes whose pass it is: the transliterated name (ICAO 9303), surname and given names, and the date of birth
// without a time. ok is false if there is no such name, or no date: strangers must not be taken for one person.
func (v *Verifier) holder(cl *claims) (t Tag, ok bool) {
	b := append(v.tbs[:0], v.holderKey[:]...)
	mark := v.join.Used
	nam, _ := member(cl.body, "nam")
	named, fits := false, true
	for _, part := range [...]string{"fnt", "gnt"} {
		name := textMember(nam, part)
		named = named || len(name) > 0
		fits = fits && len(name) <= maxName
		b = append(append(b, name[:min(len(name), maxName)]...), 0)
		v.releaseJoined(mark)
	}
	born, _, _ := bytes.Cut(textMember(cl.body, "dob"), []byte("T"))
	fits = fits && len(born) <= maxName
	b = append(b, born[:min(len(born), maxName)]...)
	v.releaseJoined(mark)
	v.tbsUsed = max(v.tbsUsed, len(b))
	sum := sha256.Sum256(b)
	return Tag(sum[:]), named && fits && len(born) > 0
}
