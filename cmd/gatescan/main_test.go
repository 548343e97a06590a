package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
