package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// unitArchive is the identity and the settings of a gate, for the unit that replaces it. As a file it is a tar of plain
// files: manifest.json, gatescan.toml, and what the configuration names, in the order of the manifest. Nothing in it is
// signed: whoever can change it decides about the gate that imports it.
type unitArchive struct {
	manifest unitManifest
	config   []byte            // the configuration file, byte for byte
	files    map[string][]byte // by the paths of the manifest
}

// unitManifest says what an archive holds.
type unitManifest struct {
	Format      int             `json:"format"`
	Version     string          `json:"version"` // of the program that made it
	Made        time.Time       `json:"made"`
	Name        string          `json:"name"`    // status.name
	Secrets     bool            `json:"secrets"` // they were asked for
	Config      unitFile        `json:"config"`
	Files       []unitFile      `json:"files"`       // by path, ascending
	Directories []unitDirectory `json:"directories"` // all of each is there, but for what was left out
	LeftOut     []leftOut       `json:"left_out"`
}

// unitFile is one file of an archive.
type unitFile struct {
	Entry  string   `json:"entry"`          // its name in the tar
	Path   string   `json:"path,omitempty"` // as the configuration says, below the directory if that names one; cleaned
	Keys   []string `json:"keys,omitempty"` // that name it
	Secret bool     `json:"secret,omitempty"`
	Size   int      `json:"size"` // bytes
	SHA256 string   `json:"sha256"`
}

// unitDirectory is a directory that the configuration names.
type unitDirectory struct {
	Path string `json:"path"`
	Key  string `json:"key"`
}

// leftOut is a file or directory that the configuration names and the archive does not hold.
type leftOut struct {
	Path   string   `json:"path"`
	Keys   []string `json:"keys"`
	Why    string   `json:"why"`
	Secret bool     `json:"secret,omitempty"`
}

// Bounds of an archive.
const (
	unitFormat      = 1
	maxUnitConfig   = 1 << 20  // bytes of a configuration file
	maxUnitFile     = 16 << 20 // bytes
	maxUnitSize     = 32 << 20 // bytes of all files
	maxUnitFiles    = 10_000
	maxUnitManifest = 8 << 20
	maxUnitArchive  = maxUnitSize + maxUnitManifest + maxUnitConfig + (maxUnitFiles+4)*2*tarBlock
	maxUnitPath     = 4096
	tarBlock        = 512
)

const (
	unitManifestEntry = "manifest.json"
	unitConfigEntry   = "gatescan.toml"
)

// unitEntry is the name in the tar of the nth file, from 1. Whatever its path, it fits every tar, and leads nowhere.
func unitEntry(n int, file string) string {
	base := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, path.Base(file))
	return fmt.Sprintf("files/%04d/%.60s", n, base)
}

// errUnitArchive is in every error about what an archive holds.
var errUnitArchive = errors.New("this is no archive of gatescan config -export, or it is damaged: make it anew")

// seal fills in what the manifest says of contents.
func (u *unitArchive) seal() {
	measure := func(f *unitFile, data []byte) {
		hash := sha256.Sum256(data)
		f.Size, f.SHA256 = len(data), hex.EncodeToString(hash[:])
	}
	u.manifest.Format = unitFormat
	u.manifest.Config.Entry = unitConfigEntry
	measure(&u.manifest.Config, u.config)
	for i := range u.manifest.Files {
		f := &u.manifest.Files[i]
		f.Entry = unitEntry(i+1, f.Path)
		measure(f, u.files[f.Path])
	}
}

// write writes it. The same archive has the same bytes.
func (u *unitArchive) write(w io.Writer) error {
	manifest, err := json.MarshalIndent(u.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := u.manifest.check(); err != nil {
		return err
	}
	if len(manifest) > maxUnitManifest {
		return fmt.Errorf("the names of the files take more than %d bytes", maxUnitManifest)
	}
	archive := tar.NewWriter(w)
	add := func(name string, mode int64, data []byte) {
		if err == nil {
			err = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), Format: tar.FormatUSTAR})
		}
		if err == nil {
			_, err = archive.Write(data)
		}
	}
	add(unitManifestEntry, 0o644, append(manifest, '\n'))
	add(unitConfigEntry, 0o644, u.config)
	for _, f := range u.manifest.Files {
		mode := int64(0o644)
		if f.Secret {
			mode = 0o600
		}
		add(f.Entry, mode, u.files[f.Path])
	}
	if err != nil {
		return err
	}
	return archive.Close()
}

// readUnitArchive reads an archive, which may hold anything. Each thing is bounded before it is read.
func readUnitArchive(r io.Reader) (*unitArchive, error) {
	archive := tar.NewReader(io.LimitReader(r, maxUnitArchive))
	text, err := readUnitEntry(archive, unitManifestEntry, -1, maxUnitManifest)
	if err != nil {
		return nil, err
	}
	u := &unitArchive{files: map[string][]byte{}}
	if err := u.manifest.parse(text); err != nil {
		return nil, err
	}
	if u.config, err = readUnitFile(archive, u.manifest.Config); err != nil {
		return nil, err
	}
	for _, f := range u.manifest.Files {
		if u.files[f.Path], err = readUnitFile(archive, f); err != nil {
			return nil, err
		}
	}
	if h, err := archive.Next(); err == nil {
		return nil, fmt.Errorf("%w: %.100q is not in its manifest", errUnitArchive, h.Name)
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", errUnitArchive, err)
	}
	return u, nil
}

// openUnitArchive reads an archive, and says what its bytes hash to.
func openUnitArchive(path string) (*unitArchive, string, error) {
	info, err := os.Stat(path) // a pipe would block
	if err != nil {
		return nil, "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxUnitArchive {
		return nil, "", fmt.Errorf("%s: %w: it is no plain file of at most %d bytes", path, errUnitArchive, maxUnitArchive)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	u, err := readUnitArchive(f)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(f, 0, info.Size())); err != nil {
		return nil, "", err
	}
	return u, hex.EncodeToString(hash.Sum(nil)), nil
}

// readUnitFile reads the next file, which must be the one that the manifest says.
func readUnitFile(archive *tar.Reader, f unitFile) ([]byte, error) {
	data, err := readUnitEntry(archive, f.Entry, f.Size, f.Size)
	if err != nil {
		return nil, err
	}
	if hash := sha256.Sum256(data); hex.EncodeToString(hash[:]) != f.SHA256 {
		return nil, fmt.Errorf("%w: %s is not what the manifest says", errUnitArchive, f.Entry)
	}
	return data, nil
}

// readUnitEntry reads the next file, of that name and of size bytes, or of limit at most if size is negative.
func readUnitEntry(archive *tar.Reader, name string, size, limit int) ([]byte, error) {
	h, err := archive.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it ends before %s", errUnitArchive, name)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUnitArchive, err)
	case h.Name != name:
		return nil, fmt.Errorf("%w: %.100q stands where %s should", errUnitArchive, h.Name, name)
	case h.Typeflag != tar.TypeReg || h.Linkname != "" || len(h.PAXRecords) > 0:
		return nil, fmt.Errorf("%w: %s is no plain file", errUnitArchive, name)
	case h.Size > int64(limit) || size >= 0 && h.Size != int64(size):
		return nil, fmt.Errorf("%w: %s has %d bytes, of %d", errUnitArchive, name, h.Size, limit)
	}
	data := make([]byte, h.Size)
	if _, err := io.ReadFull(archive, data); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errUnitArchive, name, err)
	}
	return data, nil
}

// parse reads a manifest, of whatever format.
func (m *unitManifest) parse(text []byte) error {
	var first struct {
		Format  int    `json:"format"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(text, &first); err != nil {
		return fmt.Errorf("%w: manifest: %w", errUnitArchive, err)
	}
	if first.Format != unitFormat {
		return fmt.Errorf("the archive has format %d, and this program knows %d: use the program that made it, gatescan %.40q, on this unit too",
			first.Format, unitFormat, first.Version)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(m); err != nil {
		return fmt.Errorf("%w: manifest: %w", errUnitArchive, err)
	}
	if err := m.check(); err != nil {
		return fmt.Errorf("%w: manifest: %w", errUnitArchive, err)
	}
	return nil
}

// check says what is wrong with a manifest, before anything that it names is read.
func (m *unitManifest) check() error {
	if len(m.Files) > maxUnitFiles {
		return fmt.Errorf("there are %d files; %d are allowed", len(m.Files), maxUnitFiles)
	}
	if m.Config.Entry != unitConfigEntry || m.Config.Size < 0 || m.Config.Size > maxUnitConfig {
		return fmt.Errorf("a configuration of %d bytes; %d are allowed", m.Config.Size, maxUnitConfig)
	}
	if !isPrintable(m.Name) || !isPrintable(m.Version) {
		return errors.New("a name that cannot be printed")
	}
	total, last := 0, ""
	for i, f := range m.Files {
		switch {
		case !isUnitPath(f.Path) || !isPrintable(strings.Join(f.Keys, "")):
			return fmt.Errorf("%.100q is no path", f.Path)
		case f.Path <= last:
			return fmt.Errorf("%s is there twice, or out of order", f.Path)
		case f.Entry != unitEntry(i+1, f.Path):
			return fmt.Errorf("%s is not called %s", f.Path, unitEntry(i+1, f.Path))
		case f.Size < 0 || f.Size > maxUnitFile:
			return fmt.Errorf("%s has %d bytes; %d are allowed", f.Path, f.Size, maxUnitFile)
		}
		if total += f.Size; total > maxUnitSize {
			return fmt.Errorf("the files have more than %d bytes; are they the right ones?", maxUnitSize)
		}
		last = f.Path
	}
	for _, d := range m.Directories {
		if !isUnitPath(d.Path) {
			return fmt.Errorf("%.100q is no path", d.Path)
		}
	}
	for _, l := range m.LeftOut {
		if !isUnitPath(l.Path) || !isPrintable(l.Why) || !isPrintable(strings.Join(l.Keys, "")) {
			return fmt.Errorf("%.100q is no path", l.Path)
		}
	}
	return nil
}

// lacksSecrets says whether a secret was left out.
func (m *unitManifest) lacksSecrets() bool {
	return slices.ContainsFunc(m.LeftOut, func(l leftOut) bool { return l.Secret })
}

// isUnitPath is whether a manifest may hold a path. Where it leads is for the import to judge.
func isUnitPath(name string) bool {
	return name != "" && len(name) <= maxUnitPath && filepath.Clean(name) == name && isPrintable(name)
}

// isPrintable is whether a text may be shown on a terminal as it is.
func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
