package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
)

func IsP256(key crypto.PublicKey) bool {
	k, ok := key.(*ecdsa.PublicKey)
	return ok && k.Curve == elliptic.P256()
}

// AllP256 says what to do if a key cannot have signed a list with ES256.
func AllP256(keys []crypto.PublicKey) error {
	for i, key := range keys {
		if !IsP256(key) {
			return fmt.Errorf("anchor %d: the list is signed with a P-256 key, and this is another; name the publisher's signing key", i+1)
		}
	}
	return nil
}

func IsRSA(key crypto.PublicKey) bool {
	_, ok := key.(*rsa.PublicKey)
	return ok && CheckSignerKey(key) == nil
}

// CheckSignerKey refuses keys that are too weak to vouch for a list.
func CheckSignerKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSABits {
			return fmt.Errorf("RSA key of %d bits (at least %d)", bits, minRSABits)
		}
	case *ecdsa.PublicKey:
		if bits := k.Curve.Params().BitSize; bits < 256 {
			return fmt.Errorf("%s key (at least P-256)", k.Curve.Params().Name)
		}
	default:
		return fmt.Errorf("%T: only RSA and ECDSA sign lists", key)
	}
	return nil
}

// minRSABits is the least that a signer of lists may have; the gateway's profile asks for 3072 (certificate governance §4).
const minRSABits = 2048
