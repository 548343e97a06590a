package eu

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
)

// Bounds of an archive. In March 2024 the gateway had 832 DSCs, which makes about 900 files of 1 to 2 KB.
const (
	maxArchiveEntries = source.MaxCertificates + 4096 // with CSCAs, folders and texts
	maxArchiveFile    = 2 * pki.MaxCertificateSize    // bytes of PEM, for the largest certificate in base64
	maxArchiveTotal   = 2 * source.MaxListSize        // bytes of all certificates, unpacked
	maxArchiveRatio   = 16                            // unpacked to packed; base64 gets to 1.4, a bomb to 1000
)

// zipDirectoryHeader begins each entry of the central directory (APPNOTE 6.3.10 §4.3.12).
const zipDirectoryHeader = "PK\x01\x02"

// archived is a certificate in an archive, by its name DSC/DCC/<country>/<SHA-256>.pem, or CSCA/....
type archived struct {
	*zip.File
	csca    bool
	country string
	hash    [sha256.Size]byte
}

// ReadArchive reads the DSCs of an archive whose signature was checked, or that somebody vouches for. A DSC counts if it is signed
// by a CSCA in the folder of the same country. Of dates none is judged (authorities).
//
// Names are compared and never used: nothing is written. Files that are not certificates are not unpacked.
func ReadArchive(data []byte) ([]source.Signer, source.Report, error) {
	e := list.NewEntries()
	dscs, cscas, err := openArchive(data, e)
	if err != nil {
		return nil, source.Report{}, err
	}
	known := map[string]pki.Authorities{}
	for _, file := range cscas {
		der, err := file.certificate()
		if err == nil {
			if known[file.country] == nil {
				known[file.country] = pki.Authorities{}
			}
			err = known[file.country].Add(der)
		}
		if err != nil {
			skipFile(e, file.Name, err)
		}
	}
	for _, file := range dscs {
		if err := e.More(); err != nil {
			return nil, source.Report{}, err
		}
		der, signer, err := file.signer(known[file.country])
		if err != nil {
			skipFile(e, file.Name, err)
			continue
		}
		e.Add(der, signer)
	}
	signers, report := e.Done()
	return signers, report, nil
}

// openArchive lists the certificates of an archive. What else is in there is named in the report, but for what belongs there.
func openArchive(data []byte, e *list.Entries) (dscs, cscas []archived, err error) {
	if len(data) > source.MaxListSize {
		return nil, nil, fmt.Errorf("%w: %d bytes", source.ErrTooLarge, len(data))
	}
	// The count at the archive's end has 16 bits, and the zip reader goes by them modulo that: so count what it will read.
	if n := bytes.Count(data, []byte(zipDirectoryHeader)); n > maxArchiveEntries {
		return nil, nil, fmt.Errorf("%w: %d files (%d are allowed)", source.ErrTooLarge, n, maxArchiveEntries)
	}
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // which is told by the name, below
		return nil, nil, fmt.Errorf("%w: %w", source.ErrMalformed, err)
	}
	total := uint64(0)
	for _, file := range r.File {
		one, err := readArchiveName(file)
		switch {
		case err != nil:
			skipFile(e, file.Name, err)
			continue
		case one.country == "":
			continue
		case file.UncompressedSize64 > maxArchiveFile:
			skipFile(e, file.Name, fmt.Errorf("%w: %d bytes", source.ErrTooLarge, file.UncompressedSize64))
			continue
		case file.UncompressedSize64/maxArchiveRatio > file.CompressedSize64:
			skipFile(e, file.Name, fmt.Errorf("%w: %d bytes packed into %d", source.ErrTooLarge, file.UncompressedSize64, file.CompressedSize64))
			continue
		}
		if total += file.UncompressedSize64; total > maxArchiveTotal {
			return nil, nil, fmt.Errorf("%w: certificates of more than %d MiB", source.ErrTooLarge, maxArchiveTotal>>20)
		}
		if one.csca {
			cscas = append(cscas, one)
		} else {
			dscs = append(dscs, one)
		}
	}
	return dscs, cscas, nil
}

// errArchiveName says that a file does not belong into an archive.
var errArchiveName = errors.New("neither <DSC or CSCA>/DCC/<country>/<SHA-256>.pem nor one of the texts")

// readArchiveName reads a name. One that belongs there and is no certificate has no country.
func readArchiveName(file *zip.File) (archived, error) {
	switch file.Name {
	case "Readme.txt", "License.txt", "Version.txt":
		return archived{}, nil
	}
	const kind, domain, country, name, levels = 0, 1, 2, 3, 4
	parts := strings.Split(file.Name, "/")
	isFolder := parts[len(parts)-1] == ""
	one := archived{File: file, csca: parts[kind] == "CSCA"}
	folders := parts[:len(parts)-1]
	switch {
	case len(folders) == 0, len(parts) > levels, !isFolder && len(parts) < levels,
		folders[kind] != "DSC" && !one.csca,
		len(folders) > domain && folders[domain] != "DCC",
		len(folders) > country && (folders[country] == "" || pki.CountryCode(folders[country]) != folders[country]):
		return archived{}, errArchiveName
	case isFolder:
		return archived{}, nil
	}
	digits, ok := strings.CutSuffix(parts[name], ".pem")
	if !ok || len(digits) != hex.EncodedLen(len(one.hash)) || strings.ToLower(digits) != digits {
		return archived{}, errArchiveName
	}
	if _, err := hex.Decode(one.hash[:], []byte(digits)); err != nil {
		return archived{}, errArchiveName
	}
	one.country = parts[country]
	return one, nil
}

// certificate unpacks the one certificate of a file, which must be the one that its name says.
func (a archived) certificate() ([]byte, error) {
	r, err := a.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxArchiveFile+1)) // its size is what the archive says, until it is unpacked
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxArchiveFile:
		return nil, fmt.Errorf("%w: more than %d bytes", source.ErrTooLarge, maxArchiveFile)
	}
	blocks, err := pki.CertificateBlocks(data)
	switch {
	case err != nil:
		return nil, err
	case len(blocks) != 1:
		return nil, fmt.Errorf("%d PEM blocks, not one", len(blocks))
	case blocks[0].Err != nil:
		return nil, blocks[0].Err
	case sha256.Sum256(blocks[0].DER) != a.hash:
		return nil, errors.New("not the certificate whose SHA-256 is its name")
	}
	return blocks[0].DER, nil
}

// signer is the DSC of a file, if one of the CSCAs signed it.
func (a archived) signer(cscas pki.Authorities) (der []byte, signer source.Signer, err error) {
	if der, err = a.certificate(); err != nil {
		return nil, source.Signer{}, err
	}
	kid := pki.KIDOf(der)
	if signer, err = list.Certificate(der, kid[:], a.country); err != nil {
		return nil, source.Signer{}, err
	}
	if signer.Country != a.country {
		return nil, source.Signer{}, fmt.Errorf("a certificate of country %q", signer.Country)
	}
	if err := cscas.Verify(der); err != nil {
		return nil, source.Signer{}, err
	}
	return der, signer, nil
}

// skipFile reports a file that cannot be used.
func skipFile(e *list.Entries, name string, err error) { e.SkipNamed(fmt.Sprintf("%.120s", name), err) }

// LooksLikeArchive says whether data is a zip with a folder of DSCs.
func LooksLikeArchive(data []byte) bool {
	return bytes.HasPrefix(data, []byte("PK\x03\x04")) && bytes.Contains(data, []byte("DSC/DCC/"))
}
