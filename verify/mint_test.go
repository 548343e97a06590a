package verify

import (
	"bytes"
	"compress/zlib"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// lab mints passes for tests, right ones and wrong ones.
type lab struct {
	ec       *ecdsa.PrivateKey
	rsa      *rsa.PrivateKey
	es, ps   DSC
	now      time.Time
	issuedAt int64
	expires  int64
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{now: time.Unix(1_640_000_000, 0)}
	l.issuedAt, l.expires = l.now.Unix()-1000, l.now.Unix()+1000
	l.es = DSC{
		KID: KID{1, 2, 3, 4, 5, 6, 7, 8}, Country: "XX",
		NotBefore: l.now.Add(-24 * time.Hour), NotAfter: l.now.Add(24 * time.Hour),
	}
	l.ps = l.es
	l.ps.KID = KID{8, 7, 6, 5, 4, 3, 2, 1}
	l.ec, l.es.Key = newTestES256(t)
	l.rsa, l.ps.Key = newTestPS256(t, 2048)
	return l
}

func (l *lab) trust() *Trust { return NewTrust([]DSC{l.es, l.ps}) }

// sketch is a pass to be minted. What a test does not set is right.
type sketch struct {
	protected   []byte // instead of {1: -7, 4: kid}
	unprotected []byte // instead of {}
	payload     []byte // instead of the claims
	alg         Alg    // what signs; NoAlg is ES256
	message     func(protected, unprotected, payload, signature []byte) []byte
	compress    func(message []byte) []byte
	text        func(base45 string) string
}

func mustCBOR(t testing.TB, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// claims are the claims with the DCC, changed.
func (l *lab) claims(t testing.TB, change map[int]any) []byte {
	t.Helper()
	entry := map[string]any{"tg": "840539006", "ci": "URN:UVCI:01:XX:1", "co": "XX", "dn": 2, "sd": 2}
	dcc := map[string]any{"ver": "1.3.0", "dob": "1990-01-01", "nam": map[string]any{"fnt": "X"}, "v": []any{entry}}
	m := map[int]any{claimIssuer: "XX", claimIssuedAt: l.issuedAt, claimExpires: l.expires, claimHCERT: map[int]any{keyDCC: dcc}}
	for k, v := range change {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	return mustCBOR(t, m)
}

func (l *lab) sign(t testing.TB, alg Alg, protected, payload []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(mustCBOR(t, []any{"Signature1", protected, []byte{}, payload}))
	if alg == PS256 {
		sig, err := rsa.SignPSS(rand.Reader, l.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: 32})
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	return signRS(t, l.ec, digest[:])
}

// coseMessage is [protected, unprotected, payload, signature] with tag 18.
func coseMessage(protected, unprotected, payload, signature []byte) []byte {
	return append([]byte{0xd2}, coseArray(protected, unprotected, payload, signature)...)
}

func coseArray(protected, unprotected, payload, signature []byte) []byte {
	b := appendByteString([]byte{0x84}, protected)
	b = append(b, unprotected...)
	b = appendByteString(b, payload)
	return appendByteString(b, signature)
}

// zlibWriter is kept because making one costs more than verifying a pass. Tests that use it do not run in parallel.
var zlibWriter = zlib.NewWriter(nil)

func compress(message []byte) []byte {
	var b bytes.Buffer
	zlibWriter.Reset(&b)
	zlibWriter.Write(message) // a bytes.Buffer never fails
	zlibWriter.Close()
	return b.Bytes()
}

func (l *lab) header(t testing.TB, alg any, kid any) []byte {
	return mustCBOR(t, map[int]any{labelAlg: alg, labelKID: kid})
}

// mint makes the QR text of a sketch.
func (l *lab) mint(t testing.TB, s sketch) []byte {
	t.Helper()
	if s.protected == nil {
		if s.alg == PS256 {
			s.protected = l.header(t, cosePS256, l.ps.KID[:])
		} else {
			s.protected = l.header(t, coseES256, l.es.KID[:])
		}
	}
	if s.unprotected == nil {
		s.unprotected = []byte{0xa0}
	}
	if s.payload == nil {
		s.payload = l.claims(t, nil)
	}
	if s.message == nil {
		s.message = coseMessage
	}
	if s.compress == nil {
		s.compress = compress
	}
	if s.text == nil {
		s.text = func(base45 string) string { return prefix + base45 }
	}
	signature := l.sign(t, s.alg, s.protected, s.payload)
	return []byte(s.text(encodeBase45(s.compress(s.message(s.protected, s.unprotected, s.payload, signature)))))
}

// indefinite cuts a byte string into chunks of 7 bytes.
func indefinite(s []byte) []byte {
	b := []byte{0x5f}
	for len(s) > 0 {
		n := min(len(s), 7)
		b = appendByteString(b, s[:n])
		s = s[n:]
	}
	return append(b, breakByte)
}

const breakByte = 0xff

// longHead is the head of a major type with its argument in 8 bytes.
func longHead(major byte, arg uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{major<<5 | 27}, arg)
}
