package main

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// labOfTests is made once: RSA keys take their time.
var labOfTests = sync.OnceValues(func() (*lab, error) { return newLab("XX", 2048, nil) })

func testLab(t testing.TB) *lab {
	t.Helper()
	l, err := labOfTests()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A readBack is a pass as a reader finds it who shares no code with mint.
type readBack struct {
	message   []byte // the whole COSE_Sign1
	protected []byte
	payload   []byte
	signature []byte
	alg       int64
	kid       []byte
	claims    map[int]cbor.RawMessage
	dcc       []byte
}

// readPass takes a QR text apart down to the DCC and fails the test where it is not as specified.
func readPass(t testing.TB, text string) readBack {
	t.Helper()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	body, ok := strings.CutPrefix(text, "HC1:")
	if !ok {
		t.Fatalf("no HC1: before %q", text)
	}
	packed, err := decodeBase45(body)
	must("base45", err)
	z, err := zlib.NewReader(bytes.NewReader(packed))
	must("zlib header", err)
	var p readBack
	p.message, err = io.ReadAll(z)
	must("zlib", err)

	if p.message[0] != 0xd2 {
		t.Fatalf("no tag 18 but %x", p.message[0])
	}
	var tag cbor.RawTag
	must("tag", cbor.Unmarshal(p.message, &tag))
	var parts []cbor.RawMessage
	must("COSE_Sign1", cbor.Unmarshal(tag.Content, &parts))
	if len(parts) != 4 {
		t.Fatalf("COSE_Sign1 has %d parts", len(parts))
	}
	if !bytes.Equal(parts[1], []byte{0xa0}) {
		t.Errorf("the unprotected header is %x, not an empty map", parts[1])
	}
	must("protected header", cbor.Unmarshal(parts[0], &p.protected))
	must("payload", cbor.Unmarshal(parts[2], &p.payload))
	must("signature", cbor.Unmarshal(parts[3], &p.signature))
	var header struct {
		Alg int64  `cbor:"1,keyasint"`
		KID []byte `cbor:"4,keyasint"`
	}
	must("header map", cbor.Unmarshal(p.protected, &header))
	p.alg, p.kid = header.Alg, header.KID
	must("claims", cbor.Unmarshal(p.payload, &p.claims))
	var hcert map[int]cbor.RawMessage
	must("hcert claim", cbor.Unmarshal(p.claims[-260], &hcert))
	if len(hcert) != 1 {
		t.Errorf("the hcert claim has %d members", len(hcert))
	}
	p.dcc = hcert[1]
	return p
}

// digest is the SHA-256 of the Sig_structure (RFC 9052 section 4.4), put together by hand.
func (p readBack) digest() []byte {
	h := sha256.New()
	h.Write([]byte("\x84\x6aSignature1"))
	h.Write(bstr(p.protected))
	h.Write([]byte{0x40})
	h.Write(bstr(p.payload))
	return h.Sum(nil)
}

func bstr(b []byte) []byte {
	if len(b) < 24 {
		return append([]byte{0x40 | byte(len(b))}, b...)
	}
	if len(b) < 256 {
		return append([]byte{0x58, byte(len(b))}, b...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0x59}, uint16(len(b))), b...)
}

func (p readBack) verifiedBy(key crypto.PublicKey) bool {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		r, s := new(big.Int).SetBytes(p.signature[:32]), new(big.Int).SetBytes(p.signature[32:])
		return p.alg == -7 && len(p.signature) == 64 && ecdsa.Verify(key, p.digest(), r, s)
	case *rsa.PublicKey:
		options := &rsa.PSSOptions{SaltLength: 32}
		return p.alg == -37 && rsa.VerifyPSS(key, crypto.SHA256, p.digest(), p.signature, options) == nil
	}
	return false
}

func (p readBack) integer(t *testing.T, claim int) int64 {
	t.Helper()
	var n int64
	raw := p.claims[claim]
	if len(raw) == 0 || raw[0]&0xe0 != 0x00 && raw[0]&0xe0 != 0x20 {
		t.Fatalf("claim %d is %x, not an integer", claim, raw)
	}
	if err := cbor.Unmarshal(raw, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

var someClaims = claims{
	issuer:   "XX",
	issuedAt: time.Date(2021, 6, 1, 12, 0, 0, 999_999_999, time.UTC),
	expires:  time.Date(2022, 6, 1, 12, 0, 0, 0, time.UTC),
}

// Everything of a pass that is not random, byte by byte.
func TestMintBytes(t *testing.T) {
	l := testLab(t)
	text, err := l.mint([]byte(`{"ver":"1.3.0","v":null}`), es256, someClaims)
	if err != nil {
		t.Fatal(err)
	}
	p := readPass(t, text)
	kid := sha256.Sum256(l.dscs[0].cert.Raw)
	want := "d284" + // tag 18, COSE_Sign1
		"4d" + "a2" + "0126" + "0448" + hex.EncodeToString(kid[:8]) + // {1: -7, 4: kid}
		"a0" +
		"5824" + "a4" + // {1: "XX", 4: 1654084800, 6: 1622548800, -260: {1: ...}}
		"01" + "625858" +
		"04" + "1a629754c0" +
		"06" + "1a60b62140" +
		"390103" + "a1" + "01" +
		"a2" + "63766572" + "65312e332e30" + "6176" + "f6" +
		"5840" + hex.EncodeToString(p.signature)
	if got := hex.EncodeToString(p.message); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestMintedPassesVerify(t *testing.T) {
	l := testLab(t)
	for i, alg := range []algorithm{es256, ps256} {
		other := l.dscs[1-i].cert.PublicKey
		for n, payload := range payloads(t) {
			text, err := l.mint(payload, alg, someClaims)
			if err != nil {
				t.Fatal(err)
			}
			p := readPass(t, text)
			if !p.verifiedBy(l.dscs[i].cert.PublicKey) {
				t.Errorf("%s, payload %d: the signature does not hold", alg, n+1)
			}
			if p.verifiedBy(other) {
				t.Errorf("%s, payload %d: holds under the wrong key", alg, n+1)
			}
			kid := sha256.Sum256(l.dscs[i].cert.Raw)
			if !bytes.Equal(p.kid, kid[:8]) {
				t.Errorf("%s: kid %x, want %x", alg, p.kid, kid[:8])
			}
			if got, want := p.integer(t, 6), int64(1622548800); got != want {
				t.Errorf("iat %d, want %d", got, want)
			}
			if got, want := p.integer(t, 4), int64(1654084800); got != want {
				t.Errorf("exp %d, want %d", got, want)
			}
			p.payload[len(p.payload)/2] ^= 1
			if p.verifiedBy(l.dscs[i].cert.PublicKey) {
				t.Errorf("%s, payload %d: a changed payload verifies", alg, n+1)
			}
		}
	}
}

// One r or s in 128 is shorter than 32 bytes; such a signature must be padded, not cut.
func TestSignatureLengths(t *testing.T) {
	l := testLab(t)
	short := 0
	for range 300 {
		text, err := l.mint([]byte(`{}`), es256, someClaims)
		if err != nil {
			t.Fatal(err)
		}
		p := readPass(t, text)
		if len(p.signature) != 64 {
			t.Fatalf("ES256 signature of %d bytes", len(p.signature))
		}
		if !p.verifiedBy(l.dscs[0].cert.PublicKey) {
			t.Fatal("the signature does not hold")
		}
		if p.signature[0] == 0 || p.signature[32] == 0 {
			short++
		}
	}
	t.Logf("%d of 300 signatures had a short r or s", short)

	text, err := l.mint([]byte(`{}`), ps256, someClaims)
	if err != nil {
		t.Fatal(err)
	}
	if p := readPass(t, text); len(p.signature) != 256 {
		t.Errorf("PS256 signature of %d bytes for a key of 2048 bits", len(p.signature))
	}
}

func TestMintWithoutIssuer(t *testing.T) {
	c := someClaims
	c.issuer = ""
	c.issuedAt = time.Unix(-1, 0)
	text, err := testLab(t).mint([]byte(`[]`), es256, c)
	if err != nil {
		t.Fatal(err)
	}
	p := readPass(t, text)
	if iss, ok := p.claims[1]; ok {
		t.Errorf("issuer %x, want none", iss)
	}
	if iat := p.integer(t, 6); iat != -1 {
		t.Errorf("iat %d, want -1", iat)
	}
}

func TestMintWithoutDSC(t *testing.T) {
	l := &lab{dscs: testLab(t).dscs[:1]}
	if text, err := l.mint([]byte(`{}`), ps256, someClaims); err == nil {
		t.Errorf("minted %s", text)
	}
}
