package netherlands

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki/pkitest"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// The production list of March 2024, of which only the payload was kept. Ten of its 805 kids are shorter than 8 bytes ("Key1RE",
// "Key1PRO"), one key is there twice. The numbers were measured with another reader.
func TestNetherlandsOfMarch2024(t *testing.T) {
	data := sourcetest.Gunzipped(t, "netherlands-2024-03.json.gz")
	signers, report, err := parseNetherlands(data)
	if err != nil || len(signers) != 795 || report.Loaded != 795 || report.Duplicates != 1 || len(report.Skipped) != 10 {
		t.Fatalf("%d signers, %d loaded, %d duplicates, skipped %v, %v", len(signers), report.Loaded, report.Duplicates, report.Skipped, err)
	}
	for _, skipped := range report.Skipped {
		if !strings.Contains(skipped.Name, `"GB"`) || !strings.Contains(skipped.Err.Error(), "bytes, not 8") {
			t.Errorf("skipped %v", skipped)
		}
	}
	usages, countries := map[verify.Usage]int{}, map[string]int{}
	for _, s := range signers {
		usages[s.Usage]++
		countries[s.Country]++
	}
	const all = verify.SignsTest | verify.SignsVaccination | verify.SignsRecovery
	want := map[verify.Usage]int{
		0: 654 - 10 - 1, all: 41 + 5, verify.SignsRecovery: 35, verify.SignsVaccination: 35, verify.SignsTest: 35, verify.SignsTest | verify.SignsVaccination: 1,
	}
	for usage, n := range want {
		if usages[usage] != n {
			t.Errorf("usage %b: %d, want %d", usage, usages[usage], n)
		}
	}
	if countries["DE"] != 214 || countries["GB"] != 41-11 || countries["NL"] != 75 || countries[""] != 0 {
		t.Errorf("countries %v", countries)
	}
}

func TestNetherlandsEntries(t *testing.T) {
	d := sourcetest.Domain(t, 2)
	spki := base64.StdEncoding.EncodeToString(d.DSCs[0].RawSubjectPublicKeyInfo)
	second := base64.StdEncoding.EncodeToString(d.DSCs[1].RawSubjectPublicKeyInfo)
	const kid = "AAAAAAAAAAE="
	key := func(spki string, usage ...string) map[string]any {
		if usage == nil {
			usage = []string{}
		}
		return map[string]any{"subjectPk": spki, "ian": "nl", "san": "", "keyUsage": usage}
	}
	for _, test := range []struct {
		name                        string
		keys                        []any
		loaded, skipped, duplicates int
		usage                       verify.Usage // of the first
	}{
		{"one", []any{key(spki)}, 1, 0, 0, 0},
		{"two under one kid", []any{key(spki, "t"), key(second, "v")}, 2, 0, 0, verify.SignsTest},
		{"one twice", []any{key(spki, "r"), key(spki, "r")}, 1, 0, 1, verify.SignsRecovery},
		{"one for each use", []any{key(spki, "r"), key(spki, "t")}, 2, 0, 0, verify.SignsRecovery},
		{"an unknown use beside another", []any{key(spki, "v", "x")}, 1, 0, 0, verify.SignsVaccination},
		{"an unknown use alone", []any{key(spki, "x"), key(second)}, 1, 1, 0, 0},
		{"no key", []any{key("")}, 0, 1, 0, 0},
		{"no base64", []any{key("%")}, 0, 1, 0, 0},
		{"use of another shape", []any{map[string]any{"subjectPk": spki, "keyUsage": "t"}}, 0, 1, 0, 0},
	} {
		payload, err := json.Marshal(map[string]any{"cl_keys": []int{1}, "nl_keys": map[string]any{"x": 1}, "eu_keys": map[string]any{kid: test.keys}})
		if err != nil {
			t.Fatal(err)
		}
		signers, report, err := parseNetherlands(payload)
		if err != nil || len(signers) != test.loaded || len(report.Skipped) != test.skipped || report.Duplicates != test.duplicates {
			t.Errorf("%s: %d signers, %+v, %v", test.name, len(signers), report, err)
			continue
		}
		if len(signers) > 0 && (signers[0].Usage != test.usage || signers[0].Country != "NL" || signers[0].KID != verify.KID{7: 1}) {
			t.Errorf("%s: %+v", test.name, signers[0])
		}
	}
}

func TestNetherlandsEnvelope(t *testing.T) {
	d := sourcetest.Domain(t, 1)
	a := pkitest.Anchors(t, d.Signer.PEM())
	good, err := lists.Netherlands(d, sourcetest.Signed)
	if err != nil {
		t.Fatal(err)
	}
	payload, _, err := splitNetherlands(good)
	if err != nil {
		t.Fatal(err)
	}
	undated, err := lists.SignNetherlands(d.Signer, payload, lists.CMS{})
	if err != nil {
		t.Fatal(err)
	}
	bare, err := lists.SignNetherlands(d.Signer, payload, lists.CMS{Bare: true})
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(good), ",")
	for name, test := range map[string]struct {
		body string
		want error
	}{
		"good":                 {string(good), nil},
		"other members":        {strings.Replace(string(good), "{", `{"x":[{"payload":1}],`, 1), nil},
		"no signing time":      {string(undated), source.ErrMalformed},
		"no signed attributes": {string(bare), source.ErrNotAuthentic},
		"no signature":         {`{"payload":"e30="}`, source.ErrNotAuthentic},
		"the list alone":       {string(payload), source.ErrNotAuthentic},
		"no payload":           {`{` + rest, source.ErrMalformed},
		"two payloads":         {strings.Replace(string(good), "{", `{"payload":"e30=",`, 1), source.ErrMalformed},
		"name in capitals":     {strings.Replace(string(good), `"payload"`, `"Payload"`, 1), source.ErrMalformed},
		"payload a number":     {`{"payload":1,"signature":""}`, source.ErrMalformed},
		"signature of nothing": {`{"payload":"e30=","signature":"AAAA"}`, source.ErrMalformed},
		"something follows":    {string(good) + "{}", source.ErrMalformed},
	} {
		got, signed, err := openNetherlands([]byte(test.body), a, "", sourcetest.Now)
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		if err == nil && (string(got) != string(payload) || !signed.Equal(sourcetest.Signed)) {
			t.Errorf("%s: %d bytes, signed %v", name, len(got), signed)
		}
	}
	if _, _, err := openNetherlands(good, a, "", time.Time{}); err != nil {
		t.Errorf("the dates of a pinned certificate are judged: %v", err)
	}
	name := d.Signer.Cert.Subject.CommonName
	if _, _, err := openNetherlands(good, a, name, sourcetest.Now); err != nil {
		t.Errorf("the signer who is meant: %v", err)
	}
	for _, other := range []string{name + " ", name[1:], strings.ToUpper(name)} {
		if _, _, err := openNetherlands(good, a, other, sourcetest.Now); !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("the signer is not %q: %v", other, err)
		}
	}
}

func FuzzNetherlands(f *testing.F) {
	built, err := lists.Netherlands(sourcetest.Domain(f, 1), sourcetest.Signed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(built)
	f.Add(sourcetest.Gunzipped(f, "netherlands-2024-03.json.gz")[:4000])
	f.Add([]byte(`{"eu_keys":{"AAAAAAAAAAA=":[{}]}}`))
	other := pkitest.Anchors(f, sourcetest.Domain(f, 0).Signer.PEM())
	f.Fuzz(func(t *testing.T, body []byte) {
		LooksLike(body)
		list.LooksLikeKeyList(body)
		if _, _, err := openNetherlands(body, other, "", sourcetest.Now); err == nil {
			t.Fatal("authentic")
		}
		for _, parse := range []func([]byte) ([]source.Signer, source.Report, error){parseNetherlands, list.ParseKeyList} {
			signers, report, err := parse(body)
			if err == nil && (report.Loaded != len(signers) || len(signers) > source.MaxCertificates) {
				t.Fatalf("%d signers, %+v", len(signers), report)
			}
		}
	})
}
