package trustsync

import (
	"os"
	"slices"
	"testing"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/sourcetest"
)

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
		"germany":                {germany, "germany"},
		"germany, test":          {sourcetest.Gunzipped(t, "germany-test-signed.txt.gz"), "germany"},
		"germany, unsigned":      {sourcetest.Gunzipped(t, "germany-2024-03.json.gz"), "germany"},
		"germany, indented":      {[]byte("{\r\n\t\"certificates\" : []}"), "germany"},
		"sweden":                 {sweden, "sweden"},
		"sweden, example":        {append([]byte("\n"), example...), "sweden"},
		"austria":                {austria, "austria"},
		"netherlands":            {netherlands, "netherlands"},
		"netherlands, unsigned":  {sourcetest.Gunzipped(t, "netherlands-2024-03.json.gz"), "netherlands"},
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
	forms := append(slices.Clone(kinds), kind{name: "key list", looks: list.LooksLikeKeyList})
	for name, file := range files {
		for _, form := range forms {
			if form.looks == nil {
				continue
			}
			if got := form.looks(file.data); got != (form.name == file.is) {
				t.Errorf("%s looks like %s: %v", name, form.name, got)
			}
		}
	}
}
