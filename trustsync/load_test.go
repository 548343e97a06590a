package trustsync

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/sources/austria"
	"gatescan/trustsync/internal/sources/directory"
	"gatescan/trustsync/internal/sources/eu"
	"gatescan/trustsync/internal/sources/germany"
	"gatescan/trustsync/internal/sources/netherlands"
	"gatescan/trustsync/internal/sources/sweden"
	"gatescan/trustsync/internal/sources/who"
	"gatescan/trustsync/store"
	"gatescan/verify"
)

func listDomain(t *testing.T) *lists.Domain {
	t.Helper()
	d, err := lists.NewDomain("FR", 3)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Whoever names a list file vouches for it: every form is told from its bytes, and read without an anchor.
func TestLoadLists(t *testing.T) {
	d := listDomain(t)
	now := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	made := func(data []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	austrian, _, err := lists.Austria(d, now, now.Add(48*time.Hour))
	archive, _, archiveErr := lists.EUArchive(d, now)
	for form, data := range map[string][]byte{
		who.Kind:         made(lists.WHO(d, now)),
		germany.Kind:     made(lists.Germany(d)),
		sweden.Kind:      made(lists.Sweden(d, now, now.Add(24*time.Hour))),
		netherlands.Kind: made(lists.Netherlands(d, now)),
		austria.Kind:     made(austrian, err),
		eu.KindArchive:   made(archive, archiveErr),
	} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Load(path, now)
		if err != nil || l.Form != form || l.Trust.Len() != 3 || len(l.Report.Skipped) != 0 {
			t.Errorf("%s: form %q, %d DSCs, %v, skipped %v", form, l.Form, l.Trust.Len(), err, l.Report.Skipped)
		}
		if err := os.WriteFile(path, data[:len(data)-len(data)/3], 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := Load(path, now); err == nil && l.Trust.Len() > 0 {
			t.Errorf("%s, cut: %d DSCs", form, l.Trust.Len())
		}
	}
}

// A published list, as a file.
func TestLoadPublished(t *testing.T) {
	packed, err := os.Open("testdata/who/dcc-all-dsc.json.gz")
	if err != nil {
		names, _ := filepath.Glob("testdata/*/*.gz")
		t.Fatal(err, names)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "did.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Load(path, time.Time{})
	if err != nil || l.Form != who.Kind || l.Trust.Len() != 438 || len(l.Report.Skipped) != 0 {
		t.Errorf("%v: %q, %d DSCs, skipped %v", err, l.Form, l.Trust.Len(), l.Report.Skipped)
	}
}

// A store is judged as a daemon would; its age counts only if there is a moment to count from.
func TestLoadStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if l, err := Load(t.TempDir(), time.Time{}); err != nil || l.Form != "certificates" {
		t.Errorf("an empty directory: %q, %v", l.Form, err)
	}
	store, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	signed := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	signers := someSigners(t, 3)
	g := &Generation{Sources: map[string]Stored{
		"list":  {Kind: germany.Kind, Confirmed: signed, Holding: Holding{Signers: signers[:2], Withdrawn: []verify.KID{signers[2].KID}}},
		"stick": {Kind: directory.Kind, Confirmed: signed, Holding: Holding{Signers: signers[2:]}},
		"gone":  {Kind: germany.Kind, Floor: signed},
	}}
	if err := store.Save(g); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "generation-*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for _, path := range []string{dir, files[0]} {
		l, err := Load(path, time.Time{})
		if err != nil || l.Form != "store" || l.Trust.Len() != 3 {
			t.Errorf("%s: %q, %d DSCs, %v", path, l.Form, l.Trust.Len(), err)
		}
	}
	y := &Syncer{}
	for _, test := range []struct {
		at    time.Time
		kid   int
		stale bool
	}{{time.Time{}, 0, false}, {signed.Add(DefaultMaxAge), 0, false}, {signed.Add(DefaultMaxAge + time.Second), 0, true}} {
		l, err := Load(dir, test.at)
		if err != nil {
			t.Fatal(err)
		}
		y.current.Store(l.Trust)
		now := test.at
		if now.IsZero() {
			now = signed.AddDate(20, 0, 0)
		}
		if got := judged(t, y, signers[test.kid].KID, now).String(); (got == "trust_stale") != test.stale {
			t.Errorf("at %v: %s", test.at, got)
		}
		if got := judged(t, y, signers[2].KID, now).String(); got != "barred" {
			t.Errorf("withdrawn by the list: %s", got)
		}
	}
}
