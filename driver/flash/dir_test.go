package flash_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gatescan/driver/flash"
)

func TestReplaceReal(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := flash.Dir(dir).Mkdir("below", flash.Access{Mode: 0o755, UID: -1, GID: -1}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "below")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	for _, d := range []flash.Disk{flash.Dir(dir), flash.In(root)} {
		for name, a := range map[string]flash.Access{"open": flash.Public, "below/closed": flash.Private} {
			for n := range 2 {
				w := flash.Writer{Disk: d, Access: a, ReadBack: true}
				if err := w.Replace(name, content(name, n)); err != nil {
					t.Fatal(err)
				}
				info, err := os.Stat(filepath.Join(dir, name))
				if err != nil || info.Mode() != a.Mode {
					t.Errorf("%s: %v, %v", name, info.Mode(), err)
				}
				if data, err := flash.ReadFile(d, name, 1<<20); err != nil || string(data) != string(content(name, n)) {
					t.Errorf("%s: %d bytes, %v", name, len(data), err)
				}
			}
		}
	}
	entries, err := flash.Dir(dir).List(".")
	if err != nil || fmt.Sprint(entries) != fmt.Sprintf("[{below 0 true} {open %d false}]", len(content("open", 0))) {
		t.Errorf("%v, %v", entries, err)
	}
	if err := flash.RemoveAll(flash.Dir(dir), "below"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "below")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// A file that is written in place keeps what is not written over, and is never made.
func TestInPlace(t *testing.T) {
	d := flash.Dir(t.TempDir())
	if _, err := d.OpenInPlace("f"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := (flash.Writer{Disk: d, Access: flash.Private}).Replace("f", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	f, err := d.OpenInPlace("f")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("ab"), 3)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if data, err := flash.ReadFile(d, "f", 10); err != nil || string(data) != "012ab56789" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := flash.ReadFile(d, "f", 9); !errors.Is(err, flash.ErrTooLarge) {
		t.Error(err)
	}
	if _, err := d.Create("f", flash.Private); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), string(d)+"/f") {
		t.Errorf("%v: neither refused nor with its path", err)
	}
}

// Nothing but a regular file is opened, and nothing outside of the directory.
func TestHostileNames(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func(path string) error{
		"link to a file":   func(path string) error { return os.Symlink(secret, path) },
		"link beside it":   func(path string) error { return os.Symlink("other", path) },
		"link to nowhere":  func(path string) error { return os.Symlink("/nowhere", path) },
		"link to a device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"pipe":             func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory":        func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		dir := t.TempDir()
		if err := errors.Join(os.WriteFile(filepath.Join(dir, "other"), []byte("other"), 0o600), put(filepath.Join(dir, "f"))); err != nil {
			t.Fatal(err)
		}
		d := flash.Dir(dir)
		if _, err := d.Open("f"); !errors.Is(err, flash.ErrNotRegular) {
			t.Errorf("%s: open: %v", name, err)
		}
		if _, err := d.OpenInPlace("f"); !errors.Is(err, flash.ErrNotRegular) {
			t.Errorf("%s: open in place: %v", name, err)
		}
		if err := os.Rename(filepath.Join(dir, "f"), filepath.Join(dir, "g.new")); err != nil {
			t.Fatal(err)
		}
		if err := (flash.Writer{Disk: d, Access: flash.Private}).Replace("g", []byte("new")); err != nil {
			t.Errorf("%s in the way of the temporary file: %v", name, err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, "g")); err != nil || string(data) != "new" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, "other")); err != nil || string(data) != "other" {
			t.Errorf("%s: what the link leads to holds %q, %v", name, data, err)
		}
	}
	d := flash.Dir(t.TempDir())
	if err := os.Symlink(outside, filepath.Join(string(d), "away")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"away/secret", "../" + filepath.Base(outside) + "/secret", secret} {
		if _, err := d.Open(name); err == nil {
			t.Errorf("%s is opened", name)
		}
		if err := (flash.Writer{Disk: d, Access: flash.Private}).Replace(name, []byte("theirs")); err == nil {
			t.Errorf("%s is replaced", name)
		}
	}
	if data, err := os.ReadFile(secret); err != nil || string(data) != "mine" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestPrepare(t *testing.T) {
	base := t.TempDir()
	file, open, good := filepath.Join(base, "file"), filepath.Join(base, "open"), filepath.Join(base, "good")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := flash.Dir(good).Prepare(); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(good); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", info, err)
		}
	}
	for dir, want := range map[string]string{
		filepath.Join(base, "a", "b"): "make it yourself",
		file:                          "not a directory",
		open:                          "chmod it to 0700",
		filepath.Join(file, "x"):      "not a directory",
	} {
		if err := flash.Dir(dir).Prepare(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// What root makes in another user's directory belongs to that user.
func TestLikeDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can give files away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 1234, 2345); err != nil {
		t.Fatal(err)
	}
	w := flash.Writer{Disk: flash.Dir(dir), Access: flash.Access{Mode: 0o640, LikeDirectory: true}}
	if err := errors.Join(w.Replace("f", []byte("x")), flash.Dir(filepath.Join(dir, "d")).Prepare()); err != nil {
		t.Fatal(err)
	}
	w.Access.LikeDirectory, w.Access.UID, w.Access.GID = false, -1, 77
	if err := w.Replace("g", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]flash.Access{
		"f": {Mode: 0o640, UID: 1234, GID: 2345},
		"d": {Mode: 0o700, UID: 1234, GID: 2345},
		"g": {Mode: 0o640, UID: 0, GID: 77},
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || flash.AccessOf(info) != want {
			t.Errorf("%s: %+v, %v", name, flash.AccessOf(info), err)
		}
	}
}

// This package knows disks and nothing else: trustsync and the counters share it.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for dep := range strings.FieldsSeq(string(out)) {
		seen++
		if strings.HasPrefix(dep, "gatescan/") && dep != "gatescan/driver/flash" || dep == "net" || strings.HasPrefix(dep, "crypto/") {
			t.Errorf("flash reaches %s", dep)
		}
	}
	if seen < 10 {
		t.Errorf("%d packages", seen)
	}
}
