package main

import (
	"go/ast"
	goimporter "go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	{"gatescan/trustsync/internal/pki", "net", "certificates are read, never fetched"},
	{"gatescan/trustsync/internal/pki", "os", "what is read comes as bytes"},
	{"gatescan/trustsync/internal/list", "net", "a list is read, never fetched"},
	{"gatescan/trustsync/internal/list", "os", "what is read comes as bytes"},
	{"gatescan/trustsync/internal/source", "os", "what a source gives is values"},
	{"gatescan/trustsync/store", "net", "a disk, and nothing else"},
	{"gatescan/trustsync/internal/sources", "net/http", "fetch alone speaks HTTP, with its bounds"},
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
	{"gatescan/trustsync/internal/source", "net", "what a source is does not depend on how it is reached"},
	{"gatescan/trustsync/internal/pki", "net/http", "certificates are read, never fetched; crypto/x509 brings net with it"},
	{"gatescan/trustsync/internal/list", "net/http", "a list is read, never fetched"},
	{"gatescan/trustsync/store", "net/http", "what is stored was fetched before"},
	{"gatescan/trustsync/store", "gatescan/trustsync/internal/fetch", "what is stored was fetched before"},
	{"gatescan/trustsync/store", "gatescan/trustsync/internal/sources", "stored trust outlives the source that gave it"},
	{"gatescan/trustsync/internal/files", "net/http", "a path is no URL"},
	{"gatescan/trustsync/internal/fetch", "gatescan/trustsync/internal/list", "what an answer says is for its source to read"},
	{"gatescan/trustsync/internal/fetch", "gatescan/trustsync/internal/sources", "a client knows no publisher"},
	{"gatescan/trustsync/internal/sources", "gatescan/trustsync/store", "a source does not know what becomes of its answer"},
	{"gatescan/trustsync", "gatescan/driver", "trust knows nothing of hardware"},
	{"gatescan/trustsync", "gatescan/cmd", "commands are on top"},
	{"gatescan/cmd/gatescan", "gatescan/driver/drivertest", "boards for tests do not ship"},
	{"gatescan/cmd/gatescan", "gatescan/trustsync/internal/sourcetest", "what tests need does not ship"},
	{"gatescan/cmd/gatescan", "gatescan/trustsync/internal/pki/pkitest", "what tests need does not ship"},
	{"gatescan/cmd/gatescan", "gatescan/trustsync/store/storetest", "what tests need does not ship"},
	{"gatescan/cmd/gatescan", "gatescan/cmd/gatescan/control/controltest", "what tests need does not ship"},
	{"gatescan/cmd/gatescan", "gatescan/cmd/gatescan/passtest", "passes for tests do not ship"},
	{"gatescan/cmd/gatescan", "github.com/makiuchi-d", "QR images are the lab's"},
	{"gatescan/verify", "github.com/veraison", "passes are verified by ourselves; go-cose mints, signs lists, and is an oracle"},
	{"gatescan/cmd/gatescan", "filippo.io/nistec", "ES256 is verified by verify/internal/p256; nistec is its oracle in tests"},
	{"gatescan/cmd/gatescan", "gatescan/driver/gpio/gpiotest", "simulated chips do not ship"},
	{"gatescan/cmd/gatescan", "gatescan/driver/flash/flashtest", "a disk that loses power does not ship"},
	{"gatescan/cmd/gatelab/module", "gatescan/driver", "a simulated module and its driver are to find each other's mistakes"},
	{"gatescan/cmd/gatelab", "gatescan/verify", "the lab mints independently of what verifies"},
	{"gatescan/cmd/gatelab", "gatescan/trustsync", "the lab is the other side"},
}

// foldersApart is the root whose folders must not reach one another.
const foldersApart = "gatescan/trustsync/internal/sources/"

// apart says why one package must not reach another although no edge names both.
func apart(from, to string) string {
	switch {
	case strings.HasPrefix(from, foldersApart) && strings.HasPrefix(to, foldersApart):
		return "a source does not know another source"
	case strings.HasPrefix(from, "gatescan/trustsync/") && to == "gatescan/trustsync":
		return "the Syncer stands above its rooms"
	}
	return ""
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
		for _, only := range []string{"driver/drivertest", "cmd/gatescan/control/controltest", "cmd/gatescan/passtest"} { // for tests only; see neverAtAll
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
			if why := apart(from, to); why != "" {
				t.Errorf("%s reaches %s: %s", from, to, why)
			}
			for _, e := range slices.Concat(neverAtAll, neverInRooms) {
				if e.forbids(from, to) {
					t.Errorf("%s reaches %s: %s", from, to, e.why)
				}
			}
		}
	}
	for _, want := range []string{
		"gatescan/cmd/gatescan", "gatescan/cmd/gatelab", "gatescan/cmd/gatelab/module", "gatescan/driver/scanner", "gatescan/driver/turnstile",
		"gatescan/trustsync", "gatescan/trustsync/store", "gatescan/trustsync/internal/source", "gatescan/trustsync/internal/pki",
		"gatescan/trustsync/internal/list", "gatescan/trustsync/internal/fetch", "gatescan/trustsync/internal/sources/who", "gatescan/verify",
	} {
		if !packages[want] {
			t.Errorf("%s was not looked at", want)
		}
	}
}

// room is a package below cmd/gatescan, and what it may know of the others.
type room struct {
	imports string // the rooms that it may import, and no other
	why     string
}

// rooms are all packages below cmd/gatescan. The compiler sees to it that none imports main.
var rooms = map[string]room{
	"clock":    {"", "the time is believed for reasons of its own, whatever is judged by it"},
	"control":  {"", "one process drives the gate, whatever it is made of"},
	"counters": {"", "counts are kept whatever is counted"},
	"gate":     {"counters progress", "a gate counts what it decides, and its watchdog sees that it decides at all"},
	"output":   {"", "outputs are made inert whatever the configuration says"},
	"passtest": {"", "passes for tests come from outside this program"},
	"progress": {"", "a loop that stopped is seen whatever it does"},
	"rules":    {"", "built-in rules are the same for every configuration"},
	"unit":     {"", "an archive is read whatever its configuration says"},
	"watchdog": {"progress", "watchdogs are fed while all loops go on"},
	"status":   {"counters", "it shows what it is given, and changes nothing; the hours and days of a venue are those of the counters"},
}

// neverInRooms must not be reached by any way, as neverAtAll.
var neverInRooms = []edge{
	{"gatescan/cmd/gatescan/clock", "gatescan/verify", "the clock knows no passes"},
	{"gatescan/cmd/gatescan/clock", "gatescan/trustsync", "trust data raise the floor; the clock does not fetch them"},
	{"gatescan/cmd/gatescan/clock", "net/http", "the clock asks its kernel, and a socket of this machine, never the network"},
	{"gatescan/cmd/gatescan/clock", "gatescan/driver/gpio", "the clock drives nothing"},
	{"gatescan/cmd/gatescan/control", "gatescan/verify", "the socket knows no passes"},
	{"gatescan/cmd/gatescan/control", "gatescan/trustsync", "the socket carries answers; it does not know what they say"},
	{"gatescan/cmd/gatescan/control", "gatescan/driver/gpio", "the lock is taken before anything is driven"},
	{"gatescan/cmd/gatescan/control", "gatescan/driver/turnstile", "no command of the socket opens the gate"},
	{"gatescan/cmd/gatescan/control", "net/http", "the socket is of this machine, never of the network"},
	{"gatescan/cmd/gatescan/gate", "net", "the gate decides offline; who reads its counts does not hold it up"},
	{"gatescan/cmd/gatescan/gate", "gatescan/trustsync", "the gate gets a snapshot; it does not know where trust comes from"},
	{"gatescan/cmd/gatescan/gate", "gatescan/driver/gpio", "the gate knows a turnstile, not how it is wired"},
	{"gatescan/cmd/gatescan/output", "gatescan/verify", "an output is made inert whatever was verified"},
	{"gatescan/cmd/gatescan/output", "gatescan/trustsync", "an output is made inert whatever is trusted"},
	{"gatescan/cmd/gatescan/output", "net", "an output is made inert without a network"},
	{"gatescan/cmd/gatescan/output", "gatescan/driver/turnstile", "an output is a wire, not a turnstile"},
	{"gatescan/cmd/gatescan/progress", "gatescan/driver", "a loop that stopped is seen without hardware"},
	{"gatescan/cmd/gatescan/unit", "gatescan/verify", "an archive is bytes; what they say is for the import to check"},
	{"gatescan/cmd/gatescan/unit", "gatescan/trustsync", "an archive is bytes; what they say is for the import to check"},
	{"gatescan/cmd/gatescan/unit", "gatescan/driver", "an archive is of any unit, whatever it drives"},
	{"gatescan/cmd/gatescan/unit", "net", "an archive comes by hand, never over the network"},
	{"gatescan/cmd/gatescan/watchdog", "gatescan/driver", "a watchdog is fed whatever becomes of the hardware"},
	{"gatescan/cmd/gatescan/watchdog", "gatescan/verify", "a watchdog knows no passes"},
	{"gatescan/cmd/gatescan/rules", "net", "built-in rules need no network"},
}

func TestRooms(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	const prefix = "gatescan/cmd/gatescan/"
	seen := map[string]bool{}
	for _, entry := range entries {
		files, err := filepath.Glob(filepath.Join(entry.Name(), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			seen[entry.Name()] = true
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				to, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				other, ours := strings.CutPrefix(to, prefix)
				if this := rooms[entry.Name()]; ours && !slices.Contains(strings.Fields(this.imports), other) {
					t.Errorf("%s imports %s; it may import: %q, for %s", path, to, this.imports, this.why)
				}
			}
		}
		if seen[entry.Name()] && rooms[entry.Name()].why == "" {
			t.Errorf("the room %s is not named here", entry.Name())
		}
	}
	for name := range rooms {
		if !seen[name] {
			t.Errorf("there is no room %s", name)
		}
	}
}

// Success cannot be forged: only gate.admit, which takes a verdict, opens the turnstile. No other function of the program may
// so much as name that method, nor another one that an interface could hide it behind.
func TestOnlyGateOpens(t *testing.T) {
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Dir}}\t{{join .GoFiles \" \"}}", "gatescan/cmd/gatescan").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	type listed struct{ path, dir, files string }
	exports := map[string]string{}
	var ours []listed
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		exports[fields[0]] = fields[1]
		if below(fields[0], "gatescan") && fields[0] != "gatescan/driver/turnstile" {
			ours = append(ours, listed{fields[0], fields[2], fields[3]})
		}
	}
	fset := token.NewFileSet()
	compiled := goimporter.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	opens := 0
	for _, p := range ours {
		var files []*ast.File
		for _, name := range strings.Fields(p.files) {
			file, err := parser.ParseFile(fset, filepath.Join(p.dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		info := types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		config := types.Config{Importer: compiled}
		if _, err := config.Check(p.path, fset, files, &info); err != nil {
			t.Fatal(err)
		}
		for at, selected := range info.Selections {
			if method, is := selected.Obj().(*types.Func); !is || method.Name() != "Open" || method.Signature().String() != "func() bool" {
				continue
			}
			if p.path == "gatescan/cmd/gatescan/gate" && enclosing(files, at.Pos()) == "admit" {
				opens++
				continue
			}
			t.Errorf("%s: only gate.admit may open the turnstile", fset.Position(at.Pos()))
		}
	}
	if opens != 1 {
		t.Errorf("gate.admit opens the turnstile in %d places, want 1", opens)
	}
}

// enclosing names the function at a position, "" outside of all.
func enclosing(files []*ast.File, at token.Pos) string {
	for _, file := range files {
		for _, decl := range file.Decls {
			if f, is := decl.(*ast.FuncDecl); is && f.Pos() <= at && at < f.End() {
				return f.Name.Name
			}
		}
	}
	return ""
}
