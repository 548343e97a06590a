package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// The three forms of an ICVP, of nobody.
var icvpPayloads = []string{
	`{"n":"Erika Muster","dob":"1964-08-12","s":"F","ntl":"XX","v":{"dn":"Primary","tg":"1D47","vp":"XM0N24","dt":"2024-02-07","bo":"A1","cn":"Dr Test","is":"Lab"}}`,
	`{"n":"Erika Muster","dob":"1964-08-12","v":{"vp":"YellowFeverProductd8a09f80301dc05e124f99ffe7711fc0","dt":"2025-02-07","bo":"A1","vls":"2025-02-17"}}`,
	`{"n":"Erika Muster","dob":"1964-08-12","s":"female","nt":"XXA","vx":{"vp":"YellowFeverProductd8a09f80301dc05e124f99ffe7711fc0","dv":"2026-02-07","is":"Lab","bo":"A1"},"v":"1.0.0"}`,
}

// hcert is what the health certificate claim holds, by key.
func (p readBack) hcert(t *testing.T) (documents map[int]any) {
	t.Helper()
	if err := cbor.Unmarshal(p.claims[-260], &documents); err != nil {
		t.Fatal(err)
	}
	return documents
}

// mintICVP mints with the command, and reads each text back.
func mintICVP(t *testing.T, dir string, args ...string) (passes []readBack) {
	t.Helper()
	var out, problems bytes.Buffer
	args = append([]string{"mint", "-lab", dir, "-icvp"}, args...)
	if status := run(args, strings.NewReader(strings.Join(icvpPayloads, "\n")), &out, &problems); status != 0 {
		t.Fatalf("status %d: %s", status, &problems)
	}
	for line := range strings.Lines(out.String()) {
		passes = append(passes, readPass(t, strings.TrimSuffix(line, "\n")))
	}
	if len(passes) != len(icvpPayloads) {
		t.Fatalf("%d texts, want %d", len(passes), len(icvpPayloads))
	}
	return passes
}

func TestMintICVP(t *testing.T) {
	dir := initLab(t, "-icvp", "-usage", "vtr")
	signer := certificates(t, filepath.Join(dir, "dsc"))["ph4h.pem"]
	if signer == nil || len(signer.UnknownExtKeyUsage) != 3 {
		t.Fatalf("no signer of PH4H with three key usages: %v", signer)
	}
	for i, p := range mintICVP(t, dir, "-iss", "XCL", "-iat", "2026-06-01T12:00:00Z") {
		documents := p.hcert(t)
		if _, ok := documents[-6]; !ok || len(documents) != 1 {
			t.Errorf("%d: documents %v, want -6 alone", i, documents)
		}
		want, err := payloadCBOR([]byte(icvpPayloads[i]))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(p.payload, want) {
			t.Errorf("%d: the payload is not as it was given", i)
		}
		if _, ok := p.claims[4]; ok || p.integer(t, 6) != 1780315200 || string(p.claims[1]) != "\x63XCL" {
			t.Errorf("%d: claims %v", i, p.claims)
		}
		if !p.verifiedBy(signer.PublicKey) {
			t.Errorf("%d: not signed by the signer of PH4H", i)
		}
	}
	for i, p := range mintICVP(t, dir, "-exp", "2030-06-01T12:00:00Z") {
		if p.integer(t, 4) != 1906545600 {
			t.Errorf("%d: exp %d", i, p.integer(t, 4))
		}
	}
}

// A lab without a signer of PH4H signs ICVPs as it signs DCCs, and with PS256 so does one that has it.
func TestMintICVPByDSC(t *testing.T) {
	for name, args := range map[string][]string{"es256.pem": nil, "ps256.pem": {"-alg", "PS256"}} {
		dir := writeTestLab(t)
		if name == "ps256.pem" {
			dir = initLab(t, "-icvp")
		}
		key := certificates(t, filepath.Join(dir, "dsc"))[name].PublicKey
		for i, p := range mintICVP(t, dir, args...) {
			if !p.verifiedBy(key) {
				t.Errorf("%s: %d is not signed by it", name, i)
			}
		}
	}
}

func TestInitICVP(t *testing.T) {
	dir := initLab(t, "-icvp")
	certs := certificates(t, filepath.Join(dir, "dsc"))
	csca := certificates(t, filepath.Join(dir, "csca"))["csca.pem"]
	if len(certs) != 3 || certs["ph4h.pem"].CheckSignatureFrom(csca) != nil {
		t.Errorf("%d certificates; the CSCA must vouch for ph4h.pem", len(certs))
	}
	key := filepath.Join(dir, "keys", "dsc-ph4h.pem")
	if info, err := os.Stat(key); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	l, err := openLab(dir)
	if err != nil || l.ph4h == nil || len(l.dscs) != 2 {
		t.Fatalf("%+v, %v", l, err)
	}
	if err := os.WriteFile(key, readFile(t, filepath.Join(dir, "keys", "dsc-es256.pem")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openLab(dir); err == nil || !strings.Contains(err.Error(), "PH4H") {
		t.Errorf("with the key of another: %v", err)
	}
}
