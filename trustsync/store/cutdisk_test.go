package store

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
)

// cutDisk is a disk whose power may be cut before any operation. It remembers what was made lasting and what was not.
type cutDisk struct {
	now, lasting map[string]*cutFile // entries of the directory: as they are seen, and as of the last sync
	pending      []cutEntry          // what happened to them since
	before       func(*cutDisk)      // called with a copy before each operation that changes something; may be nil

	// Ways to be a store that does not do its duty, to see that the test notices.
	noFileSync, noDirectorySync, writesInPlace bool
}

type cutFile struct {
	data, lasting []byte // as read, and as of the last Sync
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

func (d *cutDisk) names() ([]string, error) { return slices.Sorted(maps.Keys(d.now)), nil }

func (d *cutDisk) open(name string) (io.ReadCloser, int64, error) {
	f, ok := d.now[name]
	if !ok {
		return nil, 0, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(f.data)), int64(len(f.data)), nil
}

func (d *cutDisk) operation() {
	if d.before != nil {
		d.before(d.copy())
	}
}

func (d *cutDisk) change(e cutEntry) {
	d.operation()
	e.apply(d.now)
	d.pending = append(d.pending, e)
}

func (d *cutDisk) create(name string) (diskFile, error) {
	if d.now[name] != nil {
		return nil, fs.ErrExist
	}
	f := &cutFile{}
	d.change(cutEntry{"", name, f})
	return &cutWriter{d, f}, nil
}

func (d *cutDisk) rename(from, to string) error {
	f := d.now[from]
	if f == nil {
		return fs.ErrNotExist
	}
	if d.writesInPlace {
		d.operation()
		there := &cutFile{data: f.data}
		d.now[to] = there
		d.pending = append(d.pending, cutEntry{"", to, there})
		return d.remove(from)
	}
	d.change(cutEntry{from, to, f})
	return nil
}

func (d *cutDisk) remove(name string) error {
	f := d.now[name]
	if f == nil {
		return fs.ErrNotExist
	}
	d.change(cutEntry{name, "", f})
	return nil
}

func (d *cutDisk) sync() error {
	d.operation()
	if !d.noDirectorySync {
		d.lasting, d.pending = maps.Clone(d.now), nil
	}
	return nil
}

type cutWriter struct {
	disk *cutDisk
	file *cutFile
}

func (w *cutWriter) Write(p []byte) (int, error) {
	w.disk.operation()
	w.file.data = append(bytes.Clone(w.file.data), p...)
	return len(p), nil
}

func (w *cutWriter) Sync() error {
	w.disk.operation()
	if !w.disk.noFileSync {
		w.file.lasting = w.file.data
	}
	return nil
}

func (w *cutWriter) Close() error { return nil }

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

// cutParts is the number of lengths at which a file may be cut.
const cutParts = 12

// remains are the forms in which a file may be found after the cut.
func (f *cutFile) remains() [][]byte {
	if bytes.Equal(f.data, f.lasting) {
		return [][]byte{f.data}
	}
	n := len(f.data)
	all := [][]byte{f.data, f.lasting, make([]byte, n)}
	for part := range cutParts {
		length := 1 + part*(n-2)/(cutParts-1)
		all = append(all, f.data[:length], append(bytes.Clone(f.data[:length]), make([]byte, n-length)...))
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
	total := 1 << len(d.pending)
	for _, f := range files {
		if !slices.Contains(distinct, f) {
			distinct = append(distinct, f)
			total *= len(f.remains())
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
			remains := f.remains()
			form[f] = remains[k%len(remains)]
			k /= len(remains)
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
