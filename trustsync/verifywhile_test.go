package trustsync

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/sources/germany"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/trustsync/store"
	"gatescan/verify"
)

const (
	whileKeys  = 100_000
	whilePause = 2 * time.Millisecond // between frames
	whilePhase = 15 * time.Second     // that frames come
)

// hugeGermany is a German list of that many entries, in certificates as short as there can be, and one of their kids.
func hugeGermany(t testing.TB, d *lists.Domain, n int) (list []byte, kid verify.KID) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial := []byte("gatelab\x00\x00\x00\x00")
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{Country: []string{"XX"}},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(der, serial) + len(serial) - 4
	var text bytes.Buffer
	text.WriteString(`{"certificates":[`)
	for i := range n {
		binary.BigEndian.PutUint32(der[at:], uint32(i))
		kid = pki.KIDOf(der)
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"certificateType":"DSC","country":"XX","kid":"%s","rawData":"%s"}`, sourcetest.Base64(kid[:]), sourcetest.Base64(der))
	}
	text.WriteString(`]}`)
	if list, err = lists.SignGermany(d, text.Bytes()); err != nil {
		t.Fatal(err)
	}
	return list, kid
}

// BenchmarkVerifyWhileSyncing is how long a frame takes that comes every 2 ms, while nothing else is done, and while a list of
// 100,000 keys is fetched, read, stored and put into force all the time. "call" is the verifier alone, "frame" counts from
// when the frame came, with the wait for a processor.
func BenchmarkVerifyWhileSyncing(b *testing.B) {
	d := sourcetest.Domain(b, 0)
	list, kid := hugeGermany(b, d, whileKeys)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(list)
	}))
	defer server.Close()
	for _, processors := range []int{runtime.NumCPU() + SpareProcessors, runtime.NumCPU()} {
		b.Run(fmt.Sprintf("processors=%d,GOMAXPROCS=%d", runtime.NumCPU(), processors), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
			source, err := NewSource(SourceConfig{Name: "huge", Kind: germany.Kind, URLs: []string{server.URL}, Anchors: d.Signer.PublicPEM()})
			if err != nil {
				b.Fatal(err)
			}
			store, err := store.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			y := New(Config{Sources: []Named{source}}, &wall{}, store, slog.New(slog.DiscardHandler))
			y.Once(b.Context())
			if n := y.Current().Len(); n != whileKeys {
				b.Fatalf("%d keys: %+v", n, y.State())
			}
			text := passWith(b, kid, bytes.Repeat([]byte{0x5a}, 64))
			runtime.GC()
			b.ResetTimer()

			idleCall, idleFrame := frames(b, y, text)
			ctx, cancel := context.WithCancel(b.Context())
			var syncing sync.WaitGroup
			before := y.State().Sources[0].Attempts
			syncing.Go(func() {
				for ctx.Err() == nil {
					y.Once(ctx)
				}
			})
			busyCall, busyFrame := frames(b, y, text)
			syncs := y.State().Sources[0].Attempts - before
			cancel()
			syncing.Wait()
			if failed := y.State().Sources[0].Error; failed != "" || syncs == 0 {
				b.Errorf("%d syncs, %s", syncs, failed)
			}
			for _, p := range []int{500, 990, 999} {
				at := func(all []time.Duration) time.Duration { return all[len(all)*p/1000] }
				b.Logf("p%g: call %v idle, %v syncing (%.2fx); frame %v idle, %v syncing (%.2fx)", float64(p)/10,
					at(idleCall), at(busyCall), float64(at(busyCall))/float64(at(idleCall)),
					at(idleFrame), at(busyFrame), float64(at(busyFrame))/float64(at(idleFrame)))
				if p == 990 {
					b.ReportMetric(float64(at(idleCall).Microseconds()), "idle-call-p99-µs")
					b.ReportMetric(float64(at(busyCall).Microseconds()), "sync-call-p99-µs")
					b.ReportMetric(float64(at(idleFrame).Microseconds()), "idle-frame-p99-µs")
					b.ReportMetric(float64(at(busyFrame).Microseconds()), "sync-frame-p99-µs")
				}
			}
			b.Logf("%d frames, %d syncs of %d MB, each %v", len(busyCall), syncs, len(list)/1e6, whilePhase/time.Duration(max(syncs, 1)))
			b.ReportMetric(0, "ns/op")
		})
	}
}

// frames has frames come for a while, and says how long each took, sorted.
func frames(b *testing.B, y *Syncer, text []byte) (calls, whole []time.Duration) {
	verifier := verify.New(verify.Policy{})
	start := time.Now()
	for due := start; due.Sub(start) < whilePhase; due = due.Add(whilePause) {
		time.Sleep(time.Until(due))
		begun := time.Now()
		reason := verifier.Verify(text, y.Current(), begun).Reason()
		ended := time.Now()
		if reason != verify.BadSignature {
			b.Fatal(reason)
		}
		calls, whole = append(calls, ended.Sub(begun)), append(whole, ended.Sub(due))
		if late := time.Now(); late.After(due.Add(whilePause)) { // a frame that waits for the one before is not counted twice
			due = late.Add(-whilePause)
		}
	}
	slices.Sort(calls)
	slices.Sort(whole)
	return calls, whole
}
