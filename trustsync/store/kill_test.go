package store

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"gatescan/trustsync/internal/source"
)

// killedDirectory is the environment variable that makes TestStoreKill the process that is killed.
const killedDirectory = "GATESCAN_TEST_STORE_KILLED"

// A process that saves is killed at any moment; what it acknowledged is there.
func TestStoreKill(t *testing.T) {
	if dir := os.Getenv(killedDirectory); dir != "" {
		saveUntilKilled(t, dir)
		return
	}
	rounds := 52
	if testing.Short() {
		rounds = 8
	}
	dir := filepath.Join(t.TempDir(), "trust")
	random := rand.New(rand.NewPCG(cutSeed, 4))
	var last uint64
	acknowledgements := 0
	for round := range rounds {
		child := exec.Command(os.Args[0], "-test.run=^TestStoreKill$")
		child.Env = append(os.Environ(), killedDirectory+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var timer *time.Timer
		for lines.Scan() {
			n, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
			if n <= last {
				t.Fatalf("number %d after %d", n, last)
			}
			last = n
			acknowledgements++
			if timer == nil {
				timer = time.AfterFunc(time.Duration(random.IntN(60_000))*time.Microsecond, func() { child.Process.Kill() })
			}
		}
		child.Wait()
		if timer == nil {
			t.Fatal("the child saved nothing")
		}
		// The next child goes on from there; here it is only read.
		g, faults, err := Read(dir)
		if err != nil || len(faults) > 0 {
			t.Fatal(faults, err)
		}
		if g.Number < last || g.Number > last+2 {
			t.Fatalf("round %d: generation %d is in force, %d was acknowledged", round, g.Number, last)
		}
		s := g.Sources["a"]
		if rules := s.Holding.Rules; len(rules) != 2 || string(rules[1]) != killedRule(g.Number) {
			t.Fatalf("round %d: generation %d has the rules %q", round, g.Number, rules)
		}
		if len(s.Holding.Signers) != 50 || !s.Confirmed.Equal(killedTime(g.Number)) || s.Floor.Before(s.Confirmed) {
			t.Fatalf("round %d: generation %d has %d signers, confirmed %v, floor %v", round, g.Number, len(s.Holding.Signers), s.Confirmed, s.Floor)
		}
	}
	if files := storeFiles(t, dir); len(files) > 5 {
		t.Errorf("files %v", files)
	}
	t.Logf("killed %d times, %d generations were acknowledged", rounds, acknowledgements)
}

// killedRule belongs to the generation of that number.
func killedRule(number uint64) string { return fmt.Sprintf(`{"Identifier":"GR-XX-%d"}`, number) }

// killedTime belongs to the generation of that number.
func killedTime(number uint64) time.Time { return time.Unix(int64(number), 0) }

func saveUntilKilled(t *testing.T, dir string) {
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	signers := storeSigners(t, 50)
	var number uint64
	g, faults, err := s.Load()
	if err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
	if g != nil {
		number = g.Number
	}
	// The floors tell which number is next, if the last process was killed after it had written them.
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		s.mu.Lock()
		number = max(number, s.floors.last) + 1
		s.mu.Unlock()
		at := killedTime(number)
		g := &Generation{Sources: map[string]Stored{"a": {Confirmed: at, Floor: at, Holding: source.Holding{
			Signers: signers, Rules: append(storeRules(1), []byte(killedRule(number))),
		}}}}
		if err := s.Save(g); err != nil {
			t.Fatal(err)
		}
		if g.Number != number {
			t.Fatalf("number %d, want %d", g.Number, number)
		}
		fmt.Println(number)
	}
}
