package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatescan/cmd/gatescan/control/controltest"
	"gatescan/cmd/gatescan/passtest"
	"gatescan/trustsync"
)

// syncAt runs gatescan sync with a configuration file.
func syncAt(t *testing.T, config string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(append([]string{"sync", "-config", config}, args...), strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

// syncPlace has a configuration with a directory source that has one of a lab's two certificates.
func syncPlace(t *testing.T) (config, dsc, other string) {
	t.Helper()
	dir := t.TempDir()
	lab := filepath.Join(dir, "lab")
	if out, err := exec.Command(filepath.Join(passtest.BuildLab(t), "gatelab"), "init", lab).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dsc = filepath.Join(dir, "dsc")
	if err := os.Mkdir(dsc, 0o700); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(lab, "dsc", "es256.pem"), filepath.Join(dsc, "es256.pem"))
	config = filepath.Join(dir, "gate.toml")
	text := fmt.Sprintf(`[trust]
directory = ""
lab = true
store = %q
[[trust.source]]
name = "stick"
kind = "directory"
path = "dsc"
[counters]
directory = ""
[status]
address = ""
[daemon]
runtime = %q
`, filepath.Join(dir, "store"), controltest.New(t).Dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, dsc, filepath.Join(lab, "dsc", "ps256.pem")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Without a daemon, sync does it itself, and what it got is there the next time.
func TestSyncAlone(t *testing.T) {
	config, dsc, other := syncPlace(t)
	status, out, _ := syncAt(t, config)
	if want := "stick (directory): 1 added, 0 removed, 1 certificates in force\n1 certificates in all, stored as generation 1\n"; status != exitDone || out != want {
		t.Errorf("status %d:\n%s", status, out)
	}
	copyFile(t, other, filepath.Join(dsc, "ps256.pem"))
	if err := os.WriteFile(filepath.Join(dsc, "readme"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, _ = syncAt(t, config)
	if status != exitDone || !strings.HasPrefix(out, "stick (directory): 1 added, 0 removed, 2 certificates in force, 1 skipped\n  skipped \"readme\": not a certificate") ||
		!strings.HasSuffix(out, "stored as generation 2\n") {
		t.Errorf("status %d:\n%s", status, out)
	}

	// What cannot be read takes nothing away.
	if err := os.RemoveAll(dsc); err != nil {
		t.Fatal(err)
	}
	status, out, _ = syncAt(t, config)
	if status != exitFailed || !strings.Contains(out, "stick (directory): failed, what it said before stays in force: ") ||
		!strings.Contains(out, "2 certificates in force") || !strings.Contains(out, "2 certificates in all") {
		t.Errorf("status %d:\n%s", status, out)
	}
	status, out, _ = syncAt(t, config, "-json")
	var state trustsync.State
	if err := json.Unmarshal([]byte(out), &state); err != nil || status != exitFailed || len(state.Sources) != 1 ||
		state.Sources[0].Signers != 2 || state.Sources[0].Error == "" || state.DSCs != 2 {
		t.Errorf("status %d, %v:\n%s", status, err, out)
	}
}

func TestSyncUsage(t *testing.T) {
	config, _, _ := syncPlace(t)
	for _, test := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{"-forget", "nobody"}, exitFailed, `there is no source "nobody"`},
		{[]string{"-vouch"}, exitFailed, "no daemon has made a control socket"},
		{[]string{"-vouch", "-forget", "stick"}, exitUsage, "two things"},
		{[]string{"-config", ""}, exitUsage, "say which configuration"},
		{[]string{"more"}, exitUsage, "too many arguments"},
	} {
		status, out, errs := syncAt(t, config, test.args...)
		if status != test.status || !strings.Contains(errs, test.stderr) || out != "" {
			t.Errorf("%v: status %d: %s%s", test.args, status, out, errs)
		}
	}
	if status, out, errs := syncAt(t, config, "-forget", "stick"); status != exitDone || errs != "" {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// A daemon that runs does it, and uses what came at the next scan.
func TestSyncDaemon(t *testing.T) {
	r := newRig(t)
	r.waitLamp("idle")
	if err := os.Remove(filepath.Join(r.dir, "lab", "dsc", "ps256.pem")); err != nil {
		t.Fatal(err)
	}
	status, out, errs := syncAt(t, filepath.Join(r.dir, "gatescan.toml"))
	if want := "directory (directory): 0 added, 1 removed, 1 certificates in force\n1 certificates in all\n"; status != exitDone || out != want {
		t.Errorf("status %d:\n%s%s", status, out, errs)
	}
	status, out, _ = syncAt(t, filepath.Join(r.dir, "gatescan.toml"), "-json")
	var state trustsync.State
	if err := json.Unmarshal([]byte(out), &state); err != nil || status != exitDone || state.DSCs != 1 || state.Sources[0].Attempts < 3 {
		t.Errorf("status %d, %v:\n%s", status, err, out)
	}
	if status, _, errs := syncAt(t, filepath.Join(r.dir, "gatescan.toml"), "-forget", "nobody"); status != exitFailed || !strings.Contains(errs, `no source "nobody"`) {
		t.Errorf("status %d: %s", status, errs)
	}
}
