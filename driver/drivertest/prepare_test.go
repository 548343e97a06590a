package drivertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Without the packages it says which.
func TestPrepareNamesPackages(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Cleanup(func(dirs []string) func() { return func() { administrator = dirs } }(administrator))
	administrator = nil
	const cold = "apt-get install --no-install-recommends apt device-tree-compiler dpkg kmod qemu-system-arm xz-utils"
	const warm = "apt-get install --no-install-recommends device-tree-compiler qemu-system-arm"

	cache := t.TempDir()
	if _, err := Prepare(t.Context(), cache); err == nil || !strings.HasSuffix(err.Error(), cold) {
		t.Errorf("with an empty cache: %v", err)
	}
	fillCache(t, cache)
	if _, err := Prepare(t.Context(), cache); err == nil || !strings.HasSuffix(err.Error(), warm) {
		t.Errorf("with a full cache: %v", err)
	}
	if _, err := NewDisk(t.Context(), t.TempDir()); err == nil || !strings.HasSuffix(err.Error(), " e2fsprogs") {
		t.Errorf("for a disk: %v", err)
	}
}

func TestPrepareFromCache(t *testing.T) {
	t.Cleanup(func(commands []string) func() { return func() { toRun = commands } }(toRun))
	toRun = nil
	cache := t.TempDir()
	t.Setenv(CacheVariable, cache)
	dir := fillCache(t, cache)
	parts, err := Prepare(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if parts.Release != "6.1.0-armmp" || parts.Kernel != filepath.Join(dir, "vmlinuz") ||
		len(parts.Modules) != 1 || parts.Modules[0] != filepath.Join(dir, "a.ko") {
		t.Errorf("%+v", parts)
	}
	if err := os.Remove(filepath.Join(dir, "a.ko")); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a module is missing: %v", err)
	}
}

func fillCache(t *testing.T, cache string) (dir string) {
	t.Helper()
	dir = partsDir(cache)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"vmlinuz": "", "busybox": "", "a.ko": "",
		manifest: `{"Kernel":"vmlinuz","Release":"6.1.0-armmp","Busybox":"busybox","Modules":["a.ko"]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The machine's way to its mirror is kept, its hooks are not, and nothing of the machine's state is written to.
func TestAptConfig(t *testing.T) {
	got := aptConfig("/private", "armhf", `APT::Architecture "amd64";
APT::Update::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb";
Acquire::AllowInsecureRepositories "1";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::Retries "3";
Dir::State "var/lib/apt";
`)
	for _, want := range []string{
		`Dir::Etc::parts "/dev/null";`, `Dir::State "/private/state";`, `Dir::State::status "/private/status";`,
		`Dir::Cache "/private/cache";`, `APT::Architecture "armhf";`, `APT::Architectures "armhf";`,
		`Acquire::http::Proxy "http://proxy.example:3128";`, `Acquire::Retries "3";`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	for _, bad := range []string{"Invoke", "Insecure", "amd64", "var/lib"} {
		if strings.Contains(got, bad) {
			t.Errorf("%s is there", bad)
		}
	}
}
