package clock

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// checked is a line with its checksum, made as the documentation of record says.
func checked(words string) string {
	return fmt.Sprintf("%s sha256:%x\n", words, sha256.Sum256([]byte(words)))
}

const (
	testBoot     = "00000001-0000-4000-8000-000000000000" // the first boot of a board
	floorRecord  = "gatescan-clock 1 2026-11-20T06:00:00Z - - - -"
	syncRecord   = "gatescan-clock 1 2026-11-20T06:00:00Z sync " + testBoot + " 93784000000000 2026-11-20T06:00:00.678Z"
	vouchedFirst = "gatescan-clock 1 0001-01-01T00:00:00Z technician " + testBoot + " 1 2026-11-22T12:00:00Z"
)

func TestClockRecord(t *testing.T) {
	for _, words := range []string{floorRecord, syncRecord, vouchedFirst} {
		r, err := parseRecord(checked(words))
		if err != nil || r.String() != checked(words) {
			t.Errorf("%q: %v, %q", words, err, r)
		}
	}
	r, err := parseRecord(checked(syncRecord))
	if err != nil || !r.floor.Equal(time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)) || r.bootID != testBoot || r.anchor.by != bySync ||
		r.anchor.boot != 93784*time.Second || !r.anchor.wall.Equal(r.floor.Add(678*time.Millisecond)) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, line := range []string{
		"", "\n", floorRecord, floorRecord + "\n", strings.TrimSuffix(checked(floorRecord), "\n"), checked(floorRecord) + "\n",
		checked(strings.Replace(floorRecord, "clock 1", "clock 2", 1)),
		checked(strings.Replace(floorRecord, "06:00:00Z", "07:00:00+01:00", 1)),
		checked(strings.Replace(floorRecord, "06:00:00Z", "06:00:00.5Z", 1)),
		checked(strings.Replace(floorRecord, "11-20", "11-31", 1)),
		checked(strings.Replace(floorRecord, "- -", "-  -", 1)),
		checked(strings.Replace(floorRecord, "- - - -", "- - - 1", 1)),
		checked(strings.Replace(syncRecord, "sync", "nobody", 1)),
		checked(strings.Replace(syncRecord, testBoot, "-", 1)),
		checked(strings.Replace(syncRecord, " 9", " -9", 1)),
		checked(strings.Replace(syncRecord, " 9", " +9", 1)),
		checked(strings.Replace(syncRecord, " 9", " 99999999", 1)),
		checked(strings.Replace(syncRecord, ".678Z", ".6780Z", 1)),
		strings.Replace(checked(syncRecord), "2026-11-20T06", "2026-11-20T05", 1), // the checksum is of another
	} {
		if r, err := parseRecord(line); err == nil {
			t.Errorf("%q: %+v", line, r)
		}
	}
	// Torn anywhere, or with any bit turned.
	whole := checked(syncRecord)
	for i := range len(whole) {
		if _, err := parseRecord(whole[:i]); err == nil {
			t.Errorf("%d bytes of it are accepted", i)
		}
		for bit := range 8 {
			turned := []byte(whole)
			turned[i] ^= 1 << bit
			if _, err := parseRecord(string(turned)); err == nil {
				t.Errorf("bit %d of byte %d is not missed", bit, i)
			}
		}
	}
}

// Whatever is accepted is what would be written.
func FuzzClockRecord(f *testing.F) {
	for _, words := range []string{floorRecord, syncRecord, vouchedFirst} {
		f.Add(words, true)
		f.Add(checked(words), false)
	}
	f.Fuzz(func(t *testing.T, line string, check bool) {
		if check {
			line = checked(line)
		}
		if r, err := parseRecord(line); err == nil && r.String() != line {
			t.Errorf("%q is read as %q", line, r)
		}
	})
}

// What is in the place of the file costs the stored floor at most, is named, and gives way to the next one.
func TestClockFileDamaged(t *testing.T) {
	good := []byte(checked(floorRecord))
	far := checked("gatescan-clock 1 2056-09-01T00:00:00Z - - - -")
	for name, tc := range map[string]struct {
		put   func(path string) error
		fault string // empty: none
		floor time.Time
		stays bool // a rename cannot replace it
	}{
		"good":      {func(path string) error { return os.WriteFile(path, good, 0o600) }, "", day.Add(-54 * time.Hour), false},
		"none":      {func(string) error { return nil }, "", built, false},
		"empty":     {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "is damaged", built, false},
		"torn":      {func(path string) error { return os.WriteFile(path, good[:40], 0o600) }, "is damaged", built, false},
		"zeros":     {func(path string) error { return os.WriteFile(path, make([]byte, len(good)), 0o600) }, "is damaged", built, false},
		"huge":      {func(path string) error { return os.WriteFile(path, bytes.Repeat(good, 1e5), 0o600) }, "is larger than 512 bytes", built, false},
		"FIFO":      {func(path string) error { return unix.Mkfifo(path, 0o600) }, "is no plain file", built, false},
		"directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "is no plain file", built, true},
		"symlink": {func(path string) error {
			if err := os.WriteFile(path+".real", good, 0o600); err != nil {
				return err
			}
			return os.Symlink(path+".real", path)
		}, "too many levels of symbolic links", built, false},
		"decades ahead": {func(path string) error { return os.WriteFile(path, []byte(far), 0o600) }, "which no clock of this program has seen", built, false},
		"below the build": {func(path string) error {
			return os.WriteFile(path, []byte(checked("gatescan-clock 1 2020-01-01T00:00:00Z - - - -")), 0o600)
		}, "", built, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBoard(t, Config{Require: RTC, Hold: month, Build: built, File: filepath.Join(t.TempDir(), "clock")})
				if err := tc.put(b.config.File); err != nil {
					t.Fatal(err)
				}
				b.boot(day)
				s := b.clock.Status()
				if !s.Floor.Equal(tc.floor) || !strings.Contains(s.Fault, tc.fault) || (s.Fault == "") != (tc.fault == "") {
					t.Errorf("floor %v, fault %q", s.Floor, s.Fault)
				}
				if said := b.said("level=ERROR"); (said == 1) != (tc.fault != "") {
					t.Errorf("the log names %d faults", said)
				}
				b.serve()
				b.pass(storeEvery)
				b.clock.save(false)
				r, err := readFile(b.config.File)
				if s := b.clock.Status(); tc.stays {
					if err == nil || s.Fault == "" {
						t.Errorf("fault %q, %v", s.Fault, err)
					}
				} else if err != nil || s.Fault != "" || b.truth().Sub(r.floor) > 2*time.Second {
					t.Errorf("afterwards: %+v, %v, fault %q", r, err, s.Fault)
				}
				if real, err := os.ReadFile(b.config.File + ".real"); err == nil && !bytes.Equal(real, good) {
					t.Error("what the link names was written to")
				}
			})
		})
	}
}

// A disk that is full or read-only makes one warning, and the clock goes on with a floor in memory.
func TestClockFileCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "state")
		b := newBoard(t, Config{Require: RTC, Hold: month, Build: built, File: filepath.Join(dir, "clock")})
		b.boot(day)
		b.serve()
		b.said("")
		for range 5 {
			b.pass(storeEvery + time.Minute)
			b.clock.save(false)
		}
		if s := b.clock.Status(); s.State != Synced || s.Fault == "" || b.truth().Sub(s.Floor) > time.Minute {
			t.Errorf("%+v", s)
		}
		if n := b.said("could not be stored"); n != 1 {
			t.Errorf("it was said %d times", n)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		b.pass(storeEvery + time.Minute)
		b.clock.save(false)
		if s := b.clock.Status(); s.Fault != "" {
			t.Errorf("fault %q although there is room again", s.Fault)
		}
	})
}

// Another boot, or a boot time that is still to come, says nothing about this clock.
func TestClockAnchorOfOtherBoot(t *testing.T) {
	for name, tc := range map[string]struct {
		words string
		id    string
		want  State
	}{
		"this boot":      {vouchedFirst, testBoot, Held},
		"another boot":   {vouchedFirst, strings.Replace(testBoot, "1", "2", 1), FloorOnly},
		"boot not known": {vouchedFirst, "", FloorOnly},
		"still to come": {
			"gatescan-clock 1 0001-01-01T00:00:00Z technician " + testBoot + " 3600000000000 2026-11-22T13:00:00Z", testBoot, FloorOnly,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "clock")
			if err := os.WriteFile(file, []byte(checked(tc.words)), 0o600); err != nil {
				t.Fatal(err)
			}
			k := &fakeKernel{id: tc.id, born: time.Now()}
			k.set(day)
			time.Sleep(time.Second)
			c := New(Config{Require: Held, Hold: month, Build: built, File: file}, k, slog.New(slog.DiscardHandler))
			if got := c.Status(); got.State != tc.want {
				t.Errorf("%s: %v (%s)", name, got.State, got.Explanation)
			}
		})
	}
}
