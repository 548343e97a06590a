package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A kernel that lacks what a setting needs, which systemd does not leave out by itself, gives a unit without it and a line in the
// log; a kernel that has all gives no drop-in.
func TestGenerator(t *testing.T) {
	if _, err := os.Stat("gatescan-generator"); err != nil { // so that go test runs it again after a change
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		lacks  []string // files of /proc
		limit  string   // user.max_user_namespaces
		mqueue bool
		want   []string // settings that are taken out, with what is missing
	}{
		"whole":            {nil, "1024", true, nil},
		"no message queue": {nil, "1024", false, []string{"PrivateIPC CONFIG_POSIX_MQUEUE"}},
		"no namespaces":    {[]string{"ipc", "user"}, "1024", false, []string{"PrivateIPC CONFIG_IPC_NS", "PrivateUsers CONFIG_USER_NS"}},
		"no users":         {[]string{"user"}, "1024", true, []string{"PrivateUsers CONFIG_USER_NS"}},
		"users are off":    {nil, "0", true, []string{"PrivateUsers user.max_user_namespaces=0"}},
	} {
		t.Run(name, func(t *testing.T) {
			proc, into := t.TempDir(), t.TempDir()
			write := func(path, text string) {
				t.Helper()
				path = filepath.Join(proc, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, kind := range []string{"ipc", "user", "net"} {
				if !slices.Contains(tc.lacks, kind) {
					write("self/ns/"+kind, "")
				}
			}
			filesystems := "nodev\tsysfs\nnodev\ttmpfs\n"
			if tc.mqueue {
				filesystems += "nodev\tmqueue\n"
			}
			write("filesystems", filesystems)
			write("sys/user/max_user_namespaces", tc.limit+"\n")
			generator := exec.Command("sh", "gatescan-generator", into, into, into)
			generator.Env = append(os.Environ(), "PROC="+proc)
			if out, err := generator.CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%v: %s", err, out)
			}
			for _, unit := range []string{"gatescan.service", "gatescan-clock.service"} {
				text, err := os.ReadFile(filepath.Join(into, unit+".d", "50-kernel.conf"))
				if (err == nil) != (len(tc.want) > 0) {
					t.Fatalf("%s: %q, %v", unit, text, err)
				}
				settings := 0
				for line := range strings.Lines(string(text)) {
					if strings.HasSuffix(line, "=no\n") {
						settings++
					}
				}
				if settings != len(tc.want) {
					t.Errorf("%s: %s", unit, text)
				}
				unitText, err := os.ReadFile(unit)
				if err != nil {
					t.Fatal(err)
				}
				for _, want := range tc.want {
					setting, cause, _ := strings.Cut(want, " ")
					if !strings.Contains(string(unitText), "\n"+setting+"=yes\n") {
						t.Errorf("%s does not ask for %s=", unit, setting)
					}
					if !strings.Contains(string(text), "\n"+setting+"=no\n") || !strings.Contains(string(text), "("+cause+"): "+setting+"=no") {
						t.Errorf("%s: %s is not taken out for %s:\n%s", unit, setting, cause, text)
					}
				}
			}
		})
	}
}
