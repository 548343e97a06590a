// Package unit is the archive that carries the identity and the settings of a gate to the unit that replaces it.
//
// It must never know what the configuration says, nor write a file: an archive is hostile until an import has compared each of its
// paths with the configuration.
package unit

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

// Archive is the identity and the settings of a gate, for the unit that replaces it. As a file it is a tar of plain
// files: manifest.json, gatescan.toml, and what the configuration names, in the order of the manifest. Nothing in it is
// signed: an attacker who can change it decides about the gate that imports it.
type Archive struct {
	Manifest Manifest
	Config   []byte            // the configuration file, byte for byte
	Files    map[string][]byte // by the paths of the manifest
}

// Manifest says what an archive holds.
type Manifest struct {
	Format      int         `json:"format"`
	Version     string      `json:"version"` // of the program that made it
	Made        time.Time   `json:"made"`
	Name        string      `json:"name"`    // status.name
	Secrets     bool        `json:"secrets"` // they were asked for
	Config      File        `json:"config"`
	Files       []File      `json:"files"`       // by path, ascending
	Directories []Directory `json:"directories"` // all of each is there, but for what was left out
	LeftOut     []LeftOut   `json:"left_out"`
}

// File is one file of an archive.
type File struct {
	Entry  string   `json:"entry"`          // its name in the tar
	Path   string   `json:"path,omitempty"` // as the configuration says, below the directory if that names one; cleaned
	Keys   []string `json:"keys,omitempty"` // that name it
	Secret bool     `json:"secret,omitempty"`
	Size   int      `json:"size"` // bytes
	SHA256 string   `json:"sha256"`
}

// Directory is a directory that the configuration names.
type Directory struct {
	Path string `json:"path"`
	Key  string `json:"key"`
}

// LeftOut is a file or directory that the configuration names and the archive does not hold.
type LeftOut struct {
	Path   string   `json:"path"`
	Keys   []string `json:"keys"`
	Why    string   `json:"why"`
	Secret bool     `json:"secret,omitempty"`
}

// Bounds of an archive.
const (
	format      = 1
	MaxConfig   = 1 << 20  // bytes of a configuration file
	MaxFile     = 16 << 20 // bytes
	MaxSize     = 32 << 20 // bytes of all files
	MaxFiles    = 10_000
	maxManifest = 8 << 20
	MaxArchive  = MaxSize + maxManifest + MaxConfig + (MaxFiles+4)*2*tarBlock
	maxPath     = 4096
	tarBlock    = 512
)

const (
	manifestEntry = "manifest.json"
	ConfigEntry   = "gatescan.toml"
)

// entryName is the name in the tar of the nth file, from 1. Whatever its path, it fits every tar, and leads nowhere.
func entryName(n int, file string) string {
	base := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, path.Base(file))
	return fmt.Sprintf("files/%04d/%.60s", n, base)
}

// ErrArchive is wrapped by every error about the contents of an archive.
var ErrArchive = errors.New("this is no archive of gatescan config -export, or it is damaged: make it anew")

// AddChecksums fills in what the manifest says of contents.
func (u *Archive) AddChecksums() {
	measure := func(f *File, data []byte) {
		hash := sha256.Sum256(data)
		f.Size, f.SHA256 = len(data), hex.EncodeToString(hash[:])
	}
	u.Manifest.Format = format
	u.Manifest.Config.Entry = ConfigEntry
	measure(&u.Manifest.Config, u.Config)
	for i := range u.Manifest.Files {
		f := &u.Manifest.Files[i]
		f.Entry = entryName(i+1, f.Path)
		measure(f, u.Files[f.Path])
	}
}

// Write writes the archive as a tar. The same archive has the same bytes.
func (u *Archive) Write(w io.Writer) error {
	manifest, err := json.MarshalIndent(u.Manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := u.Manifest.check(); err != nil {
		return err
	}
	if len(manifest) > maxManifest {
		return fmt.Errorf("the names of the files take more than %d bytes", maxManifest)
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
	add(manifestEntry, 0o644, append(manifest, '\n'))
	add(ConfigEntry, 0o644, u.Config)
	for _, f := range u.Manifest.Files {
		mode := int64(0o644)
		if f.Secret {
			mode = 0o600
		}
		add(f.Entry, mode, u.Files[f.Path])
	}
	if err != nil {
		return err
	}
	return archive.Close()
}

// Read reads an archive from a hostile tar. Each entry is bounded before it is read. The error wraps ErrArchive, or names another format.
func Read(r io.Reader) (*Archive, error) {
	archive := tar.NewReader(io.LimitReader(r, MaxArchive))
	text, err := readEntry(archive, manifestEntry, -1, maxManifest)
	if err != nil {
		return nil, err
	}
	u := &Archive{Files: map[string][]byte{}}
	if err := u.Manifest.parse(text); err != nil {
		return nil, err
	}
	if u.Config, err = readFile(archive, u.Manifest.Config); err != nil {
		return nil, err
	}
	for _, f := range u.Manifest.Files {
		if u.Files[f.Path], err = readFile(archive, f); err != nil {
			return nil, err
		}
	}
	if h, err := archive.Next(); err == nil {
		return nil, fmt.Errorf("%w: %.100q is not in its manifest", ErrArchive, h.Name)
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	return u, nil
}

// Open reads the archive in a plain file, and returns the SHA-256 of its bytes in hexadecimal digits.
func Open(path string) (*Archive, string, error) {
	info, err := os.Stat(path) // a pipe would block
	if err != nil {
		return nil, "", err
	}
	if !info.Mode().IsRegular() || info.Size() > MaxArchive {
		return nil, "", fmt.Errorf("%s: %w: it is no plain file of at most %d bytes", path, ErrArchive, MaxArchive)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	u, err := Read(f)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(f, 0, info.Size())); err != nil {
		return nil, "", err
	}
	return u, hex.EncodeToString(hash.Sum(nil)), nil
}

// readFile reads the next file, which must be the one that the manifest says.
func readFile(archive *tar.Reader, f File) ([]byte, error) {
	data, err := readEntry(archive, f.Entry, f.Size, f.Size)
	if err != nil {
		return nil, err
	}
	if hash := sha256.Sum256(data); hex.EncodeToString(hash[:]) != f.SHA256 {
		return nil, fmt.Errorf("%w: %s is not what the manifest says", ErrArchive, f.Entry)
	}
	return data, nil
}

// readEntry reads the next file, of that name and of size bytes, or of limit at most if size is negative.
func readEntry(archive *tar.Reader, name string, size, limit int) ([]byte, error) {
	h, err := archive.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it ends before %s", ErrArchive, name)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	case h.Name != name:
		return nil, fmt.Errorf("%w: %.100q stands where %s should", ErrArchive, h.Name, name)
	case h.Typeflag != tar.TypeReg || h.Linkname != "" || len(h.PAXRecords) > 0:
		return nil, fmt.Errorf("%w: %s is no plain file", ErrArchive, name)
	case h.Size > int64(limit) || size >= 0 && h.Size != int64(size):
		return nil, fmt.Errorf("%w: %s has %d bytes, of %d", ErrArchive, name, h.Size, limit)
	}
	data := make([]byte, h.Size)
	if _, err := io.ReadFull(archive, data); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrArchive, name, err)
	}
	return data, nil
}

// parse reads a manifest, of whatever format.
func (m *Manifest) parse(text []byte) error {
	var first struct {
		Format  int    `json:"format"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(text, &first); err != nil {
		return fmt.Errorf("%w: manifest: %w", ErrArchive, err)
	}
	if first.Format != format {
		return fmt.Errorf("the archive has format %d, and this program knows %d: use the program that made it, gatescan %.40q, on this unit too",
			first.Format, format, first.Version)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(m); err != nil {
		return fmt.Errorf("%w: manifest: %w", ErrArchive, err)
	}
	if err := m.check(); err != nil {
		return fmt.Errorf("%w: manifest: %w", ErrArchive, err)
	}
	return nil
}

// check says what is wrong with a manifest, before anything that it names is read.
func (m *Manifest) check() error {
	if len(m.Files) > MaxFiles {
		return fmt.Errorf("there are %d files; %d are allowed", len(m.Files), MaxFiles)
	}
	if m.Config.Entry != ConfigEntry || m.Config.Size < 0 || m.Config.Size > MaxConfig {
		return fmt.Errorf("a configuration of %d bytes; %d are allowed", m.Config.Size, MaxConfig)
	}
	if !isPrintable(m.Name) || !isPrintable(m.Version) {
		return errors.New("a name that cannot be printed")
	}
	total, last := 0, ""
	for i, f := range m.Files {
		switch {
		case !IsPath(f.Path) || !isPrintable(strings.Join(f.Keys, "")):
			return fmt.Errorf("%.100q is no path", f.Path)
		case f.Path <= last:
			return fmt.Errorf("%s is there twice, or out of order", f.Path)
		case f.Entry != entryName(i+1, f.Path):
			return fmt.Errorf("%s is not called %s", f.Path, entryName(i+1, f.Path))
		case f.Size < 0 || f.Size > MaxFile:
			return fmt.Errorf("%s has %d bytes; %d are allowed", f.Path, f.Size, MaxFile)
		}
		if total += f.Size; total > MaxSize {
			return fmt.Errorf("the files have more than %d bytes; are they the right ones?", MaxSize)
		}
		last = f.Path
	}
	for _, d := range m.Directories {
		if !IsPath(d.Path) {
			return fmt.Errorf("%.100q is no path", d.Path)
		}
	}
	for _, l := range m.LeftOut {
		if !IsPath(l.Path) || !isPrintable(l.Why) || !isPrintable(strings.Join(l.Keys, "")) {
			return fmt.Errorf("%.100q is no path", l.Path)
		}
	}
	return nil
}

// LacksSecrets says whether a secret was left out.
func (m *Manifest) LacksSecrets() bool {
	return slices.ContainsFunc(m.LeftOut, func(l LeftOut) bool { return l.Secret })
}

// IsPath is whether a manifest may hold a path. Where it leads is for the import to judge.
func IsPath(name string) bool {
	return name != "" && len(name) <= maxPath && filepath.Clean(name) == name && isPrintable(name)
}

// isPrintable is whether a text may be shown on a terminal as it is.
func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
