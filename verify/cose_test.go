package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/veraison/go-cose"
)

// exampleKID is the kid of the cose-wg examples with ES256; it has two bytes, which no DSC has.
const exampleKID = "11"

// TestCOSEExamples judges the COSE_Sign1 examples of the working group as far as the signature.
func TestCOSEExamples(t *testing.T) {
	want := map[string]Reason{
		"ecdsa-sig-01.json": noObjection,
		"ecdsa-sig-02.json": BadAlg,       // ES384
		"ecdsa-sig-03.json": BadAlg,       // ES512
		"ecdsa-sig-04.json": BadAlg,       // ES512 on P-256
		"sign-pass-01.json": BadAlg,       // alg unprotected
		"sign-pass-02.json": BadSignature, // with external data, which passes do not have
		"sign-pass-03.json": noObjection,
		"sign-fail-01.json": BadCOSE, // tag 998
		"sign-fail-02.json": BadSignature,
		"sign-fail-03.json": BadAlg,
		"sign-fail-04.json": BadAlg,
		"sign-fail-06.json": BadSignature,
		"sign-fail-07.json": BadSignature,
	}
	files, err := filepath.Glob("testdata/cose/*.json")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var example struct {
			Input struct {
				Sign0 struct {
					Key struct {
						Curve string `json:"crv"`
						X     string `json:"x"`
						Y     string `json:"y"`
					} `json:"key"`
				} `json:"sign0"`
			} `json:"input"`
			Output struct {
				CBOR string `json:"cbor"`
			} `json:"output"`
		}
		if err := json.Unmarshal(data, &example); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got := func() Reason {
			v := New(Policy{})
			m, _, refused := v.parseSign1(unhex(t, example.Output.CBOR))
			if refused != noObjection {
				return refused
			}
			if m.header.alg == NoAlg {
				return BadAlg
			}
			if string(m.header.kid) != exampleKID {
				t.Errorf("%s: kid %q", file, m.header.kid)
			}
			point := []byte{4}
			for _, coordinate := range []string{example.Input.Sign0.Key.X, example.Input.Sign0.Key.Y} {
				b, err := base64.RawURLEncoding.DecodeString(coordinate)
				if err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				point = append(point, b...)
			}
			key, err := NewES256(point)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			digest := sha256.Sum256(v.sigStructure(&m))
			if !v.signed(key, &digest, m.signature) {
				return BadSignature
			}
			return noObjection
		}()
		if name := filepath.Base(file); got != want[name] {
			t.Errorf("%s: %v, want %v", name, got, want[name])
		}
	}
}

// oracleSigned is what go-cose says of a message, with tag 61 taken off, which go-cose does not know.
func oracleSigned(message []byte, verifier cose.Verifier) bool {
	message = bytes.TrimPrefix(message, []byte{0xd8, tagCWT, 0xd2})
	if len(message) > 0 && message[0] == 0xd2 {
		var m cose.Sign1Message
		return m.UnmarshalCBOR(message) == nil && m.Verify(nil, verifier) == nil
	}
	var m cose.UntaggedSign1Message
	return m.UnmarshalCBOR(message) == nil && m.Verify(nil, verifier) == nil
}

// oracleVerifier is the key of a DSC for go-cose.
func oracleVerifier(t testing.TB, p signed) cose.Verifier {
	t.Helper()
	raw := p.dsc.Key.es256.Bytes()
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmES256, public)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// go-cose and our path agree on every ES256 pass of the corpus, and on each with one bit of its message flipped.
func TestAgreesWithGoCOSE(t *testing.T) {
	passes := acceptable(t, ES256)
	if testing.Short() {
		passes = spread(passes, 3)
	}
	v := New(Policy{})
	compared, refused := 0, 0
	for i, p := range passes {
		verifier := oracleVerifier(t, p)
		message := decodeText(t, p.text)
		for flips := range 8 {
			if flips > 0 {
				message = flip(decodeText(t, p.text), (i*7919+flips*104729)%(8*len(message)))
			}
			got := v.signedBy(p.dsc.Key, message)
			if want := oracleSigned(message, verifier); got != want {
				t.Errorf("%s, %d: %v, but go-cose says %v of %x", p.id, flips, got, want, message)
			}
			compared++
			if !got {
				refused++
			}
		}
	}
	if compared < 20 || refused < compared/2 {
		t.Errorf("compared %d, of which %d refused", compared, refused)
	}
	t.Logf("compared %d messages, %d of them refused by both", compared, refused)
}

// signedBy says whether message is a COSE_Sign1 that the key signed.
func (v *Verifier) signedBy(key PublicKey, message []byte) bool {
	m, _, refused := v.parseSign1(message)
	if refused != noObjection || m.header.alg != key.alg() {
		return false
	}
	digest := sha256.Sum256(v.sigStructure(&m))
	return v.signed(key, &digest, m.signature)
}

// FuzzVerify takes a COSE message and a text. Nothing is accepted but what an issuer signed.
func FuzzVerify(f *testing.F) {
	l := newLab(f)
	passes := spread(acceptable(f, ES256), 30)
	passes = append(passes, spread(acceptable(f, PS256), 3)...)
	var dscs []DSC
	known := map[string]bool{} // protected, payload and r of what was really signed
	identity := func(m *sign1) string {
		return string(m.protected) + "|" + string(m.payload) + "|" + string(m.signature[:32])
	}
	v := New(Policy{})
	add := func(text []byte, d DSC) {
		message := decodeText(f, text)
		m, _, refused := v.parseSign1(message)
		if refused != noObjection {
			f.Fatal(refused)
		}
		known[identity(&m)] = true
		dscs = append(dscs, d)
		f.Add(message, text)
	}
	for _, p := range passes {
		add(p.text, p.dsc)
	}
	add(l.mint(f, sketch{}), l.es)
	add(l.mint(f, sketch{alg: PS256}), l.ps)
	trust := NewTrust(dscs)
	now := time.Unix(1_640_000_000, 0)
	f.Fuzz(func(t *testing.T, message, text []byte) {
		for _, text := range [][]byte{text, []byte(prefix + encodeBase45(compress(message)))} {
			verdict := v.Verify(text, trust, now)
			if !verdict.Accepted() {
				continue
			}
			m, _, refused := v.parseSign1(decodeText(t, text))
			if refused != noObjection || !known[identity(&m)] {
				t.Fatalf("accepted what nobody signed: %q", text)
			}
		}
	})
}
