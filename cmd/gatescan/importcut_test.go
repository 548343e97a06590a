package main

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatescan/cmd/gatescan/unit"

	"github.com/pelletier/go-toml/v2"
)

// treeChange is one call of a tree.
type treeChange struct {
	what     string // "mkdir", "write", "rename", "remove" or "sync"
	name, to string
	data     []byte
	access   access
}

// recordedTree is a tree that remembers what was done, and fails from one call on.
type recordedTree struct {
	tree
	changes  []treeChange
	failFrom int // count of the calls that succeed; negative for all
	failOnce bool
}

var errNoSpace = errors.New("no space left on device")

func (r *recordedTree) do(c treeChange, f func() error) error {
	n := len(r.changes)
	r.changes = append(r.changes, c)
	if r.failFrom >= 0 && (n == r.failFrom || n > r.failFrom && !r.failOnce) {
		return errNoSpace
	}
	return f()
}

func (r *recordedTree) mkdir(name string) error {
	return r.do(treeChange{what: "mkdir", name: name}, func() error { return r.tree.mkdir(name) })
}

// write and sync do not wait for the medium: these tests do it thousands of times.
func (r *recordedTree) write(name string, data []byte, a access) error {
	return r.do(treeChange{what: "write", name: name, data: data, access: a}, func() error {
		root := r.tree.(rootTree)
		return errors.Join(root.WriteFile(name, data, 0o600), root.Chmod(name, a.mode))
	})
}

func (r *recordedTree) rename(from, to string) error {
	return r.do(treeChange{what: "rename", name: from, to: to}, func() error { return r.tree.rename(from, to) })
}

func (r *recordedTree) remove(name string) error {
	return r.do(treeChange{what: "remove", name: name}, func() error { return r.tree.remove(name) })
}

func (r *recordedTree) sync(directory string) error {
	return r.do(treeChange{what: "sync", name: directory}, func() error { _, err := r.tree.(rootTree).Stat(directory); return err })
}

// cutNode is a file or a directory of a disk whose power is cut. What was done to a directory since its last sync may have
// happened or not, each by itself.
type cutNode struct {
	data    []byte
	access  access
	entries map[string]*cutNode // nil for a file
	lasting map[string]*cutNode // as of the last sync
	pending []cutEntry
}

type cutEntry struct {
	name string
	node *cutNode // nil if the name goes away
}

func (e cutEntry) apply(entries map[string]*cutNode) {
	if e.node == nil {
		delete(entries, e.name)
	} else {
		entries[e.name] = e.node
	}
}

func (n *cutNode) change(e cutEntry) {
	e.apply(n.entries)
	n.pending = append(n.pending, e)
}

func newCutDirectory() *cutNode {
	return &cutNode{entries: map[string]*cutNode{}, lasting: map[string]*cutNode{}}
}

// readCutTree is a directory as it is, all of it lasting.
func readCutTree(t *testing.T, dir string) *cutNode {
	t.Helper()
	n := newCutDirectory()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			n.entries[e.Name()] = readCutTree(t, path)
			continue
		}
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		n.entries[e.Name()] = &cutNode{data: []byte(readFile(t, path)), access: accessOf(info)}
	}
	n.lasting = maps.Clone(n.entries)
	return n
}

func (n *cutNode) at(name string) *cutNode {
	if name != "." {
		for part := range strings.SplitSeq(name, "/") {
			n = n.entries[part]
		}
	}
	return n
}

func (n *cutNode) do(c treeChange) {
	dir, base := n.at(path.Dir(c.name)), path.Base(c.name)
	switch c.what {
	case "mkdir":
		dir.change(cutEntry{base, newCutDirectory()})
	case "write":
		dir.change(cutEntry{base, &cutNode{data: c.data, access: c.access}})
	case "rename":
		node := dir.entries[base]
		dir.change(cutEntry{base, nil})
		n.at(path.Dir(c.to)).change(cutEntry{path.Base(c.to), node})
	case "remove":
		dir.change(cutEntry{base, nil})
	case "sync":
		dir = n.at(c.name)
		dir.lasting, dir.pending = maps.Clone(dir.entries), nil
	}
}

// leave puts into a directory what is left of the node: of what is pending, what chosen says.
func (n *cutNode) leave(t *testing.T, dir string, chosen func() bool) {
	t.Helper()
	entries := maps.Clone(n.lasting)
	for _, e := range n.pending {
		if chosen() {
			e.apply(entries)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		path, e := filepath.Join(dir, name), entries[name]
		var err error
		if e.entries != nil {
			if err = os.Mkdir(path, 0o755); err == nil {
				e.leave(t, path, chosen)
			}
		} else if err = os.WriteFile(path, e.data, 0o600); err == nil {
			err = os.Chmod(path, e.access.mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func emptyDirectory(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// meaning is all that a configuration says, with what stands in the files that it names in place of their paths.
func meaning(path string) (string, error) {
	c, err := readConfig(path)
	if err != nil {
		return "", err
	}
	for _, key := range c.carriedKeys() {
		if !key.isPath() {
			continue
		}
		at := under(filepath.Dir(path), *key.value)
		files := []string{at}
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			files = nil
			names, err := readNames(at, 100)
			if err != nil {
				return "", err
			}
			for _, name := range names {
				if file := filepath.Join(at, name); key.reads(file) {
					files = append(files, file)
				}
			}
		}
		*key.value = ""
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			*key.value += filepath.Base(file) + ": " + string(data)
		}
	}
	text, err := toml.Marshal(c)
	return string(text), err
}

// cutImport is an import over an older configuration, and what the two say.
type cutImport struct {
	gate, spare *spareGate
	archive     *unit.Archive
	old, new    string
	template    string // directory of a copy of the spare unit
}

func newCutImport(t *testing.T) *cutImport {
	t.Helper()
	if _, err := os.Stat("/dev/shm"); err == nil {
		t.Setenv("TMPDIR", "/dev/shm") // thousands of small files
	}
	c := &cutImport{gate: newSpareGate(t), spare: newSpareGate(t)}
	c.gate.write(t, "dsc/three.pem", c.gate.public["anchors.pem"], 0o644)
	if err := os.RemoveAll(filepath.Join(c.spare.dir, "rules")); err != nil { // a directory to make
		t.Fatal(err)
	}
	c.spare.write(t, "dsc/lab.pem", c.spare.public["anchors.pem"], 0o644)
	c.spare.write(t, "barred.txt", "# none\n", 0o644)
	c.spare.write(t, "gatescan.toml", strings.ReplaceAll(readFile(t, c.gate.config), "rules_directory\"\npath = \"rules", "rules_directory\"\npath = \"dsc"), 0o644)
	archive, _ := c.gate.export(t, exitDone, "-secrets")
	var err error
	if c.archive, _, err = unit.Open(archive); err != nil {
		t.Fatal(err)
	}
	if c.old, err = meaning(c.spare.config); err != nil {
		t.Fatal(err)
	}
	if c.new, err = meaning(c.gate.config); err != nil {
		t.Fatal(err)
	}
	if c.old == c.new {
		t.Fatal("the two gates are the same")
	}
	c.template = t.TempDir()
	readCutTree(t, c.spare.dir).leave(t, c.template, func() bool { return true })
	return c
}

func (c *cutImport) reset(t *testing.T) {
	t.Helper()
	emptyDirectory(t, c.spare.dir)
	readCutTree(t, c.template).leave(t, c.spare.dir, func() bool { return true })
}

func (c *cutImport) run(r *recordedTree) error {
	im := importer{archive: "unit.tar", path: c.spare.config, replace: true, group: serviceGroup, wrap: func(t tree) tree { r.tree = t; return r }}
	return im.run(c.archive)
}

// says is which of the two configurations is in force.
func (c *cutImport) says(t *testing.T) string {
	t.Helper()
	switch got, err := meaning(c.spare.config); {
	case err != nil:
		return err.Error()
	case got == c.old:
		return "old"
	case got == c.new:
		return "new"
	}
	return "a mixture"
}

// finish does the import again, after which all is as if it had not been cut short.
func (c *cutImport) finish(t *testing.T) {
	t.Helper()
	r := recordedTree{failFrom: -1}
	if err := c.run(&r); err != nil {
		t.Fatal(err)
	}
	checkSameGate(t, c.gate, c.spare.config)
	for _, name := range namesBelow(t, c.spare.dir) {
		if strings.HasPrefix(name, ".") {
			t.Errorf("%s is left", name)
		}
	}
}

// Every call fails once, or from then on: the old or the new configuration is in force.
func TestImportFails(t *testing.T) {
	c := newCutImport(t)
	whole := recordedTree{failFrom: -1}
	if err := c.run(&whole); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for n := range whole.changes {
		for _, once := range []bool{true, false} {
			c.reset(t)
			err := c.run(&recordedTree{failFrom: n, failOnce: once})
			says := c.says(t)
			seen[says]++
			var unfinished *unfinishedError
			switch {
			case says != "old" && says != "new":
				t.Fatalf("call %d, %+v fails: %s", n, whole.changes[n], says)
			case err == nil && says == "new": // only the tidying failed
			case !errors.Is(err, errNoSpace):
				t.Fatalf("call %d, %+v fails: %v", n, whole.changes[n], err)
			case errors.As(err, &unfinished) != strings.Contains(err.Error(), "-replace, to finish it"):
				t.Fatalf("call %d: %v", n, err)
			case unfinished == nil && says != "old":
				t.Fatalf("call %d, %+v fails: %v, and the new one is in force", n, whole.changes[n], err)
			}
			for _, name := range namesBelow(t, c.spare.dir) {
				if unfinished == nil && err != nil && once && strings.HasPrefix(name, ".") {
					t.Fatalf("call %d, %+v fails, and %s is left", n, whole.changes[n], name)
				}
			}
			if n%5 == 0 {
				c.finish(t)
			}
		}
	}
	if len(seen) != 2 || seen["old"] < 20 || seen["new"] < 20 {
		t.Errorf("seen %v", seen)
	}
	t.Logf("%d calls, %v", len(whole.changes), seen)
}

// cut cuts the power between any two calls, and looks at what may be left of what was not synced.
func (c *cutImport) cut(t *testing.T, changes []treeChange, samples int) (seen map[string]int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	seen = map[string]int{}
	first := slices.IndexFunc(changes, func(c treeChange) bool { return c.what == "rename" })
	for n := range len(changes) + 1 {
		for sample := range samples {
			if n < first && n%8 != sample { // nothing that a configuration names changes yet
				continue
			}
			disk := readCutTree(t, c.template)
			for _, change := range changes[:n] {
				disk.do(change)
			}
			emptyDirectory(t, c.spare.dir)
			disk.leave(t, c.spare.dir, func() bool { return sample == 1 || sample > 1 && random.IntN(2) == 0 })
			says := c.says(t)
			seen[says]++
			if sample == 2 && n%5 == 0 && (says == "old" || says == "new") {
				c.finish(t)
			}
		}
	}
	return seen
}

func TestImportCutShort(t *testing.T) {
	c := newCutImport(t)
	whole := recordedTree{failFrom: -1}
	if err := c.run(&whole); err != nil {
		t.Fatal(err)
	}
	seen := c.cut(t, whole.changes, 5)
	if len(seen) != 2 || seen["old"] == 0 || seen["new"] == 0 {
		t.Errorf("seen %v", seen)
	}
	t.Logf("%d calls, %v", len(whole.changes), seen)

	// The test can tell: without sync, and with files put in place before the configuration, there are others.
	unsynced := slices.DeleteFunc(slices.Clone(whole.changes), func(c treeChange) bool { return c.what == "sync" })
	if seen := c.cut(t, unsynced, 3); len(seen) == 2 {
		t.Errorf("without sync: seen %v", seen)
	}
	early := slices.Clone(whole.changes)
	interim := slices.IndexFunc(early, func(c treeChange) bool { return c.what == "rename" && path.Base(c.name) == stageInterim })
	last := slices.IndexFunc(early, func(c treeChange) bool { return c.what == "rename" && path.Base(c.name) == stageNew })
	early = slices.Concat(early[:interim], early[interim+2:last], early[interim:interim+2], early[last:])
	if seen := c.cut(t, early, 2); seen["a mixture"] == 0 {
		t.Errorf("in another order: seen %v", seen)
	}
}
