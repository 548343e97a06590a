package who

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
)

// whoObservedKey is the key that signed the real documents, derived from their signatures. Who owns it is not known here.
const whoObservedKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZlMwokmcS8vx0c3mc38eLVUMEVV2BXjdMpvBeueeWZzwIaJJexq6IUBsPG85yYXHKzAzTst3zn4QtFyhNs71ng=="

func whoObservedPEM(t testing.TB) []byte {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(whoObservedKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func whoAnchors(t testing.TB, data []byte) pki.Anchors {
	t.Helper()
	a, err := pki.ParseAnchors(data)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// whoReal are the real version 2 documents, with the hashes of their N-Quads as the jsonld package of npm (9.0.0, URDNA2015)
// made them, of the document and of the proof.
var whoReal = []struct {
	name, id, document, proof string
	keys, references          int
}{
	{"dcc-all-dsc", "did:web:tng-cdn.who.int:v2:trustlist:DCC:-:DSC", "a9f704fb32c703a09d3a5c233d5ff61b864eee6befafaeb650aca9ba9e354da5", "6353ae579d6a8e351e26c4cc556c7bc24a331fc293f9afe9e15d6374d17fc732", 438, 0},
	{"dcc-fra-dsc", "did:web:tng-cdn.who.int:v2:trustlist:DCC:FRA:DSC", "2c20d4a63b45d7c4f0e0ec09ea62daa5f0e801ce79968ebadc0397a89a361b80", "b59a3b2a568c830ff74f6ca0f2814202c9124f6c7d94e2b4a766b8ce7d94633e", 113, 0},
	{"dcc-fra-sca", "did:web:tng-cdn.who.int:v2:trustlist:DCC:FRA:SCA", "59a08ca17086a36efc827f3892b96de57c2cbcfdf0344924032a764134bb01e0", "c799289e81940d33a7101c160f6e52420e864a467a729ae12a2580a9e6ca93ac", 1, 0},
	{"dcc-pol-dsc", "did:web:tng-cdn.who.int:v2:trustlist:DCC:POL:DSC", "098d3e76beae3c19ae0e8476e3ce7d3bc2e3a855eb6f51d7ef31b10bc860a61f", "e9b4afe76076e5dbff354ecf9a831b0f4e04fe1cd0f88435f7fb45cea3149a4f", 3, 0},
	{"ref-root", "did:web:tng-cdn.who.int:v2:trustlist-ref", "3b91935439fc2c9f8161192573fccaedfa8c439b99dda219be3a7f4592b336af", "2980b5310c6da9b675ef3464fa5e612e535bf4995178b2a115b5cbd81155feeb", 0, 3},
}

var whoSigned = time.Date(2026, time.November, 22, 2, 0, 0, 0, time.UTC)

// whoDomain is a domain with n DSCs, and its anchors.
func whoDomain(t testing.TB, n int) (*lists.Domain, pki.Anchors) {
	t.Helper()
	d, err := lists.NewDomain("FR", n)
	if err != nil {
		t.Fatal(err)
	}
	return d, whoAnchors(t, d.Signer.PublicPEM())
}

func whoBuilt(t testing.TB, n int) ([]byte, pki.Anchors) {
	t.Helper()
	d, a := whoDomain(t, n)
	raw, err := lists.WHO(d, whoSigned)
	if err != nil {
		t.Fatal(err)
	}
	return raw, a
}

func TestOpenDIDReal(t *testing.T) {
	a := whoAnchors(t, whoObservedPEM(t))
	_, other := whoDomain(t, 0)
	for _, doc := range whoReal {
		t.Run(doc.name, func(t *testing.T) {
			raw := sourcetest.WHODocument(t, doc.name)
			d, err := openDID(raw, a)
			if err != nil {
				t.Fatal(err)
			}
			keys, references := 0, 0
			for _, m := range d.methods {
				if m.reference {
					references++
				} else {
					keys++
				}
			}
			if d.id != doc.id || keys != doc.keys || references != doc.references {
				t.Errorf("%s with %d keys and %d references, want %s with %d and %d", d.id, keys, references, doc.id, doc.keys, doc.references)
			}
			if day := d.created().Format(time.DateOnly); day != "2026-08-22" {
				t.Errorf("created on %s", day)
			}
			if got := whoQuadsHash(d.writeQuads); got != doc.document {
				t.Errorf("N-Quads of the document hash to %s", got)
			}
			if got := whoQuadsHash(d.proof.writeQuads); got != doc.proof {
				t.Errorf("N-Quads of the proof hash to %s", got)
			}
			if _, err := openDID(raw, other); !errors.Is(err, source.ErrNotAuthentic) {
				t.Errorf("with another key: %v", err)
			}
			if _, err := openDID(raw, pki.Anchors{}); !errors.Is(err, pki.ErrNoAnchor) {
				t.Errorf("without a key: %v", err)
			}
		})
	}
}

func whoQuadsHash(write func(io.Writer)) string {
	h := sha256.New()
	write(h)
	return hex.EncodeToString(h.Sum(nil))
}

func TestOpenDIDVersion1(t *testing.T) {
	raw := sourcetest.WHODocument(t, "version-1")
	_, err := openDID(raw, whoAnchors(t, whoObservedPEM(t)))
	if !errors.Is(err, errDIDVersion1) || !errors.Is(err, source.ErrMalformed) || !strings.Contains(err.Error(), whoListURL) {
		t.Errorf("got %v", err)
	}
	if !LooksLike(raw) {
		t.Error("does not look like a did.json: it would be taken for something else")
	}
}

// whoMembers find the value of each protected member. Groups: the value is the first.
var whoMembers = map[string]string{
	"@context":                 `"@context":\["([^"]+)"`,
	"id":                       `^\{"@context":[^\]]*\],"id":"([^"]+)"`,
	"controller":               `^\{"@context":[^\]]*\],"id":"[^"]+","controller":"([^"]+)"`,
	"reference":                `"verificationMethod":\["([^"]+)"`,
	"key id":                   `\{"id":"([^"]+)","type"`,
	"key type":                 `"type":"(JsonWebKey2020)"`,
	"key controller":           `"type":"JsonWebKey2020","controller":"([^"]+)"`,
	"kty":                      `"kty":"([^"]+)"`,
	"kid":                      `"kid":"([^"]+)"`,
	"x5c DSC":                  `"x5c":\["([^"]+)"`,
	"x5c CSCA":                 `"x5c":\["[^"]+","([^"]+)"`,
	"crv":                      `"crv":"([^"]+)"`,
	"x":                        `"x":"([^"]+)"`,
	"y":                        `"y":"([^"]+)"`,
	"e":                        `"e":"([^"]+)"`,
	"n":                        `"n":"([^"]+)"`,
	"domain":                   `"domain":\{"code":"([^"]+)"`,
	"participant":              `"participant":\{"code":"([^"]+)"`,
	"keyusage":                 `"keyusage":\{"code":"([^"]+)"`,
	"proof type":               `"type":"(JsonWebSignature2020)"`,
	"created":                  `"created":"([^"]+)"`,
	"nonce":                    `"nonce":"([^"]+)"`,
	"proofPurpose":             `"proofPurpose":"([^"]+)"`,
	"proof verificationMethod": `"verificationMethod":"([^"]+)"`,
	"jws":                      `"jws":"([^"]+)"`,
}

// whoConstants can have one value only, so that any other is malformed.
var whoConstants = []string{"@context", "key type", "proof type", "proofPurpose"}

func TestOpenDIDMembers(t *testing.T) {
	sourcetest.NoRaces(t)
	a := whoAnchors(t, whoObservedPEM(t))
	tried := map[string]int{}
	notAuthentic := map[string]int{}
	for _, doc := range whoReal {
		raw := sourcetest.WHODocument(t, doc.name)
		for member, pattern := range whoMembers {
			at := regexp.MustCompile(pattern).FindSubmatchIndex(raw)
			if at == nil {
				continue
			}
			positions := []int{at[2], (at[2] + at[3]) / 2, at[3] - 1}
			if member == "jws" {
				positions = append(positions, at[2]+len(didHeader)+10)
			}
			for _, i := range positions {
				changed := bytes.Clone(raw)
				if changed[i] = 'B'; raw[i] == 'B' {
					changed[i] = 'C'
				}
				if '0' <= raw[i] && raw[i] <= '9' {
					changed[i] = '0' + (raw[i]-'0'+1)%10
				}
				tried[member]++
				_, err := openDID(changed, a)
				if err == nil {
					t.Errorf("%s: %s: byte %d changed from %c to %c: accepted", doc.name, member, i, raw[i], changed[i])
				}
				if errors.Is(err, source.ErrNotAuthentic) {
					notAuthentic[member]++
				} else if !errors.Is(err, source.ErrMalformed) {
					t.Errorf("%s: %s: %v", doc.name, member, err)
				}
			}
		}
	}
	for member := range whoMembers {
		constant := false
		for _, c := range whoConstants {
			constant = constant || c == member
		}
		if tried[member] == 0 || !constant && notAuthentic[member] == 0 {
			t.Errorf("%s: changed %d times, of which the signature told %d", member, tried[member], notAuthentic[member])
		}
	}
	t.Logf("%d members changed: %v; told by the signature: %v", len(tried), tried, notAuthentic)
}

func TestOpenDIDBitFlips(t *testing.T) {
	raw, a := whoBuilt(t, 2)
	tried := 0
	for i := 0; i < 8*len(raw); i += 37 {
		changed := bytes.Clone(raw)
		changed[i/8] ^= 1 << (i % 8)
		tried++
		if _, err := openDID(changed, a); !errors.Is(err, source.ErrNotAuthentic) && !errors.Is(err, source.ErrMalformed) {
			t.Errorf("bit %d of byte %d, %q: %v", i%8, i/8, raw[max(0, i/8-20):i/8+1], err)
		}
	}
	if tried < 200 {
		t.Fatalf("only %d bits", tried)
	}
	t.Logf("%d bits flipped: none landed where nothing is signed", tried)
}

// A signature can be written in one way: in base64, the last character may have bits that mean nothing.
func TestOpenDIDSignatureBits(t *testing.T) {
	raw := sourcetest.WHODocument(t, "dcc-fra-sca")
	a := whoAnchors(t, whoObservedPEM(t))
	last := bytes.LastIndexByte(raw, '"') - 1
	var accepted []byte
	for _, c := range []byte(didLetters + "-_") {
		changed := bytes.Clone(raw)
		changed[last] = c
		if _, err := openDID(changed, a); err == nil {
			accepted = append(accepted, c)
		}
	}
	if string(accepted) != string(raw[last]) {
		t.Errorf("last characters %q are accepted, want %q alone", accepted, raw[last])
	}
}

func TestOpenDIDTruncated(t *testing.T) {
	raw, a := whoBuilt(t, 2)
	tried := 0
	for n := 0; n < len(raw); n += max(1, len(raw)/97) {
		tried++
		if _, err := openDID(raw[:n], a); !errors.Is(err, source.ErrMalformed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if tried < 50 {
		t.Fatalf("only %d lengths", tried)
	}
}

func TestOpenDIDTooMuch(t *testing.T) {
	_, a := whoDomain(t, 0)
	if _, err := openDID(make([]byte, maxDIDSize+1), a); !errors.Is(err, source.ErrTooLarge) {
		t.Errorf("large document: %v", err)
	}
	many := []byte(`{"verificationMethod":[` + strings.Repeat(`"did:web:a",`, source.MaxCertificates+1) + `"did:web:a"]}`)
	if _, err := openDID(many, a); !errors.Is(err, source.ErrTooLarge) {
		t.Errorf("many keys: %v", err)
	}
	deep := append([]byte(`{"verificationMethod":`), bytes.Repeat([]byte("["), 1<<20)...)
	if _, err := openDID(deep, a); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("deep: %v", err)
	}
}

func FuzzReadDID(f *testing.F) {
	built, _ := whoBuilt(f, 2)
	f.Add(built)
	for _, name := range []string{"dcc-fra-sca", "dcc-pol-dsc", "ref-root"} {
		f.Add(sourcetest.WHODocument(f, name))
	}
	f.Add(sourcetest.WHODocument(f, "dcc-all-dsc")[:8<<10])
	f.Add(sourcetest.WHODocument(f, "version-1")[:8<<10])
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := readDID(data)
		if err != nil {
			if !errors.Is(err, source.ErrMalformed) && !errors.Is(err, source.ErrTooLarge) {
				t.Fatalf("untyped: %v", err)
			}
			return
		}
		// Lines must be in order and without escapes, whatever the document.
		var quads bytes.Buffer
		d.writeQuads(&quads)
		lines := strings.SplitAfter(quads.String(), "\n")
		for i, line := range lines[:len(lines)-1] {
			if i > 0 && lines[i-1] >= line {
				t.Fatalf("%q before %q", lines[i-1], line)
			}
			if !strings.HasPrefix(line, "<did:web:") || !strings.HasSuffix(line, " .\n") {
				t.Fatalf("line %q", line)
			}
		}
		if signers, report, err := Read(data); err == nil && len(signers) != report.Loaded {
			t.Fatalf("%d signers, %d reported", len(signers), report.Loaded)
		}
	})
}
