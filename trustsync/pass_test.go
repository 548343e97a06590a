package trustsync

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatescan/trustsync/internal/pki"
	"gatescan/verify"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// unsignedPass is the text of an ES256 pass that names a kid and has a signature of nobody.
func unsignedPass(t testing.TB, kid verify.KID) []byte {
	t.Helper()
	return passWith(t, kid, make([]byte, 64))
}

// passWith has any signature. One of zeros is refused without any arithmetic.
func passWith(t testing.TB, kid verify.KID, signature []byte) []byte {
	t.Helper()
	protected, err := cbor.Marshal(map[int]any{1: -7, 4: kid[:]})
	if err != nil {
		t.Fatal(err)
	}
	message, err := cbor.Marshal(cbor.Tag{Number: 18, Content: []any{protected, map[int]any{}, []byte{0xa0}, signature}})
	if err != nil {
		t.Fatal(err)
	}
	return passText(t, message)
}

// passText is what a QR code has of a COSE message.
func passText(t testing.TB, message []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := w.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" // RFC 9285 table 1
	text := []byte("HC1:")
	for b := packed.Bytes(); len(b) > 0; b = b[min(2, len(b)):] {
		n, digits := int(b[0]), 2
		if len(b) > 1 {
			n, digits = n<<8+int(b[1]), 3
		}
		for range digits {
			text = append(text, alphabet[n%45])
			n /= 45
		}
	}
	return text
}

// passSigner signs passes that a gate can trust: its certificate is in a directory of its own.
type passSigner struct {
	directory string
	key       *ecdsa.PrivateKey
	kid       verify.KID
}

func newPassSigner(t testing.TB, country string) passSigner {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Country: []string{country}},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := passSigner{directory: t.TempDir(), key: key, kid: pki.KIDOf(der)}
	if err := os.WriteFile(filepath.Join(s.directory, "dsc.der"), der, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// pass is the text of a pass that holds this DCC from 2020 to 2060.
func (s passSigner) pass(t testing.TB, dcc map[string]any) []byte {
	t.Helper()
	claims, err := cbor.Marshal(map[int]any{
		1: "XX", 6: time.Date(2020, 6, 1, 0, 0, 0, 0, time.UTC).Unix(), 4: time.Date(2059, 1, 1, 0, 0, 0, 0, time.UTC).Unix(),
		-260: map[int]any{1: dcc},
	})
	if err != nil {
		t.Fatal(err)
	}
	maker, err := cose.NewSigner(cose.AlgorithmES256, s.key)
	if err != nil {
		t.Fatal(err)
	}
	message := cose.Sign1Message{Payload: claims, Headers: cose.Headers{Protected: cose.ProtectedHeader{
		cose.HeaderLabelAlgorithm: cose.AlgorithmES256, cose.HeaderLabelKeyID: s.kid[:],
	}}}
	if err := message.Sign(rand.Reader, nil, maker); err != nil {
		t.Fatal(err)
	}
	data, err := message.MarshalCBOR()
	if err != nil {
		t.Fatal(err)
	}
	return passText(t, data)
}

// vaccinated is a DCC that the rules of a lab let through.
var vaccinated = map[string]any{"ver": "1.3.0", "dob": "1980-01-01", "nam": map[string]any{"fnt": "X"}, "v": []any{map[string]any{
	"tg": "840539006", "vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": 2, "sd": 2, "dt": "2026-01-01",
	"co": "XX", "is": "lab", "ci": "URN:UVCI:01:XX:1#A",
}}}
