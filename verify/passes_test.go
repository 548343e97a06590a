package verify

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// pass is a line of testdata/dgc-testdata.jsonl or testdata/quality-assurance.jsonl (testdata/README.md).
type pass struct {
	ID          string `json:"id"`
	Text        string `json:"text"`
	Certificate []byte `json:"certificate"`     // DER
	SPKI        []byte `json:"public_key_spki"` // where no certificate is known
	Clock       int64  `json:"clock"`           // the case's own moment, Unix seconds; 0 if it has none
	Truth       truth  `json:"truth"`
}

// truth is what an independent reader measured (OpenSSL for the signatures).
type truth struct {
	Stage          string         `json:"stage"` // where decoding ended; "decoded" if it did not
	Error          string         `json:"error"`
	SignatureValid bool           `json:"signature_valid"`
	KIDMatch       bool           `json:"kid_match"` // the pass names the kid of the certificate
	Alg            int            `json:"alg"`
	AlgLocation    string         `json:"alg_location"`
	SignatureLen   int            `json:"signature_len"`
	CWTTimeOK      *bool          `json:"cwt_time_ok"` // iat <= clock <= exp
	KeyType        string         `json:"key_type"`
	Curve          string         `json:"curve"`
	RSABits        int            `json:"rsa_bits"`
	NotBefore      int64          `json:"not_before"`
	NotAfter       int64          `json:"not_after"`
	KIDHex         string         `json:"kid_hex"` // of the certificate
	KID            string         `json:"kid"`     // of the header
	Expires        float64        `json:"exp"`
	IssuedAt       float64        `json:"iat"`
	Issuer         string         `json:"iss"`
	Counts         map[string]any `json:"counts"` // entries of each group; "null" for a null group
	EKUAllowed     *bool          `json:"eku_allowed"`
}

// entries is the number of entries over all groups.
func (tr truth) entries() (n int) {
	for _, count := range tr.Counts {
		if f, ok := count.(float64); ok {
			n += int(f)
		}
	}
	return n
}

// readPasses reads a corpus and fails if it is empty.
func readPasses(t testing.TB, name string) (passes []pass) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var p pass
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		passes = append(passes, p)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(passes) == 0 {
		t.Fatalf("%s holds no passes", name)
	}
	return passes
}

// dsc reduces the certificate, or the bare key, to a DSC with nothing but the standard library. A bare key gets the
// kid of the header and no limits. ok is false if the key is none that we verify with.
func (p pass) dsc(t testing.TB) (d DSC, ok bool) {
	t.Helper()
	spki := p.SPKI
	if len(p.Certificate) > 0 {
		certificate, err := x509.ParseCertificate(p.Certificate)
		if err != nil {
			t.Fatalf("%s: %v", p.ID, err)
		}
		sum := sha256.Sum256(p.Certificate)
		d = DSC{KID: KID(sum[:8]), NotBefore: certificate.NotBefore, NotAfter: certificate.NotAfter}
		if len(certificate.Subject.Country) > 0 {
			d.Country = certificate.Subject.Country[0]
		}
		for _, oid := range certificate.UnknownExtKeyUsage {
			switch oid.String() {
			case "1.3.6.1.4.1.1847.2021.1.1", "1.3.6.1.4.1.0.1847.2021.1.1":
				d.Usage |= SignsTest
			case "1.3.6.1.4.1.1847.2021.1.2", "1.3.6.1.4.1.0.1847.2021.1.2":
				d.Usage |= SignsVaccination
			case "1.3.6.1.4.1.1847.2021.1.3", "1.3.6.1.4.1.0.1847.2021.1.3":
				d.Usage |= SignsRecovery
			}
		}
		spki = certificate.RawSubjectPublicKeyInfo
	} else {
		d = DSC{NotAfter: time.Unix(maxNumericDate, 0)}
		copy(d.KID[:], unhex(t, p.Truth.KID))
	}
	public, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		t.Fatalf("%s: %v", p.ID, err)
	}
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			t.Fatalf("%s: %v", p.ID, err)
		}
		d.Key, err = NewES256(point)
		return d, err == nil
	case *rsa.PublicKey:
		d.Key, err = NewPS256(public.N.Bytes(), big.NewInt(int64(public.E)))
		return d, err == nil
	}
	return d, false
}

// signed is a pass of the corpora with all that makes it acceptable.
type signed struct {
	id   string
	text []byte
	dsc  DSC
	now  time.Time
}

// acceptable returns the passes of dgc-testdata that are accepted at their own clock, ES256 first.
func acceptable(t testing.TB, alg Alg) (passes []signed) {
	t.Helper()
	v := New(Policy{})
	for _, p := range readPasses(t, "dgc-testdata.jsonl") {
		if d, ok := p.dsc(t); ok && d.Key.Alg() == alg {
			now := time.Unix(p.Clock, 0)
			if v.Verify([]byte(p.Text), NewTrust([]DSC{d}), now).Accepted() {
				passes = append(passes, signed{p.ID, []byte(p.Text), d, now})
			}
		}
	}
	if len(passes) < 5 {
		t.Fatalf("only %d passes with %v are acceptable", len(passes), alg)
	}
	return passes
}
