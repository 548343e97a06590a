package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gatescan/cmd/gatescan/unit"
)

// writeUnit puts an archive into a file.
func writeUnit(t *testing.T, u *unit.Archive) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "unit.tar")
	var b bytes.Buffer
	if err := u.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// aUnit is an archive of a configuration and of files by their paths.
func aUnit(config string, files map[string]string, directories ...string) *unit.Archive {
	u := &unit.Archive{Config: []byte(config), Files: map[string][]byte{}}
	for path, text := range files {
		u.Files[path] = []byte(text)
		u.Manifest.Files = append(u.Manifest.Files, unit.File{Path: path})
	}
	slices.SortFunc(u.Manifest.Files, func(a, b unit.File) int { return strings.Compare(a.Path, b.Path) })
	for _, path := range directories {
		u.Manifest.Directories = append(u.Manifest.Directories, unit.Directory{Path: path})
	}
	u.AddChecksums()
	return u
}

// An archive writes nowhere but below the directory of the configuration, and nothing that this does not name.
func TestImportRefuses(t *testing.T) {
	barred := func(path string) *unit.Archive {
		return aUnit(fmt.Sprintf("[trust]\nbarred_file = %q\n", path), map[string]string{filepath.Clean(path): "# none\n"})
	}
	for name, tc := range map[string]struct {
		unit    *unit.Archive
		prepare func(t *testing.T, dir string)
		want    string
	}{
		"above":           {unit: barred("../barred.txt"), want: "/barred.txt is outside of "},
		"far above":       {unit: barred("x/../../../../../../../../../../tmp/gatescan-barred"), want: "is outside of "},
		"absolute":        {unit: barred("/etc/gatescan-barred/x"), want: "/etc/gatescan-barred/x is outside of "},
		"the directory":   {unit: barred("."), want: ". is where the import itself writes"},
		"the file itself": {unit: barred("gatescan.toml"), want: "gatescan.toml is where the import itself writes"},
		"what was before": {unit: barred("gatescan.toml.old/x"), want: "where the import itself writes"},
		"a stage":         {unit: barred(".gatescan.toml.import-X/files/x"), want: "is no path that can be carried"},
		"no key":          {unit: aUnit("", map[string]string{"authorized_keys": "x"}), want: "no key of its configuration names authorized_keys"},
		"below no directory": {
			unit: aUnit("[trust]\ndirectory = \"dsc\"\n", map[string]string{"dsc/a/b.pem": "x"}, "dsc"),
			want: "no key of its configuration names dsc/a/b.pem",
		},
		"a state": {
			unit: aUnit("[clock]\nfile = \"/var/lib/gatescan/clock\"\n", map[string]string{"/var/lib/gatescan/clock": "x"}),
			want: "no key of its configuration names /var/lib/gatescan/clock",
		},
		"two contents": {
			unit: aUnit("[trust]\nbarred_file = \"a\"\n[status]\ntokens = \"DIR/a\"\n", map[string]string{"a": "# none\n", "DIR/a": "# two\n"}),
			want: "is there twice",
		},
		"a file and a directory": {
			unit: aUnit("[trust]\nbarred_file = \"a\"\n[status]\ntokens = \"a/b\"\n", map[string]string{"a": "# none\n", "a/b": "x"}),
			want: "nothing was changed",
		},
		"bad configuration": {unit: aUnit("[reader]\nbuad = 1\n", nil), want: "gatescan.toml:2: reader.buad: there is no such key; did you mean reader.baud?"},
		"bad file": {
			unit: aUnit("[trust]\n\nbarred_file = \"a\"\n", map[string]string{"a": "kid:1\n"}),
			want: "gatescan.toml:3: trust.barred_file: line 1: \"kid:1\" bars nothing",
		},
		"a link in the way": {unit: barred("barred.txt"), prepare: func(t *testing.T, dir string) {
			if err := os.Symlink("/etc/passwd", filepath.Join(dir, "barred.txt")); err != nil {
				t.Fatal(err)
			}
		}, want: "barred.txt is a link"},
		"a link on the way": {unit: barred("sub/barred.txt"), prepare: func(t *testing.T, dir string) {
			if err := os.Symlink(t.TempDir(), filepath.Join(dir, "sub")); err != nil {
				t.Fatal(err)
			}
		}, want: "sub is a link"},
		"a pipe in the way": {unit: barred("barred.txt"), prepare: func(t *testing.T, dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "barred.txt"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, want: "barred.txt is in the way"},
		"a file on the way": {unit: barred("sub/barred.txt"), prepare: func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "sub"), "x")
		}, want: "sub is in the way"},
		"another import": {unit: barred("barred.txt"), prepare: func(t *testing.T, dir string) {
			held, err := lockDirectory(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { held.Close() })
		}, want: "another import into"},
	} {
		t.Run(name, func(t *testing.T) {
			above := t.TempDir()
			dir := filepath.Join(above, "gate")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if tc.prepare != nil {
				tc.prepare(t, dir)
			}
			u := tc.unit
			if files := u.Files; bytes.Contains(u.Config, []byte("DIR")) {
				texts := map[string]string{}
				for path, data := range files {
					texts[strings.Replace(path, "DIR", dir, 1)] = string(data)
				}
				u = aUnit(strings.ReplaceAll(string(u.Config), "DIR", dir), texts)
			}
			before := namesBelow(t, above)
			said := importInto(t, filepath.Join(dir, "gatescan.toml"), writeUnit(t, u), exitUsage, "-replace")
			if !strings.Contains(said, tc.want) || !strings.Contains(said, "nothing was changed") {
				t.Errorf("it says\n%s\nnot %q", said, tc.want)
			}
			if after := namesBelow(t, above); !slices.Equal(after, before) {
				t.Errorf("%q became %q", before, after)
			}
		})
	}
	if _, err := os.Stat("/tmp/gatescan-barred"); err == nil {
		t.Error("it wrote to /tmp")
	}
}

func TestImportReplaces(t *testing.T) {
	g := newSpareGate(t)
	archive, _ := g.export(t, exitDone, "-secrets")
	spare := newSpareGate(t) // with other keys and certificates
	os.Remove(filepath.Join(spare.dir, "dsc", "one.pem"))
	spare.write(t, "dsc/lab.pem", spare.public["anchors.pem"], 0o644)
	spare.write(t, "gatescan.toml", readFile(t, g.config)+"# mine\n", 0o640)
	before := map[string]string{}
	for _, name := range namesBelow(t, spare.dir) {
		before[name] = readFile(t, filepath.Join(spare.dir, name))
	}
	same := func() bool {
		for _, name := range namesBelow(t, spare.dir) {
			if before[name] != readFile(t, filepath.Join(spare.dir, name)) {
				return false
			}
		}
		return len(namesBelow(t, spare.dir)) == len(before)
	}

	said := importInto(t, spare.config, archive, exitUsage)
	if !strings.Contains(said, "gatescan.toml differs, anchors.pem differs") || !strings.Contains(said, "-replace puts") || !same() {
		t.Error(said)
	}
	said = importInto(t, spare.config, archive, exitDone, "-replace", "-dry-run")
	if !strings.Contains(said, "removed: dsc/lab.pem") || !strings.Contains(said, "replaced: tls/status.key") || !strings.Contains(said, "nothing was changed") || !same() {
		t.Error(said)
	}

	var report importReport
	if err := json.Unmarshal([]byte(importInto(t, spare.config, archive, exitDone, "-replace", "-json")), &report); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(report.Removed, []string{"dsc/lab.pem"}) || !slices.Contains(report.Wrote, "dsc/one.pem") || len(report.Replaced) != 9 ||
		report.Kept != spare.config+".old" || report.Name != "South entrance, lane 3" {
		t.Errorf("%+v", report)
	}
	for _, name := range append(report.Replaced, report.Removed...) {
		if got := readFile(t, filepath.Join(report.Kept, name)); got != before[name] {
			t.Errorf("%s is kept as %q", name, got)
		}
	}
	if info, err := os.Stat(spare.config); err != nil || info.Mode().Perm() != 0o640 {
		t.Error("the mode of the configuration is another one", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(spare.dir, "dsc", "lab.pem")); !os.IsNotExist(err) {
		t.Error("a certificate that the old unit has not is still there")
	}
	if readFile(t, filepath.Join(spare.dir, "dsc", "README")) != before["dsc/README"] {
		t.Error("a file that no gate reads is gone")
	}
	checkSameGate(t, g, spare.config)

	// Again from another one: what is kept is not replaced.
	archive, _ = newSpareGate(t).export(t, exitDone, "-secrets")
	if err := json.Unmarshal([]byte(importInto(t, spare.config, archive, exitDone, "-replace", "-json")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Kept != spare.config+".old-2" || readFile(t, filepath.Join(spare.config+".old", "anchors.pem")) != before["anchors.pem"] {
		t.Errorf("%+v", report)
	}
}

func checkSameGate(t *testing.T, g *spareGate, config string) {
	t.Helper()
	if readFile(t, config) != readFile(t, g.config) {
		t.Errorf("%s is another configuration", config)
	}
	for _, files := range []map[string]string{g.public, g.secret} {
		for name, text := range files {
			if readFile(t, filepath.Join(filepath.Dir(config), name)) != text {
				t.Errorf("%s is another one", name)
			}
		}
	}
}

// What is withdrawn here and not in the archive must not come back.
func TestImportGivesNoKeyBack(t *testing.T) {
	archive := writeUnit(t, aUnit("[trust]\nbarred = [\"kid:0000000000000001\"]\n", nil))
	dir := t.TempDir()
	config := filepath.Join(dir, "gatescan.toml")
	writeFile(t, filepath.Join(dir, "barred.txt"), "spki:"+strings.Repeat("ab", 32)+"\n")
	text := "[trust]\nbarred = [\"kid:0000000000000001\", \"kid:00000000000000ff\"]\nbarred_file = \"barred.txt\"\n"
	writeFile(t, config, text)
	said := importInto(t, config, archive, exitUsage, "-replace")
	if !strings.Contains(said, "this unit withdraws kid:00000000000000ff, spki:abab") || readFile(t, config) != text {
		t.Error(said)
	}
	writeFile(t, config, "[trust]\nbarred = [\"kid:0000000000000001\"]\n[trust2]\n") // a broken one closes the gate, and protects nothing
	importInto(t, config, archive, exitDone, "-replace")
}

func TestImportNamesWhatBelongsElsewhere(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "a'; reboot; '")
	if err := os.Mkdir(elsewhere, 0o755); err != nil {
		t.Fatal(err)
	}
	barred := filepath.Join(elsewhere, "barred.txt")
	unit := aUnit(fmt.Sprintf("[trust]\nbarred_file = %q\ndirectory = \"/nowhere\"\n", barred), map[string]string{barred: "# none\n"})
	archive := writeUnit(t, unit)
	config := filepath.Join(t.TempDir(), "gatescan.toml")
	order := "(umask 022; tar -xOf " + archive + " files/0001/barred.txt > '" + strings.ReplaceAll(barred, "'", `'\''`) + "')"
	if said := importInto(t, config, archive, exitUsage); !strings.Contains(said, order) {
		t.Errorf("it does not say %q:\n%s", order, said)
	}
	writeFile(t, barred, "# another\n")
	if said := importInto(t, config, archive, exitFailed); !strings.Contains(said, "another file is there: "+order) {
		t.Error(said)
	}
	writeFile(t, barred, "# none\n")
	if said := importInto(t, config, archive, exitDone); !strings.Contains(said, "not from the archive: "+barred) {
		t.Error(said)
	}
}

// A gate whose certificates lie beside its configuration.
func TestImportIntoOneDirectory(t *testing.T) {
	g := newSpareGate(t)
	g.write(t, "gatescan.toml", "[trust]\ndirectory = \".\"\nbarred = [\"kid:00112233445566ff\"]\nbarred_file = \"barred.txt\"\n", 0o644)
	archive, said := g.export(t, exitDone)
	if !strings.Contains(said, "anchors.pem (trust.directory)") || strings.Contains(said, "token") {
		t.Error(said)
	}
	spare := newSpareGate(t)
	importInto(t, spare.config, archive, exitDone, "-replace")
	for _, name := range []string{"anchors.pem", "cscas.pem", "barred.txt"} {
		if readFile(t, filepath.Join(spare.dir, name)) != g.public[name] {
			t.Errorf("%s is another one", name)
		}
	}
	if readFile(t, filepath.Join(spare.dir, "tokens")) != spare.secret["tokens"] {
		t.Error("a file that nobody names is another one")
	}
}

// Secrets are for the daemon's group, and for nobody else.
func TestImportedSecretsAreTheDaemons(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can give files away")
	}
	g := newSpareGate(t)
	archive, _ := g.export(t, exitDone, "-secrets")
	u, _, err := unit.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	const group = 65534
	dir := t.TempDir()
	im := importer{archive: archive, path: filepath.Join(dir, "gatescan.toml"), group: fmt.Sprint(group)}
	if err := im.run(u); err != nil {
		t.Fatal(err)
	}
	for name := range g.secret {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if a := accessOf(info); a != (access{0o640, 0, group}) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "anchors.pem")); err != nil || accessOf(info) != (access{0o644, 0, 0}) {
		t.Error(info, err)
	}
}

// Whatever an archive holds, an import writes inside the directory alone.
func FuzzImportPaths(f *testing.F) {
	var seed bytes.Buffer
	if err := aUnit("[trust]\nbarred_file = \"barred.txt\"\ndirectory = \"dsc\"\n", map[string]string{"barred.txt": "# none\n", "dsc/a.pem": "a"}, "dsc").Write(&seed); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := unit.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		c, mistakes := parseConfig(u.Config)
		if len(mistakes) > 0 {
			return
		}
		im := importer{unit: u, dir: "/etc/gatescan", name: "gatescan.toml", config: c}
		if im.assign() != nil {
			return
		}
		for below := range im.files {
			if !filepath.IsLocal(below) || below == "." || below == im.name {
				t.Fatalf("%q would be written", below)
			}
		}
	})
}
