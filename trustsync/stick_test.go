package trustsync

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources/who"
	"gatescan/trustsync/internal/sourcetest"
)

// A technician's stick passes the same checks as the network: signed by the anchor, and never backwards.
func TestStick(t *testing.T) {
	domain, err := lists.NewDomain("FR", 2)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "v2", "trustlist", "DCC", "-", "DSC")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC)
	bring := func(d *lists.Domain, signed time.Time) {
		t.Helper()
		list, err := lists.WHO(d, signed)
		if err != nil {
			t.Fatal(err)
		}
		sourcetest.WriteFile(t, dir, "did.json", list)
	}
	src, err := NewSource(SourceConfig{
		Name: "stick", Kind: who.Kind, URLs: []string{"file://" + dir + "/did.json"}, Anchors: domain.Signer.PublicPEM(),
	})
	if err != nil {
		t.Fatal(err)
	}
	y := New(Config{Sources: []Named{src}, Lab: true}, fixed(now), nil, slog.New(slog.DiscardHandler))
	for _, step := range []struct {
		what  string
		bring func()
		fails error
		dscs  int
	}{
		{"no stick", func() {}, os.ErrNotExist, 0},
		{"a list", func() { bring(domain, now.Add(-time.Hour)) }, nil, 2},
		{"an older one", func() { bring(domain, now.Add(-2*time.Hour)) }, source.ErrRollback, 2},
		{"somebody else's", func() {
			other, err := lists.NewDomain("FR", 5)
			if err != nil {
				t.Fatal(err)
			}
			bring(other, now)
		}, source.ErrNotAuthentic, 2},
		{"a newer one", func() { bring(domain, now) }, nil, 2},
		{"the stick is gone", func() { os.RemoveAll(dir) }, os.ErrNotExist, 2},
	} {
		step.bring()
		err := y.attempt(t.Context(), src)
		if !errors.Is(err, step.fails) || (err == nil) != (step.fails == nil) || y.Current().Len() != step.dscs {
			t.Errorf("%s: %v, %d DSCs", step.what, err, y.Current().Len())
		}
	}
}
