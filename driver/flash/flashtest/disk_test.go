package flashtest_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatescan/driver/flash"
	"gatescan/driver/flash/flashtest"
)

// The simulated disk does what the file system does: random operations on both have the same effects.
func TestLikeTheFileSystem(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 20 {
		dir, d := t.TempDir(), flashtest.New()
		real := &flashtest.Recorder{Disk: flash.Dir(dir), NoSync: true}
		names := []string{"a", "b", "d", "d/a", "d/e", "d/e/a"}
		for step := range 60 {
			name, to := names[random.IntN(len(names))], names[random.IntN(len(names))]
			var do func(d flash.Disk) error
			what := ""
			switch random.IntN(6) {
			case 0:
				what, do = "create", func(d flash.Disk) error {
					f, err := d.Create(name, flash.Private)
					if err != nil {
						return err
					}
					_, err = f.Write([]byte(fmt.Sprint(step)))
					return errors.Join(err, f.Sync(), f.Close())
				}
			case 1:
				what, do = "mkdir", func(d flash.Disk) error { return d.Mkdir(name, flash.Access{Mode: 0o700}) }
			case 2: // a file only: that of directories has rules of its own, and nobody does it
				if d.Data(name) == nil || !strings.HasSuffix(to, "a") {
					continue
				}
				what, do = "rename", func(d flash.Disk) error { return d.Rename(name, to) }
			case 3:
				what, do = "remove", func(d flash.Disk) error { return d.Remove(name) }
			case 4:
				what, do = "in place", func(d flash.Disk) error {
					f, err := d.OpenInPlace(name)
					if err != nil {
						return err
					}
					_, err = f.WriteAt([]byte("xy"), 3)
					return errors.Join(err, f.Sync(), f.Close())
				}
			case 5:
				what, do = "sync", func(d flash.Disk) error { return d.SyncDir(name) }
			}
			got, want := do(d), do(real)
			if (got == nil) != (want == nil) && !(what == "sync" && got != nil) || errors.Is(got, fs.ErrExist) != errors.Is(want, fs.ErrExist) {
				t.Fatalf("round %d: %s %s: %v, the file system says %v", round, what, name, got, want)
			}
			if !same(t, d, dir) {
				t.Fatalf("round %d: after %s %s %s they differ: %q", round, what, name, to, d.Names())
			}
		}
		replayed := flashtest.New()
		for _, o := range real.Ops {
			_ = replayed.Do(o) // some failed then, and do again
		}
		if !same(t, replayed, dir) {
			t.Errorf("round %d: the operations done again give %q", round, replayed.Names())
		}
	}
}

func same(t *testing.T, d *flashtest.Disk, dir string) bool {
	t.Helper()
	on, err := flashtest.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Equal(on.Names(), d.Names()) &&
		!slices.ContainsFunc(d.Names(), func(n string) bool { return string(on.Data(n)) != string(d.Data(n)) })
}

// A disk that is left in a directory and loaded again is the same.
func TestLeave(t *testing.T) {
	d := flashtest.New()
	for _, dir := range []string{"d", "d/e"} {
		if err := d.Mkdir(dir, flash.Access{Mode: 0o750}); err != nil {
			t.Fatal(err)
		}
	}
	if err := (flash.Writer{Disk: d, Access: flash.Public}).Replace("d/e/f", []byte("held")); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "old"), 0o700), os.WriteFile(filepath.Join(dir, "old", "f"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "d"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Leave(dir); err != nil {
			t.Fatal(err)
		}
		if !same(t, d, dir) {
			t.Error("they differ")
		}
	}
	info, err := os.Stat(filepath.Join(dir, "d", "e", "f"))
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "d")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Before anything is synced a cut leaves each change or not; the sample of many has both extremes.
func TestOutcomes(t *testing.T) {
	d := flashtest.New()
	if err := d.Mkdir("d", flash.Access{Mode: 0o700}); err != nil {
		t.Fatal(err)
	}
	d.Settle()
	d.Set("f", []byte("f"))
	if err := d.Rename("f", "d/f"); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	found := map[string]int{}
	note := func(after *flashtest.Disk) { found[strings.Join(after.Names(), " ")]++ }
	if tried := d.Outcomes(100, random, note); tried != 4 || len(found) != 4 {
		t.Errorf("%d outcomes: %v", tried, found)
	}
	for _, want := range []string{"f", "d/f", "d/f f", ""} {
		if found[want] != 1 {
			t.Errorf("%q is found %d times", want, found[want])
		}
	}
	for n := range 80 { // more outcomes than an int counts
		f, err := d.Create(fmt.Sprint(n), flash.Private)
		if err == nil {
			_, err = f.Write([]byte("0123456789"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	clear(found)
	if tried := d.Outcomes(50, random, note); tried != 50 || found["f"] != 1 || len(found) < 40 {
		t.Errorf("%d outcomes, %d of them different", tried, len(found))
	}
	all := strings.Join(d.Names(), " ")
	if found[all] != 1 {
		t.Error("it is never found that all happened")
	}
}
