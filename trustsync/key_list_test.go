package trustsync

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

func TestKeyList(t *testing.T) {
	spki := base64.StdEncoding.EncodeToString(sourcetest.Domain(t, 1).DSCs[0].RawSubjectPublicKeyInfo)
	entry := fmt.Sprintf(`{"kid":"AAAAAAAAAAE=","publicKey":"%s"}`, spki)
	for _, test := range []struct {
		name, list                  string
		loaded, skipped, duplicates int
		want                        error
	}{
		{"one", `[` + entry + `]`, 1, 0, 0, nil},
		{"twice", `[` + entry + `,` + entry + `]`, 1, 0, 1, nil},
		{"none", ` [ ] `, 0, 0, 0, nil},
		{"junk", `[1,null,{},"x",[],{"kid":1,"publicKey":"x"},` + entry + `]`, 1, 6, 0, nil},
		{"an object", entry, 0, 0, 0, source.ErrMalformed},
		{"cut short", `[` + entry, 0, 0, 0, source.ErrMalformed},
		{"something follows", `[` + entry + `],`, 0, 0, 0, source.ErrMalformed},
		{"too many", `[` + strings.Repeat(`1,`, source.MaxCertificates) + `1]`, 0, 0, 0, source.ErrTooLarge},
	} {
		signers, report, err := parseKeyList([]byte(test.list))
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) || len(signers) != test.loaded || len(report.Skipped) != test.skipped || report.Duplicates != test.duplicates {
			t.Errorf("%s: %d signers, %+v, %v", test.name, len(signers), report, err)
		}
		if len(signers) > 0 && signers[0].KID != (verify.KID{7: 1}) {
			t.Errorf("%s: %+v", test.name, signers[0])
		}
	}
}

// Each form is told from all others by its bytes.
func TestLooksLikeList(t *testing.T) {
	d := sourcetest.Domain(t, 2)
	germany, err := lists.Germany(d)
	if err != nil {
		t.Fatal(err)
	}
	sweden, err := lists.Sweden(d, sourcetest.Signed, sourcetest.Expires)
	if err != nil {
		t.Fatal(err)
	}
	austria, signature, err := lists.Austria(d, sourcetest.Signed, sourcetest.Expires)
	if err != nil {
		t.Fatal(err)
	}
	netherlands, err := lists.Netherlands(d, sourcetest.Signed)
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(sourcetest.Repository(t) + "/trustsync/testdata/sweden-example.jws")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]struct {
		data []byte
		is   string
	}{
		"germany":                {germany, kindGermany},
		"germany, test":          {sourcetest.Gunzipped(t, "germany-test-signed.txt.gz"), kindGermany},
		"germany, unsigned":      {sourcetest.Gunzipped(t, "germany-2024-03.json.gz"), kindGermany},
		"germany, indented":      {[]byte("{\r\n\t\"certificates\" : []}"), kindGermany},
		"sweden":                 {sweden, kindSweden},
		"sweden, example":        {append([]byte("\n"), example...), kindSweden},
		"austria":                {austria, kindAustria},
		"netherlands":            {netherlands, kindNetherlands},
		"netherlands, unsigned":  {sourcetest.Gunzipped(t, "netherlands-2024-03.json.gz"), kindNetherlands},
		"key list":               {[]byte(` [ {"kid":"","publicKey":""} ]`), "key list"},
		"signature of austria":   {signature, ""},
		"rules":                  {[]byte(`[{"Identifier":"GR-DE-0001"}]`), ""},
		"certificate":            {d.DSCs[0].Raw, ""},
		"certificate in PEM":     {d.CSCA.PEM(), ""},
		"envelope of other keys": {[]byte(`{"payload":"e30=","signature":""}`), ""},
		"another JWS":            {[]byte("eyJhbGciOiJFUzI1NiJ9.e30.AAAA"), ""},
		"nothing":                {nil, ""},
		"an object":              {[]byte(`{}`), ""},
		"half an array":          {[]byte(`[`), ""},
	}
	looks := map[string]func([]byte) bool{
		kindGermany: looksLikeGermany, kindSweden: looksLikeSweden, kindAustria: looksLikeAustria, kindNetherlands: looksLikeNetherlands, "key list": looksLikeKeyList,
	}
	for name, file := range files {
		for kind, look := range looks {
			if got := look(file.data); got != (kind == file.is) {
				t.Errorf("%s looks like %s: %v", name, kind, got)
			}
		}
	}
}
