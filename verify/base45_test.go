package verify

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// encodeBase45 is RFC 9285 §4 the other way round, by division.
func encodeBase45(data []byte) string {
	var b strings.Builder
	for len(data) >= 2 {
		n := int(data[0])<<8 | int(data[1])
		b.WriteByte(base45Alphabet[n%45])
		b.WriteByte(base45Alphabet[n/45%45])
		b.WriteByte(base45Alphabet[n/45/45])
		data = data[2:]
	}
	if len(data) == 1 {
		b.WriteByte(base45Alphabet[data[0]%45])
		b.WriteByte(base45Alphabet[data[0]/45])
	}
	return b.String()
}

func TestBase45Vectors(t *testing.T) {
	data, err := os.ReadFile("testdata/base45.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID      string  `json:"id"`
		Hex     *string `json:"hex"`
		Encoded string  `json:"encoded"`
		Valid   bool    `json:"valid"`
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	valid := 0
	for _, v := range vectors {
		got, ok := decodeBase45(make([]byte, maxCompressed), []byte(v.Encoded))
		if ok != v.Valid {
			t.Errorf("%s: %q decodes: %v, want %v", v.ID, v.Encoded, ok, v.Valid)
		}
		if !v.Valid {
			continue
		}
		valid++
		if v.Hex == nil || hex.EncodeToString(got) != *v.Hex {
			t.Errorf("%s: %q decodes to %x", v.ID, v.Encoded, got)
		}
	}
	if valid < 10 || len(vectors)-valid < 10 {
		t.Fatalf("%d valid vectors of %d", valid, len(vectors))
	}
}

func FuzzBase45(f *testing.F) {
	for _, p := range readPasses(f, "dgc-testdata.jsonl")[:50] {
		f.Add([]byte(strings.TrimPrefix(p.Text, prefix)))
	}
	f.Add([]byte("FGW"))
	f.Add([]byte("GGW"))
	f.Add([]byte("::"))
	f.Fuzz(func(t *testing.T, text []byte) {
		dst := bytes.Repeat([]byte{0xaa}, (len(text)+2)/3*2+1)
		got, ok := decodeBase45(dst[:len(dst)-1], text)
		if dst[len(dst)-1] != 0xaa {
			t.Fatal("wrote behind its buffer")
		}
		if ok && encodeBase45(got) != string(text) {
			t.Fatalf("%q decodes to %x, which encodes to %q", text, got, encodeBase45(got))
		}
	})
}
