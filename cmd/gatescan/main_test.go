package main

import (
	"fmt"
	"os"
	"testing"

	"gatescan/cmd/gatescan/passtest"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatescan": main})
}

func TestScripts(t *testing.T) {
	lab := passtest.BuildLab(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", fmt.Sprintf("%s%c%s", lab, os.PathListSeparator, env.Getenv("PATH")))
			return nil
		},
	})
}
