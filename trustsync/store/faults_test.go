package store

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
)

// faultyDisk fails at its n-th operation, or from then on.
type faultyDisk struct {
	disk
	n     int // operations until it fails; negative for never
	stays bool
	err   error
	what  string // the operation that failed last
	lies  bool   // instead of an error, what is written is not what was to be written
}

func (d *faultyDisk) fails(what string) error {
	d.n--
	if d.n == -1 || d.stays && d.n < -1 && d.what != "" {
		d.what = what
		return d.err
	}
	return nil
}

func (d *faultyDisk) names() ([]string, error) {
	if err := d.fails("names"); err != nil {
		return nil, err
	}
	return d.disk.names()
}

func (d *faultyDisk) open(name string) (io.ReadCloser, int64, error) {
	if err := d.fails("open " + name); err != nil {
		return nil, 0, err
	}
	file, size, err := d.disk.open(name)
	if err != nil {
		return nil, 0, err
	}
	return &faultyReader{file, d}, size, nil
}

func (d *faultyDisk) create(name string) (diskFile, error) {
	if err := d.fails("create"); err != nil {
		return nil, err
	}
	file, err := d.disk.create(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, d}, nil
}

func (d *faultyDisk) rename(from, to string) error {
	if err := d.fails("rename"); err != nil {
		return err
	}
	return d.disk.rename(from, to)
}

func (d *faultyDisk) remove(name string) error {
	if err := d.fails("remove"); err != nil {
		return err
	}
	return d.disk.remove(name)
}

func (d *faultyDisk) sync() error {
	if err := d.fails("sync of the directory"); err != nil {
		return err
	}
	return d.disk.sync()
}

type faultyReader struct {
	io.ReadCloser
	disk *faultyDisk
}

func (r *faultyReader) Read(p []byte) (int, error) {
	if err := r.disk.fails("read"); err != nil {
		return 0, err
	}
	return r.ReadCloser.Read(p)
}

type faultyFile struct {
	diskFile
	disk *faultyDisk
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.disk.fails("write"); err != nil {
		n, _ := f.diskFile.Write(p[:len(p)/2])
		return n, err
	}
	if f.disk.lies {
		p = append([]byte("x"), p[1:]...)
	}
	return f.diskFile.Write(p)
}

func (f *faultyFile) Sync() error {
	if err := f.disk.fails("sync"); err != nil {
		return err
	}
	return f.diskFile.Sync()
}

func (f *faultyFile) Close() error {
	err := f.diskFile.Close()
	if e := f.disk.fails("close"); e != nil {
		return e
	}
	return err
}

// Whatever operation of a Save fails, the generation before stays, nothing is left lying about, and the next Save works.
func TestStoreSaveFails(t *testing.T) {
	cells, failed := map[string]int{}, 0
	faults := []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}
	if testing.Short() {
		faults = faults[:1]
	}
	for _, fault := range faults {
		for _, stays := range []bool{false, true} {
			for _, loaded := range []bool{false, true} {
				for n, reached := 0, true; reached; n++ {
					name := fmt.Sprintf("%v at operation %d, stays %v, loaded %v", fault, n, stays, loaded)
					dir := t.TempDir()
					s := storeOpen(t, dir)
					for i := range 3 {
						storeSave(t, s, storeGeneration(t, "a", i))
					}
					faulty := &faultyDisk{disk: dirDisk(dir), n: -1000, err: fault}
					s = &Store{disk: faulty}
					if loaded {
						storeLoad(t, s)
					}
					faulty.n, faulty.stays = n, stays
					g := storeGeneration(t, "a", 9)
					err := s.Save(g)
					what := faulty.what
					cells[what]++
					reached = what != ""
					if err != nil {
						failed++
						if !errors.Is(err, fault) || g.Number != 0 {
							t.Fatalf("%s (%s): %v, number %d", name, what, err, g.Number)
						}
					}
					if err == nil && what == "open "+floorsName {
						t.Fatalf("%s: saved without knowing the floors", name)
					}
					// A new process finds the old one, unless the very last step failed.
					got, faults, loadErr := Read(dir)
					if loadErr != nil || len(faults) > 0 {
						t.Fatal(name, what, faults, loadErr)
					}
					switch acknowledged := err == nil; {
					case got.Number == 3 && !acknowledged && got.Sources["a"].Confirmed.Equal(storeTime(2)):
					case got.Number == 4 && acknowledged && got.Sources["a"].Confirmed.Equal(storeTime(9)):
					case got.Number == 4 && what == "sync of the directory":
					default:
						t.Fatalf("%s (%s): generation %d of %v, after %v", name, what, got.Number, got.Sources["a"].Confirmed, err)
					}
					if f := got.Sources["a"].Floor; f.Before(storeTime(2)) {
						t.Fatalf("%s (%s): floor %v", name, what, f)
					}
					faulty.n, faulty.stays = -1000, false
					next := storeGeneration(t, "a", 10)
					if err := s.Save(next); err != nil || next.Number <= got.Number || next.Number > 6 {
						t.Fatalf("%s (%s): the next Save: %d, %v", name, what, next.Number, err)
					}
					if got, _ := storeLoad(t, storeOpen(t, dir)); got.Number != next.Number || !got.Sources["a"].Floor.Equal(storeTime(10)) {
						t.Fatalf("%s (%s): %d is in force after %d", name, what, got.Number, next.Number)
					}
					files := storeFiles(t, dir)
					if len(files) != 3 || strings.Contains(strings.Join(files, " "), temporaryPrefix) {
						t.Fatalf("%s (%s): files %v", name, what, files)
					}
				}
			}
		}
	}
	for _, what := range []string{"names", "open " + floorsName, "read", "create", "write", "sync", "close", "rename", "sync of the directory", "remove"} {
		if cells[what] == 0 {
			t.Errorf("%s never failed: %v", what, cells)
		}
	}
	t.Logf("%d Saves failed; by operation: %v", failed, cells)
}

// A Load that fails loses nothing either.
func TestStoreLoadFails(t *testing.T) {
	tried := 0
	for _, stays := range []bool{false, true} {
		for n, reached := 0, true; reached; n++ {
			dir := t.TempDir()
			s := storeOpen(t, dir)
			for i := range 3 {
				storeSave(t, s, storeGeneration(t, "a", i))
			}
			storeCorrupt(t, dir+"/"+generationName(3))
			faulty := &faultyDisk{disk: dirDisk(dir), n: n, stays: stays, err: syscall.EIO}
			g, faults, err := (&Store{disk: faulty}).Load()
			if reached = faulty.what != ""; reached {
				tried++
			}
			if err == nil && len(faults) == 0 || err != nil && g != nil {
				t.Fatalf("operation %d (%s): %v, %v, %v", n, faulty.what, g, faults, err)
			}
			faulty.n, faulty.stays = -1000, false
			g, _, err = (&Store{disk: faulty}).Load()
			if err != nil || g.Number != 2 || !g.Sources["a"].Floor.Equal(storeTime(2)) {
				t.Fatalf("operation %d (%s): afterwards %v, %v", n, faulty.what, g, err)
			}
		}
	}
	if tried < 10 {
		t.Errorf("only %d operations failed", tried)
	}
}

// What does not read as it was written does not get its name.
func TestStoreReadsBack(t *testing.T) {
	dir := t.TempDir()
	storeSave(t, storeOpen(t, dir), storeGeneration(t, "a", 1))
	s := &Store{disk: &faultyDisk{disk: dirDisk(dir), n: -1000, lies: true}}
	if err := s.Save(storeGeneration(t, "a", 2)); err == nil || !strings.Contains(err.Error(), "the disk is bad") {
		t.Error(err)
	}
	if g, _ := storeLoad(t, storeOpen(t, dir)); g.Number != 1 || len(storeFiles(t, dir)) != 2 {
		t.Error(g.Number, storeFiles(t, dir))
	}
}
