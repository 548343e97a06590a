package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// edge is an import that must not be.
type edge struct {
	from string // packages whose path begins so
	to   string // the import, and whatever is below it
	why  string
}

// neverDirect must not stand in an import declaration of what ships. The standard library may pull it in by itself.
var neverDirect = []edge{
	{"gatescan/verify", "os", "a verdict depends on text, trust, policy and time alone"},
	{"gatescan/verify", "log", "nothing of a pass may reach a log"},
	{"gatescan/verify", "unsafe", "hostile bytes are read here"},
	{"gatescan/cmd/gatescan", "os/exec", "no process is ever started from a QR text"},
	{"gatescan/cmd/gatescan", "C", "the binary is static"},
	{"gatescan/driver", "os/exec", "no process is ever started from a QR text"},
	{"gatescan/trustsync", "os/exec", "no process is ever started from what came over the network"},
}

// neverAtAll must not be reached by any way.
var neverAtAll = []edge{
	{"gatescan/verify", "net", "verification is offline"},
	{"gatescan/verify", "crypto/x509", "certificates are trustsync's; verify sees keys"},
	{"gatescan/verify", "gatescan/driver", "verify knows no hardware"},
	{"gatescan/verify", "gatescan/trustsync", "verify does not fetch its own trust"},
	{"gatescan/verify", "gatescan/cmd", "commands are on top"},
	{"gatescan/driver", "gatescan/verify", "hardware knows nothing of certificates"},
	{"gatescan/driver", "gatescan/trustsync", "hardware knows nothing of trust"},
	{"gatescan/driver", "gatescan/cmd", "commands are on top"},
	{"gatescan/driver", "crypto/x509", "hardware knows nothing of certificates"},
	{"gatescan/trustsync", "gatescan/driver", "trust knows nothing of hardware"},
	{"gatescan/trustsync", "gatescan/cmd", "commands are on top"},
	{"gatescan/cmd/gatescan", "gatescan/driver/drivertest", "boards for tests do not ship"},
	{"gatescan/cmd/gatescan", "gatescan/trustsync/internal/sourcetest", "what tests need does not ship"},
	{"gatescan/cmd/gatescan", "gatescan/cmd/gatescan/passtest", "passes for tests do not ship"},
	{"gatescan/cmd/gatescan", "github.com/makiuchi-d", "QR images are the lab's"},
	{"gatescan/verify", "github.com/veraison", "passes are verified by ourselves; go-cose mints, signs lists, and is an oracle"},
	{"gatescan/cmd/gatelab/module", "gatescan/driver", "a simulated module and its driver are to find each other's mistakes"},
	{"gatescan/cmd/gatelab", "gatescan/verify", "the lab mints independently of what verifies"},
	{"gatescan/cmd/gatelab", "gatescan/trustsync", "the lab is the other side"},
}

func (e edge) forbids(from, to string) bool { return below(from, e.from) && below(to, e.to) }

func below(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func TestDirectImports(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") && path != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, only := range []string{"driver/drivertest", "cmd/gatescan/passtest"} { // for tests only; see neverAtAll
			if below(filepath.ToSlash(folder), only) {
				return nil
			}
		}
		for _, spec := range parsed.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			for _, e := range neverDirect {
				if e.forbids("gatescan/"+filepath.ToSlash(folder), to) {
					t.Errorf("%s imports %s: %s", path, to, e.why)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 30 {
		t.Fatalf("saw only %d files", files)
	}
}

func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}} {{join .Deps " "}}`, "gatescan/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		from := fields[0]
		if !below(from, "gatescan") {
			continue
		}
		packages[from] = true
		if from == "gatescan/trustsync/internal/sourcetest" { // for tests only; see neverAtAll
			continue
		}
		for _, to := range fields[1:] {
			for _, e := range neverAtAll {
				if e.forbids(from, to) {
					t.Errorf("%s reaches %s: %s", from, to, e.why)
				}
			}
		}
	}
	for _, want := range []string{
		"gatescan/cmd/gatescan", "gatescan/cmd/gatelab", "gatescan/cmd/gatelab/module", "gatescan/driver/scanner", "gatescan/driver/turnstile",
		"gatescan/trustsync", "gatescan/verify",
	} {
		if !packages[want] {
			t.Errorf("%s was not looked at", want)
		}
	}
}
