package p256

import (
	"math/big"
	"testing"
)

// Every target takes big-endian integers of at most 32 bytes. Seeds are pairs of corners.

func fuzzInt(b []byte) *big.Int { return new(big.Int).SetBytes(b[:min(len(b), 32)]) }

func addCorners(f *testing.F, add func(a, b, c []byte)) {
	f.Helper()
	list := corners()
	for i, a := range list {
		if i%3 == 0 {
			add(a.Bytes(), list[(5*i+1)%len(list)].Bytes(), list[(11*i+2)%len(list)].Bytes())
		}
	}
}

func FuzzField(f *testing.F) {
	addCorners(f, func(a, b, _ []byte) { f.Add(a, b) })
	f.Fuzz(func(t *testing.T, a, b []byte) { checkField(t, fuzzInt(a), fuzzInt(b)) })
}

func FuzzScalar(f *testing.F) {
	addCorners(f, func(a, b, c []byte) { f.Add(a, b, c) })
	f.Fuzz(func(t *testing.T, a, b, c []byte) { checkScalar(t, fuzzInt(a), fuzzInt(b), fuzzInt(c)) })
}

func FuzzPoint(f *testing.F) {
	addCorners(f, func(a, b, c []byte) { f.Add(a, b, c) })
	f.Add([]byte{7}, []byte{7}, []byte{9})
	f.Fuzz(func(t *testing.T, a, b, c []byte) { checkPoints(t, fuzzInt(a), fuzzInt(b), fuzzInt(c)) })
}

// FuzzMultiples compares u·q + v·G with nistec, for q = d·G and combs of every shape but the largest.
func FuzzMultiples(f *testing.F) {
	addCorners(f, func(a, b, c []byte) { f.Add(a, b, c) })
	f.Add([]byte{1}, []byte{9}, []byte{9})
	shapes := []shape{shapes[small], shapes[medium], {8, 8, 4}, {52, 5, 1}, {32, 8, 1}}
	var bases []*comb
	for _, s := range append(shapes, baseShape) {
		bases = append(bases, new(builder).newComb(&generator, s))
	}
	f.Fuzz(func(t *testing.T, d, u, v []byte) {
		private := mod(fuzzInt(d), bigN)
		if private.Sign() == 0 {
			return
		}
		q := multiple(t, private)
		which := int(private.Bits()[0] % 1024)
		c := new(builder).newComb(&q, shapes[which%(len(shapes)-1)])
		checkMultiples(t, c, bases[which/8%len(bases)], &q, fuzzInt(u), fuzzInt(v))
	})
}

// FuzzVerify makes a signature with private key d and nonce k over digest e, may flip a bit of it, and asks crypto/ecdsa.
func FuzzVerify(f *testing.F) {
	addCorners(f, func(a, b, c []byte) {
		f.Add(a, b, c, uint16(0xffff))
		f.Add(a, b, c, uint16(len(a)*7+len(b)))
	})
	f.Fuzz(func(t *testing.T, db, kb, eb []byte, flip uint16) {
		d, k, e := mod(fuzzInt(db), bigN), mod(fuzzInt(kb), bigN), fuzzInt(eb)
		if d.Sign() == 0 || k.Sign() == 0 {
			return
		}
		q, r := multiple(t, d), multiple(t, k)
		rx := mod(r.x.big(), bigN)
		s := quotient(new(big.Int).Add(e, times(rx, d)), k)
		m := signed{*bytes32(e), *bytes32(rx), *bytes32(s)}
		if flip < 768 {
			part := []*[32]byte{&m.digest, &m.r, &m.s}[flip/256]
			part[flip%256/8] ^= 1 << (flip % 8)
		}
		for _, shape := range tried[:3] {
			key := withTable(t, uncompressed(&q), shape)
			if got, want := m.acceptedBy(key), m.oracle(key); got != want {
				t.Fatalf("table %v: got %v, crypto/ecdsa says %v: d = %x, %x", shape, got, want, d, m)
			}
		}
	})
}
