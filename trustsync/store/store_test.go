package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatescan/trustsync/internal/files"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// storeSigners are the first n signers of the pool.
func storeSigners(t testing.TB, n int) []source.Signer {
	t.Helper()
	signers := make([]source.Signer, 0, n)
	for _, p := range sourcetest.Pool(t) {
		if len(signers) == n {
			break
		}
		if s, err := pki.ParseSigner(p.DER); err == nil {
			signers = append(signers, s)
		}
	}
	if len(signers) != n {
		t.Fatalf("the pool has %d signers, want %d", len(signers), n)
	}
	return signers
}

// storeTime is a time with nanoseconds, later by that many hours.
func storeTime(hours int) time.Time { return time.Date(2026, 1, 1, hours, 0, 0, 123456789, time.UTC) }

// storeGeneration has one source of that name, with that floor and one signer.
func storeGeneration(t testing.TB, name string, floor int) *Generation {
	t.Helper()
	return &Generation{Written: storeTime(floor), Sources: map[string]Stored{name: {
		Kind: "lab", Identity: [32]byte{1, 31: 2}, Confirmed: storeTime(floor), Floor: storeTime(floor),
		Holding: source.Holding{
			Signers: storeSigners(t, 1), Withdrawn: []verify.KID{{1, 2, 3, 4, 5, 6, 7, 8}, {8}},
			Signed: storeTime(floor), Expires: storeTime(floor + 24), Cursor: []byte("\"etag\""),
			Rules: storeRules(2), ValueSets: storeSets(1),
		},
	}}}
}

// storeRules are n rules, as far as a store looks at them.
func storeRules(n int) (rules [][]byte) {
	for i := range n {
		rules = append(rules, fmt.Appendf(nil, `{"Identifier":"GR-XX-%04d", "Logic":true}`, i))
	}
	return rules
}

// storeSets are n value sets, as far as a store looks at them.
func storeSets(n int) (sets []source.ValueSet) {
	for i := range n {
		sets = append(sets, source.ValueSet{ID: fmt.Sprintf("set-%d", i), JSON: fmt.Appendf(nil, `["a", "%d"]`, i)})
	}
	return sets
}

func storeOpen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func storeSave(t testing.TB, s *Store, g *Generation) {
	t.Helper()
	if err := s.Save(g); err != nil {
		t.Fatal(err)
	}
}

// storeLoad loads, and wants faults of just those files.
func storeLoad(t testing.TB, s *Store, faults ...string) (*Generation, []Fault) {
	t.Helper()
	g, got, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, f := range got {
		files = append(files, f.File)
	}
	if !slices.Equal(files, faults) {
		t.Fatalf("faults %v, want of %v", got, faults)
	}
	return g, got
}

func storeFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := files.Names(dir)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func storeCorrupt(t testing.TB, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/3] ^= 4
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestStoreSaveLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trust")
	s := storeOpen(t, dir)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatal(info, err)
	}
	if g, _ := storeLoad(t, s); g != nil {
		t.Fatalf("an empty store holds %v", g)
	}
	var saved []*Generation
	for i := range 5 {
		g := storeGeneration(t, "a", i)
		storeSave(t, s, g)
		if g.Number != uint64(i+1) {
			t.Fatalf("number %d, want %d", g.Number, i+1)
		}
		saved = append(saved, g)
	}
	last := saved[4]
	for name, load := range map[string]func() (*Generation, []Fault, error){
		"the same store": s.Load,
		"after restart":  storeOpen(t, dir).Load,
		"ReadStore":      func() (*Generation, []Fault, error) { return Read(dir) },
		"one file": func() (*Generation, []Fault, error) {
			g, err := ReadGenerationFile(filepath.Join(dir, generationName(5)))
			return g, nil, err
		},
	} {
		got, faults, err := load()
		if err != nil || len(faults) > 0 || got.Number != 5 || !got.Written.Equal(last.Written) {
			t.Fatal(name, got, faults, err)
		}
		if err := sameSources(last, got); err != nil {
			t.Error(name, err)
		}
		if f := got.Sources["a"].Floor; !f.Equal(storeTime(4)) {
			t.Errorf("%s: floor %v", name, f)
		}
	}
	want := []string{"floors", generationName(4), generationName(5)}
	if got := storeFiles(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	for _, name := range want {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if !Is(dir) || Is(t.TempDir()) || Is("testdata") {
		t.Error("IsStore")
	}
}

// Whichever generation or floors are lost, no floor is lower and no number comes again.
func TestStoreDamage(t *testing.T) {
	newest, older := generationName(3), generationName(2)
	for name, test := range map[string]struct {
		damage  []string
		remove  []string
		faults  []string
		inForce uint64
	}{
		"newest":            {damage: []string{newest}, faults: []string{newest}, inForce: 2},
		"older":             {damage: []string{older}, faults: []string{older}, inForce: 3},
		"both":              {damage: []string{newest, older}, faults: []string{newest, older}, inForce: 0},
		"floors":            {damage: []string{"floors"}, faults: []string{"floors"}, inForce: 3},
		"newest is gone":    {remove: []string{newest}, inForce: 2},
		"all are gone":      {remove: []string{newest, older}, inForce: 0},
		"floors are gone":   {remove: []string{"floors"}, faults: []string{"floors"}, inForce: 3},
		"floors and older":  {damage: []string{"floors", older}, faults: []string{"floors", older}, inForce: 3},
		"floors, then some": {remove: []string{"floors", older}, faults: []string{"floors"}, inForce: 3},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := storeOpen(t, dir)
			storeSave(t, s, storeGeneration(t, "gone", 7))
			storeSave(t, s, storeGeneration(t, "a", 8))
			storeSave(t, s, storeGeneration(t, "a", 9))
			for _, file := range test.damage {
				storeCorrupt(t, filepath.Join(dir, file))
			}
			for _, file := range test.remove {
				os.Remove(filepath.Join(dir, file))
			}

			// Reading alone says the same, and changes nothing.
			before := storeFiles(t, dir)
			read, readFaults, err := Read(dir)
			if err != nil || !slices.Equal(storeFiles(t, dir), before) {
				t.Fatal(err, storeFiles(t, dir))
			}
			s = storeOpen(t, dir)
			g, faults := storeLoad(t, s, test.faults...)
			if g.Number != test.inForce || read.Number != g.Number || len(readFaults) != len(faults) {
				t.Fatalf("generation %d and %d are in force, want %d", g.Number, read.Number, test.inForce)
			}
			for _, f := range faults {
				if slices.Contains(test.damage, f.File) && (f.Aside != f.File+".damaged" || !errors.Is(f, source.ErrMalformed)) {
					t.Errorf("%v", f)
				}
			}
			for _, got := range []*Generation{g, read} {
				if !got.Sources["a"].Floor.Equal(storeTime(9)) || !got.Sources["gone"].Floor.Equal(storeTime(7)) {
					t.Errorf("floors %v %v", got.Sources["a"].Floor, got.Sources["gone"].Floor)
				}
			}
			if got := len(g.Sources["a"].Holding.Signers); test.inForce > 0 && got != 1 {
				t.Errorf("%d signers", got)
			}
			s = storeOpen(t, dir)
			storeLoad(t, s) // said once
			next := storeGeneration(t, "a", 1)
			storeSave(t, s, next)
			if next.Number != 4 {
				t.Errorf("the next number is %d", next.Number)
			}
			if g, _ := storeLoad(t, storeOpen(t, dir)); !g.Sources["a"].Floor.Equal(storeTime(9)) || !g.Sources["gone"].Floor.Equal(storeTime(7)) {
				t.Errorf("floors after the next: %v", g.Sources)
			}
		})
	}
}

func TestStoreKeepsTwoDamaged(t *testing.T) {
	dir := t.TempDir()
	s := storeOpen(t, dir)
	for i := range 5 {
		storeSave(t, s, storeGeneration(t, "a", i))
		name := generationName(uint64(i + 1))
		storeCorrupt(t, filepath.Join(dir, name))
		storeLoad(t, s, name)
	}
	want := []string{"floors", generationName(4) + ".damaged", generationName(5) + ".damaged"}
	if got := storeFiles(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}

func TestStoreNewerFormat(t *testing.T) {
	dir := t.TempDir()
	s := storeOpen(t, dir)
	storeSave(t, s, storeGeneration(t, "a", 1))
	name := generationName(2)
	newer := storeFile("gatescan generation\nformat 4\nnobody knows")
	if err := os.WriteFile(filepath.Join(dir, name), newer, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		g, faults := storeLoad(t, s, name)
		if g.Number != 1 || !errors.Is(faults[0], ErrNewer) || errors.Is(faults[0], source.ErrMalformed) || faults[0].Aside != "" {
			t.Fatal(g.Number, faults)
		}
	}
	for i := range 4 { // the program goes on in its own format, and does not remove the other
		g := storeGeneration(t, "a", i)
		storeSave(t, s, g)
		if g.Number != uint64(i+3) {
			t.Errorf("number %d, want %d", g.Number, i+3)
		}
	}
	want := []string{"floors", name, generationName(5), generationName(6)}
	if got := storeFiles(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "floors"), storeFile("gatescan floors\nformat 9\n?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, faults := storeLoad(t, s, "floors", name); !errors.Is(faults[0], ErrNewer) || faults[0].Aside == "" {
		t.Error(faults) // it is kept: what takes its place may have less in it
	}
}

func TestStoreForgetFloor(t *testing.T) {
	dir := t.TempDir()
	s := storeOpen(t, dir)
	g := storeGeneration(t, "a", 1000) // signed far in the future
	maps.Copy(g.Sources, storeGeneration(t, "b", 5).Sources)
	storeSave(t, s, g)
	if err := s.ForgetFloor("a"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{s, storeOpen(t, dir)} {
		g, _ := storeLoad(t, s)
		if a := g.Sources["a"]; !a.Floor.IsZero() || len(a.Holding.Signers) != 1 {
			t.Errorf("after forgetting the floor is %v, with %d signers", a.Floor, len(a.Holding.Signers))
		}
		if b := g.Sources["b"].Floor; !b.Equal(storeTime(5)) {
			t.Errorf("the floor of another source is %v", b)
		}
	}
	storeSave(t, s, storeGeneration(t, "a", 7))
	os.Remove(filepath.Join(dir, generationName(2))) // back to the generation that had the wrong floor
	if g, _ := storeLoad(t, storeOpen(t, dir)); g.Number != 1 || !g.Sources["a"].Floor.Equal(storeTime(7)) {
		t.Errorf("generation %d, floor %v", g.Number, g.Sources["a"].Floor)
	}
	if err := s.ForgetFloor(strings.Repeat("x", 256)); err == nil {
		t.Error("a name that cannot be is forgotten")
	}
	if err := s.ForgetFloor("nobody"); err != nil {
		t.Error(err)
	}
}

// A source that is taken out and put in again has its floor still; of very many, the latest have.
func TestStoreRemembersFloors(t *testing.T) {
	disk := newCutDisk()
	s := &Store{disk: disk}
	const sources = maxFloors + 40
	for i := range sources {
		storeSave(t, s, storeGeneration(t, fmt.Sprint("source ", i), i+1))
	}
	s = &Store{disk: disk}
	g, _ := storeLoad(t, s)
	if len(g.Sources) != maxFloors {
		t.Errorf("%d floors are remembered, want %d", len(g.Sources), maxFloors)
	}
	for i := range sources {
		floor := g.Sources[fmt.Sprint("source ", i)].Floor
		if kept := !floor.IsZero(); kept != (i >= 40) || kept && !floor.Equal(storeTime(i+1)) {
			t.Errorf("floor of source %d of %d: %v", i, sources, floor)
		}
	}
	storeSave(t, s, g) // as it was loaded, with more floors than a generation may have sources
}

// A reader at the same time gets one whole generation after another.
func TestStoreConcurrentReader(t *testing.T) {
	dir := t.TempDir()
	s := storeOpen(t, dir)
	storeSave(t, s, storeGeneration(t, "a", 0))
	done := make(chan error)
	go func() {
		defer close(done)
		for i := 1; i < 60; i++ {
			if err := s.Save(storeGeneration(t, "a", i)); err != nil {
				done <- err
				return
			}
		}
	}()
	reads, last := 0, uint64(0)
	for running := true; running; reads++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		g, faults, err := Read(dir)
		if err != nil || len(faults) > 0 || g == nil || g.Number < last || len(g.Sources["a"].Holding.Signers) != 1 {
			t.Fatal(g, faults, err)
		}
		last = g.Number
	}
	if last != 60 || reads < 10 {
		t.Errorf("%d reads, the last was %d", reads, last)
	}
}
