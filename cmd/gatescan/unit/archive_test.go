package unit

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// smallUnit is an archive of two files.
func smallUnit() *Archive {
	u := &Archive{
		Config: []byte("[trust]\nbarred_file = \"barred.txt\"\ndirectory = \"dsc\"\n"),
		Files:  map[string][]byte{"barred.txt": []byte("# none\n"), "dsc/a.pem": []byte("a")},
	}
	u.Manifest = Manifest{
		Version: "1", Made: time.Unix(1e9, 0).UTC(), Name: "one",
		Files:       []File{{Path: "barred.txt", Keys: []string{"trust.barred_file"}}, {Path: "dsc/a.pem", Keys: []string{"trust.directory"}}},
		Directories: []Directory{{"dsc", "trust.directory"}}, LeftOut: []LeftOut{},
	}
	u.AddChecksums()
	return u
}

func (u *Archive) bytes(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := u.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tarEntry is a header and what stands behind it.
type tarEntry struct {
	tar.Header
	data []byte
}

func (u *Archive) entries(t *testing.T) (entries []tarEntry) {
	t.Helper()
	manifest, err := json.Marshal(u.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, data []byte) {
		entries = append(entries, tarEntry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}, data})
	}
	add("manifest.json", manifest)
	add("gatescan.toml", u.Config)
	for _, f := range u.Manifest.Files {
		add(f.Entry, u.Files[f.Path])
	}
	return entries
}

func tarOf(t *testing.T, entries []tarEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnitArchive(t *testing.T) {
	u := smallUnit()
	for name, data := range map[string][]byte{"as written": u.bytes(t), "from other tars": tarOf(t, u.entries(t))} {
		got, err := Read(bytes.NewReader(data))
		if err != nil || !reflect.DeepEqual(got, u) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestHostileArchives(t *testing.T) {
	manifest := func(change func(*Manifest)) func(*testing.T, []tarEntry) []tarEntry {
		return func(t *testing.T, entries []tarEntry) []tarEntry {
			m := smallUnit().Manifest
			change(&m)
			data, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			entries[0].data, entries[0].Size = data, int64(len(data))
			return entries
		}
	}
	path := func(to string) func(*testing.T, []tarEntry) []tarEntry {
		return manifest(func(m *Manifest) {
			m.Files[0].Path, m.Files[0].Entry = to, entryName(1, to)
			m.Files = m.Files[:1]
		})
	}
	entry := func(n int, change func(*tarEntry)) func(*testing.T, []tarEntry) []tarEntry {
		return func(_ *testing.T, entries []tarEntry) []tarEntry {
			change(&entries[n])
			return entries
		}
	}
	link := func(kind byte) func(*testing.T, []tarEntry) []tarEntry {
		return entry(2, func(e *tarEntry) {
			e.Typeflag, e.Linkname, e.Size, e.data = kind, "/etc/shadow", 0, nil
		})
	}
	for name, tc := range map[string]struct {
		change func(*testing.T, []tarEntry) []tarEntry
		want   string
	}{
		"nothing":             {func(*testing.T, []tarEntry) []tarEntry { return nil }, "it ends before manifest.json"},
		"manifest alone":      {func(_ *testing.T, e []tarEntry) []tarEntry { return e[:1] }, "it ends before gatescan.toml"},
		"a file is missing":   {func(_ *testing.T, e []tarEntry) []tarEntry { return e[:3] }, "it ends before files/0002/a.pem"},
		"one file more":       {func(_ *testing.T, e []tarEntry) []tarEntry { return append(e, e[3]) }, `"files/0002/a.pem" is not in its manifest`},
		"other order":         {func(_ *testing.T, e []tarEntry) []tarEntry { e[2], e[3] = e[3], e[2]; return e }, `"files/0002/a.pem" stands where files/0001/barred.txt should`},
		"other name":          {entry(2, func(e *tarEntry) { e.Name = "../../etc/passwd" }), `"../../etc/passwd" stands where`},
		"absolute name":       {entry(2, func(e *tarEntry) { e.Name = "/etc/passwd" }), `"/etc/passwd" stands where`},
		"other contents":      {entry(2, func(e *tarEntry) { e.data = []byte("# more\n") }), "files/0001/barred.txt is not what the manifest says"},
		"longer":              {entry(2, func(e *tarEntry) { e.data, e.Size = []byte("# none\n\n"), 8 }), "has 8 bytes, of 7"},
		"other configuration": {entry(1, func(e *tarEntry) { e.data = bytes.Repeat([]byte("x"), len(e.data)) }), "gatescan.toml is not what the manifest says"},
		"symbolic link":       {link(tar.TypeSymlink), "is no plain file"},
		"hard link":           {link(tar.TypeLink), "is no plain file"},
		"device":              {link(tar.TypeChar), "is no plain file"},
		"pipe":                {link(tar.TypeFifo), "is no plain file"},
		"directory":           {link(tar.TypeDir), ""},
		"device for nothing": {func(t *testing.T, entries []tarEntry) []tarEntry {
			empty := sha256.Sum256(nil)
			entries = manifest(func(m *Manifest) { m.Files[0].Size, m.Files[0].SHA256 = 0, hex.EncodeToString(empty[:]) })(t, entries)
			entries = link(tar.TypeChar)(t, entries)
			entries[2].Linkname = ""
			return entries
		}, "is no plain file"},
		"extended header":       {entry(2, func(e *tarEntry) { e.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "x"} }), "is no plain file"},
		"manifest is no JSON":   {entry(0, func(e *tarEntry) { e.data = bytes.Repeat([]byte("{"), len(e.data)) }), "manifest: invalid character"},
		"manifest too large":    {entry(0, func(e *tarEntry) { e.data = make([]byte, maxManifest+1); e.Size = maxManifest + 1 }), "manifest.json has 8388609 bytes"},
		"format of the future":  {manifest(func(m *Manifest) { m.Format, m.Version = 2, "9.1" }), `the archive has format 2, and this program knows 1: use the program that made it, gatescan "9.1"`},
		"no format":             {manifest(func(m *Manifest) { m.Format = 0 }), "the archive has format 0"},
		"absolute, not clean":   {path("/etc/../etc/passwd"), `"/etc/../etc/passwd" is no path`},
		"not clean":             {path("./barred.txt"), `"./barred.txt" is no path`},
		"no path":               {path(""), `"" is no path`},
		"control characters":    {path("a\x1b[2Jb"), `"a\x1b[2Jb" is no path`},
		"a path twice":          {manifest(func(m *Manifest) { m.Files[1].Path = m.Files[0].Path }), "barred.txt is there twice, or out of order"},
		"an entry of one's own": {manifest(func(m *Manifest) { m.Files[0].Entry = "x" }), "is not called files/0001/barred.txt"},
		"negative size":         {manifest(func(m *Manifest) { m.Files[0].Size = -1 }), "has -1 bytes"},
		"a huge file":           {manifest(func(m *Manifest) { m.Files[0].Size = MaxFile + 1 }), "has 16777217 bytes; 16777216 are allowed"},
		"huge together": {manifest(func(m *Manifest) {
			m.Files = nil
			for i, name := range []string{"a", "b", "c"} {
				m.Files = append(m.Files, File{Path: name, Entry: entryName(i+1, name), Size: MaxFile})
			}
		}), "the files have more than 33554432 bytes"},
		"too many files":        {manifest(func(m *Manifest) { m.Files = make([]File, MaxFiles+1) }), "there are 10001 files; 10000 are allowed"},
		"huge configuration":    {manifest(func(m *Manifest) { m.Config.Size = MaxConfig + 1 }), "a configuration of 1048577 bytes"},
		"other entry of config": {manifest(func(m *Manifest) { m.Config.Entry = "x" }), "a configuration of"},
		"name for terminals":    {manifest(func(m *Manifest) { m.Name = "\x1b]0;x\a" }), "a name that cannot be printed"},
		"key for terminals":     {manifest(func(m *Manifest) { m.Files[0].Keys = []string{"\x1b"} }), "is no path"},
		"left out, terminals":   {manifest(func(m *Manifest) { m.LeftOut = []LeftOut{{Path: "a", Why: "\x1b"}} }), "is no path"},
		"directory, terminals":  {manifest(func(m *Manifest) { m.Directories[0].Path = "\x1b" }), "is no path"},
	} {
		t.Run(name, func(t *testing.T) {
			data := tarOf(t, tc.change(t, smallUnit().entries(t)))
			u, err := Read(bytes.NewReader(data))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%+v, %v; want %q", u, err, tc.want)
			}
			if err != nil && !errors.Is(err, ErrArchive) && !strings.Contains(err.Error(), "use the program that made it") {
				t.Errorf("%v does not say what to do", err)
			}
		})
	}
}

// A stick that was pulled too early, or rotted.
func TestDamagedArchives(t *testing.T) {
	data := smallUnit().bytes(t)
	end := len(data) - 2*tarBlock - (tarBlock - 1) // the rest is empty: the last file has one byte
	for n := range end {
		if u, err := Read(bytes.NewReader(data[:n])); err == nil {
			t.Fatalf("cut at %d of %d: %+v", n, len(data), u)
		}
	}
	whole, good := smallUnit(), 0
	for n := range end * 8 {
		damaged := bytes.Clone(data)
		damaged[n/8] ^= 1 << (n % 8)
		u, err := Read(bytes.NewReader(damaged))
		if err != nil {
			continue
		}
		good++ // in the padding, or in names that an import compares with the configuration
		if !bytes.Equal(u.Config, whole.Config) || len(u.Files) != len(whole.Files) {
			t.Fatalf("bit %d of byte %d: %+v", n%8, n/8, u)
		}
		for i, f := range u.Manifest.Files {
			if !bytes.Equal(u.Files[f.Path], whole.Files[whole.Manifest.Files[i].Path]) {
				t.Fatalf("bit %d of byte %d: %s is %q", n%8, n/8, f.Path, u.Files[f.Path])
			}
		}
	}
	if good > end*8/2 {
		t.Errorf("%d of %d damages were not seen", good, end*8)
	}
}

func TestArchiveIsAPlainFile(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, MaxArchive+1); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, large, "/dev/zero", filepath.Join(dir, "none")} {
		if _, _, err := Open(path); err == nil {
			t.Errorf("%s was read", path)
		}
	}
}

func FuzzUnitArchive(f *testing.F) {
	f.Add(smallUnit().bytes(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		u.AddChecksums()
		again, err := Read(bytes.NewReader(u.bytes(t)))
		if err != nil || !reflect.DeepEqual(again, u) {
			t.Fatalf("%+v became %+v, %v", u, again, err)
		}
	})
}
