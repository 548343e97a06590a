package counters

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatescan/driver/turnstile"
	"gatescan/verify"
)

func openReal(t testing.TB, dir string) *Book {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
	b, err := Open(Config{Dir: dir}, func() time.Time { return at }, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "counters")
	b := openReal(t, dir)
	b.Live().Add(verify.Test, verify.Expired)
	b.Live().Passages(turnstile.Counts{Granted: 9, Passages: 8, NotEntered: 1, Unexpected: 2, Back: 3})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "now-0"))
	if err != nil || info.Size() != slotSize || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	b = openReal(t, dir)
	totals := b.Totals()
	if totals.Refused() != 1 || totals.Frames[verify.Test][verify.Expired] != 1 || totals.Granted != 9 || totals.Passages != 8 ||
		totals.NotEntered != 1 || totals.Unexpected != 2 || totals.Back != 3 || totals != b.Lasting() {
		t.Errorf("%+v", totals)
	}
	if accepted, refused := b.Live().Totals(); accepted+refused != 0 {
		t.Error("live counters go on from the last process")
	}
}

// What is not a plain file of ours is refused and left alone; the book counts in memory until it is gone.
func TestHostileFiles(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string) error{
		"symbolic link": func(t *testing.T, path string) error {
			victim := filepath.Join(t.TempDir(), "victim")
			t.Cleanup(func() {
				if data, err := os.ReadFile(victim); err != nil || string(data) != "mine" {
					t.Errorf("what the link leads to: %q, %v", data, err)
				}
			})
			if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
				return err
			}
			return os.Symlink(victim, path)
		},
		"loose link": func(_ *testing.T, path string) error { return os.Symlink("/nowhere", path) },
		"pipe":       func(_ *testing.T, path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory":  func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) },
		"device":     func(_ *testing.T, path string) error { return os.Symlink("/dev/zero", path) },
		"another's": func(_ *testing.T, path string) error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Chown(path, 12345, 12345)
		},
	} {
		for _, file := range []string{"now-0", "now-1"} {
			t.Run(name+" "+file, func(t *testing.T) {
				dir := t.TempDir()
				if err := make(t, filepath.Join(dir, file)); err != nil {
					if os.Geteuid() != 0 && name == "another's" {
						t.Skip("NOT TESTED: only root can make a file of somebody else")
					}
					t.Fatal(err)
				}
				b := openReal(t, dir)
				b.Live().Add(verify.Test, verify.Accepted)
				if err := b.Close(); err == nil {
					t.Error("written")
				}
				if s := b.State(); !strings.Contains(s.Fault, "not ours") || !strings.Contains(s.Fault, file) {
					t.Errorf("fault %q", s.Fault)
				}
				if err := os.Remove(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
				if err := b.Close(); err != nil || b.State().Fault != "" {
					t.Errorf("%v, %q", err, b.State().Fault)
				}
				if totals := openReal(t, dir).Totals(); totals.Accepted() != 1 {
					t.Errorf("%d", totals.Accepted())
				}
			})
		}
	}
}

// Counts that were kept by another user are not ours to overwrite; given to us, they count again.
func TestAnothersCounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can give files away")
	}
	dir := t.TempDir()
	give := func(uid int) {
		for _, name := range []string{"now-0", "now-1"} {
			if err := os.Chown(filepath.Join(dir, name), uid, uid); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := openReal(t, dir)
	b.Live().Add(verify.Test, verify.Accepted)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	give(12345)
	b = openReal(t, dir)
	b.Live().Add(verify.Test, verify.Accepted)
	if err := b.Close(); err == nil || !strings.Contains(b.State().Fault, "chown it to uid 0") {
		t.Errorf("%v, %q", err, b.State().Fault)
	}
	give(0)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if totals := b.Totals(); totals.Accepted() != 2 || totals != b.Lasting() {
		t.Errorf("%d", totals.Accepted())
	}
}

func TestHugeFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "now-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "now-1"), 1<<40); err != nil {
		t.Fatal(err)
	}
	b := openReal(t, dir)
	b.Live().Add(verify.Test, verify.Accepted)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if s := b.State(); len(s.Damage) != 1 || !strings.Contains(s.Damage[0], "too large") {
		t.Errorf("%+v", s)
	}
	if totals := openReal(t, dir).Totals(); totals.Accepted() != 1 {
		t.Errorf("%d", totals.Accepted())
	}
}

func TestNoDirectory(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(base, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		filepath.Join(base, "a", "b"): "make it yourself",
		file:                          "not a directory",
		open:                          "chmod it to 0700",
	} {
		b := openReal(t, dir)
		b.Live().Add(verify.Test, verify.Accepted)
		if err := b.Close(); err == nil || !strings.Contains(b.State().Fault, want) {
			t.Errorf("%s: %v, %q", dir, err, b.State().Fault)
		}
		if totals := b.Totals(); totals.Accepted() != 1 {
			t.Errorf("%d", totals.Accepted())
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	book := openReal(b, b.TempDir())
	b.ReportAllocs()
	for b.Loop() {
		book.Live().Add(verify.Vaccination, verify.Accepted)
	}
}

// BenchmarkFlush is of one state with one bucket to the disk of this machine.
func BenchmarkFlush(b *testing.B) {
	book := openReal(b, b.TempDir())
	b.ReportAllocs()
	for b.Loop() {
		book.Live().Add(verify.Vaccination, verify.Accepted)
		if err := book.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCollect(b *testing.B) {
	book := openReal(b, b.TempDir())
	for b.Loop() {
		book.Live().Add(verify.Vaccination, verify.Accepted)
		book.Totals()
	}
}
