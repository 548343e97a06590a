package counters

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

// killedDirectory is the environment variable that makes TestKill the process that is killed; killsVariable says how often.
const (
	killedDirectory = "GATESCAN_TEST_COUNTERS_KILLED"
	killsVariable   = "GATESCAN_COUNTER_KILLS"
)

// The times of the book in this test, a hundred times as fast as the defaults: a tick, a flush and a filing. An hour of the
// venue is 50 ms.
const (
	killedTick   = 5 * time.Millisecond
	killedDue    = 40 * time.Millisecond
	killedFiling = 100 * time.Millisecond
	killedHour   = 50 * time.Millisecond
	killedLoss   = time.Second // with what a busy disk takes; far less is usual
)

// A process that counts one frame a millisecond is killed at any moment, and another goes on.
func TestKill(t *testing.T) {
	if dir := os.Getenv(killedDirectory); dir != "" {
		countUntilKilled(t, dir)
		return
	}
	kills := 40
	if testing.Short() {
		kills = 8
	}
	if v := os.Getenv(killsVariable); v != "" {
		var err error
		if kills, err = strconv.Atoi(v); err != nil {
			t.Fatalf("%s: %v", killsVariable, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "counters")
	random := rand.New(rand.NewPCG(cutSeed, 30))
	var had uint64
	var losses []time.Duration
	counted, flushed := uint64(0), 0
	for round := range kills {
		lines := untilKilled(t, dir, time.Duration(random.IntN(300_000))*time.Microsecond)
		last := lines[len(lines)-1]
		b := openReal(t, dir)
		totals := b.Totals()
		has := totals.Accepted()
		if s := b.State(); s.Fault != "" || len(s.Damage) > 0 {
			t.Fatalf("round %d: %+v", round, s)
		}
		if has < had || has < had+last.lasting || has > had+last.n+1 {
			t.Fatalf("round %d: %d before, counted %d, %d of them lasting; now %d", round, had, last.n, last.lasting, has)
		}
		lost := time.Duration(0)
		for _, l := range lines {
			if had+l.n > has {
				lost = last.at - l.at
				break
			}
		}
		losses = append(losses, lost)
		if lost > killedLoss {
			t.Fatalf("round %d: the last %v are lost", round, lost)
		}
		if totals.Granted != has && totals.Granted+1 != has && totals.Granted != has+1 {
			t.Fatalf("round %d: %d granted, %d accepted", round, totals.Granted, has)
		}
		buckets, err := b.Query(time.Time{}, time.Unix(maxStart, 0))
		if err != nil {
			t.Fatal(err)
		}
		undated := b.Undated()
		sum := undated.Tally()
		for _, bucket := range buckets {
			tally := bucket.Tally()
			sum.add(&tally)
		}
		if sum != totals {
			t.Fatalf("round %d: buckets have %d, the totals %d", round, sum.Accepted(), has)
		}
		if last.lasting > 0 {
			flushed++
		}
		counted += last.n
		had = has
	}
	slices.Sort(losses)
	t.Logf("killed %d times, %d of them after a flush; %d counted, %d kept; lost %v in the middle, %v at worst; state %+v",
		kills, flushed, counted, had, losses[len(losses)/2], losses[len(losses)-1], openReal(t, dir).State())
	if flushed < kills/2 || had < uint64(kills)*20 {
		t.Error("too little happened between the kills")
	}
}

// line is what the child says before it counts.
type line struct {
	n, lasting uint64
	at         time.Duration
}

func untilKilled(t *testing.T, dir string, after time.Duration) (lines []line) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestKill$")
	child.Env = append(os.Environ(), killedDirectory+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		var l line
		if _, err := fmt.Sscan(scanner.Text(), &l.n, &l.lasting, &l.at); err != nil {
			t.Fatalf("the child says %q", scanner.Text())
		}
		if len(lines) == 0 {
			time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
		lines = append(lines, l)
	}
	_ = child.Wait()
	if len(lines) == 0 {
		t.Fatal("the child counted nothing")
	}
	return lines
}

func countUntilKilled(t *testing.T, dir string) {
	begin := time.Now()
	random := rand.New(rand.NewPCG(uint64(begin.UnixNano()), 31))
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(random.IntN(5*24)) * time.Hour)
	now := func() time.Time { return base.Add(time.Since(begin) * time.Duration(time.Hour/killedHour)) }
	believed := func() bool { return now().Hour()%7 != 0 }
	b, err := Open(Config{Dir: dir, Believed: believed}, now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	b.tick, b.due, b.filing = killedTick, killedDue, killedFiling
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // if nobody kills
	defer cancel()
	before := b.Lasting()
	go b.Run(ctx)
	for n := uint64(1); ctx.Err() == nil; n++ {
		lasting := b.Lasting()
		fmt.Println(n, lasting.Accepted()-before.Accepted(), int64(time.Since(begin)))
		b.Live().Add(verify.Vaccination, verify.Accepted)
		b.Live().Passages(turnstile.Counts{Granted: n, Passages: n})
		time.Sleep(time.Millisecond)
	}
}
