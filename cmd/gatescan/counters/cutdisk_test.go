package counters

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// cutDisk is a disk whose power may be cut before any operation, and of which any operation may fail. It remembers what was
// made lasting and what was not.
type cutDisk struct {
	now, lasting map[string]*cutFile // entries of the directory: as they are seen, and as of the last sync
	pending      []cutEntry          // what happened to them since
	before       func(*cutDisk)      // called with a copy before each operation that changes something; may be nil
	fail         func() error        // asked before each operation, reading ones as well; may be nil
	failSync     error               // of every sync of the directory; may be nil
	syncs        atomic.Int64

	// Ways to be a book that does not do its duty, to see that the test notices.
	noFileSync, noDirectorySync bool
}

type cutFile struct {
	data, lasting []byte // as read, and as of the last sync
}

// cutEntry is a change of the directory: from is removed if it is still that file, to becomes it.
type cutEntry struct {
	from, to string
	file     *cutFile
}

func newCutDisk() *cutDisk {
	return &cutDisk{now: map[string]*cutFile{}, lasting: map[string]*cutFile{}}
}

func (e cutEntry) apply(entries map[string]*cutFile) {
	if e.from != "" && entries[e.from] == e.file {
		delete(entries, e.from)
	}
	if e.to != "" {
		entries[e.to] = e.file
	}
}

func (d *cutDisk) may() error {
	if d.fail != nil {
		return d.fail()
	}
	return nil
}

func (d *cutDisk) changes() error {
	if d.before != nil {
		d.before(d.copy())
	}
	return d.may()
}

func (d *cutDisk) prepare() error { return d.may() }

func (d *cutDisk) list() (entries []entry, err error) {
	for name, f := range d.now {
		entries = append(entries, entry{name, int64(len(f.data))})
	}
	return entries, d.may()
}

func (d *cutDisk) read(name string, limit int64) ([]byte, error) {
	if err := d.may(); err != nil {
		return nil, err
	}
	f, ok := d.now[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	if int64(len(f.data)) > limit {
		return nil, errTooLarge
	}
	return bytes.Clone(f.data), nil
}

func (d *cutDisk) entry(e cutEntry) error {
	if err := d.changes(); err != nil {
		return err
	}
	e.apply(d.now)
	d.pending = append(d.pending, e)
	return nil
}

func (d *cutDisk) create(name string) (diskFile, error) {
	if d.now[name] != nil {
		return nil, fs.ErrExist
	}
	f := &cutFile{}
	return &cutWriter{d, f}, d.entry(cutEntry{"", name, f})
}

func (d *cutDisk) open(name string) (diskFile, error) {
	if d.now[name] == nil {
		return nil, fs.ErrNotExist
	}
	return &cutWriter{d, d.now[name]}, d.may()
}

func (d *cutDisk) rename(from, to string) error {
	if d.now[from] == nil {
		return fs.ErrNotExist
	}
	return d.entry(cutEntry{from, to, d.now[from]})
}

func (d *cutDisk) remove(name string) error {
	if d.now[name] == nil {
		return fs.ErrNotExist
	}
	return d.entry(cutEntry{name, "", d.now[name]})
}

func (d *cutDisk) sync() error {
	if err := d.changes(); err != nil {
		return err
	}
	if d.failSync != nil {
		return d.failSync
	}
	if !d.noDirectorySync {
		d.lasting, d.pending = maps.Clone(d.now), nil
	}
	return nil
}

type cutWriter struct {
	disk *cutDisk
	file *cutFile
}

func (w *cutWriter) size() (int64, error) { return int64(len(w.file.data)), w.disk.may() }

// WriteAt leaves half of what it was to write if it fails.
func (w *cutWriter) WriteAt(p []byte, at int64) (int, error) {
	err := w.disk.changes()
	if err != nil {
		p = p[:len(p)/2]
	}
	data := make([]byte, max(int(at)+len(p), len(w.file.data)))
	copy(data, w.file.data)
	copy(data[at:], p)
	w.file.data = data
	return len(p), err
}

func (w *cutWriter) sync() error {
	w.disk.syncs.Add(1)
	if err := w.disk.changes(); err != nil {
		return err
	}
	if !w.disk.noFileSync {
		w.file.lasting = w.file.data
	}
	return nil
}

func (w *cutWriter) Close() error { return w.disk.may() }

// copy is deep; contents of files are never changed in place.
func (d *cutDisk) copy() *cutDisk {
	same := map[*cutFile]*cutFile{}
	file := func(f *cutFile) *cutFile {
		if same[f] == nil {
			same[f] = &cutFile{f.data, f.lasting}
		}
		return same[f]
	}
	c := newCutDisk()
	for name, f := range d.now {
		c.now[name] = file(f)
	}
	for name, f := range d.lasting {
		c.lasting[name] = file(f)
	}
	for _, e := range d.pending {
		c.pending = append(c.pending, cutEntry{e.from, e.to, file(e.file)})
	}
	return c
}

const cutParts = 6

// remains are the forms in which a file may be found after the cut: as it was, as it was to be, a part of it in any order of
// its sectors, shorter, with zeros or with rubbish where the flash was just being written.
func (f *cutFile) remains() [][]byte {
	if bytes.Equal(f.data, f.lasting) {
		return [][]byte{f.data}
	}
	const sector = 512
	n := len(f.data)
	old := make([]byte, n)
	copy(old, f.lasting)
	rubbish := bytes.Repeat([]byte{0xa5}, n)
	all := [][]byte{f.data, f.lasting, make([]byte, n), rubbish}
	odd := bytes.Clone(f.data)
	for at := sector; at < n; at += 2 * sector {
		copy(odd[at:min(at+sector, n)], old[at:])
	}
	even := bytes.Clone(f.data)
	for at := 0; at < n; at += 2 * sector {
		copy(even[at:min(at+sector, n)], old[at:])
	}
	all = append(all, odd, even)
	// The first page is where the record is; the rest is mostly zeros.
	for _, span := range []int{min(n, 1024), n} {
		for part := range cutParts {
			length := 1 + part*(span-2)/(cutParts-1)
			all = append(all, f.data[:length], slices.Concat(f.data[:length], make([]byte, n-length)),
				slices.Concat(f.data[:length], old[length:]), slices.Concat(f.data[:length], rubbish[length:]))
		}
	}
	return all
}

// outcomes calls found with what a cut may leave: every change of the directory that was not made lasting happened or not,
// each by itself, and each file that was not is in one of its forms. If there are more than limit, a sample is taken.
func (d *cutDisk) outcomes(limit int, random *rand.Rand, found func(*cutDisk)) (tried int) {
	var files []*cutFile
	for _, list := range []map[string]*cutFile{d.now, d.lasting} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			files = append(files, list[name])
		}
	}
	for _, e := range d.pending {
		files = append(files, e.file)
	}
	var distinct []*cutFile
	forms := map[*cutFile][][]byte{}
	total := 1 << len(d.pending)
	for _, f := range files {
		if forms[f] == nil {
			distinct = append(distinct, f)
			forms[f] = f.remains()
			total *= len(forms[f])
		}
	}
	one := func(k int) {
		entries := maps.Clone(d.lasting)
		for _, e := range d.pending {
			if k&1 != 0 {
				e.apply(entries)
			}
			k >>= 1
		}
		form := map[*cutFile][]byte{}
		for _, f := range distinct {
			form[f] = forms[f][k%len(forms[f])]
			k /= len(forms[f])
		}
		after := newCutDisk()
		for name, f := range entries {
			settled := &cutFile{form[f], form[f]}
			after.now[name], after.lasting[name] = settled, settled
		}
		found(after)
	}
	if total <= limit {
		for k := range total {
			one(k)
		}
		return total
	}
	for range limit {
		one(random.IntN(total))
	}
	return limit
}

var errInjected = errors.New("injected")

// failing fails from the operation at on, as often as times.
func failing(at, times int, with error) (fail func() error, reached func() bool) {
	n := 0
	return func() error {
		n++
		if n > at && n <= at+times {
			return fmt.Errorf("operation %d: %w: %w", n, errInjected, with)
		}
		return nil
	}, func() bool { return n > at }
}
