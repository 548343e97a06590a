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

// exposures are the highest that systemd-analyze may find, times ten. What remains of the gate's is what it is for: the
// network and devices. Asking how well the clock is kept is a service of its own, because it would cost the gate 0.3.
var exposures = map[string]string{"gatescan.service": "14", "gatescan-clock.service": "6"}

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

// units returns a directory with copies of the units, whose programs are installed everywhere: systemd-analyze looks for
// them.
func units(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	for _, pattern := range []string{"*.service", "*.socket"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		for _, name := range found {
			text := regexp.MustCompile(`(?m)^(Exec\w+=\+?)/usr/bin/gatescan`).ReplaceAllString(read(t, name), "${1}/bin/true")
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		names = append(names, found...)
	}
	return dir, names
}

func TestUnitsAreUnderstood(t *testing.T) {
	dir, names := units(t)
	verify := exec.CommandContext(t.Context(), tool(t, "systemd-analyze"), append([]string{"verify", "--recursive-errors=yes", "--man=no"}, names...)...)
	verify.Dir = dir
	verify.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":") // they name each other
	if out, err := verify.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUnitsAreConfined(t *testing.T) {
	dir, names := units(t)
	for _, name := range names {
		if strings.HasSuffix(name, ".socket") {
			continue
		}
		limit, ok := exposures[name]
		if !ok {
			t.Errorf("%s: how exposed it may be is not said", name)
			continue
		}
		out, err := exec.CommandContext(t.Context(), tool(t, "systemd-analyze"),
			"security", "--offline=true", "--no-pager", "--threshold="+limit, filepath.Join(dir, name)).CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Log(lines[len(lines)-1])
	}
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
