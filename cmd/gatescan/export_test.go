package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatescan/unit"
)

// spareGate is a configuration with every key that names a file, and those files.
type spareGate struct {
	dir, config string
	public      map[string]string // contents by path below dir
	secret      map[string]string
}

const spareText = `# The south gate; ask Ms Weber.
[trust]
directory = "dsc"
barred = ["kid:00112233445566ff"]
barred_file = "barred.txt"
[[trust.source]]
name = "who"
kind = "who"
urls = ["https://example.org/v2/trustlist/did.json"]
anchors = "anchors.pem"
cscas = "cscas.pem"
token_file = "who.token"
ca = "tls/ca.pem"
certificate = "tls/client.pem"
key = "tls/client.key"
%s
[[trust.source]]
name = "rules"
kind = "rules_directory"
path = "rules"
[icvp]
catalogue = "products.json"
[status]
name = "South entrance, lane 3"
tokens = "tokens"
certificate = "./tls/status.pem"
key = "tls/status.key"
`

func newSpareGate(t *testing.T) *spareGate {
	t.Helper()
	g := &spareGate{dir: t.TempDir(), public: map[string]string{}, secret: map[string]string{}}
	g.config = filepath.Join(g.dir, "gatescan.toml")
	pair := func() (certificate, key string) {
		dir := t.TempDir()
		writePair(t, dir)
		return readFile(t, filepath.Join(dir, "tls.pem")), readFile(t, filepath.Join(dir, "tls.key"))
	}
	for _, name := range []string{"anchors.pem", "cscas.pem", "tls/ca.pem", "dsc/one.pem", "dsc/two.pem"} {
		g.public[name], _ = pair()
	}
	g.public["tls/client.pem"], g.secret["tls/client.key"] = pair()
	g.public["tls/status.pem"], g.secret["tls/status.key"] = pair()
	g.public["barred.txt"] = "kid:0123456789abcdef # lost in May\n"
	g.public["rules/values.json"] = `{"rules":[],"valueSets":{"colours":["green"]}}`
	g.public["products.json"] = `{"rules":[],"valueSets":{"icvp-yellow-fever":["Mine"],"icvp-polio":[]}}`
	g.secret["who.token"] = "token-for-the-list-1234567890\n"
	g.secret["tokens"] = "token-for-the-venue-1234567890\n"
	for name, text := range g.public {
		g.write(t, name, text, 0o644)
	}
	for name, text := range g.secret {
		g.write(t, name, text, 0o600)
	}
	g.write(t, "gatescan.toml", fmt.Sprintf(spareText, ""), 0o644)
	g.write(t, "dsc/README", "not a certificate", 0o644) // nothing that the gate reads
	return g
}

func (g *spareGate) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// export runs gatescan config -export.
func (g *spareGate) export(t *testing.T, want int, args ...string) (archive, said string) {
	t.Helper()
	archive = filepath.Join(t.TempDir(), "gate.tar")
	var stdout, stderr bytes.Buffer
	args = append([]string{"config", "-export", archive, "-config", g.config}, args...)
	if code := run(args, nil, &stdout, &stderr); code != want {
		t.Fatalf("%v: exit status %d, want %d\n%s%s", args, code, want, &stdout, &stderr)
	}
	return archive, stdout.String() + stderr.String()
}

// importInto runs gatescan config -import.
func importInto(t *testing.T, config, archive string, want int, args ...string) (said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"config", "-import", archive, "-config", config}, args...)
	if code := run(args, nil, &stdout, &stderr); code != want {
		t.Fatalf("%v: exit status %d, want %d\n%s%s", args, code, want, &stdout, &stderr)
	}
	return stdout.String() + stderr.String()
}

func TestSpareGateHasEveryFileKey(t *testing.T) {
	g := newSpareGate(t)
	c, err := readConfig(g.config)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, key := range c.carriedKeys() {
		name := regexp.MustCompile(`\[\d+\]`).ReplaceAllString(key.name, "")
		set[name] = set[name] || key.isPath() || key.how == carryNever || key.how == carryLogin
	}
	for name, set := range set {
		if !set {
			t.Errorf("the gate of these tests does not set %s", name)
		}
	}
}

func TestMoveToSpareUnit(t *testing.T) {
	g := newSpareGate(t)
	archive, said := g.export(t, exitDone, "-secrets")
	for _, word := range []string{"tls/status.key (status.key, secret)", "mode 0600", "sha256 "} {
		if !strings.Contains(said, word) {
			t.Errorf("it does not say %q:\n%s", word, said)
		}
	}
	if info, err := os.Stat(archive); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	spare := filepath.Join(t.TempDir(), "etc", "gatescan.toml")
	importInto(t, spare, archive, exitDone)
	if got := readFile(t, spare); got != readFile(t, g.config) {
		t.Errorf("the configuration became\n%s", got)
	}
	found := 0
	for _, files := range []map[string]string{g.public, g.secret} {
		for name, text := range files {
			found++
			path := filepath.Join(filepath.Dir(spare), name)
			if got := readFile(t, path); got != text {
				t.Errorf("%s holds %q", name, got)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if mode := info.Mode().Perm(); g.secret[name] != "" && mode&^0o640 != 0 || g.secret[name] == "" && mode != 0o644 {
				t.Errorf("%s has mode %v", name, mode)
			}
		}
	}
	if found != 14 {
		t.Errorf("%d files", found)
	}
	if left := namesBelow(t, filepath.Dir(spare)); len(left) != found+1 {
		t.Errorf("there is more than that: %q", left)
	}
	if _, err := readConfig(spare); err != nil {
		t.Error(err)
	}
	// Once more changes nothing, and needs no leave to.
	if said := importInto(t, spare, archive, exitDone); strings.Contains(said, "new:") || strings.Contains(said, "replaced:") {
		t.Error(said)
	}
}

// namesBelow lists the files of a directory and those below it.
func namesBelow(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Without -secrets, not a byte of one is in the archive, under whatever name a key has it.
func TestSecretsStay(t *testing.T) {
	g := newSpareGate(t)
	both := g.public["tls/status.pem"] + g.secret["tls/status.key"]
	g.write(t, "dsc/combined.pem", both, 0o600) // a certificate that the gate reads, and a private key
	g.secret["dsc/combined.pem"] = g.secret["tls/status.key"]
	if err := os.Link(filepath.Join(g.dir, "tokens"), filepath.Join(g.dir, "rules", "tokens.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../who.token", filepath.Join(g.dir, "rules", "who.json")); err != nil {
		t.Fatal(err)
	}
	archive, said := g.export(t, exitFailed)
	data := []byte(readFile(t, archive))
	for name, text := range g.secret {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") && bytes.Contains(data, []byte(line)) {
				t.Errorf("a line of %s is in the archive", name)
			}
		}
		if !strings.Contains(said, "left out: "+name+" (") {
			t.Errorf("it does not say that it left out %s:\n%s", name, said)
		}
	}
	for _, name := range []string{"rules/tokens.json", "rules/who.json"} {
		if !strings.Contains(said, "left out: "+name+" (trust.source[2].path): secret") {
			t.Errorf("it does not say that it left out %s:\n%s", name, said)
		}
	}
	for name, text := range g.public {
		if !bytes.Contains(data, []byte(text)) {
			t.Errorf("%s is not in the archive", name)
		}
	}
	if bytes.Contains(data, []byte("not a certificate")) {
		t.Error("it holds a file that the gate does not read")
	}

	// The replacement says what it lacks, and takes the archive once that is there.
	spare := filepath.Join(t.TempDir(), "gatescan.toml")
	said = importInto(t, spare, archive, exitUsage)
	for _, word := range []string{"nothing was changed", "tokens is a secret, and not in the archive"} {
		if !strings.Contains(said, word) {
			t.Errorf("it does not say %q:\n%s", word, said)
		}
	}
	if left := namesBelow(t, filepath.Dir(spare)); len(left) > 0 {
		t.Errorf("it left %q", left)
	}
	there := &spareGate{dir: filepath.Dir(spare)}
	for _, name := range []string{"tls/client.key", "tls/status.key", "tokens", "who.token", "dsc/combined.pem", "rules/tokens.json", "rules/who.json"} {
		there.write(t, name, readFile(t, filepath.Join(g.dir, name)), 0o600)
	}
	if said := importInto(t, spare, archive, exitDone); !strings.Contains(said, "not from the archive: "+filepath.Join(there.dir, "tls/status.key")) {
		t.Error(said)
	}
}

func TestExportRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*testing.T, *spareGate)
		want   string
	}{
		"a password in a proxy": {func(t *testing.T, g *spareGate) {
			g.write(t, "gatescan.toml", fmt.Sprintf(spareText, `proxy = "http://me:secret@proxy:3128"`), 0o644)
		}, "trust.source[1].proxy may hold a password"},
		"a bad configuration": {func(t *testing.T, g *spareGate) { g.write(t, "gatescan.toml", "x = 1\n", 0o644) }, "there is no such key"},
		"a missing file": {func(t *testing.T, g *spareGate) {
			if err := os.Remove(filepath.Join(g.dir, "anchors.pem")); err != nil {
				t.Fatal(err)
			}
		}, "anchors.pem: no such file"},
		"a name for terminals": {func(t *testing.T, g *spareGate) {
			g.write(t, "dsc/\x1b[2J.pem", g.public["anchors.pem"], 0o644)
		}, "give it a name that can be printed"},
		"too much": {func(t *testing.T, g *spareGate) {
			for i := range 3 {
				g.write(t, fmt.Sprintf("rules/%d.json", i), strings.Repeat(" ", 12<<20), 0o644)
			}
		}, "there would be more than 10000 files or 33554432 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newSpareGate(t)
			tc.change(t, g)
			archive, said := g.export(t, exitUsage)
			if !strings.Contains(said, tc.want) {
				t.Errorf("it says\n%s\nnot %q", said, tc.want)
			}
			if _, err := os.Stat(archive); !os.IsNotExist(err) {
				t.Errorf("there is an archive: %v", err)
			}
		})
	}
}

func TestExportKeepsWhatIsThere(t *testing.T) {
	g := newSpareGate(t)
	archive, _ := g.export(t, exitFailed)
	before := readFile(t, archive)
	var stdout, stderr bytes.Buffer
	if code := run([]string{"config", "-export", archive, "-config", g.config}, nil, &stdout, &stderr); code != exitUsage ||
		!strings.Contains(stderr.String(), "is there already") || readFile(t, archive) != before {
		t.Error(code, stderr.String())
	}
}

func TestExportPassword(t *testing.T) {
	g := newSpareGate(t)
	g.write(t, "gatescan.toml", fmt.Sprintf(spareText, `proxy = "http://me:secret@proxy:3128"`), 0o644)
	archive, _ := g.export(t, exitDone, "-secrets")
	spare := filepath.Join(t.TempDir(), "gatescan.toml")
	importInto(t, spare, archive, exitDone)
	if info, err := os.Stat(spare); err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Error(info.Mode(), err)
	}
}

// The same gate at the same time makes the same bytes.
func TestExportIsDeterministic(t *testing.T) {
	g := newSpareGate(t)
	var made []string
	for range 2 {
		u, err := exportUnit(g.config, true, time.Unix(1e9, 5))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := u.Write(&b); err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(u.Manifest.Files, func(a, b unit.File) int { return strings.Compare(a.Path, b.Path) }) || len(u.Manifest.Files) != 14 {
			t.Error(u.Manifest.Files)
		}
		made = append(made, b.String())
	}
	if made[0] != made[1] {
		t.Error("two exports differ")
	}
}
