// Package passtest gives the tests of cmd/gatescan passes: published ones, and ones that gatelab mints. It must never ship.
package passtest

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatescan/trustsync"
	"gatescan/verify"
)

// BuildLab builds gatelab and returns the directory that it is in.
func BuildLab(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "gatelab"), "gatescan/cmd/gatelab").CombinedOutput()
	if err != nil {
		t.Fatalf("building gatelab: %v\n%s", err, out)
	}
	return dir
}

// Run runs a program to its end and returns what it printed, without the space around it.
func Run(t testing.TB, binary, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", binary, args, err)
	}
	return strings.TrimSpace(string(out))
}

// Minter mints passes under the certificates of a lab of its own.
type Minter struct {
	Trust *verify.Trust // vouches for that lab

	t        testing.TB
	dir, lab string
}

// NewMinter builds a lab.
func NewMinter(t testing.TB) *Minter {
	t.Helper()
	m := &Minter{t: t, dir: filepath.Join(t.TempDir(), "lab"), lab: filepath.Join(BuildLab(t), "gatelab")}
	Run(t, m.lab, "", "init", m.dir)
	loaded, err := trustsync.Load(filepath.Join(m.dir, "dsc"), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	m.Trust = loaded.Trust
	return m
}

// Mint mints a pass of each payload, issued at the beginning of 2021 and good until that of 2035.
func (m *Minter) Mint(payloads ...string) []string {
	m.t.Helper()
	out := Run(m.t, m.lab, strings.Join(payloads, "\n")+"\n", "mint", "-lab", m.dir, "-iat", "2021-01-01T00:00:00Z", "-exp", "2035-01-01T00:00:00Z")
	texts := strings.Split(out, "\n")
	if len(texts) != len(payloads) {
		m.t.Fatalf("%d texts of %d payloads", len(texts), len(payloads))
	}
	return texts
}
