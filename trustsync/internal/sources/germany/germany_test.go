package germany

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/pki/pkitest"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

func germanyTestKey(t testing.TB) pki.Anchors {
	t.Helper()
	pem, err := os.ReadFile(sourcetest.Repository(t) + "/trustsync/testdata/germany-test-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	return pkitest.Anchors(t, pem)
}

// The publisher's own test list, signed by the publisher's test key.
func TestGermanyOfThePublisher(t *testing.T) {
	body, key := sourcetest.Gunzipped(t, "germany-test-signed.txt.gz"), germanyTestKey(t)
	payload, err := openGermany(body, key)
	if err != nil {
		t.Fatal(err)
	}
	signers, report, err := parseGermany(payload)
	if err != nil || len(signers) != 122 || report.Loaded != 122 || len(report.Skipped) != 0 || report.Duplicates != 0 {
		t.Fatalf("%d signers, %+v, %v", len(signers), report, err)
	}
	if _, err := openGermany(bytes.TrimSuffix(body, []byte("\n")), key); err != nil {
		t.Errorf("without the last line end: %v", err)
	}
	if _, err := openGermany(append(bytes.Replace(body, []byte("\n"), []byte("\r\n \t"), 1), "\r\n\r\n"...), key); err != nil {
		t.Errorf("with more space around it: %v", err)
	}
	for name, changed := range map[string][]byte{
		"space inside":    bytes.Replace(body, []byte(`{"certificates":[`), []byte(`{ "certificates":[`), 1),
		"one entry out":   bytes.Replace(body, []byte(`"DSC"`), []byte(`"dsc"`), 1),
		"no signature":    payload,
		"DER signature":   append([]byte("MEQCIA==\n"), payload...),
		"byte order mark": append([]byte("\xef\xbb\xbf"), body...),
	} {
		if _, err := openGermany(changed, key); !errors.Is(err, source.ErrNotAuthentic) && !errors.Is(err, source.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := openGermany(body, pkitest.Anchors(t, sourcetest.Domain(t, 0).Signer.PEM())); !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("another key: %v", err)
	}
}

// The production list of March 2024, of which only the JSON was kept. Five Lebanese certificates have negative serial numbers,
// which crypto/x509 refuses; the numbers of keys were measured with another reader.
func TestGermanyOfMarch2024(t *testing.T) {
	signers, report, err := parseGermany(sourcetest.Gunzipped(t, "germany-2024-03.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if len(signers) != 832 || report.Loaded != 832 || report.Duplicates != 0 || len(report.Skipped) != 0 {
		t.Errorf("%d signers, %d loaded, %d duplicates, skipped %v", len(signers), report.Loaded, report.Duplicates, report.Skipped)
	}
	algs, kids, countries := map[verify.Alg]int{}, map[verify.KID]bool{}, map[string]int{}
	for _, s := range signers {
		algs[s.Key.Alg()]++
		kids[s.KID] = true
		countries[s.Country]++
	}
	if algs[verify.ES256] != 794 || algs[verify.PS256] != 38 {
		t.Errorf("algorithms %v", algs)
	}
	for _, kid := range []string{"57E739uJdss=", "D3y/WcC0/Cw=", "HnuSLejJmGo=", "ctnvjnfYMP0=", "hDDXFbIM3ek="} {
		if id, err := list.DecodeKID(kid); err != nil || !kids[id] {
			t.Errorf("kid %s is missing: %v", kid, err)
		}
	}
	if len(kids) != 832 || countries[""] != 0 {
		t.Errorf("%d kids, %d without country", len(kids), countries[""])
	}
}

func TestGermanyEntries(t *testing.T) {
	d := sourcetest.Domain(t, 2)
	good, err := lists.Germany(d)
	if err != nil {
		t.Fatal(err)
	}
	_, payload, err := splitGermany(good)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.SplitN(string(payload), "},{", 2)[0]
	first = strings.TrimPrefix(first, `{"certificates":[{`)
	kid := `"kid":"` + strings.SplitN(strings.SplitN(first, `"kid":"`, 2)[1], `"`, 2)[0] + `"`
	for _, test := range []struct {
		name            string
		change          func(string) string
		loaded, skipped int
		duplicates      int
		why             string
	}{
		{"nothing", func(s string) string { return s }, 2, 0, 0, ""},
		{"a CSCA", func(s string) string { return strings.Replace(s, `"DSC"`, `"CSCA"`, 1) }, 1, 1, 0, `a "CSCA", not a DSC`},
		{"another kid", func(s string) string { return strings.Replace(s, kid, `"kid":"AAAAAAAAAAA="`, 1) }, 1, 1, 0, "its certificate has the kid"},
		{"a short kid", func(s string) string { return strings.Replace(s, kid, `"kid":"AAAA"`, 1) }, 1, 1, 0, "kid of 3 bytes"},
		{"no kid", func(s string) string { return strings.Replace(s, kid, `"x":"y"`, 1) }, 1, 1, 0, "kid of 0 bytes"},
		{"a damaged certificate", func(s string) string { return strings.Replace(s, `"rawData":"MII`, `"rawData":"MIX`, 1) }, 1, 1, 0, ""},
		{"no base64", func(s string) string { return strings.Replace(s, `"rawData":"MII`, `"rawData":"%`, 1) }, 1, 1, 0, "certificate: illegal base64"},
		{"the first twice", func(s string) string { return strings.Replace(s, "},{", "},{"+first+"},{", 1) }, 2, 0, 1, ""},
	} {
		changed := test.change(string(payload))
		if test.name != "nothing" && changed == string(payload) {
			t.Fatalf("%s: changed nothing", test.name)
		}
		signers, report, err := parseGermany([]byte(changed))
		if err != nil || len(signers) != test.loaded || len(report.Skipped) != test.skipped || report.Duplicates != test.duplicates {
			t.Errorf("%s: %d signers, %+v, %v", test.name, len(signers), report, err)
			continue
		}
		if test.skipped > 0 && (!strings.Contains(report.Skipped[0].Err.Error(), test.why) || !strings.Contains(report.Skipped[0].Name, "entry 1")) {
			t.Errorf("%s: skipped %v", test.name, report.Skipped)
		}
	}
}

// FuzzGermany: whatever is signed by nobody is not authentic, and what is read is what ParseSigner gives.
func FuzzGermany(f *testing.F) {
	built, err := lists.Germany(sourcetest.Domain(f, 1))
	if err != nil {
		f.Fatal(err)
	}
	real := sourcetest.Gunzipped(f, "germany-test-signed.txt.gz")
	f.Add(built)
	f.Add(real[:8000])
	f.Add([]byte(`{"certificates":[]}`))
	key := germanyTestKey(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		LooksLike(body)
		if _, err := openGermany(body, key); err == nil {
			t.Fatal("authentic")
		}
		_, payload, err := splitGermany(body)
		if err != nil {
			return
		}
		signers, report, err := parseGermany(payload)
		if err == nil && (report.Loaded != len(signers) || len(signers) > source.MaxCertificates) {
			t.Fatalf("%d signers, %+v", len(signers), report)
		}
	})
}
