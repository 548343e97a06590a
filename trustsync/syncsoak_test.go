//go:build soak

package trustsync

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/trustsync/store"
	"gatescan/verify"
)

const (
	soakInterval = 300 * time.Millisecond // between attempts
	soakTimeout  = 5 * time.Second        // of a request
	soakSwitch   = time.Second            // a fault more or less
	soakLook     = 5 * time.Millisecond   // at what is in force
	soakQuiets   = 10                     // times at which all is well, and is measured
	soakPatience = time.Minute            // until all is well
)

// census is what the process holds.
type census struct {
	goroutines, descriptors int
	heap                    uint64 // live bytes
}

func takeCensus(t *testing.T) (c census) {
	runtime.GC()
	runtime.GC() // finalizers, and what they let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return census{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

// TestSyncSoak runs all kinds of sources at once for GATESCAN_SYNC_SOAK, a minute unless said otherwise, while faults are switched at
// random: what is in force is never empty, never another's and never too old, and nothing leaks.
func TestSyncSoak(t *testing.T) {
	duration := time.Minute
	if said := os.Getenv("GATESCAN_SYNC_SOAK"); said != "" {
		var err error
		if duration, err = time.ParseDuration(said); err != nil || duration < 30*time.Second {
			t.Fatalf("GATESCAN_SYNC_SOAK=%q is no duration of at least 30s", said)
		}
	}
	s := &syncSoak{t: t, seed: uint64(time.Now().UnixNano()), faults: map[string]int{}}
	s.random = rand.New(rand.NewPCG(s.seed, 0))
	// The runtime keeps two descriptors for waiting from the first connection on: they are no leak.
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	before := takeCensus(t)
	s.run(duration)
	after := takeCensus(t)
	for wait := time.Now().Add(soakPatience); time.Now().Before(wait) && (after.goroutines > before.goroutines || after.descriptors > before.descriptors); {
		time.Sleep(time.Second)
		after = takeCensus(t)
	}
	if after.goroutines > before.goroutines || after.descriptors > before.descriptors {
		stacks := make([]byte, 1<<20)
		t.Errorf("left behind: %+v, before there were %+v\n%s", after, before, stacks[:runtime.Stack(stacks, true)])
	}
	if after.heap > before.heap+8<<20 {
		t.Errorf("left behind: %d bytes of heap, before there were %d", after.heap, before.heap)
	}
	s.report(before, after)
}

type syncSoak struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand

	domain *lists.Domain
	server *lists.Server
	syncer *Syncer
	state  State // at the end

	faults map[string]int // switched on
	quiet  []census
	looks  int
	worst  time.Duration // between two looks
}

func (s *syncSoak) run(duration time.Duration) {
	t := s.t
	var err error
	if s.domain, err = lists.NewDomain("XX", 8); err != nil {
		t.Fatal(err)
	}
	keys, err := lists.NewTLSKeys("XX")
	if err != nil {
		t.Fatal(err)
	}
	if s.server, err = lists.NewServer(s.domain, keys, "127.0.0.1:0", nil); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.server.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := Config{Lab: true}
	for _, o := range s.server.Offers() {
		sc := matrixConfig(s.server, keys, s.domain, o, o.CSCAs)
		sc.Interval, sc.Timeout = soakInterval, soakTimeout
		source, err := NewSource(sc)
		if err != nil {
			t.Fatal(err)
		}
		c.Sources = append(c.Sources, source)
	}
	store, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.syncer = New(c, &wall{}, store, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	parts.Go(func() { s.syncer.Run(ctx) })
	s.settle()
	parts.Go(func() { s.look(ctx) })

	s.quiet = append(s.quiet, takeCensus(t))
	start := time.Now()
	for i := range soakQuiets {
		for time.Since(start) < duration*time.Duration(i+1)/soakQuiets {
			s.disturb()
			time.Sleep(soakSwitch)
		}
		s.settle()
		s.quiet = append(s.quiet, takeCensus(t))
	}
	s.state = s.syncer.State()
}

// disturb switches a fault on or off, and now and then a DSC.
func (s *syncSoak) disturb() {
	offers := s.server.Offers()
	name := offers[s.random.IntN(len(offers))].Name
	if s.random.IntN(8) == 0 {
		if err := s.server.Withdraw(s.kid(0), s.random.IntN(2) == 0); err != nil {
			s.t.Error(err)
		}
	}
	text := ""
	if s.random.IntN(4) > 0 {
		kinds := lists.FaultKinds()
		kind := kinds[s.random.IntN(len(kinds))]
		text = kind.Name
		switch kind.Argument {
		case "BYTE":
			text += fmt.Sprintf("=%d", s.random.IntN(4000))
		case "DURATION":
			text += fmt.Sprintf("=%dh", s.random.IntN(2000)-1000)
		case "":
		default:
			text += fmt.Sprintf("=%d", 1+s.random.IntN(3000))
		}
	}
	f, err := lists.ParseFault(text)
	if err != nil {
		s.t.Error(err)
	}
	if s.server.Switch(name, f) == nil { // not every source has every fault
		word, _, _ := strings.Cut(cmp.Or(text, "(none)"), "=")
		s.faults[word]++
	}
}

func (s *syncSoak) kid(i int) []byte { return sourcetest.CertKID(s.domain.DSCs[i].Raw) }

// settle switches all faults off and waits until all sources are well.
func (s *syncSoak) settle() {
	for _, o := range s.server.Offers() {
		if err := s.server.Switch(o.Name, lists.Fault{}); err != nil {
			s.t.Error(err)
		}
	}
	if err := s.server.Withdraw(s.kid(0), false); err != nil {
		s.t.Error(err)
	}
	asked := s.attempts()
	for deadline := time.Now().Add(soakPatience); ; time.Sleep(50 * time.Millisecond) {
		ill := ""
		for i, source := range s.syncer.State().Sources {
			// Two attempts that began after the switch: the first may have been under way.
			if source.Attempts < asked[i]+3 || source.Error != "" || source.Signers != len(s.domain.DSCs) && source.Rules != len(s.domain.Rules) {
				ill += fmt.Sprintf("%s: %d attempts, %d signers, %d rules, %q\n", source.Name, source.Attempts-asked[i], source.Signers, source.Rules, source.Error)
			}
		}
		if ill == "" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("not well after %v:\n%s", soakPatience, ill)
		}
	}
}

func (s *syncSoak) attempts() (n []uint64) {
	for _, source := range s.syncer.State().Sources {
		n = append(n, source.Attempts)
	}
	return n
}

// look looks at what is in force, again and again.
func (s *syncSoak) look(ctx context.Context) {
	verifier := verify.New(verify.Policy{})
	var texts [][]byte
	var want []verify.Reason
	add := func(kid []byte, reason verify.Reason) {
		texts = append(texts, unsignedPass(s.t, verify.KID(kid)))
		want = append(want, reason)
	}
	for i := 1; i < len(s.domain.DSCs); i++ {
		add(s.kid(i), verify.BadSignature) // in force, and fresh
	}
	for _, dsc := range s.server.Rival().DSCs {
		add(sourcetest.CertKID(dsc.Raw), verify.UnknownKID)
	}
	tick := time.NewTicker(soakLook)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, trust := time.Now(), s.syncer.Current()
		if trust.Len() == 0 {
			s.t.Error("nothing is in force")
		}
		if rules := trust.Rules(); rules.Len() != len(s.domain.Rules) || rules.Stale(now) {
			s.t.Errorf("%v in force, too old %t: %v", rules, rules.Stale(now), s.syncer.State().RuleFaults)
		}
		for i, reason := range want {
			if got := verifier.Verify(texts[i], trust, now).Reason(); got != reason {
				s.t.Errorf("DSC %d: %v, want %v; %d in force", i, got, reason, trust.Len())
			}
		}
		s.looks++
		s.worst, last = max(s.worst, now.Sub(last)), now
	}
}

func (s *syncSoak) report(before, after census) {
	t := s.t
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d looks, at most %v apart\n%-12s %10s %11s %9s\n", s.seed, s.looks, s.worst, "", "goroutines", "descriptors", "heap kB")
	row := func(name string, c census) {
		fmt.Fprintf(&b, "%-12s %10d %11d %9d\n", name, c.goroutines, c.descriptors, c.heap>>10)
	}
	row("before", before)
	for i, c := range s.quiet {
		row(fmt.Sprint("quiet ", i), c)
	}
	row("after", after)
	for _, source := range s.state.Sources {
		fmt.Fprintf(&b, "%-12s %6d attempts\n", source.Name, source.Attempts)
	}
	for _, name := range sortedNames(s.faults) {
		fmt.Fprintf(&b, "%-16s switched on %d times\n", name, s.faults[name])
	}
	t.Logf("\n%s", &b)
	if s.looks < 1000 {
		t.Errorf("only %d looks", s.looks)
	}
	// The later half may not hold more than the earlier one, but for connections that are just open.
	earlier, later := s.quiet[:len(s.quiet)/2], s.quiet[len(s.quiet)/2:]
	for _, m := range []struct {
		name string
		of   func(census) uint64
		more uint64 // that is no leak
	}{
		{"goroutines", func(c census) uint64 { return uint64(c.goroutines) }, 20},
		{"descriptors", func(c census) uint64 { return uint64(c.descriptors) }, 10},
		{"bytes of heap", func(c census) uint64 { return c.heap }, 2 << 20},
	} {
		if a, z := median(earlier, m.of), median(later, m.of); z > a+m.more {
			t.Errorf("%s grew from %d to %d", m.name, a, z)
		}
	}
}

func median(all []census, of func(census) uint64) uint64 {
	var values []uint64
	for _, c := range all {
		values = append(values, of(c))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
