package p256

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"testing"
)

// tried are the tables with which a key is tried: none first.
var tried = []shape{{}, shapes[small], shapes[medium], shapes[wide]}

// withTable is a key with a table of its own.
func withTable(t testing.TB, point []byte, s shape) *Key {
	t.Helper()
	k, err := NewKey(point)
	if err != nil {
		t.Fatal(err)
	}
	if s != (shape{}) {
		k.table.Store(new(builder).newComb(&k.q, s))
	}
	return k
}

type signed struct{ digest, r, s [32]byte }

func (m *signed) acceptedBy(k *Key) bool { return k.Verify(&m.digest, &m.r, &m.s) }

// oracle is what crypto/ecdsa says.
func (m *signed) oracle(k *Key) bool {
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), uncompressed(&k.q))
	if err != nil {
		panic(err)
	}
	return ecdsa.Verify(public, m.digest[:], new(big.Int).SetBytes(m.r[:]), new(big.Int).SetBytes(m.s[:]))
}

// quotient is a/b mod n.
func quotient(a, b *big.Int) *big.Int { return mod(times(a, new(big.Int).ModInverse(b, bigN)), bigN) }

// check fails unless every table, and crypto/ecdsa, agree with want.
func (m *signed) check(t *testing.T, what string, point []byte, want bool) {
	t.Helper()
	if got := m.oracle(withTable(t, point, shape{})); got != want {
		t.Errorf("%s: crypto/ecdsa says %v, want %v", what, got, want)
	}
	for _, s := range tried {
		if s == shapes[wide] && testing.Short() { // of which building takes most of the time
			continue
		}
		if got := m.acceptedBy(withTable(t, point, s)); got != want {
			t.Errorf("%s, table %v: got %v, want %v", what, s, got, want)
		}
	}
}

// for a point R, a digest and an s there is one key that makes (x(R) mod n, s) a signature: q = (s·R - e·G)/r.
func forge(t *testing.T, r *affine, digest, s *big.Int) (point []byte, m signed) {
	t.Helper()
	rx := mod(r.x.big(), bigN)
	sum := reference(t, r, quotient(s, rx))
	sum.Add(sum, reference(t, &generator, new(big.Int).Neg(quotient(digest, rx))))
	return sum.Bytes(), signed{*bytes32(digest), *bytes32(rx), *bytes32(s)}
}

// x(R) may lie between n and p: then r is x(R) - n. Random points do not: p - n is near 2¹²⁸.
func TestRPlusN(t *testing.T) {
	found := 0
	for x := new(big.Int).Set(bigN); found < 8 && x.Cmp(bigP) < 0; x.Add(x, big.NewInt(1)) {
		compressed := append([]byte{2}, bytes32(x)[:]...)
		ex, ey := elliptic.UnmarshalCompressed(elliptic.P256(), compressed)
		if ex == nil || mod(x, bigN).Sign() == 0 { // r = 0 is no signature
			continue
		}
		found++
		r := affine{toElement(t, ex), toElement(t, ey)}
		point, m := forge(t, &r, big.NewInt(4711), big.NewInt(int64(1000+found)))
		m.check(t, "r + n < p", point, true)
		m.r[31] ^= 1
		m.check(t, "r + n < p, other r", point, false)
	}
	if found < 8 {
		t.Fatalf("%d points", found)
	}
	// r + n >= p: the sum must not be taken modulo p. With x(R) = r' for r + n = r' + p this would accept.
	for x := new(big.Int).Sub(bigP, bigN); found < 16; x.Add(x, big.NewInt(1)) {
		wrapped := mod(new(big.Int).Add(x, bigN), bigP)
		compressed := append([]byte{2}, bytes32(wrapped)[:]...)
		ex, ey := elliptic.UnmarshalCompressed(elliptic.P256(), compressed)
		if ex == nil || wrapped.Sign() == 0 {
			continue
		}
		found++
		r := affine{toElement(t, ex), toElement(t, ey)}
		s, e := big.NewInt(int64(2000+found)), big.NewInt(815)
		sum := reference(t, &r, quotient(s, x)) // q = (s·R - e·G)/x, as if x were r
		sum.Add(sum, reference(t, &generator, new(big.Int).Neg(quotient(e, x))))
		m := signed{*bytes32(e), *bytes32(x), *bytes32(s)}
		m.check(t, "r + n >= p", sum.Bytes(), false)
	}
}

func TestExplicitVectors(t *testing.T) {
	d := big.NewInt(0xd06f00d)
	q := multiple(t, d)
	point := uncompressed(&q)
	minusOne := new(big.Int).Sub(bigN, big.NewInt(1))
	k := big.NewInt(0xcafe)
	r := mod(new(big.Int).Set(ptr(multiple(t, k)).x.big()), bigN)

	// s = (e + r·d)/k, so e follows from s.
	for what, s := range map[string]*big.Int{"s = 1": big.NewInt(1), "s = n-1": minusOne, "s = 2": big.NewInt(2)} {
		e := mod(new(big.Int).Sub(times(s, k), times(r, d)), bigN)
		m := signed{*bytes32(e), *bytes32(r), *bytes32(s)}
		m.check(t, what, point, true)
		if high := new(big.Int).Add(e, bigN); high.BitLen() <= 256 { // a digest is reduced
			m.digest = *bytes32(high)
			m.check(t, what+", digest + n", point, true)
		}
		m.digest[31] ^= 1
		m.check(t, what+", other digest", point, false)
	}
	// u1 = 0: the digest is 0, or n.
	for _, e := range []*big.Int{new(big.Int), bigN} {
		m := signed{*bytes32(e), *bytes32(r), *bytes32(quotient(times(r, d), k))}
		m.check(t, "u1 = 0", point, true)
	}
	// u1·G + u2·q is infinity: e = -r·d.
	e := mod(new(big.Int).Neg(times(r, d)), bigN)
	for _, s := range []*big.Int{big.NewInt(1), k, minusOne} {
		m := signed{*bytes32(e), *bytes32(r), *bytes32(s)}
		m.check(t, "infinity", point, false)
	}
	// r and s out of range, in every combination with good ones; u2 = 0 needs r = 0 mod n.
	good := signed{*bytes32(big.NewInt(99)), *bytes32(r), *bytes32(quotient(new(big.Int).Add(big.NewInt(99), times(r, d)), k))}
	good.check(t, "good", point, true)
	high := new(big.Int).Sub(bigR, big.NewInt(1))
	for _, out := range []*big.Int{new(big.Int), bigN, new(big.Int).Add(bigN, big.NewInt(1)), bigP, high} {
		bad := good
		bad.r = *bytes32(out)
		bad.check(t, "r out of range", point, false)
		bad.s = *bytes32(out)
		bad.check(t, "r and s out of range", point, false)
		bad.r = good.r
		bad.check(t, "s out of range", point, false)
	}
	// (r, n-s) is as good.
	mirrored := good
	mirrored.s = *bytes32(new(big.Int).Sub(bigN, new(big.Int).SetBytes(good.s[:])))
	mirrored.check(t, "n-s", point, true)
}

func ptr(a affine) *affine { return &a }

// The key is G, or -G, or another small multiple, so that sums meet entries.
func TestKeysNearTheGenerator(t *testing.T) {
	n := 0
	for _, d := range []int64{1, 2, 3, -1, -2, 5, 31} {
		private := mod(big.NewInt(d), bigN)
		q := multiple(t, private)
		for _, nonce := range []int64{1, 2, 3, 4, 17, -1, -2, 1 << 40} {
			k := mod(big.NewInt(nonce), bigN)
			r := mod(ptr(multiple(t, k)).x.big(), bigN)
			for _, e := range []*big.Int{new(big.Int), big.NewInt(1), r, new(big.Int).Sub(bigN, r)} {
				s := quotient(new(big.Int).Add(e, times(r, private)), k)
				if n++; s.Sign() == 0 || testing.Short() && n%5 != 0 {
					continue
				}
				m := signed{*bytes32(e), *bytes32(r), *bytes32(s)}
				m.check(t, "small key", uncompressed(&q), true)
			}
		}
	}
}

func sign(t testing.TB, private *ecdsa.PrivateKey, digest [32]byte) signed {
	t.Helper()
	r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed{digest, *bytes32(r), *bytes32(s)}
}

func newPrivate(t testing.TB) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return private, point
}

// No good signature is refused (-rounds 1000000 by hand).
func TestSignAndVerify(t *testing.T) {
	private, point := newPrivate(t)
	var keys []*Key
	for _, s := range tried {
		keys = append(keys, withTable(t, point, s))
	}
	for i := range repeat(300) {
		if i%1000 == 999 {
			private, point = newPrivate(t)
			for j, s := range tried[:3] {
				keys[j] = withTable(t, point, s)
			}
			keys = keys[:3]
		}
		m := sign(t, private, sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)}))
		if k := keys[i%len(keys)]; !m.acceptedBy(k) {
			t.Fatalf("refused %x by %x", m, uncompressed(&k.q))
		}
	}
}

// No bit of a digest or signature may be another (-rounds 1000 by hand).
func TestFlippedBits(t *testing.T) {
	private, point := newPrivate(t)
	var keys []*Key
	for _, s := range tried[1:] {
		keys = append(keys, withTable(t, point, s))
	}
	for i := range repeat(4) {
		m := sign(t, private, sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
		k := keys[i%len(keys)]
		if !m.acceptedBy(k) {
			t.Fatal("refused a good signature")
		}
		for _, part := range []*[32]byte{&m.digest, &m.r, &m.s} {
			for bit := range 256 {
				part[bit/8] ^= 1 << (bit % 8)
				if m.acceptedBy(k) {
					t.Fatalf("accepted %x with bit %d flipped", m, bit)
				}
				part[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
}

func TestVerifyAllocatesNothing(t *testing.T) {
	private, point := newPrivate(t)
	m := sign(t, private, sha256.Sum256(nil))
	for _, s := range tried {
		k := withTable(t, point, s)
		if n := testing.AllocsPerRun(10, func() { m.acceptedBy(k) }); n != 0 {
			t.Errorf("table %v: %v allocations", s, n)
		}
	}
}

func TestNewKey(t *testing.T) {
	_, good := newPrivate(t)
	change := func(at int, x *big.Int) []byte {
		b := append([]byte(nil), good...)
		copy(b[at:at+32], bytes32(x)[:])
		return b
	}
	off := append([]byte(nil), good...)
	off[64] ^= 1
	if k, err := NewKey(good); err != nil || !bytes.Equal(k.Bytes(), good) {
		t.Errorf("%x: error %v", good, err)
	}
	y := new(big.Int).SetBytes(good[33:])
	if _, err := NewKey(change(33, new(big.Int).Sub(bigP, y))); err != nil {
		t.Error("refused the negative of a point")
	}
	for what, point := range map[string][]byte{
		"empty": nil, "infinity": {0}, "compressed": append([]byte{2}, good[1:33]...), "hybrid": append([]byte{6}, good[1:]...),
		"off the curve": off, "x = p": change(1, bigP), "y = p": change(33, bigP), "x = p + 1": change(1, new(big.Int).Add(bigP, big.NewInt(1))),
		"x too large": change(1, new(big.Int).Sub(bigR, big.NewInt(1))), "too long": append(append([]byte(nil), good...), 0),
		"zero": append([]byte{4}, make([]byte, 64)...), "x = 0": change(1, new(big.Int)),
	} {
		if k, err := NewKey(point); err == nil || k != nil {
			t.Errorf("%s: made a key", what)
		}
	}
	// y + p is the same y modulo p, and must not be taken; it fits only for y below 2²⁵⁶ - p, so x = 0 is used, whose y is
	// known: sqrt(b).
	root := new(big.Int).ModSqrt(elliptic.P256().Params().B, bigP)
	zero := append(append([]byte{4}, make([]byte, 32)...), bytes32(root)[:]...)
	if _, err := NewKey(zero); err != nil {
		t.Error("refused the point with x = 0")
	}
}

// The files are those of package verify, whose README has their source.
func TestWycheproof(t *testing.T) {
	data, err := os.ReadFile("../../testdata/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		TestGroups []struct {
			PublicKey struct{ Uncompressed string }
			Tests     []struct {
				TcID                      int
				Comment, Msg, Sig, Result string
			}
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, s := range tried {
		valid, invalid := 0, 0
		for i, g := range file.TestGroups {
			if s == shapes[wide] && testing.Short() && i%8 != 0 {
				continue
			}
			k := withTable(t, unhex(g.PublicKey.Uncompressed), s)
			for _, tc := range g.Tests {
				sig := unhex(tc.Sig)
				want := tc.Result == "valid"
				got := len(sig) == 64 && k.Verify(ptr32(sha256.Sum256(unhex(tc.Msg))), (*[32]byte)(sig), (*[32]byte)(sig[32:]))
				if got != want {
					t.Errorf("table %v, %d (%s): got %v, want %v", s, tc.TcID, tc.Comment, got, want)
				}
				if want {
					valid++
				} else {
					invalid++
				}
			}
		}
		if s != shapes[wide] && (valid != 173 || invalid != 89) {
			t.Errorf("table %v: %d valid and %d invalid ones, want 173 and 89", s, valid, invalid)
		}
	}
}

func ptr32(b [32]byte) *[32]byte { return &b }
