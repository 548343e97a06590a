package source

import (
	"bytes"
	"crypto/sha256"
	"time"

	"gatescan/verify"
)

// The validity of a key without a certificate: it has none of its own, and the list that vouches for it decides.
var (
	BeginningOfTime = time.Unix(0, 0).UTC()
	EndOfTime       = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC) // RFC 5280 §4.1.2.5
)

// Signer is a DSC, with its SubjectPublicKeyInfo in DER by which it is stored and barred.
type Signer struct {
	verify.DSC
	SPKI []byte
	Lab  bool // its certificate says that it is a lab's
}

// SPKIHash is the SHA-256 of a SubjectPublicKeyInfo, by which a key is barred whatever certificate it is in.
type SPKIHash [sha256.Size]byte

// Hash is the hash of the signer's key.
func (s *Signer) Hash() SPKIHash { return sha256.Sum256(s.SPKI) }

// DSCs are the DSCs of signers.
func DSCs(signers []Signer) []verify.DSC {
	dscs := make([]verify.DSC, len(signers))
	for i, signer := range signers {
		dscs[i] = signer.DSC
	}
	return dscs
}

func CompareKIDs(a, b verify.KID) int { return bytes.Compare(a[:], b[:]) }
