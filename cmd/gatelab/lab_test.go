package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// initLab runs gatelab init and returns the directory.
func initLab(t *testing.T, flags ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lab")
	var problems bytes.Buffer
	args := append(append([]string{"init"}, flags...), dir)
	if status := run(args, nil, io.Discard, &problems); status != 0 {
		t.Fatalf("init ended with status %d: %s", status, &problems)
	}
	return dir
}

// certificates reads every file in dir; each must be one certificate.
func certificates(t *testing.T, dir string) map[string]*x509.Certificate {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	certs := map[string]*x509.Certificate{}
	for _, entry := range entries {
		block, rest := pem.Decode(readFile(t, filepath.Join(dir, entry.Name())))
		if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 || filepath.Ext(entry.Name()) != ".pem" {
			t.Fatalf("%s in %s is not one PEM certificate", entry.Name(), dir)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		certs[entry.Name()] = cert
	}
	return certs
}

func TestInitCertificates(t *testing.T) {
	dir := initLab(t, "-country", "FR", "-rsa-bits", "3072")
	cscas, dscs := certificates(t, filepath.Join(dir, "csca")), certificates(t, filepath.Join(dir, "dsc"))
	if len(cscas) != 1 || len(dscs) != 2 {
		t.Fatalf("%d CSCAs and %d DSCs, want 1 and 2", len(cscas), len(dscs))
	}
	csca := cscas["csca.pem"]
	if err := csca.CheckSignatureFrom(csca); err != nil {
		t.Errorf("the CSCA does not vouch for itself: %v", err)
	}
	if !csca.IsCA || !csca.BasicConstraintsValid || csca.MaxPathLen != 0 || !csca.MaxPathLenZero || csca.KeyUsage != x509.KeyUsageCertSign {
		t.Errorf("CSCA: CA %v, pathLen %d, key usage %b", csca.IsCA, csca.MaxPathLen, csca.KeyUsage)
	}
	if key, ok := csca.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("the CSCA's key is no P-256 key but %T", csca.PublicKey)
	}
	if key, ok := dscs["es256.pem"].PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("the ES256 DSC's key is no P-256 key but %T", dscs["es256.pem"].PublicKey)
	}
	if key, ok := dscs["ps256.pem"].PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 3072 {
		t.Errorf("the PS256 DSC's key is no RSA key of 3072 bits but %T", dscs["ps256.pem"].PublicKey)
	}

	roots := x509.NewCertPool()
	roots.AddCert(csca)
	for name, dsc := range dscs {
		for _, at := range []string{"2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z"} {
			now, err := time.Parse(time.RFC3339, at)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := dsc.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); err != nil {
				t.Errorf("%s at %s: %v", name, at, err)
			}
		}
		if dsc.IsCA || dsc.KeyUsage != x509.KeyUsageDigitalSignature || len(dsc.ExtKeyUsage)+len(dsc.UnknownExtKeyUsage) > 0 {
			t.Errorf("%s: CA %v, key usage %b, extended %v %v", name, dsc.IsCA, dsc.KeyUsage, dsc.ExtKeyUsage, dsc.UnknownExtKeyUsage)
		}
		if !bytes.Equal(dsc.AuthorityKeyId, csca.SubjectKeyId) {
			t.Errorf("%s: authority %x, the CSCA is %x", name, dsc.AuthorityKeyId, csca.SubjectKeyId)
		}
	}

	var serials, ids []string
	for name, cert := range map[string]*x509.Certificate{"csca": csca, "es256": dscs["es256.pem"], "ps256": dscs["ps256.pem"]} {
		if from, to := cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339); from != "2020-01-01T00:00:00Z" || to != "2040-01-01T00:00:00Z" {
			t.Errorf("%s is valid from %s to %s", name, from, to)
		}
		if got := cert.Subject.Country; !slices.Equal(got, []string{"FR"}) {
			t.Errorf("%s: country %q", name, got)
		}
		if !strings.Contains(cert.Subject.CommonName, "not for production") {
			t.Errorf("%s: name %q does not warn", name, cert.Subject.CommonName)
		}
		if len(cert.SubjectKeyId) == 0 {
			t.Errorf("%s has no subject key identifier", name)
		}
		serials = append(serials, cert.SerialNumber.String())
		ids = append(ids, string(cert.SubjectKeyId))
	}
	slices.Sort(serials)
	slices.Sort(ids)
	if len(slices.Compact(serials)) != 3 || len(slices.Compact(ids)) != 3 {
		t.Errorf("serial numbers %v or key identifiers %x are not all different", serials, ids)
	}
}

func TestInitUsage(t *testing.T) {
	const v, test, r = "1.3.6.1.4.1.1847.2021.1.2", "1.3.6.1.4.1.1847.2021.1.1", "1.3.6.1.4.1.1847.2021.1.3"
	for letters, want := range map[string][]string{
		"v": {v}, "t": {test}, "r": {r}, "vtr": {v, test, r}, "rvr": {r, v},
	} {
		for name, cert := range certificates(t, filepath.Join(initLab(t, "-usage", letters), "dsc")) {
			var got []string
			for _, oid := range cert.UnknownExtKeyUsage {
				got = append(got, oid.String())
			}
			if !slices.Equal(got, want) || len(cert.ExtKeyUsage) > 0 {
				t.Errorf("-usage %s: %s has %v %v, want %v", letters, name, got, cert.ExtKeyUsage, want)
			}
		}
	}
}

func TestInitLayout(t *testing.T) {
	dir := initLab(t)
	want := map[string]fs.FileMode{
		".":                  fs.ModeDir | 0o755,
		"csca":               fs.ModeDir | 0o755,
		"csca/csca.pem":      0o644,
		"dsc":                fs.ModeDir | 0o755,
		"dsc/es256.pem":      0o644,
		"dsc/ps256.pem":      0o644,
		"keys":               fs.ModeDir | 0o700,
		"keys/csca.pem":      0o600,
		"keys/dsc-es256.pem": 0o600,
		"keys/dsc-ps256.pem": 0o600,
		"lab.json":           0o644,
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		// A umask may take permissions away, never add any.
		if mode, ok := want[name]; !ok || info.Mode()&^mode != 0 {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), mode)
		}
		delete(want, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
	for _, name := range []string{"csca", "dsc-es256", "dsc-ps256"} {
		block, _ := pem.Decode(readFile(t, filepath.Join(dir, "keys", name+".pem")))
		if block == nil {
			t.Fatalf("%s is not PEM", name)
		}
		if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenLab(t *testing.T) {
	dir := initLab(t, "-country", "AT")
	l, err := openLab(dir)
	if err != nil {
		t.Fatal(err)
	}
	if l.country != "AT" || len(l.dscs) != 2 {
		t.Fatalf("opened a lab of %q with %d DSCs", l.country, len(l.dscs))
	}
	certs := certificates(t, filepath.Join(dir, "dsc"))
	for alg, name := range map[algorithm]string{es256: "es256.pem", ps256: "ps256.pem"} {
		dsc, err := l.dsc(alg)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(certs[name].Raw)
		if !bytes.Equal(dsc.kid(), sum[:8]) {
			t.Errorf("%s: kid %x, want %x", alg, dsc.kid(), sum[:8])
		}
	}
}

func TestOpenLabRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"no index", remove("lab.json"), "is not a lab"},
		{"index cut short", edit("lab.json", `"dsc": [`, ``), "lab.json: invalid character"},
		{"foreign index", edit("lab.json", `"country"`, `"nation"`), "unknown field"},
		{"index too large", edit("lab.json", `"XX"`, `"`+strings.Repeat("X", maxLabFile)+`"`), "larger than"},
		{"no certificate", remove("dsc/es256.pem"), "DSC 1"},
		{"no key", remove("keys/dsc-ps256.pem"), "DSC 2"},
		{"key of another certificate", edit("lab.json", "keys/dsc-es256.pem", "keys/csca.pem"), "is not the key of"},
		{"key of another algorithm", edit("lab.json", "keys/dsc-es256.pem", "keys/dsc-ps256.pem"), "not a key for"},
		{"unknown algorithm", edit("lab.json", `"PS256"`, `"ES512"`), "not a key for"},
		{"certificate for a key", edit("lab.json", "keys/csca.pem", "csca/csca.pem"), `PEM block "PRIVATE KEY"`},
		{"damaged certificate", edit("csca/csca.pem", "MII", "AII"), "csca/csca.pem: x509"},
		{"damaged key", edit("keys/csca.pem", "MI", "AI"), "keys/csca.pem: "},
		{"path out of the lab", edit("lab.json", "keys/csca.pem", "../csca.pem"), "escapes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeTestLab(t)
			if _, err := openLab(dir); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, dir)
			_, err := openLab(dir)
			if err == nil {
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
		})
	}
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func edit(name, from, to string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		old := readFile(t, filepath.Join(dir, name))
		changed := bytes.Replace(old, []byte(from), []byte(to), 1)
		if bytes.Equal(old, changed) {
			t.Fatalf("%s does not hold %q", name, from)
		}
		if err := os.WriteFile(filepath.Join(dir, name), changed, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A lab that cannot be finished leaves an empty directory, so that the next try is not refused.
func TestWriteUndoes(t *testing.T) {
	l := *testLab(t)
	l.dscs = append(slices.Clone(l.dscs), l.dscs[0]) // two files of one name
	dir := filepath.Join(t.TempDir(), "lab")
	if err := l.write(dir); err == nil {
		t.Fatal("wrote two files of one name")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		t.Errorf("%v was left", entries)
	}
	if err := testLab(t).write(dir); err != nil {
		t.Errorf("second try: %v", err)
	}
}
