package cbor

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// oracle is fxamacker/cbor with our rules: no key twice, no invalid UTF-8, nothing behind the item.
func oracle(t testing.TB, depth int) cbor.DecMode {
	t.Helper()
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  depth,
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
		UTF8:             cbor.UTF8RejectInvalid,
		IntDec:           cbor.IntDecConvertNone,
	}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

type vector struct {
	Hex        string `json:"hex"`
	Decoded    any    `json:"decoded"`
	Diagnostic string `json:"diagnostic"`
}

func appendixA(t testing.TB) (vectors []vector) {
	t.Helper()
	data, err := os.ReadFile("testdata/appendix_a.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 80 {
		t.Fatalf("%d vectors", len(vectors))
	}
	return vectors
}

func TestAppendixA(t *testing.T) {
	var c Checker
	for _, v := range appendixA(t) {
		if v.Hex == "f818" { // simple(24) in two bytes, which RFC 8949 §3.3 no longer calls well-formed
			continue
		}
		data := unhex(t, v.Hex)
		if !c.Check(data) {
			t.Errorf("%s is refused", v.Hex)
		}
		cursor := NewCursor(data, &Arena{Buf: make([]byte, 64)})
		if !cursor.Skip() || !cursor.Done() {
			t.Errorf("%s is not skipped whole", v.Hex)
		}
		cursor = NewCursor(data, &Arena{Buf: make([]byte, 64)})
		switch want := v.Decoded.(type) {
		case string:
			if got, ok := cursor.Text(); !ok || string(got) != want {
				t.Errorf("%s: text %q, %v; want %q", v.Hex, got, ok, want)
			}
		case float64:
			i, isInt := cursor.Int()
			f, isFloat := cursor.Float()
			if isInt && float64(i) != want || isFloat && f != want {
				t.Errorf("%s: %d or %g, want %g", v.Hex, i, f, want)
			}
			if !isInt && !isFloat && math.Abs(want) < 1<<62 {
				t.Errorf("%s: not a number", v.Hex)
			}
		}
		for cut := range data {
			if c.Check(data[:cut]) {
				t.Errorf("%s is accepted cut at %d", v.Hex, cut)
			}
		}
		if c.Check(append(data, 0)) {
			t.Errorf("%s is accepted with a byte behind it", v.Hex)
		}
	}
}

func TestCheck(t *testing.T) {
	many := func(pairs int) string { // a map of that many different keys
		s := "b90" + hex.EncodeToString([]byte{byte(pairs >> 8), byte(pairs)})[1:]
		for i := range pairs {
			s += "19" + hex.EncodeToString([]byte{byte(i >> 8), byte(i)}) + "00"
		}
		return s
	}
	for name, tc := range map[string]struct {
		hex  string
		want bool
	}{
		"nothing":                        {"", false},
		"map":                            {"a2 01 02 03 04", true},
		"same int twice":                 {"a2 01 02 01 04", false},
		"same int, long form":            {"a2 01 02 1801 04", false},
		"same int, longest form":         {"a2 1b0000000000000001 02 01 04", false},
		"same negative, long form":       {"a2 20 02 3800 04", false},
		"1 and -2":                       {"a2 01 02 21 04", true},
		"1 and \"1\"":                    {"a2 01 02 6131 04", true},
		"same text":                      {"a2 6161 02 6161 04", false},
		"same text, long form":           {"a2 6161 02 780161 04", false},
		"same text, in chunks":           {"a2 626162 02 7f61616162ff 04", false},
		"other text, in chunks":          {"a2 626162 02 7f61616163ff 04", true},
		"longer text, in chunks":         {"a2 626162 02 7f616161626163ff 04", true},
		"empty texts":                    {"a2 60 02 7fff 04", false},
		"indefinite map, twice":          {"bf 01 02 01 04 ff", false},
		"indefinite map":                 {"bf 01 02 03 04 ff", true},
		"indefinite map, half a pair":    {"bf 01 02 03 ff", false},
		"twice, nested":                  {"a1 01 81 a2 05 02 05 04", false},
		"same key in two maps":           {"82 a1 01 02 a1 01 02", true},
		"same key, outer and inner":      {"a2 01 a1 01 02 02 03", true},
		"twice behind an inner map":      {"a3 01 a2 05 01 06 01 02 00 01 00", false},
		"float key":                      {"a1 f93c00 00", false},
		"int and equal float key":        {"a2 01 00 f93c00 00", false},
		"byte string key":                {"a1 4101 00", false},
		"tagged key":                     {"a1 c101 00", false},
		"array key":                      {"a1 8101 00", false},
		"break as a key":                 {"a1 ff", false},
		"break alone":                    {"ff", false},
		"break in a definite array":      {"81 ff", false},
		"array of 2^32-1":                {"9a ffffffff", false},
		"array of 2^64-1":                {"9b ffffffffffffffff", false},
		"map of 2^63":                    {"bb 8000000000000000", false},
		"text of 2^64-1":                 {"7b ffffffffffffffff", false},
		"bytes of 2^63":                  {"5b 8000000000000000", false},
		"invalid UTF-8":                  {"62 c328", false},
		"character over two chunks":      {"7f 61c3 61a4 ff", false},
		"surrogate":                      {"63 eda080", false},
		"text chunk in bytes":            {"5f 6161 ff", false},
		"indefinite chunk":               {"5f 5f 4101 ff ff", false},
		"indefinite bytes, no end":       {"5f 4101", false},
		"reserved 28":                    {"1c", false},
		"reserved 30":                    {"5e", false},
		"indefinite integer":             {"1f", false},
		"indefinite tag":                 {"df 00", false},
		"simple value 24 in two bytes":   {"f8 18", false},
		"simple value 32":                {"f8 20", true},
		"undefined":                      {"f7", true},
		"tag without an item":            {"c1", false},
		"depth 16":                       {strings.Repeat("81", 16) + "00", true},
		"depth 17":                       {strings.Repeat("81", 17) + "00", false},
		"tags 16 deep":                   {strings.Repeat("c1", 16) + "00", true},
		"a thousand tags":                {strings.Repeat("c1", 1000) + "00", false},
		"a thousand indefinite arrays":   {strings.Repeat("9f", 1000), false},
		"as many keys as may be open":    {many(MaxKeys), true},
		"one key too many":               {many(MaxKeys + 1), false},
		"many keys, one after the other": {"82" + many(MaxKeys) + many(MaxKeys), true},
	} {
		t.Run(name, func(t *testing.T) {
			var c Checker
			data := unhex(t, tc.hex)
			if got := c.Check(data); got != tc.want {
				t.Errorf("%s: %v, want %v", tc.hex, got, tc.want)
			}
			cursor := NewCursor(data, nil) // must not panic or hang on what was refused, either
			cursor.Skip()
		})
	}
}

func TestCursor(t *testing.T) {
	arena := Arena{Buf: make([]byte, 4)}
	c := NewCursor(unhex(t, "c1 9f f90001 fa47c35000 f6 3903e7 7f 6161 626263 ff 5f 4101 ff ff"), &arena)
	if tag, ok := c.Tag(); !ok || tag != 1 {
		t.Fatal("tag", tag, ok)
	}
	if _, ok := c.Map(); ok {
		t.Fatal("an array taken for a map")
	}
	g, ok := c.Array()
	if !ok || !c.Next(&g) {
		t.Fatal("array")
	}
	if f, ok := c.Float(); !ok || f != 5.960464477539063e-8 {
		t.Fatal("half", f, ok)
	}
	if _, ok := c.Int(); ok || !c.Next(&g) {
		t.Fatal("a float taken for an integer")
	}
	if f, ok := c.Float(); !ok || f != 100000 || !c.Next(&g) {
		t.Fatal("single", f, ok)
	}
	if !c.Null() || c.Null() || !c.Next(&g) {
		t.Fatal("null")
	}
	if _, ok := c.Uint(); ok {
		t.Fatal("a negative number taken for an unsigned one")
	}
	if i, ok := c.Int(); !ok || i != -1000 || !c.Next(&g) {
		t.Fatal("negative", i, ok)
	}
	if _, ok := c.Bytes(); ok {
		t.Fatal("a text taken for bytes")
	}
	if s, ok := c.Text(); !ok || string(s) != "abc" || !c.Next(&g) {
		t.Fatalf("text %q %v", s, ok)
	}
	if s, ok := c.Bytes(); !ok || string(s) != "\x01" || arena.Used != 4 {
		t.Fatalf("bytes %q %v, %d joined", s, ok, arena.Used)
	}
	if c.Next(&g) || !c.Done() || c.Skip() || c.Next(&g) {
		t.Fatal("end")
	}
	// The arena is full: what does not fit is refused, not cut.
	c = NewCursor(unhex(t, "7f 6161 ff"), &arena)
	if s, ok := c.Text(); ok {
		t.Fatalf("joined %q in a full arena", s)
	}
}

func TestHalfToFloat(t *testing.T) {
	mode := oracle(t, MaxDepth)
	for half := range 1 << 16 {
		var want float64
		if err := mode.Unmarshal([]byte{0xf9, byte(half >> 8), byte(half)}, &want); err != nil {
			t.Fatal(err)
		}
		got := halfToFloat(uint16(half))
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%04x: %g, want %g", half, got, want)
		}
	}
}

// otherKeys reports whether data has a map key that is neither integer nor text: fxamacker/cbor takes some, we none.
func otherKeys(v any) bool {
	switch v := v.(type) {
	case map[any]any:
		for k, e := range v {
			switch k.(type) {
			case uint64, int64, string:
			default:
				return true
			}
			if otherKeys(e) {
				return true
			}
		}
	case []any:
		for _, e := range v {
			if otherKeys(e) {
				return true
			}
		}
	case cbor.Tag:
		return otherKeys(v.Content)
	}
	return false
}

func FuzzCheck(f *testing.F) {
	for _, v := range appendixA(f) {
		f.Add(unhex(f, v.Hex))
	}
	for _, s := range []string{
		"a201021801 04", "bf 01 02 03 04 ff", "d28444a1013826a0405840", "a2626162027f61616162ff04", strings.Repeat("81", 17) + "00",
	} {
		f.Add(unhex(f, s))
	}
	mode, shallow := oracle(f, MaxDepth), oracle(f, MaxDepth/2) // it counts tags in another way
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Checker
		got := c.Check(data)
		cursor := NewCursor(data, &Arena{Buf: make([]byte, len(data))})
		if skipped := cursor.Skip() && cursor.Done(); got && !skipped {
			t.Fatalf("%x is well-formed, but not skipped whole", data)
		}
		var v any
		err := mode.Unmarshal(data, &v)
		if !got {
			// Where we are stricter: keys that are neither integer nor text, and how many may be open.
			var v any
			if err := shallow.Unmarshal(data, &v); err == nil && !otherKeys(v) && len(data) < MaxKeys {
				t.Fatalf("%x: refused, but fxamacker/cbor reads %v", data, v)
			}
			return
		}
		if wellformed := mode.Wellformed(data); wellformed != nil {
			t.Fatalf("%x: accepted, but fxamacker/cbor says %v", data, wellformed)
		}
		var twice *cbor.DupMapKeyError
		if errors.As(err, &twice) || err != nil && strings.Contains(err.Error(), "invalid UTF-8") {
			t.Fatalf("%x: accepted, but fxamacker/cbor says %v", data, err)
		}
		if err == nil && otherKeys(v) {
			t.Fatalf("%x: accepted with a key that is neither integer nor text", data)
		}
	})
}
