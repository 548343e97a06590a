package who

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"gatescan/trustsync/internal/list"
)

// For strings of plain ASCII, encoding/json writes a map as RFC 8785 demands: sorted, without space.
func TestJWKCanonical(t *testing.T) {
	tests := []string{
		`{"kty":"EC","kid":"a=","x5c":["AA==","BB/+"],"crv":"UNKNOWN CURVE","x":"-_","y":"0"}`,
		`{"y":"0","x":"1","n":"2","kty":"RSA","kid":"","e":"AQAB","crv":"","x5c":[]}`,
		`{"x5c":["A"]}`,
		`{}`,
		` { "n" : "\u0041" , "e" : "<&>'" } `,
	}
	for _, text := range tests {
		j, err := readJWK(list.WalkJSON([]byte(text)))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var any map[string]any
		if err := json.Unmarshal([]byte(text), &any); err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(any); err != nil {
			t.Fatal(err)
		}
		plain := strings.TrimSuffix(want.String(), "\n")
		if got := string(j.appendCanonical(nil, `"`)); got != plain {
			t.Errorf("%s\n got %s\nwant %s", text, got, plain)
		}
		if got, want := string(j.appendCanonical(nil, `\"`)), strings.ReplaceAll(plain, `"`, `\"`); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestReadJWKRefuses(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `"x"`, `null`, `{"kty":"EC"`, `{"kty":1}`, `{"kty":true}`, `{"kty":null}`, `{"kty":["EC"]}`, `{"x5c":"AA"}`,
		`{"x5c":[["AA"]]}`, `{"x5c":[null]}`, `{"kty":"EC","kty":"EC"}`, `{"k":"x"}`, `{"d":"x"}`, `{"KTY":"EC"}`, `{"":"x"}`,
		`{"x":"a\"b"}`, `{"x":"a\\b"}`, `{"x":"a\tb"}`, `{"x":"\u007f"}`, `{"x":"é"}`, "{\"x\":\"\xff\"}", `{"\ud800":"x"}`,
	} {
		if j, err := readJWK(list.WalkJSON([]byte(text))); err == nil {
			t.Errorf("%s: read as %v", text, j)
		}
	}
}
