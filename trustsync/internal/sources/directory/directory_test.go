package directory

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatescan/trustsync/internal/files"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// Read is Read for a directory that must be readable. It fails the test if that blocks.
func read(t *testing.T, path string) ([]verify.DSC, source.Report) {
	t.Helper()
	done := make(chan struct{})
	var signers []source.Signer
	var report source.Report
	var err error
	go func() {
		defer close(done)
		signers, report, err = Read(path)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("ReadDirectory blocks")
	}
	if err != nil {
		t.Fatal(err)
	}
	if report.Loaded != len(signers) {
		t.Errorf("loaded %d, but %d DSCs", report.Loaded, len(signers))
	}
	return source.DSCs(signers), report
}

func kidsOf(dscs []verify.DSC) (kids []string) {
	for _, d := range dscs {
		kids = append(kids, d.KID.String())
	}
	return kids
}

// checkSkipped wants exactly these files to be skipped, in this order, each given as "name: a word of the reason".
func checkSkipped(t *testing.T, got []source.Skipped, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d skipped, want %d: %v", len(got), len(want), got)
		return
	}
	for i, w := range want {
		name, reason, _ := strings.Cut(w, ": ")
		if got[i].Name != name || !strings.Contains(got[i].Err.Error(), reason) {
			t.Errorf("skipped %s: %v, want %s", got[i].Name, got[i].Err, w)
		}
	}
}

func TestReadDirectoryPool(t *testing.T) {
	dir := t.TempDir()
	var kids []string
	for i, p := range sourcetest.Pool(t) {
		if i%2 == 0 {
			sourcetest.WriteFile(t, dir, p.KID+".der", p.DER)
		} else {
			sourcetest.WriteFile(t, dir, p.KID+".pem", sourcetest.PEM("CERTIFICATE", p.DER))
		}
		if _, ok := sourcetest.Unusable[p.KID]; !ok {
			kids = append(kids, p.KID)
		}
	}
	slices.Sort(kids)
	dscs, report := read(t, dir)
	if report.Loaded != 1789 || report.Duplicates != 0 || len(report.Skipped) != 12 {
		t.Errorf("loaded %d, duplicates %d, skipped %d", report.Loaded, report.Duplicates, len(report.Skipped))
	}
	if got := kidsOf(dscs); !slices.Equal(got, kids) {
		t.Error("the DSCs are not those that should load, in the order of the file names")
	}
	for _, s := range report.Skipped {
		if want, ok := sourcetest.Unusable[s.Name[:16]]; !ok || !strings.Contains(s.Err.Error(), want) {
			t.Errorf("skipped %s: %v, want %q", s.Name, s.Err, want)
		}
	}
	if got := verify.NewTrust(dscs).Len(); got != 1789 {
		t.Errorf("the snapshot has %d DSCs", got)
	}
}

func TestReadDirectoryFiles(t *testing.T) {
	all := sourcetest.Pool(t)
	a, b, c, d := all[0], all[1], all[2], all[3]
	p384 := sourcetest.FromPool(t, "897def991b9cf499")
	dir := t.TempDir()
	sourcetest.WriteFile(t, dir, "a.der", a.DER)
	sourcetest.WriteFile(t, dir, "again.pem", sourcetest.PEM("CERTIFICATE", a.DER))
	sourcetest.WriteFile(t, dir, "bundle.pem", slices.Concat([]byte("Subject: CN = DSC\n"), sourcetest.PEM("CERTIFICATE", b.DER), []byte("junk\n\x00\xff-----END\n"),
		sourcetest.PEM("CERTIFICATE", p384), sourcetest.PEM("X509 CERTIFICATE", a.DER), bytes.ReplaceAll(sourcetest.PEM("CERTIFICATE", c.DER), []byte("\n"), []byte("\r\n")), []byte("junk")))
	sourcetest.WriteFile(t, dir, "bom.pem", slices.Concat([]byte("\xef\xbb\xbf"), sourcetest.PEM("CERTIFICATE", d.DER)))
	sourcetest.WriteFile(t, dir, "README.md", []byte("# The certificates of this gate\n"))
	sourcetest.WriteFile(t, dir, "empty", nil)
	sourcetest.WriteFile(t, dir, "list.json", []byte("{}"))
	sourcetest.WriteFile(t, dir, "tail.der", append(slices.Clone(b.DER), '\n'))
	sourcetest.WriteFile(t, dir, "cut.der", b.DER[:100])
	sourcetest.WriteFile(t, dir, "large", make([]byte, maxFileSize+1))
	sourcetest.WriteFile(t, dir, "indented.pem", bytes.ReplaceAll(sourcetest.PEM("CERTIFICATE", b.DER), []byte("-----"), []byte(" -----")))
	sourcetest.WriteFile(t, dir, "damaged.pem", slices.Concat(
		bytes.Replace(sourcetest.PEM("CERTIFICATE", b.DER), []byte("M"), []byte("!"), 1), sourcetest.PEM("CERTIFICATE", c.DER)[:200], sourcetest.PEM("CERTIFICATE", d.DER)))
	sourcetest.WriteFile(t, dir, "joined.pem", slices.Concat(bytes.TrimSpace(sourcetest.PEM("CERTIFICATE", all[4].DER)), sourcetest.PEM("CERTIFICATE", all[5].DER)))
	sourcetest.WriteFile(t, dir, "public.pem", sourcetest.PEM("PUBLIC KEY", b.DER))
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	sourcetest.WriteFile(t, dir, "sub/e.der", all[6].DER)

	dscs, report := read(t, dir)
	if got, want := kidsOf(dscs), []string{a.KID, d.KID, b.KID, c.KID, all[4].KID, all[5].KID}; !slices.Equal(got, want) {
		t.Errorf("kids %v, want %v", got, want)
	}
	if report.Duplicates != 3 { // again.pem, bundle.pem block 3, damaged.pem block 3
		t.Errorf("%d duplicates, want 3", report.Duplicates)
	}
	checkSkipped(
		t, report.Skipped,
		"README.md: neither PEM nor DER",
		"bundle.pem: PEM block 2: P-384 key",
		"cut.der: not a certificate",
		"damaged.pem: PEM block 1: damaged",
		"damaged.pem: PEM block 2: damaged",
		"empty: empty",
		"indented.pem: damaged",
		"large: larger than 1024 KiB",
		"list.json: neither PEM nor DER",
		"public.pem: \"PUBLIC KEY\"",
		"sub: a directory",
		"tail.der: trailing data",
	)

	// the same once more, for the order
	again, reportAgain := read(t, dir)
	if !slices.Equal(kidsOf(again), kidsOf(dscs)) || len(reportAgain.Skipped) != len(report.Skipped) {
		t.Error("a second reading differs")
	}
}

func TestReadDirectoryPrivateKeys(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	certificate := sourcetest.Pool(t)[0]
	keys := map[string][]byte{
		"1-pkcs8.der":     pkcs8,
		"2-sec1.der":      sec1,
		"3-pkcs1.der":     x509.MarshalPKCS1PrivateKey(rsaKey),
		"4-encrypted.der": sourcetest.Element(0x30, sourcetest.Element(0x30, []byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 0x0d}), sourcetest.Element(4, make([]byte, 100))),
		"5-pkcs8.pem":     sourcetest.PEM("PRIVATE KEY", pkcs8),
		"6-sec1.pem":      sourcetest.PEM("EC PRIVATE KEY", sec1),
		"7-pkcs1.pem":     sourcetest.PEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)),
		"8-openssh.pem":   sourcetest.PEM("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00")),
		"9-cut.pem":       sourcetest.PEM("PRIVATE KEY", pkcs8)[:80],
		"a-mislabeled":    sourcetest.PEM("CERTIFICATE", pkcs8),
		"b-together.pem":  append(sourcetest.PEM("CERTIFICATE", certificate.DER), sourcetest.PEM("PRIVATE KEY", pkcs8)...),
	}
	dir := t.TempDir()
	want := []string{}
	for name, data := range keys {
		sourcetest.WriteFile(t, dir, name, data)
		want = append(want, name+": holds a private key; it does not belong here")
	}
	slices.Sort(want)
	// A public key is none, nor is a certificate that cannot be used.
	sourcetest.WriteFile(t, dir, "c-public.der", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey))
	sourcetest.WriteFile(t, dir, "d-numbers.der", sourcetest.Element(0x30, []byte{2, 1, 1}, []byte{2, 1, 2}, []byte{2, 1, 3}))
	sourcetest.WriteFile(t, dir, "e-p384.der", sourcetest.FromPool(t, "897def991b9cf499"))
	want = append(want, "c-public.der: not a certificate", "d-numbers.der: not a certificate", "e-p384.der: P-384 key")
	dscs, report := read(t, dir)
	if got := kidsOf(dscs); !slices.Equal(got, []string{certificate.KID}) {
		t.Errorf("kids %v", got)
	}
	checkSkipped(t, report.Skipped, want...)
}

func TestReadDirectoryNotRegular(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	p := sourcetest.Pool(t)[0]
	sourcetest.WriteFile(t, outside, "good.der", p.DER)
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for name, target := range map[string]string{
		"device":   "/dev/zero",
		"dangling": "nowhere",
		"link.der": filepath.Join(outside, "good.der"),
		"linkdir":  outside,
		"loop":     "loop",
		"tofifo":   "fifo",
		"unread":   "/proc/self/mem", // a regular file whose start cannot be read, even by root
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	dscs, report := read(t, dir)
	if got := kidsOf(dscs); !slices.Equal(got, []string{p.KID}) {
		t.Errorf("kids %v", got)
	}
	checkSkipped(
		t, report.Skipped,
		"dangling: cannot stat: no such file",
		"device: a device",
		"fifo: a named pipe",
		"linkdir: a directory",
		"loop: cannot stat: too many levels of symbolic links",
		"socket: a socket",
		"tofifo: a named pipe",
		"unread: cannot read: input/output error",
	)
}

func TestReadDirectorySameKid(t *testing.T) {
	// Certificates whose hashes share 8 bytes cannot be made for a test, so this one looks one step further in: nothing between
	// the files and the snapshot may look at the kid.
	r := directoryReader{seen: map[[sha256.Size]byte]bool{}}
	for _, p := range sourcetest.Pool(t)[:2] {
		if err := r.certificate(pki.Block{DER: p.DER}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range r.signers {
		r.signers[i].KID = verify.KID{1}
	}
	signers, report, err := r.done()
	if err != nil || report.Loaded != 2 || verify.NewTrust(source.DSCs(signers)).Len() != 2 {
		t.Errorf("%d loaded, %d in the snapshot, error %v", report.Loaded, verify.NewTrust(source.DSCs(signers)).Len(), err)
	}
}

func TestReadDirectorySingleFile(t *testing.T) {
	all := sourcetest.Pool(t)
	dir := t.TempDir()
	sourcetest.WriteFile(t, dir, "two.pem", append(sourcetest.PEM("CERTIFICATE", all[0].DER), sourcetest.PEM("CERTIFICATE", all[1].DER)...))
	dscs, _ := read(t, filepath.Join(dir, "two.pem"))
	if got := kidsOf(dscs); !slices.Equal(got, []string{all[0].KID, all[1].KID}) {
		t.Errorf("kids %v", got)
	}
	sourcetest.WriteFile(t, dir, "p384.der", sourcetest.FromPool(t, "897def991b9cf499"))
	_, report := read(t, filepath.Join(dir, "p384.der"))
	checkSkipped(t, report.Skipped, "p384.der: P-384 key")
}

func TestReadDirectoryErrors(t *testing.T) {
	dir := t.TempDir()
	sourcetest.WriteFile(t, dir, "text", []byte("text"))
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	crowded := filepath.Join(dir, "crowded")
	if err := os.Mkdir(crowded, 0o700); err != nil {
		t.Fatal(err)
	}
	empty := []byte("-----BEGIN A-----\n-----END A-----\n") // the least that a block can have
	for name := range 5 {
		sourcetest.WriteFile(t, crowded, string(rune('a'+name)), bytes.Repeat(empty, maxFileSize/len(empty)))
	}
	for name, want := range map[string]string{
		"missing": "no such file",
		"fifo":    "a named pipe",
		"text":    "neither PEM nor DER",
		"crowded": "more than 100000 certificates",
	} {
		path := filepath.Join(dir, name)
		dscs, report, err := Read(path)
		sourcetest.CheckError(t, name, err, want)
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error does not name it: %v", name, err)
		}
		if dscs != nil || report.Skipped != nil {
			t.Errorf("%s: data together with an error", name)
		}
	}
	if dscs, report := read(t, t.TempDir()); len(dscs) != 0 || len(report.Skipped) != 0 {
		t.Errorf("an empty directory holds %v, skipped %v", dscs, report.Skipped)
	}
}

func TestReadDirectoryTooManyFiles(t *testing.T) {
	sourcetest.NoRaces(t)
	dir := t.TempDir()
	one := filepath.Join(dir, "0")
	sourcetest.WriteFile(t, dir, "0", nil)
	for i := range files.MaxFiles {
		// Links to one empty file cost no space.
		if err := os.Symlink(one, filepath.Join(dir, fmt.Sprint("link", i))); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := Read(dir)
	sourcetest.CheckError(t, dir, err, "more than 100000 files")
}

func TestPEMParts(t *testing.T) {
	const a, b = "-----BEGIN A\n1\n", "-----BEGIN B\n2\n"
	for text, want := range map[string][]string{
		"":               nil,
		"text":           nil,
		a:                {a},
		a + b:            {a, b},
		a[:len(a)-1] + b: {a[:len(a)-1], b}, // joined without a newline between
		"text\n" + a + b: {a, b},
		"text" + a:       {a},
		"\n\n" + a:       {a},
		"-----BEGIN ":    {"-----BEGIN "},
		"-----BEGIN":     nil,
	} {
		var got []string
		for _, part := range pki.SplitPEM([]byte(text)) {
			got = append(got, string(part))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
