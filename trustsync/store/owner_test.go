package store

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gatescan/trustsync/internal/source"
)

// What root stores in the daemon's directory belongs to the daemon.
func TestStoreOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can give files away")
	}
	const nobody = 65534
	home := t.TempDir()
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "trust")
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	g := &Generation{Written: time.Unix(1, 0), Sources: map[string]Stored{
		"a": {Kind: "directory", Floor: time.Unix(1, 0), Holding: source.Holding{Signers: storeSigners(t, 1)}},
	}}
	if err := store.Save(g); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, path := range append(files, dir) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody {
			t.Errorf("%s belongs to %d:%d", path, owner.Uid, owner.Gid)
		}
	}
}
