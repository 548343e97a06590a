package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gatescan/cmd/gatescan/unit"
)

// runExport is gatescan config -export.
func runExport(archive, path string, secrets, asJSON bool, stdout io.Writer) (int, error) {
	u, err := exportUnit(path, secrets, time.Now())
	if err != nil {
		return 0, err
	}
	report := exportReport{Archive: archive, Manifest: u.Manifest}
	if err := report.write(u); err != nil {
		return 0, err
	}
	if asJSON {
		err = json.NewEncoder(stdout).Encode(report)
	} else {
		err = report.print(stdout)
	}
	if report.LacksSecrets() {
		return exitFailed, err
	}
	return exitDone, err
}

// exportReport says what is in an archive.
type exportReport struct {
	Archive string `json:"archive"`
	Size    int    `json:"size"` // bytes
	SHA256  string `json:"sha256"`
	Mode    string `json:"mode"`
	unit.Manifest
}

// write puts the archive where nothing is, and reads it back.
func (r *exportReport) write(u *unit.Archive) (err error) {
	mode := fs.FileMode(0o644)
	if u.Manifest.Secrets { // also if there are none: the configuration may hold a password
		mode = 0o600
	}
	f, err := os.OpenFile(r.Archive, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: remove it, or choose another name", r.Archive)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(r.Archive))
		}
	}()
	hash, size := sha256.New(), new(counter)
	if err := u.Write(io.MultiWriter(f, hash, size)); err != nil {
		return err
	}
	_ = f.Chmod(mode) // for the umask; not every file system keeps modes
	if err := f.Sync(); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := unit.Read(io.NewSectionReader(f, 0, info.Size())); err != nil {
		return fmt.Errorf("%s cannot be read back: %w", r.Archive, err)
	}
	r.Size, r.SHA256, r.Mode = int(*size), hex.EncodeToString(hash.Sum(nil)), fmt.Sprintf("%04o", info.Mode().Perm())
	return syncDirectory(filepath.Dir(r.Archive))
}

// counter counts bytes.
type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (r *exportReport) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s and %s\n", r.Archive, unit.ConfigEntry, countOf(len(r.Files), "file"))
	for _, f := range r.Files {
		secret := ""
		if f.Secret {
			secret = ", secret"
		}
		fmt.Fprintf(&b, "  %s (%s%s)\n", f.Path, strings.Join(f.Keys, ", "), secret)
	}
	for _, l := range r.LeftOut {
		fmt.Fprintf(&b, "left out: %s (%s): %s\n", l.Path, strings.Join(l.Keys, ", "), l.Why)
	}
	if r.LacksSecrets() {
		b.WriteString("With -secrets it would hold those too; without, copy them to the replacement by hand.\n")
	}
	if r.Secrets {
		fmt.Fprintf(&b, "It holds secrets, and has mode %s: whoever reads it can pass for this gate. Wipe it when the replacement works.\n", r.Mode)
		if r.Mode != "0600" {
			b.WriteString("The file system does not keep modes: whoever gets hold of it can read it.\n")
		}
	}
	b.WriteString("Counters, trust store and clock stay here; the replacement makes its own.\n")
	fmt.Fprintf(&b, "%d bytes, sha256 %s\n", r.Size, r.SHA256)
	_, err := io.WriteString(w, b.String())
	return err
}

// countOf is like "1 file" and "2 files".
func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
