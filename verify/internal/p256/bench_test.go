package p256

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"math/big"
	"testing"
)

// benchSignature is always the same, so that instructions can be counted by difference (make bench-arm).
func benchSignature(b *testing.B) (point []byte, m signed) {
	b.Helper()
	point, list := benchSignatures(b, 1)
	return point, list[0]
}

func benchSignatures(b *testing.B, count int) (point []byte, list []signed) {
	b.Helper()
	d, k := big.NewInt(0), big.NewInt(0)
	d.SetString("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", 16) // RFC 6979 A.2.5
	k.SetString("a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60", 16)
	q := multiple(b, d)
	digest := sha256.Sum256([]byte("sample"))
	for range count {
		r := multiple(b, k)
		rx := mod(r.x.big(), bigN)
		s := quotient(new(big.Int).Add(new(big.Int).SetBytes(digest[:]), times(rx, d)), k)
		list = append(list, signed{digest, *bytes32(rx), *bytes32(s)})
		k = mod(times(k, k), bigN)
		digest = sha256.Sum256(digest[:])
	}
	return uncompressed(&q), list
}

var levelNames = [...]string{none: "none", small: "small", medium: "medium", wide: "wide"}

func BenchmarkVerify(b *testing.B) {
	point, m := benchSignature(b)
	var w builder
	baseTable.Store(w.newComb(&generator, baseShape))
	for l, name := range levelNames {
		b.Run(name, func(b *testing.B) {
			k := withTable(b, point, shapes[l])
			b.ReportAllocs()
			for b.Loop() {
				if !m.acceptedBy(k) {
					b.Fatal("refused")
				}
			}
		})
	}
	b.Run("crypto-ecdsa", func(b *testing.B) {
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			b.Fatal(err)
		}
		r, s := new(big.Int).SetBytes(m.r[:]), new(big.Int).SetBytes(m.s[:])
		b.ReportAllocs()
		for b.Loop() {
			if !ecdsa.Verify(public, m.digest[:], r, s) {
				b.Fatal("refused")
			}
		}
	})
}

func BenchmarkNewKey(b *testing.B) {
	point, _ := benchSignature(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewKey(point); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	var w builder
	for _, s := range []shape{shapes[small], shapes[medium], shapes[wide], baseShape} {
		b.Run(levelName(s), func(b *testing.B) {
			for b.Loop() {
				w.newComb(&generator, s)
			}
		})
	}
}

func levelName(s shape) string {
	for l, name := range levelNames {
		if shapes[l] == s {
			return name
		}
	}
	return "base"
}

func BenchmarkParts(b *testing.B) {
	x, y := rrP, curveB
	var p point
	p.setAffine(&generator)
	p.double()
	s := rrN
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"mul", func() { mul(&x, &x, &y) }},
		{"sqr", func() { sqr(&x, &x) }},
		{"sub", func() { sub(&x, &x, &y) }},
		{"inverse", func() { s[0]++; inverse(&s, &inverseN) }}, // of another one each time: branches depend on it
		{"montMul", func() { s.montMul(&s, &rrN) }},
		{"addAffine", func() { p.addAffine(&generator) }},
		{"double", func() { p.double() }},
	} {
		b.Run(part.name, func(b *testing.B) {
			for b.Loop() {
				part.run()
			}
		})
	}
}
