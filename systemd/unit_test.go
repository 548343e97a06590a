//go:build guest

package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// exposure is the highest that systemd-analyze may find, times ten. Most of it is what the gate is for: the network, devices,
// and adjtimex(2), which alone says how well the clock is kept. Without that call it would be 1.2.
const exposure = "17"

// tool returns the path of one of systemd's programs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: apt-get install systemd", err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unit returns a copy of the unit whose programs are installed everywhere: systemd-analyze looks for them.
func unit(t *testing.T) string {
	t.Helper()
	text := regexp.MustCompile(`(?m)^(Exec\w+=\+?)/usr/bin/gatescan`).ReplaceAllString(read(t, "gatescan.service"), "${1}/bin/true")
	path := filepath.Join(t.TempDir(), "gatescan.service")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnitIsUnderstood(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), tool(t, "systemd-analyze"), "verify", "--recursive-errors=yes", "--man=no", unit(t)).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUnitIsConfined(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), tool(t, "systemd-analyze"),
		"security", "--offline=true", "--no-pager", "--threshold="+exposure, unit(t)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Log(lines[len(lines)-1])
}

func TestAccount(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	config, err := filepath.Abs("gatescan.sysusers")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), tool(t, "systemd-sysusers"), "--root="+root, config).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if users := read(t, filepath.Join(root, "etc/passwd")); !strings.HasPrefix(users, "gatescan:") || !strings.Contains(users, "nologin") {
		t.Errorf("users:\n%s", users)
	}
	groups := "\n" + read(t, filepath.Join(root, "etc/group"))
	for _, group := range []string{"dialout", "gpio"} {
		if !regexp.MustCompile(`\n` + group + `:x:\d+:gatescan\n`).MatchString(groups) {
			t.Errorf("gatescan is not in %s:\n%s", group, groups)
		}
	}
}
