package verify

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"gatescan/verify/internal/p256"
)

// skipAllocations skips what counts allocations where the count means nothing.
func skipAllocations(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("SKIPPED: the race detector allocates; run without -race to count allocations")
	}
	SetTableMemory(0) // tables are built in the background, and would be counted
	p256.Settle()
	t.Cleanup(func() { SetTableMemory(DefaultTableMemory) })
}

var sink Verdict

// Every probe, accepted or refused, is judged without an allocation.
func TestVerifyAllocatesNothing(t *testing.T) {
	skipAllocations(t)
	l := newLab(t)
	for _, p := range probes(t, l) {
		text := p.text
		if text == nil {
			text = l.mint(t, p.sketch)
		}
		trust := l.trust()
		if p.trust != nil {
			trust = p.trust(l)
		}
		v := New(p.policy)
		now := l.now.Add(p.now)
		if n := testing.AllocsPerRun(20, func() { sink = v.Verify(text, trust, now).Whole(text) }); n != 0 {
			t.Errorf("%s: %v allocations", p.name, n)
		}
	}
}

// A million frames, right and corrupted, on one verifier: the heap must not see one of them. AllocsPerRun would
// round less than one allocation a frame down to nothing; this counts them all.
func TestAMillionFramesAllocateNothing(t *testing.T) {
	skipAllocations(t)
	frames, pooled, passes := 1_000_000, 4096, acceptable(t, ES256)
	if testing.Short() {
		frames, pooled = 10*512, 512
	} else {
		SetTableMemory(DefaultTableMemory) // there is time to build them before the count begins
	}
	rsa2048 := 0
	for _, p := range acceptable(t, PS256) {
		if p.dsc.Key.ps256.bits == 2048 {
			passes = append(passes, p)
			rsa2048++
		}
	}
	if rsa2048 == 0 {
		t.Fatal("no PS256 pass")
	}
	var dscs []DSC
	for _, p := range passes {
		dscs = append(dscs, p.dsc)
	}
	trust := NewTrust(dscs)

	// Of 64 frames one is right, one corrupted in its COSE message, so that it gets as far as the signature or
	// near it, and the others in their text, where some change nothing.
	random := rand.New(rand.NewPCG(3, 4))
	pool := make([][]byte, pooled)
	moments := make([]int, len(pool))
	for i := range pool {
		which := random.IntN(len(passes))
		moments[i] = which
		text := bytes.Clone(passes[which].text)
		switch i % 64 {
		case 0:
		case 1:
			message := decodeText(t, text)
			message[random.IntN(len(message))] ^= 1 << random.IntN(8)
			text = []byte(prefix + encodeBase45(compress(message)))
		default:
			for range 1 + random.IntN(3) {
				text[random.IntN(len(text))] = base45Alphabet[random.IntN(len(base45Alphabet))]
			}
			text = text[:len(text)-random.IntN(2)*random.IntN(len(text))]
		}
		pool[i] = text
	}

	v := New(Policy{})
	accepted := 0
	judge := func(n int) {
		for i := range n {
			p := i % len(pool)
			if v.Verify(pool[p], trust, passes[moments[p]].now).Accepted() {
				accepted++
			}
		}
	}
	judge(len(pool))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	accepted = 0
	const rounds = 10
	var mallocs [rounds]uint64
	for i := range mallocs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		judge(frames / rounds)
		runtime.ReadMemStats(&after)
		mallocs[i] = after.Mallocs - before.Mallocs
	}
	// The counter is the whole process's: now and then the runtime starts a thread. A frame that allocates would do so
	// in every round, since each round judges all of the pool.
	if frames/rounds >= len(pool) && slices.Min(mallocs[:]) != 0 {
		t.Errorf("allocations in rounds of %d frames: %v", frames/rounds, mallocs)
	}
	if accepted < frames/64 || accepted > frames/30 {
		t.Errorf("%d of %d frames accepted; the mixture is wrong", accepted, frames)
	}
	t.Logf("%d frames, %d accepted; allocations in rounds of %d: %v", frames, accepted, frames/rounds, mallocs)
}

// decodeText returns the COSE message of a good text.
func decodeText(t testing.TB, text []byte) []byte {
	t.Helper()
	compressed, ok := decodeBase45(make([]byte, maxCompressed), text[len(prefix):])
	if !ok {
		t.Fatal("not Base45")
	}
	var f inflater
	message, status := f.inflate(make([]byte, maxCWT), compressed)
	if status != inflateOK {
		t.Fatal("not a zlib stream")
	}
	return message
}
