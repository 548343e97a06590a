package verify

import (
	"crypto/sha256"
	"math/bits"
	"time"

	"filippo.io/bigmod"

	"gatescan/verify/internal/p256"
)

// es256Size is the length of r ‖ s in bytes (RFC 9053 §2.1).
const es256Size = 64

// DefaultTableMemory is what tables of ES256 keys may take unless SetTableMemory says otherwise, in bytes.
const DefaultTableMemory = p256.DefaultMemory

// SetTableMemory bounds what the tables of all ES256 keys of the process take together, in bytes. Tables make verification
// faster: each key of a list has a small one if they fit in half of the memory, and keys whose passes are accepted get larger
// ones. They are built in the background. With 0 it drops all of them, and a verification takes several times as long. It may be called
// at any time.
func SetTableMemory(bytes int64) { p256.SetMemory(bytes) }

// NewES256 makes a key of a P-256 point in uncompressed SEC 1 form (65 bytes). Points that are not on the curve,
// and the point at infinity, are errors.
func NewES256(point []byte) (PublicKey, error) {
	key, err := p256.NewKey(point)
	return PublicKey{es256: key}, err
}

// verifyES256 reports whether sig is r ‖ s over the digest (FIPS 186-5 §6.4.2).
func verifyES256(key *p256.Key, digest *[sha256.Size]byte, sig []byte) bool {
	return len(sig) == es256Size && key.Verify(digest, (*[32]byte)(sig[:32]), (*[32]byte)(sig[32:]))
}

// prepareTables lets small tables be built for the keys of a list.
func prepareTables(dscs []DSC) {
	var keys []*p256.Key
	for i := range dscs {
		if key := dscs[i].Key.es256; key != nil {
			keys = append(keys, key)
		}
	}
	p256.Prepare(keys)
}

// accepted says that a pass of the key was accepted, for which its table may grow.
func (k PublicKey) accepted(now time.Time) {
	if k.es256 != nil {
		k.es256.Accepted(now)
	}
}

// fillBytes writes x to out, big-endian and zero-extended. x must fit.
func fillBytes(out []byte, x *bigmod.Nat) {
	i := len(out)
	for _, limb := range x.Bits() {
		for range bits.UintSize / 8 {
			if i == 0 {
				return
			}
			i--
			out[i] = byte(limb)
			limb >>= 8
		}
	}
	clear(out[:i])
}
