package flash_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gatescan/driver/flash"
	"gatescan/driver/flash/flashtest"
)

const seed = 20261130

// content is the n-th content of a file, of several sectors.
func content(name string, n int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%s %d. ", name, n)), 200)
}

// moment is one at which the power may go, with what each file may hold then.
type moment struct {
	disk    *flashtest.Disk
	allowed map[string][][]byte
}

// replaced replaces files and returns every moment on the way.
func replaced(t *testing.T, d *flashtest.Disk) (moments []moment) {
	t.Helper()
	w := flash.Writer{Disk: d, Access: flash.Public}
	if err := d.Mkdir("below", flash.Access{Mode: 0o700}); err != nil {
		t.Fatal(err)
	}
	if err := d.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	d.Settle()
	allowed := map[string][][]byte{"a": {nil}, "below/b": {nil}}
	d.Before = func(c *flashtest.Disk) {
		m := moment{c, map[string][][]byte{}}
		for name, contents := range allowed {
			m.allowed[name] = slices.Clone(contents)
		}
		moments = append(moments, m)
	}
	for n := range 3 {
		for _, name := range []string{"a", "below/b"} {
			data := content(name, n)
			allowed[name] = append(allowed[name], data)
			if err := w.Replace(name, data); err != nil {
				t.Fatal(err)
			}
			allowed[name] = [][]byte{data}
		}
	}
	_ = d.SyncDir("below") // a moment after all of it
	d.Before = nil
	return moments
}

// wrong says what is not allowed.
func (m moment) wrong(after *flashtest.Disk) string {
	for name, allowed := range m.allowed {
		data := after.Data(name)
		if !slices.ContainsFunc(allowed, func(a []byte) bool { return bytes.Equal(a, data) }) {
			return fmt.Sprintf("%s holds %d bytes: %.20q", name, len(data), data)
		}
	}
	return ""
}

func TestReplaceCut(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*flashtest.Disk)
		lost  bool
	}{
		{"as it should be", func(*flashtest.Disk) {}, false},
		{"files are not synced", func(d *flashtest.Disk) { d.NoFileSync = true }, true},
		{"the directory is not synced", func(d *flashtest.Disk) { d.NoDirSync = true }, true},
		{"written in place", func(d *flashtest.Disk) { d.InPlace = true }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := flashtest.New()
			c.spoil(d)
			moments, tried, lost := replaced(t, d), 0, 0
			random := rand.New(rand.NewPCG(seed, 1))
			for i, m := range moments {
				tried += m.disk.Outcomes(300, random, func(after *flashtest.Disk) {
					wrong := m.wrong(after)
					if wrong != "" {
						lost++
					}
					if wrong != "" && !c.lost {
						t.Fatalf("cut before operation %d: %s", i, wrong)
					}
				})
			}
			if len(moments) < 30 || tried < 300 || (lost > 0) != c.lost {
				t.Errorf("%d moments, %d outcomes, in %d of them something is lost", len(moments), tried, lost)
			}
		})
	}
}

// Each operation fails, once or from then on: the file is the old or the new one, and a later Replace works.
func TestReplaceFails(t *testing.T) {
	errs := []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}
	tried := 0
	for _, times := range []int{1, 1000} {
		for at := 0; ; at++ {
			d := flashtest.New()
			w := flash.Writer{Disk: d, Access: flash.Private, ReadBack: true}
			if err := w.Replace("f", content("f", 1)); err != nil {
				t.Fatal(err)
			}
			fail, reached := flashtest.Failing(at, times, errs[at%len(errs)])
			d.Fail = fail
			err := w.Replace("f", content("f", 2))
			d.Fail = nil
			if !reached() {
				break
			}
			tried++
			data := d.Data("f")
			isOld, isNew := bytes.Equal(data, content("f", 1)), bytes.Equal(data, content("f", 2))
			if !isOld && !isNew || err == nil && isOld {
				t.Fatalf("%d failures from operation %d: %v, and it holds %.20q", times, at, err, data)
			}
			if times == 1 && err != nil && isOld && len(d.Names()) != 1 {
				t.Errorf("operation %d failed, and %q are left", at, d.Names())
			}
			if err := w.Replace("f", content("f", 3)); err != nil {
				t.Fatalf("after operation %d failed: %v", at, err)
			}
			if names := d.Names(); !bytes.Equal(d.Data("f"), content("f", 3)) || !slices.Equal(names, []string{"f"}) {
				t.Errorf("after operation %d failed: %q", at, names)
			}
		}
	}
	if tried < 16 {
		t.Errorf("%d failures", tried)
	}
}

// badMedium reads something else than was written.
type badMedium struct {
	flash.Disk
	spoil func([]byte) []byte
}

type badFile struct {
	flash.File
	data *bytes.Reader
}

func (f badFile) Read(p []byte) (int, error) { return f.data.Read(p) }

func (d badMedium) Open(name string) (flash.File, error) {
	data, err := flash.ReadFile(d.Disk, name, 1<<20)
	if err != nil {
		return nil, err
	}
	f, err := d.Disk.Open(name)
	return badFile{f, bytes.NewReader(d.spoil(data))}, err
}

func TestReadBack(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
	for name, c := range map[string]struct {
		spoil func([]byte) []byte
		bad   bool
	}{
		"good":           {func(b []byte) []byte { return b }, false},
		"a bit":          {func(b []byte) []byte { b[40_000] ^= 1; return b }, true},
		"shorter":        {func(b []byte) []byte { return b[:len(b)-1] }, true},
		"longer":         {func(b []byte) []byte { return append(b, 0) }, true},
		"nothing at all": {func([]byte) []byte { return nil }, true},
	} {
		d := flashtest.New()
		d.Set("f", []byte("old"))
		err := flash.Writer{Disk: badMedium{d, c.spoil}, Access: flash.Private, ReadBack: true}.Replace("f", data)
		if errors.Is(err, flash.ErrReadBack) != c.bad || (err != nil) != c.bad {
			t.Errorf("%s: %v", name, err)
		}
		if c.bad && string(d.Data("f")) != "old" {
			t.Errorf("%s: the old file is gone", name)
		}
	}
}

// What a killed process left goes away; what cannot go away is avoided.
func TestTemporaries(t *testing.T) {
	d := flashtest.New()
	d.Set("f.new", []byte("left"))
	w := flash.Writer{Disk: d, Access: flash.Private}
	if err := w.Replace("f", []byte("1")); err != nil || !slices.Equal(d.Names(), []string{"f"}) {
		t.Errorf("%v, %q", err, d.Names())
	}
	if err := d.Mkdir("f.new", flash.Access{Mode: 0o700}); err != nil {
		t.Fatal(err)
	}
	d.Set("f.new/x", []byte("not ours"))
	if err := w.Replace("f", []byte("2")); err != nil || string(d.Data("f")) != "2" {
		t.Errorf("%v, %q", err, d.Data("f"))
	}
	d.Set("new-3", []byte("left"))
	w.Temporary = "new"
	if err := w.Clean("f"); err != nil || !slices.Equal(d.Names(), []string{"f", "f.new/x"}) {
		t.Errorf("%v, %q", err, d.Names())
	}
	if name := w.TemporaryOf("a/b/f", 1); name != "a/b/new-1" {
		t.Error(name)
	}
	for n := range 10 {
		if err := d.Mkdir(w.TemporaryOf("f", n), flash.Access{Mode: 0o700}); err != nil {
			t.Fatal(err)
		}
		d.Set(w.TemporaryOf("f", n)+"/x", []byte("not ours"))
	}
	if err := w.Replace("f", []byte("3")); err == nil || errors.Is(err, fs.ErrNotExist) || string(d.Data("f")) != "2" {
		t.Errorf("%v, %q", err, d.Data("f"))
	}
}

// Put leaves the directory to its caller: one sync makes several files durable.
func TestPut(t *testing.T) {
	d := flashtest.New()
	w := flash.Writer{Disk: d, Access: flash.Private}
	for _, name := range []string{"a", "b"} {
		if err := w.Put(name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	found := map[string]bool{}
	note := func(after *flashtest.Disk) { found[strings.Join(after.Names(), " ")] = true }
	d.Outcomes(1000, rand.New(rand.NewPCG(seed, 2)), note)
	if !found["a b"] || !found[""] && !found["a.new b.new"] {
		t.Errorf("before the sync: %v", found)
	}
	if err := d.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	clear(found)
	d.Outcomes(1000, rand.New(rand.NewPCG(seed, 2)), note)
	if len(found) != 1 || !found["a b"] {
		t.Errorf("after it: %v", found)
	}
}
