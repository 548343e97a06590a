package store

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatescan/trustsync/internal/sourcetest"
)

// Things of every kind stand under the store's names; none is opened that is not a regular file, and Save works.
func TestStoreHostileDirectory(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	good := storeGeneration(t, "evil", 999)
	good.Number = 50
	if err := os.WriteFile(outside, storeEncode(t, good), 0o600); err != nil {
		t.Fatal(err)
	}
	things := map[string]func(path string) error{
		"symbolic link":      func(p string) error { return os.Symlink(outside, p) },
		"link to nowhere":    func(p string) error { return os.Symlink("/nowhere", p) },
		"named pipe":         func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"directory":          func(p string) error { return os.Mkdir(p, 0o700) },
		"full directory":     func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o700) },
		"huge":               func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, 1<<40)) },
		"empty":              func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"of another number":  func(p string) error { return os.WriteFile(p, storeEncode(t, good), 0o600) },
		"certificate":        func(p string) error { return os.WriteFile(p, sourcetest.Pool(t)[0].DER, 0o600) },
		"zeros":              func(p string) error { return os.WriteFile(p, make([]byte, 5000), 0o600) },
		"hash over nothing":  func(p string) error { return os.WriteFile(p, storeFile(""), 0o600) },
		"floors, not a list": func(p string) error { return os.WriteFile(p, storeFile("gatescan floors\nformat 1\n\x80"), 0o600) },
	}
	for name, make := range things {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := storeOpen(t, dir)
			storeSave(t, s, storeGeneration(t, "a", 1))
			for _, at := range []string{generationName(70), "new-0", "new-1"} {
				if err := make(filepath.Join(dir, at)); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(os.Remove(filepath.Join(dir, "floors")), make(filepath.Join(dir, "floors"))); err != nil {
				t.Fatal(err)
			}
			done := time.AfterFunc(20*time.Second, func() { panic("it hangs") }) // on a pipe
			defer done.Stop()
			s = storeOpen(t, dir)
			g, faults := storeLoad(t, s, "floors", generationName(70))
			if g.Number != 1 || !g.Sources["a"].Floor.Equal(storeTime(1)) || !g.Sources["evil"].Floor.IsZero() {
				t.Errorf("%d, %v", g.Number, g.Sources)
			}
			for _, f := range faults {
				if f.Aside == "" {
					t.Error(f)
				}
			}
			next := storeGeneration(t, "a", 2)
			storeSave(t, s, next)
			if next.Number != 71 {
				t.Errorf("number %d", next.Number)
			}
			storeLoad(t, storeOpen(t, dir))
			if data, err := os.ReadFile(outside); err != nil || string(data) != string(storeEncode(t, good)) {
				t.Error("the file outside was changed")
			}
		})
	}
}

// Names that are nearly the store's are left alone.
func TestStoreOtherNames(t *testing.T) {
	dir := t.TempDir()
	names := []string{
		"generation-", "generation-1", "generation-00000000000000000000", "generation-18446744073709551615",
		"generation-18446744073709551616", "generation-99999999999999999999", "generation--0000000000000000001",
		"generation-+0000000000000000001", "generation-0x000000000000000001", "generation-000000000000000_0001",
		"generation-00000000000000000001x", "xgeneration-00000000000000000001", "Generation-00000000000000000001",
		"00000000000000000001", "floors.new", "floorsx", ".damaged", "new-", "new-x", "new-10", "new-\n", "\xff\xfe", "-rf", "lost+found",
		"generation-00000000000000000001.damaged.damaged",
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := storeOpen(t, dir)
	if g, _ := storeLoad(t, s); g != nil {
		t.Fatal(g)
	}
	for i := range 4 {
		storeSave(t, s, storeGeneration(t, "a", i))
	}
	if g, _ := storeLoad(t, s); g.Number != 4 {
		t.Error(g.Number)
	}
	left := storeFiles(t, dir)
	for _, name := range names {
		if !slices.Contains(left, name) {
			t.Errorf("%q is gone", name)
		}
	}
	if len(left) != len(names)+3 {
		t.Errorf("%q", left)
	}
}

// The last numbers are used up with an error, not by going back to the first.
func TestStoreLastNumber(t *testing.T) {
	dir := t.TempDir()
	s := storeOpen(t, dir)
	last := uint64(math.MaxUint64 - 1)
	if err := os.WriteFile(filepath.Join(dir, generationName(last)+".damaged"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(storeGeneration(t, "a", 1)); err == nil || !strings.Contains(err.Error(), "used up") {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, generationName(last)+".damaged")); err != nil {
		t.Fatal(err)
	}
	storeSave(t, s, storeGeneration(t, "a", 1))
}

func TestStoreOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                           "not a directory",
		open:                           "chmod it to 0700",
		filepath.Join(dir, "no", "no"): fmt.Sprintf("owned by uid %d and with mode 0700", os.Geteuid()),
		filepath.Join(file, "x"):       "not a directory",
	} {
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	link := filepath.Join(dir, "link") // as systemd makes for a dynamic user
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "private"), 0o700), os.Symlink("private", link)); err != nil {
		t.Fatal(err)
	}
	storeSave(t, storeOpen(t, link), storeGeneration(t, "a", 1))
	if _, _, err := Read(filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, path := range []string{filepath.Join(dir, "nowhere"), dir, file, filepath.Join(link, "floors")} {
		if g, err := ReadGenerationFile(path); err == nil {
			t.Errorf("%s: %v", path, g)
		}
	}
	if os.Geteuid() == 0 {
		t.Log("as root, everything may be read: what is said of a directory of somebody else is not tested")
		return
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(closed); err == nil || !strings.Contains(err.Error(), "should belong to") {
		t.Error(err)
	}
}
