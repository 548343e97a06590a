package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatescan": main})
}

// buildGatelab builds the other side and returns the directory it is in.
func buildGatelab(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "gatelab"), "gatescan/cmd/gatelab").CombinedOutput()
	if err != nil {
		t.Fatalf("building gatelab: %v\n%s", err, out)
	}
	return dir
}

// runTool runs a program to its end and returns what it printed.
func runTool(t testing.TB, binary, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", binary, args, err)
	}
	return strings.TrimSpace(string(out))
}

func TestScripts(t *testing.T) {
	lab := buildGatelab(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", fmt.Sprintf("%s%c%s", lab, os.PathListSeparator, env.Getenv("PATH")))
			return nil
		},
	})
}
