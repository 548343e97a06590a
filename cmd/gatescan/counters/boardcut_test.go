//go:build board

package counters

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatescan/driver/drivertest"
	"gatescan/driver/flash"
	"gatescan/verify"
)

// cutDirectory is the environment variable that makes TestBoardPowerCut the gate on the board; unsyncedVariable says that
// its disk forgets to sync.
const (
	cutDirectory     = "GATESCAN_TEST_COUNTERS_CUT"
	unsyncedVariable = "GATESCAN_TEST_COUNTERS_UNSYNCED"
)

const (
	boardVisits   = 600
	boardCounting = 6 * time.Second // at least: longer than ext4 goes without a commit
	boardPatience = 2 * time.Minute
)

// visit is the n-th frame of the gate on the board, from 1 on.
type visit struct {
	at       time.Time
	believed bool
	kind     verify.Kind
	reason   verify.Reason
	granted  bool
}

// nthVisit has hours that end, a clock that is not believed, and one that goes back into hours that are filed. There are
// so many reasons that a record takes some sectors.
func nthVisit(n int) visit {
	hour := n / 40
	if hour%10 == 9 {
		hour -= 8
	}
	v := visit{
		at: time.Date(2026, 3, 28, 22, 10, 0, 0, time.UTC).Add(time.Duration(hour) * time.Hour), believed: hour%7 != 0,
		kind: verify.Kind(n % verify.NumKinds), reason: verify.Reason(n % verify.NumReasons),
	}
	if n%2 == 0 {
		v.kind, v.reason, v.granted = verify.Vaccination, verify.Accepted, true
	}
	return v
}

// countedBy is what there is to count in the first n visits.
func countedBy(n int) ledger {
	l := ledger{buckets: map[int64]Tally{}}
	for i := 1; i <= n; i++ {
		v := nthVisit(i)
		var delta Tally
		delta.Frames[v.kind][v.reason]++
		if v.granted {
			delta.Granted, delta.Passages = 1, 1
		}
		l.add(v.at, v.believed, &delta)
	}
	return l
}

func visits(t Tally) int { return int(t.Accepted() + t.Refused()) }

// A gate counts on an emulated board, on ext4. Afterwards the power is cut at random moments of what its disk did: what had
// been flushed is there, of the rest some sectors are. Whatever is found, the book is what it was after one of the visits, and
// not before the last one that it had called lasting.
func TestBoardPowerCut(t *testing.T) {
	if dir := os.Getenv(cutDirectory); dir != "" {
		countOnBoard(t, dir)
		return
	}
	moments := drivertest.Repeats(t, "GATESCAN_BOARD_MOMENTS", 20)
	began := time.Now()
	log := countedOnBoard(t)
	t.Logf("the board took %v, its disk did %d writes", time.Since(began).Round(time.Second), len(log.Writes))
	for _, c := range []struct {
		run, directory string
		synced         bool
	}{{"synced", "/synced", true}, {"unsynced", "/unsynced", false}} {
		t.Run(c.run, func(t *testing.T) {
			began, random := time.Now(), rand.New(rand.NewPCG(cutSeed, 50))
			cuts := boardCuts(t, log, c.synced)
			var bad, damaged, lasting, most int
			for range moments {
				cut := cuts.choose(random)
				found, err := cut.check(t, log, c.directory, random)
				if c.synced && err != nil {
					t.Errorf("%+v: %v (the book says %q)", cut, err, found.damage)
				}
				if err != nil {
					bad++
					continue
				}
				if len(found.damage) > 0 {
					damaged++
				}
				if cut.lasting > 0 {
					lasting++
				}
				most = max(most, cut.counted-found.visits)
			}
			t.Logf("%d of %d moments (out of %d) are bad; at the others, %d times a damaged file was set aside, and at most %d visits were lost that were not lasting; %v each (seed %d)",
				bad, moments, len(cuts.all), damaged, most, (time.Since(began) / time.Duration(moments)).Round(time.Millisecond), cutSeed)
			if c.synced && lasting < moments/2 {
				t.Errorf("at only %d moments anything was lasting", lasting)
			}
			if !c.synced && bad <= moments/2 {
				t.Error("this test does not see that nothing is synced")
			}
		})
	}
}

// countedOnBoard has the gate count on a disk that syncs and on one that does not.
func countedOnBoard(t *testing.T) *drivertest.WriteLog {
	t.Helper()
	d, err := drivertest.NewDisk(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "counters.test")
	build := exec.Command("go", "test", "-c", "-tags", "board", "-ldflags", "-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=6")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b := drivertest.Boot(t, drivertest.Options{Files: map[string]string{"/bin/counters.test": binary}, Disk: d})
	for _, line := range []string{
		"mkdir /tmp/disk && mount -t ext4 " + drivertest.DiskPath + " /tmp/disk",
		cutDirectory + "=/tmp/disk/synced counters.test -test.run '^TestBoardPowerCut$'",
		unsyncedVariable + "=1 " + cutDirectory + "=/tmp/disk/unsynced counters.test -test.run '^TestBoardPowerCut$'",
		"sync",
	} {
		out, err := b.Shell(line, boardPatience)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if said, _, is := strings.Cut(out, "\n"); is {
			t.Log(said)
		}
	}
	b.Close()
	log, err := d.Log()
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// boardMark is what the gate writes behind the file system after each visit: it is in the log behind everything that was
// flushed before, and before everything that is done later.
type boardMark struct {
	synced           bool
	counted, lasting int
}

const boardMarkSize = 512

func (m boardMark) encode(to []byte) {
	clear(to)
	if m.synced {
		to[0] = 1
	}
	binary.BigEndian.PutUint64(to[8:], uint64(m.counted))
	binary.BigEndian.PutUint64(to[16:], uint64(m.lasting))
}

func decodeBoardMark(data []byte) boardMark {
	return boardMark{data[0] == 1, int(binary.BigEndian.Uint64(data[8:])), int(binary.BigEndian.Uint64(data[16:]))}
}

// boardCut is a moment, and what was told before.
type boardCut struct {
	moment           int // in the log
	counted, lasting int // visits; one more may be counted
}

// cutsOfRun are the moments between the first mark of a run and its last.
type cutsOfRun struct {
	all, writing []boardCut // writing are those at which something is written that is no mark
}

func boardCuts(t *testing.T, log *drivertest.WriteLog, synced bool) (c cutsOfRun) {
	t.Helper()
	var last boardMark
	var since []boardCut
	for i, w := range log.Writes {
		if last.counted > 0 {
			since = append(since, boardCut{i, last.counted, last.lasting})
		}
		if !w.Mark() {
			continue
		}
		m := decodeBoardMark(w.Data)
		if m.synced != synced {
			continue
		}
		if m.counted != last.counted+1 || m.lasting < last.lasting || m.lasting > m.counted {
			t.Fatalf("mark %+v behind %+v", m, last)
		}
		for _, cut := range since {
			if !log.Writes[cut.moment].Mark() {
				c.writing = append(c.writing, cut)
			}
		}
		c.all = append(c.all, since...)
		last, since = m, nil
	}
	if last.counted < boardVisits || len(c.writing) == 0 {
		t.Fatalf("only %d visits, %d writes", last.counted, len(c.writing))
	}
	return c
}

func (c cutsOfRun) choose(random *rand.Rand) boardCut {
	from := c.all
	if random.IntN(2) == 0 {
		from = c.writing
	}
	return from[random.IntN(len(from))]
}

// foundBook is what was found after a cut.
type foundBook struct {
	visits int
	damage []string
}

// check cuts the power, and says what is wrong with what is found then.
func (c boardCut) check(t *testing.T, log *drivertest.WriteLog, directory string, random *rand.Rand) (found foundBook, err error) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "found")
	defer os.RemoveAll(to)
	quarters := random.IntN(5) // of what was under way
	disk := log.Cut(c.moment, func() bool { return random.IntN(4) < quarters })
	if err := drivertest.Recover(t.Context(), disk, directory, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return found, err
	}
	dir := filepath.Join(to, filepath.Base(directory))
	clerk := newClerk(t, flash.Dir(dir), uint64(c.moment))
	found = foundBook{visits(clerk.book.Totals()), clerk.book.State().Damage}
	switch state := clerk.book.State(); {
	case state.Fault != "":
		return found, errors.New(state.Fault)
	case found.visits < c.lasting:
		return found, fmt.Errorf("%w: %d visits", errCutLost, found.visits)
	case found.visits > c.counted+1:
		return found, fmt.Errorf("%d visits are too many", found.visits)
	}
	counted := countedBy(found.visits)
	if err := counted.check(clerk.book); err != nil {
		return found, err
	}
	aside, err := filepath.Glob(filepath.Join(dir, "*"+damagedSuffix))
	if err != nil {
		return found, err
	}
	for _, path := range aside {
		if !strings.Contains(strings.Join(found.damage, "\n"), filepath.Base(path)) {
			return found, fmt.Errorf("%s was set aside in silence", path)
		}
	}
	clerk.counted, clerk.at = counted, nthVisit(found.visits).at.Add(400*time.Hour)
	return found, clerk.goOn()
}
