package eu

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/pki/pkitest"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
)

func archivePacked(t testing.TB, files ...lists.ArchiveFile) []byte {
	t.Helper()
	data, err := lists.PackEUArchive(files)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestEUArchiveEntries(t *testing.T) {
	x, y := sourcetest.DomainOf(t, "XX", 2), sourcetest.DomainOf(t, "YY", 1)
	ofOld := sourcetest.ExpiredCSCA(t, "XX")
	good := lists.EUArchiveFiles(sourcetest.Signed, x, y)
	dsc := x.DSCs[0].Raw
	file := lists.CertificateFile("DSC", "XX", dsc)
	named := func(name string) []lists.ArchiveFile { return []lists.ArchiveFile{{Name: name, Data: file.Data}} }
	holding := func(data []byte) []lists.ArchiveFile { // another certificate, so that its name is a new one
		f := lists.CertificateFile("DSC", "XX", sourcetest.DSCUnder(t, "XX", x.CSCA))
		f.Data = data
		return []lists.ArchiveFile{f}
	}
	pemOf := func(kind, country string, der []byte) []lists.ArchiveFile {
		return []lists.ArchiveFile{lists.CertificateFile(kind, country, der)}
	}
	digits := strings.TrimSuffix(strings.TrimPrefix(file.Name, "DSC/DCC/XX/"), ".pem")
	key, err := x509.MarshalPKCS8PrivateKey(x.Signer.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name               string
		more               []lists.ArchiveFile
		loaded, duplicates int
		why                string // empty if nothing is skipped
	}{
		{"nothing more", nil, 3, 0, ""},
		{"one more", pemOf("DSC", "XX", sourcetest.DSCUnder(t, "XX", x.CSCA)), 4, 0, ""},
		{"one again", []lists.ArchiveFile{file}, 3, 1, ""},
		{"more folders", []lists.ArchiveFile{{Name: "DSC/DCC/ZZ/"}, {Name: "CSCA/DCC/"}}, 3, 0, ""},
		{"CSCA that is over", append(pemOf("CSCA", "XX", ofOld.Cert.Raw), pemOf("DSC", "XX", sourcetest.DSCUnder(t, "XX", ofOld))...), 4, 0, ""},

		{"CSCA of another country", pemOf("DSC", "XX", sourcetest.DSCUnder(t, "XX", y.CSCA)), 3, 0, "issued by none of the CSCAs"},
		{"folder of another country", pemOf("DSC", "YY", sourcetest.DSCUnder(t, "XX", y.CSCA)), 3, 0, `a certificate of country "XX"`},
		{"folder without CSCAs", pemOf("DSC", "ZZ", sourcetest.DSCUnder(t, "ZZ", y.CSCA)), 3, 0, "issued by none of the CSCAs"},
		{"CSCA of the same name", pemOf("DSC", "XX", sourcetest.DSCUnder(t, "XX", sourcetest.DomainOf(t, "XX", 0).CSCA)), 3, 0, "not signed by the CSCA"},
		{"CSCA that is none", pemOf("CSCA", "XX", dsc), 3, 0, pki.ErrNotCSCA.Error()},
		{"CSCA that is nothing", []lists.ArchiveFile{{Name: lists.CertificateFile("CSCA", "XX", dsc).Name, Data: []byte("x")}}, 3, 0, "neither PEM nor DER"},

		{"name of another", holding(file.Data), 3, 0, "not the certificate whose SHA-256 is its name"},
		{"empty file", holding(nil), 3, 0, "an empty file"},
		{"private key", holding(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), 3, 0, "private key"},
		{"two blocks", holding(append(bytes.Clone(file.Data), file.Data...)), 3, 0, "2 PEM blocks"},
		{"damaged block", holding(file.Data[:200]), 3, 0, pki.ErrDamagedPEM.Error()},

		{"path out", named("../../../etc/passwd"), 3, 0, errArchiveName.Error()},
		{"path out of a folder", named("DSC/DCC/XX/../" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"path from the root", named("/DSC/DCC/XX/" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"path with a drive", named(`C:\DSC\DCC\XX\` + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"backslashes", named(`DSC\DCC\XX\` + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"small country", named("DSC/DCC/xx/" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"long country", named("DSC/DCC/XXX/" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"no country", named("DSC/DCC//" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"other domain", named("DSC/DDCC/XX/" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"other kind", named("UPLOAD/DCC/XX/" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"deeper", named("DSC/DCC/XX/YY/" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"higher", named("DSC/DCC/" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"capital digits", named("DSC/DCC/XX/" + strings.ToUpper(digits) + ".pem"), 3, 0, errArchiveName.Error()},
		{"too few digits", named("DSC/DCC/XX/" + digits[2:] + ".pem"), 3, 0, errArchiveName.Error()},
		{"not digits", named("DSC/DCC/XX/zz" + digits[2:] + ".pem"), 3, 0, errArchiveName.Error()},
		{"other ending", named("DSC/DCC/XX/" + digits + ".PEM"), 3, 0, errArchiveName.Error()},
		{"ending of a folder", named("DSC/DCC/XX/" + digits + ".pem/"), 3, 0, errArchiveName.Error()},
		{"no name", named(""), 3, 0, errArchiveName.Error()},
		{"only a slash", named("/"), 3, 0, errArchiveName.Error()},
		{"a zero", named("DSC/DCC/XX/\x00" + digits + ".pem"), 3, 0, errArchiveName.Error()},
		{"other text", named("readme.txt"), 3, 0, errArchiveName.Error()},
		{"other folder", []lists.ArchiveFile{{Name: "DSC/DDCC/"}}, 3, 0, errArchiveName.Error()},
	} {
		more := test.more
		for i := range more {
			if strings.HasSuffix(more[i].Name, "/") {
				more[i].Data = nil // a zip writer refuses it
			}
		}
		data := archivePacked(t, append(slices.Clone(good), more...)...)
		signers, report, err := ReadArchive(data)
		if err != nil || len(signers) != test.loaded || report.Loaded != test.loaded || report.Duplicates != test.duplicates {
			t.Errorf("%s: %d signers, %+v, %v", test.name, len(signers), report, err)
			continue
		}
		skipped := 0
		if test.why != "" {
			skipped = 1
		}
		if len(report.Skipped) != skipped {
			t.Errorf("%s: skipped %v", test.name, report.Skipped)
		} else if skipped == 1 && (!strings.Contains(report.Skipped[0].Err.Error(), test.why) || report.Skipped[0].Name != fmt.Sprintf("%.120s", more[len(more)-1].Name)) {
			t.Errorf("%s: skipped %v, want %q", test.name, report.Skipped, test.why)
		}
		if !LooksLikeArchive(data) {
			t.Errorf("%s: does not look like one", test.name)
		}
	}
}

// Nothing that is usable is no error here: the caller judges that.
func TestEUArchiveAllUnusable(t *testing.T) {
	x, y := sourcetest.DomainOf(t, "XX", 3), sourcetest.DomainOf(t, "XX", 0)
	x.CSCA = y.CSCA // signed none of them
	signers, report, err := ReadArchive(archivePacked(t, lists.EUArchiveFiles(sourcetest.Signed, x)...))
	if err != nil || len(signers) != 0 || report.Loaded != 0 || len(report.Skipped) != 3 {
		t.Errorf("%d signers, %+v, %v", len(signers), report, err)
	}
	if _, _, err := ReadArchive(archivePacked(t)); err != nil {
		t.Errorf("an empty archive: %v", err)
	}
	for name, data := range map[string]string{"nothing": "", "text": "hello", "tail": strings.Repeat("x", 70_000)} {
		if _, _, err := ReadArchive([]byte(data)); !errors.Is(err, source.ErrMalformed) || LooksLikeArchive([]byte(data)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// archiveRaw packs files whose headers say what they like of their sizes.
func archiveRaw(t testing.TB, n int, unpacked, packed int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	body := make([]byte, packed)
	for i := range n {
		f, err := w.CreateRaw(&zip.FileHeader{
			Name: fmt.Sprintf("DSC/DCC/XX/%064x.pem", i), Method: zip.Store, CRC32: crc32.ChecksumIEEE(body),
			UncompressedSize64: uint64(unpacked), CompressedSize64: uint64(packed),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEUArchiveBombs(t *testing.T) {
	sourcetest.NoRaces(t)
	zeros := func(n int) []byte {
		return archivePacked(t, lists.ArchiveFile{Name: fmt.Sprintf("DSC/DCC/XX/%064x.pem", 0), Data: make([]byte, n)})
	}
	spaces := strings.Repeat(" ", maxArchiveFile)
	for _, test := range []struct {
		name    string
		data    []byte
		whole   error // of the archive
		skipped error // of the one file
	}{
		{"a file of 256 MiB", zeros(256 << 20), nil, source.ErrTooLarge},
		{"a file too large by a byte", archiveRaw(t, 1, maxArchiveFile+1, maxArchiveFile+1), nil, source.ErrTooLarge},
		{"a file packed too well", zeros(maxArchiveFile), nil, source.ErrTooLarge},
		{"a file that says less than it is", archiveRaw(t, 1, 10, 5000), nil, zip.ErrFormat},
		{"a file that says more than it is", archiveRaw(t, 1, 5000, 400), nil, errors.New("")},
		{"a file of 2^64-1 bytes", archiveRaw(t, 1, -1, 100), nil, source.ErrTooLarge},
		{"all too large", archiveRaw(t, maxArchiveTotal/maxArchiveFile+1, maxArchiveFile, maxArchiveFile/maxArchiveRatio), source.ErrTooLarge, nil},
		{"too many", archiveRaw(t, maxArchiveEntries+1, 0, 0), source.ErrTooLarge, nil},
		{"more than any count says", bytes.Repeat([]byte(zipDirectoryHeader), maxArchiveEntries+1), source.ErrTooLarge, nil},
		{"too long", make([]byte, source.MaxListSize+1), source.ErrTooLarge, nil},
		{"spaces", archivePacked(t, lists.ArchiveFile{Name: "Readme.txt", Data: []byte(spaces)}), nil, nil},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		signers, report, err := ReadArchive(test.data)
		runtime.ReadMemStats(&after)
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 64 {
			t.Errorf("%s: %d MiB allocated", test.name, used)
		}
		if !errors.Is(err, test.whole) || (err == nil) != (test.whole == nil) || len(signers) != 0 {
			t.Errorf("%s: %d signers, %v, want %v", test.name, len(signers), err, test.whole)
			continue
		}
		switch {
		case test.skipped == nil && len(report.Skipped) == 0:
		case test.skipped == nil || len(report.Skipped) != 1:
			t.Errorf("%s: skipped %v", test.name, report.Skipped)
		case test.skipped.Error() != "" && !errors.Is(report.Skipped[0].Err, test.skipped):
			t.Errorf("%s: skipped %v, want %v", test.name, report.Skipped, test.skipped)
		}
	}
}

// archiveOfMany has n DSCs that are all signed, and one key.
func archiveOfMany(t testing.TB, n int) []byte {
	t.Helper()
	d := sourcetest.DomainOf(t, "XX", 0)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := *d.Signer.Cert
	template.SignatureAlgorithm = 0
	files := []lists.ArchiveFile{lists.CertificateFile("CSCA", "XX", d.CSCA.Cert.Raw)}
	for i := range n {
		template.SerialNumber = big.NewInt(int64(i) + 1)
		der, err := x509.CreateCertificate(rand.Reader, &template, d.CSCA.Cert, key.Public(), d.CSCA.Key)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, lists.CertificateFile("DSC", "XX", der))
	}
	return archivePacked(t, files...)
}

// How long it takes to hold each against its CSCA. The last is as many as fit into an answer of a server; 100,000 do not.
func BenchmarkParseEUArchive(b *testing.B) {
	for _, n := range []int{1000, 10_000, 80_000} {
		if n > 1000 && testing.Short() {
			continue
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data := archiveOfMany(b, n)
			b.ReportAllocs()
			for b.Loop() {
				signers, report, err := ReadArchive(data)
				if err != nil || len(signers) != n {
					b.Fatalf("archive of %d bytes: %d signers, %d skipped, %v", len(data), len(signers), len(report.Skipped), err)
				}
			}
			b.ReportMetric(float64(len(data))/1e6, "MB-in")
		})
	}
}

// FuzzEUArchive: whatever is signed by nobody is not authentic, and no archive does harm.
func FuzzEUArchive(f *testing.F) {
	x := sourcetest.DomainOf(f, "XX", 2)
	archive, signature := archiveBuilt(f, sourcetest.Signed, x)
	f.Add(archive, signature)
	f.Add(archive[:len(archive)/2], signature[:100])
	f.Add(archiveRaw(f, 2, 100, 100), []byte(nil))
	f.Add(archivePacked(f, lists.ArchiveFile{Name: "../x", Data: []byte("x")}), []byte("MIAG"))
	key := pkitest.Anchors(f, sourcetest.DomainOf(f, "XX", 0).Signer.PEM())
	f.Fuzz(func(t *testing.T, archive, signature []byte) {
		LooksLikeArchive(archive)
		if _, err := openEUArchive(archive, signature, key, "", sourcetest.Now); err == nil {
			t.Fatal("authentic")
		}
		signers, report, err := ReadArchive(archive)
		if err == nil && (report.Loaded != len(signers) || len(signers) > 2) { // only those of the seed are signed
			t.Fatalf("%d signers, %+v", len(signers), report)
		}
	})
}
