package lists

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"time"
)

// ArchiveFile is a file in a zip, or a folder if its name ends in /.
type ArchiveFile struct {
	Name string
	Data []byte
}

// EUArchive is dcc_trustlist.zip with its signature, dcc_trustlist.zip.sig.txt, of a domain and perhaps others, signed by the first
// one's signer (dgc-gateway, PublishingService).
func EUArchive(d *Domain, signed time.Time, others ...*Domain) (archive, signature []byte, err error) {
	if archive, err = PackEUArchive(EUArchiveFiles(signed, append([]*Domain{d}, others...)...)); err != nil {
		return nil, nil, err
	}
	signature, err = SignEUArchive(d.Signer, archive, CMS{Time: signed, BER: true})
	return archive, signature, err
}

// EUArchiveFiles are the files of an archive, in the publisher's order.
func EUArchiveFiles(signed time.Time, domains ...*Domain) []ArchiveFile {
	files := []ArchiveFile{
		{"Readme.txt", []byte("Certificates of a lab, not for production\n")},
		{"License.txt", []byte("None\n")},
		{"Version.txt", []byte("DGCG Data Export\n\nExport Timestamp: " + signed.Format(time.RFC3339Nano) + "\n")},
	}
	for _, kind := range []string{"DSC", "CSCA"} {
		files = append(files, ArchiveFile{kind + "/", nil}, ArchiveFile{kind + "/DCC/", nil})
		for _, d := range domains {
			files = append(files, ArchiveFile{kind + "/DCC/" + d.Country + "/", nil})
		}
		for _, d := range domains {
			certs := d.DSCs
			if kind == "CSCA" {
				certs = []*x509.Certificate{d.CSCA.Cert}
			}
			for _, cert := range certs {
				files = append(files, CertificateFile(kind, d.Country, cert.Raw))
			}
		}
	}
	return files
}

// CertificateFile is a certificate as it stands in an archive. kind is DSC or CSCA.
func CertificateFile(kind, country string, der []byte) ArchiveFile {
	sum := sha256.Sum256(der)
	return ArchiveFile{
		kind + "/DCC/" + country + "/" + hex.EncodeToString(sum[:]) + ".pem",
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}
}

// PackEUArchive packs any files as the publisher does.
func PackEUArchive(files []ArchiveFile) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, file := range files {
		entry, err := w.Create(file.Name)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(file.Data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// SignEUArchive signs any bytes as the archive is signed.
func SignEUArchive(signer Credential, archive []byte, c CMS) ([]byte, error) {
	blob, err := c.Sign(signer, archive)
	return []byte(base64.StdEncoding.EncodeToString(blob)), err
}
