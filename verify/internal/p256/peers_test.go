package p256

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/bigmod"
	"filippo.io/nistec"
	"golang.org/x/sys/unix"
)

// contender verifies n signatures of a key and says how much processor time that took.
type contender struct {
	name string
	run  func(n int) time.Duration
}

// threadTime is what f takes of the processor.
func threadTime(b *testing.B, f func()) time.Duration {
	b.Helper()
	now := func() time.Duration {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
			b.Fatal(err)
		}
		return time.Duration(t.Nano())
	}
	from := now()
	f()
	return now() - from
}

func goContender(b *testing.B, name string, verify func() bool) contender {
	return contender{name, func(n int) time.Duration {
		return threadTime(b, func() {
			for range n {
				if !verify() {
					b.Fatalf("%s refused", name)
				}
			}
		})
	}}
}

// nistecVerifier is verification by the usual modules: what this package replaced.
func nistecVerifier(b *testing.B, point []byte, message func() *signed) func() bool {
	b.Helper()
	n, err := bigmod.NewModulus(bigN.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	nat := func(x [32]byte) *bigmod.Nat {
		v, err := bigmod.NewNat().SetOverflowingBytes(x[:], n)
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	q, err := nistec.NewP256Point().SetBytes(point)
	if err != nil {
		b.Fatal(err)
	}
	two := new(big.Int).Sub(bigN, big.NewInt(2)).Bytes()
	return func() bool {
		m := message()
		w := bigmod.NewNat().Exp(nat(m.s), two, n)
		u1, u2 := nat(m.digest).Mul(w, n), nat(m.r).Mul(w, n)
		g, _ := nistec.NewP256Point().ScalarBaseMult(u1.Bytes(n))
		p, _ := nistec.NewP256Point().ScalarMult(q, u2.Bytes(n))
		x, err := p.Add(p, g).BytesX()
		return err == nil && new(big.Int).Mod(new(big.Int).SetBytes(x), bigN).Cmp(new(big.Int).SetBytes(m.r[:])) == 0
	}
}

// opensslContender starts the program of testdata/openssl.c, whose path is in GATESCAN_OPENSSL_PEER.
func opensslContender(b *testing.B, point []byte, m *signed) (contender, bool) {
	b.Helper()
	path := os.Getenv("GATESCAN_OPENSSL_PEER")
	if path == "" {
		return contender{}, false
	}
	hex := func(x []byte) string { return fmt.Sprintf("%x", x) }
	command := exec.Command(path, hex(point), hex(m.digest[:]), hex(m.r[:]), hex(m.s[:]))
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = command.Wait()
	})
	lines := bufio.NewReader(out)
	return contender{"OpenSSL", func(n int) time.Duration {
		if _, err := io.WriteString(in, strconv.Itoa(n)+"\n"); err != nil {
			b.Fatal(err)
		}
		line, err := lines.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		took, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return time.Duration(took)
	}}, true
}

// BenchmarkPeers measures processor time in rounds in which each contender has a turn, so that what else the machine does hits
// all alike, and reports medians: of the time, and of its ratio to OpenSSL's in the same round, or to crypto/ecdsa's if there is
// no OpenSSL.
func BenchmarkPeers(b *testing.B) {
	const rounds, slice = 41, 5 * time.Millisecond
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	point, messages := benchSignatures(b, 256) // one alone would teach the branch predictor and stay in the nearest cache
	next := 0
	message := func() *signed {
		next = (next + 1) % len(messages)
		return &messages[next]
	}
	var w builder
	baseTable.Store(w.newComb(&generator, baseShape))
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		b.Fatal(err)
	}
	var list []contender
	if peer, ok := opensslContender(b, point, &messages[0]); ok {
		list = append(list, peer)
	}
	list = append(list,
		goContender(b, "crypto-ecdsa", func() bool {
			m := message()
			return ecdsa.Verify(public, m.digest[:], new(big.Int).SetBytes(m.r[:]), new(big.Int).SetBytes(m.s[:]))
		}),
		goContender(b, "nistec", nistecVerifier(b, point, message)))
	for l, name := range levelNames {
		k := withTable(b, point, shapes[l])
		list = append(list, goContender(b, name, func() bool { return message().acceptedBy(k) }))
	}
	took := make([][]float64, len(list))
	ratio := make([][]float64, len(list))
	counts := make([]int, len(list))
	for i, c := range list {
		counts[i] = max(1, int(slice/(c.run(20)/20+1)))
	}
	for range rounds {
		for i, c := range list {
			t := float64(c.run(counts[i])) / float64(counts[i])
			took[i] = append(took[i], t)
			ratio[i] = append(ratio[i], t/took[0][len(took[0])-1])
		}
	}
	for i, c := range list {
		slices.Sort(took[i])
		slices.Sort(ratio[i])
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(took[i][rounds/2]/1000, "cpu-us")
			b.ReportMetric(ratio[i][rounds/2], "of-"+list[0].name)
		})
	}
}
