package store

import (
	"encoding/binary"
	"fmt"
	"testing"

	"gatescan/trustsync/internal/source"
)

// storeMany has as many signers as that: those of the pool again and again, under other kids.
func storeMany(b *testing.B, n int) *Generation {
	b.Helper()
	some := storeSigners(b, 1500)
	signers := make([]source.Signer, n)
	for i := range signers {
		signers[i] = some[i%len(some)]
		binary.BigEndian.PutUint64(signers[i].KID[:], uint64(i))
	}
	return &Generation{Sources: map[string]Stored{"a": {Kind: "directory", Confirmed: storeTime(1), Holding: source.Holding{Signers: signers}}}}
}

var storeSizes = []int{500, 10_000, 100_000}

func BenchmarkStoreSave(b *testing.B) {
	for _, n := range storeSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := storeMany(b, n)
			s := storeOpen(b, b.TempDir())
			b.ReportAllocs()
			for b.Loop() {
				storeSave(b, s, g)
			}
			data, err := Encode(g)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(data)), "bytes/file")
		})
	}
}

func BenchmarkStoreLoad(b *testing.B) {
	for _, n := range storeSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := storeOpen(b, b.TempDir())
			storeSave(b, s, storeMany(b, n))
			b.ReportAllocs()
			for b.Loop() {
				if g, faults, err := s.Load(); err != nil || len(faults) > 0 || len(g.Sources["a"].Holding.Signers) != n {
					b.Fatal(faults, err)
				}
			}
		})
	}
}
