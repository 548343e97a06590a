package verify

import "gatescan/verify/internal/p256"

// Alg is a COSE signature algorithm (RFC 9053 §2.1, RFC 8230 §2).
type Alg uint8

const (
	NoAlg Alg = iota
	ES256     // ECDSA on P-256 with SHA-256, COSE algorithm -7
	PS256     // RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes, COSE algorithm -37
)

// String is the name in JSON: "ES256", "PS256", or empty.
func (a Alg) String() string {
	switch a {
	case ES256:
		return "ES256"
	case PS256:
		return "PS256"
	}
	return ""
}

// PublicKey is the key of a DSC. It decides the algorithm; a pass can only agree. The zero PublicKey verifies nothing.
type PublicKey struct {
	es256 *p256.Key
	ps256 *ps256Key
}

func (k PublicKey) alg() Alg {
	switch {
	case k.es256 != nil:
		return ES256
	case k.ps256 != nil:
		return PS256
	}
	return NoAlg
}

// Alg is the algorithm that the key verifies.
func (k PublicKey) Alg() Alg { return k.alg() }
