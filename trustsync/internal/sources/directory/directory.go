// Package directory is the sources of a directory of certificates and of a directory of rules, which an operator vouches for. It must never
// know the Syncer, the store or another source.
package directory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gatescan/trustsync/internal/files"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/verify"
)

// maxFileSize bounds a file of certificates, in bytes.
const maxFileSize = 1 << 20

const Kind = "directory"

// directory is the source of a directory of certificates, or of one file of them: see Read.
type directory struct {
	path    string
	cscas   pki.Authorities // nil if the DSCs need not chain to any
	domains verify.Domain
}

func New(c sources.Config) (source.Source, error) {
	if c.Path == "" {
		return nil, errors.New("a directory needs its path")
	}
	d := directory{path: c.Path, domains: c.Domains}
	if len(c.CSCAs) > 0 {
		var err error
		if d.cscas, err = pki.ParseAuthorities(c.CSCAs); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d directory) Fetch(context.Context, source.Moment) (*source.Holding, source.Report, error) {
	signers, report, err := readDirectory(d.path, d.cscas)
	if err != nil {
		return nil, report, err
	}
	for i := range signers {
		signers[i].Domain = d.domains
	}
	return &source.Holding{Signers: signers}, report, nil
}

func (d directory) Traits() source.Traits {
	return source.Traits{
		Kind: Kind, Signs: "nothing; whoever may write there is trusted", Age: source.AgeNone,
		Absence: "this directory no longer vouches for it",
	}
}

// Read reads all certificates of a directory, or of a single file if path is one. A file holds one certificate in
// DER, or any number in PEM; what stands between PEM blocks is ignored. Subdirectories are not entered.
//
// What cannot be used is named in the report and spoils nothing else. The order is that of the file names, then
// that of the file. The same certificate counts once; different ones with the same kid all stay.
//
// It is an error if path itself cannot be read (a single file: if it is neither PEM nor DER), or if it holds more than
// 100,000 files or certificates. It is none if not one certificate can be used. A file may have 1 MiB. Nothing but
// regular files is opened.
func Read(path string) ([]source.Signer, source.Report, error) {
	return readDirectory(path, nil)
}

func readDirectory(path string, cscas pki.Authorities) ([]source.Signer, source.Report, error) {
	r := directoryReader{seen: map[[sha256.Size]byte]bool{}, cscas: cscas}
	info, err := os.Stat(path)
	if err != nil {
		return nil, source.Report{}, fmt.Errorf("trust directory: %w", err)
	}
	if !info.IsDir() {
		if err := r.file(filepath.Base(path), path); err != nil {
			return nil, source.Report{}, fmt.Errorf("trust directory %s: %w", path, err)
		}
		return r.done()
	}
	names, err := files.Names(path)
	if err != nil {
		return nil, source.Report{}, fmt.Errorf("trust directory: %w", err)
	}
	for _, name := range names {
		if err := r.file(name, filepath.Join(path, name)); err != nil {
			r.skip(name, err)
		}
		if r.blocks > source.MaxCertificates {
			return nil, source.Report{}, fmt.Errorf("trust directory %s: more than %d certificates", path, source.MaxCertificates)
		}
	}
	return r.done()
}

// directoryReader collects what the files of a directory hold.
type directoryReader struct {
	signers []source.Signer
	cscas   pki.Authorities
	report  source.Report
	seen    map[[sha256.Size]byte]bool // hashes of the certificates that were read
	blocks  int
}

func (r *directoryReader) done() ([]source.Signer, source.Report, error) {
	r.report.Loaded = len(r.signers)
	return r.signers, r.report, nil
}

func (r *directoryReader) skip(name string, err error) {
	r.report.Skipped = append(r.report.Skipped, source.Skipped{Name: name, Err: err})
}

// file reads one file. What is wrong in a part of it goes to the report; the error is about all of it.
func (r *directoryReader) file(name, path string) error {
	data, err := files.Read(path, maxFileSize)
	if err != nil {
		return err
	}
	if len(data) > maxFileSize {
		return fmt.Errorf("larger than %d KiB", maxFileSize>>10)
	}
	blocks, err := pki.CertificateBlocks(data)
	if err != nil {
		return err
	}
	for i, block := range blocks {
		if r.blocks++; r.blocks > source.MaxCertificates {
			return fmt.Errorf("more than %d certificates", source.MaxCertificates)
		}
		if err := r.certificate(block); err != nil {
			if len(blocks) > 1 {
				err = fmt.Errorf("PEM block %d: %w", i+1, err)
			}
			r.skip(name, err)
		}
	}
	return nil
}

func (r *directoryReader) certificate(b pki.Block) error {
	if b.Err != nil {
		return b.Err
	}
	hash := sha256.Sum256(b.DER)
	if r.seen[hash] {
		r.report.Duplicates++
		return nil
	}
	signer, err := pki.ParseSigner(b.DER)
	if err != nil {
		if pki.IsPrivateKey(b.DER) {
			return pki.ErrPrivateKey
		}
		return err
	}
	if r.cscas != nil {
		if err := r.cscas.Verify(b.DER); err != nil {
			return err
		}
	}
	r.seen[hash] = true
	r.signers = append(r.signers, signer)
	return nil
}
