package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"filippo.io/bigmod"
)

// Sizes of RSA keys in bits that may sign passes. SPEC A.4 has 2048 to 3072; live lists hold 4096 too.
const (
	minRSABits = 2048
	maxRSABits = 4096
	maxRSASize = maxRSABits / 8
)

type ps256Key struct {
	n     *bigmod.Modulus
	bytes []byte // the modulus, big-endian, without leading zeroes
	bits  int
	e     uint
}

// NewPS256 makes a key of a modulus (big-endian, 2048 to 4096 bits, odd) and a public exponent (odd, 65537 to 2³¹-1).
func NewPS256(modulus []byte, exponent *big.Int) (PublicKey, error) {
	n := new(big.Int).SetBytes(modulus)
	switch {
	case n.BitLen() < minRSABits || n.BitLen() > maxRSABits:
		return PublicKey{}, fmt.Errorf("RSA key of %d bits (%d to %d are allowed)", n.BitLen(), minRSABits, maxRSABits)
	case n.Bit(0) == 0:
		return PublicKey{}, errors.New("RSA modulus is even")
	case exponent.Cmp(big.NewInt(65537)) < 0 || exponent.BitLen() > 31 || exponent.Bit(0) == 0:
		return PublicKey{}, errors.New("RSA exponent is not an odd number from 65537 to 2^31-1")
	}
	m, err := bigmod.NewModulus(n.Bytes())
	if err != nil {
		return PublicKey{}, err
	}
	return PublicKey{ps256: &ps256Key{n: m, bytes: n.Bytes(), bits: n.BitLen(), e: uint(exponent.Uint64())}}, nil
}

// ps256Scratch is the memory that one verification needs, so that it need not be allocated.
type ps256Scratch struct {
	sig  *bigmod.Nat
	em   [maxRSASize]byte
	seed [sha256.Size + 4]byte   // MGF1: H ‖ counter
	m    [8 + 2*sha256.Size]byte // M' = 0⁸ ‖ mHash ‖ salt
}

func newPS256Scratch() ps256Scratch { return ps256Scratch{sig: bigmod.NewNat()} }

// verify reports whether sig is an RSASSA-PSS signature over the digest (RFC 8017 §8.1.2) with a salt of exactly 32 bytes.
// It allocates nothing for a modulus of up to 2048 bits; beyond that bigmod does.
func (k *ps256Key) verify(sc *ps256Scratch, digest *[sha256.Size]byte, sig []byte) bool {
	size := len(k.bytes)
	if len(sig) != size || bytes.Compare(sig, k.bytes) >= 0 {
		return false
	}
	if _, err := sc.sig.SetBytes(sig, k.n); err != nil {
		return false
	}
	em := sc.em[:size]
	fillBytes(em, sc.sig.ExpShortVarTime(sc.sig, k.e, k.n))

	// EMSA-PSS-VERIFY (RFC 8017 §9.1.2), emBits = modBits - 1.
	emBits := k.bits - 1
	if emLen := (emBits + 7) / 8; emLen < size {
		if em[0] != 0 {
			return false
		}
		em = em[1:]
	}
	const hLen, sLen = sha256.Size, sha256.Size
	db, h := em[:len(em)-hLen-1], em[len(em)-hLen-1:len(em)-1]
	if em[len(em)-1] != 0xbc {
		return false
	}
	unused := byte(0xff) << (8 - (8*len(em) - emBits)) // the bits of db[0] beyond emBits
	if db[0]&unused != 0 {
		return false
	}
	sc.maskMGF1(db, h)
	db[0] &^= unused
	padding, salt := db[:len(db)-sLen-1], db[len(db)-sLen:]
	for _, b := range padding {
		if b != 0 {
			return false
		}
	}
	if db[len(padding)] != 1 {
		return false
	}
	copy(sc.m[8:], digest[:])
	copy(sc.m[8+hLen:], salt)
	return sha256.Sum256(sc.m[:]) == [hLen]byte(h)
}

// maskMGF1 sets db to db xor MGF1-SHA-256(seed, len(db)) (RFC 8017 B.2.1).
func (sc *ps256Scratch) maskMGF1(db, seed []byte) {
	copy(sc.seed[:], seed)
	for counter := uint32(0); len(db) > 0; counter++ {
		binary.BigEndian.PutUint32(sc.seed[len(seed):], counter)
		mask := sha256.Sum256(sc.seed[:])
		n := min(len(db), len(mask))
		for i := range n {
			db[i] ^= mask[i]
		}
		db = db[n:]
	}
}
