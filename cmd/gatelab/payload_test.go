package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// The expectations are written by hand from RFC 8949; those of its appendix A that JSON can say are all here.
func TestPayloadCBOR(t *testing.T) {
	for _, tt := range []struct{ name, json, want string }{
		{"null", `null`, "f6"},
		{"true", `true`, "f5"},
		{"false", `false`, "f4"},

		{"zero", `0`, "00"},
		{"negative zero is an integer literal", `-0`, "00"},
		{"last in the head", `23`, "17"},
		{"first of one byte", `24`, "1818"},
		{"last of one byte", `255`, "18ff"},
		{"first of two bytes", `256`, "190100"},
		{"last of two bytes", `65535`, "19ffff"},
		{"first of four bytes", `65536`, "1a00010000"},
		{"last of four bytes", `4294967295`, "1affffffff"},
		{"first of eight bytes", `4294967296`, "1b0000000100000000"},
		{"beyond the exact floats", `9007199254740993`, "1b0020000000000001"},
		{"largest integer", `18446744073709551615`, "1bffffffffffffffff"},
		{"bignum", `18446744073709551616`, "c249010000000000000000"},
		{"minus one", `-1`, "20"},
		{"negative, last in the head", `-24`, "37"},
		{"negative, first of one byte", `-25`, "3818"},
		{"negative, first of two bytes", `-257`, "390100"},
		{"smallest integer", `-18446744073709551616`, "3bffffffffffffffff"},
		{"negative bignum", `-18446744073709551617`, "c349010000000000000000"},

		{"float without fraction", `1.0`, "fb3ff0000000000000"},
		{"float, e", `1e2`, "fb4059000000000000"},
		{"float, E", `1E2`, "fb4059000000000000"},
		{"float, signed exponent", `1.0e+300`, "fb7e37e43c8800759c"},
		{"float", `1.1`, "fb3ff199999999999a"},
		{"float that half precision could hold", `1.5`, "fb3ff8000000000000"},
		{"negative float", `-4.1`, "fbc010666666666666"},
		{"negative float zero", `-0.0`, "fb8000000000000000"},
		{"smallest float", `5e-324`, "fb0000000000000001"},

		{"empty text", `""`, "60"},
		{"text", `"IETF"`, "6449455446"},
		{"escaped quote and backslash", `"\"\\"`, "62225c"},
		{"escaped slash", `"\/"`, "612f"},
		{"control escapes", `"\b\f\n\r\t\u0000"`, "66080c0a0d0900"},
		{"what HTML would escape", `"<>&"`, "633c3e26"},
		{"two bytes", `"ü"`, "62c3bc"},
		{"two bytes, escape", `"\u00fc"`, "62c3bc"},
		{"three bytes, escape", `"\u6C34"`, "63e6b0b4"},
		{"surrogate pair", `"\ud800\uDD51"`, "64f0908591"},
		{"beyond the BMP, literal", `"𐅑"`, "64f0908591"},
		{"two surrogate pairs", `"\uD83D\uDE00\ud83d\ude03"`, "68f09f9880f09f9883"},
		{"backslash before what looks like a surrogate", `"\\ud800"`, "665c7564383030"},
		{"24 bytes of text", `"aaaaaaaaaaaaaaaaaaaaaaaa"`, "7818" + strings.Repeat("61", 24)},

		{"empty array", `[]`, "80"},
		{"empty map", `{}`, "a0"},
		{"nested arrays", `[1,[2,3],[4,5]]`, "8301820203820405"},
		{"23 items", `[` + strings.Repeat("1,", 22) + `1]`, "97" + strings.Repeat("01", 23)},
		{"24 items", `[` + strings.Repeat("1,", 23) + `1]`, "9818" + strings.Repeat("01", 24)},
		{"256 items", `[` + strings.Repeat("1,", 255) + `1]`, "990100" + strings.Repeat("01", 256)},
		{"map", `{"a":1,"b":[2,3]}`, "a26161016162820203"},
		{"members keep their order", `{"b":1,"a":2}`, "a2616201616102"},
		{"members given twice", `{"a":1,"a":2}`, "a2616101616102"},
		{"empty name, null value", `{"":null}`, "a160f6"},
		{"escaped name", `{"\u0061":1}`, "a1616101"},
		{"24 members", `{` + strings.Repeat(`"":0,`, 23) + `"":0}`, "b818" + strings.Repeat("6000", 24)},
		{"nested maps", `{"a":{"b":{}},"c":[{}]}`, "a26161a16162a0616381a0"},
		{"blanks", " {\t\"a\" : [ 1 , 2 ] }\r\n", "a16161820102"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := payloadCBOR([]byte(tt.json))
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(got) != tt.want {
				t.Errorf("%s\n got %x\nwant %s", tt.json, got, tt.want)
			}
		})
	}
}

func TestPayloadCBORRefuses(t *testing.T) {
	for _, tt := range []struct{ name, json, want string }{
		{"nothing", ``, "not JSON: unexpected end"},
		{"unfinished", `{"a":`, "not JSON: unexpected end"},
		{"two values", `1 2`, "(byte 3)"},
		{"one brace too many", `{"a":1}}`, "(byte 8)"},
		{"single quotes", `{'a':1}`, "not JSON"},
		{"comma at the end", `[1,]`, "not JSON"},
		{"crossed brackets", `{"a":[}]`, "not JSON"},
		{"NaN", `NaN`, "not JSON"},
		{"leading zero", `01`, "not JSON"},
		{"leading dot", `.5`, "not JSON"},
		{"raw control character", "\"\n\"", "not JSON"},
		{"bad escape", `"\u12G4"`, "not JSON"},
		{"bad UTF-8", "\"\xff\"", "not valid UTF-8"},
		{"byte order mark", "\ufeff{}", "not JSON"},
		{"high surrogate alone", `"\ud83d"`, `\ud83d is half`},
		{"high surrogate before text", `"\uD83Dabcdef"`, `\uD83D is half`},
		{"high surrogate before another escape", `"\ud83d\u0041"`, `\ud83d is half`},
		{"high surrogate twice", `"\ud83d\ud83d\ude00"`, `\ud83d is half`},
		{"low surrogate alone", `"a\ude00"`, `\ude00 is half`},
		{"low surrogate in a name", `{"\ude00":1}`, `\ude00 is half`},
		{"float too large", `[1e400]`, "1e400 does not fit a float64"},
		{"too deep", strings.Repeat("[", 10001) + strings.Repeat("]", 10001), "exceeded max depth"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := payloadCBOR([]byte(tt.json))
			if err == nil {
				t.Fatalf("accepted as %x", got)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
		})
	}
}

// FuzzPayloadCBOR has fxamacker/cbor read back what payloadCBOR writes and encoding/json read the original.
func FuzzPayloadCBOR(f *testing.F) {
	for _, line := range payloads(f) {
		f.Add(line)
	}
	f.Add([]byte(`[-18446744073709551617,1e2,"\ud83d\ude00",{"a":1,"a":2}]`))
	decoder, err := cbor.DecOptions{MaxNestedLevels: 65535, MaxArrayElements: 1 << 30, MaxMapPairs: 1 << 30}.DecMode()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := payloadCBOR(text)
		if err != nil {
			return
		}
		var back any
		if err := decoder.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q became %x: %v", text, got, err)
		}
		var want any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q is not JSON and became %x", text, got)
		}
		if want, back := comparable(want), comparable(back); !reflect.DeepEqual(want, back) {
			t.Fatalf("%q became %x\n got %v\nwant %v", text, got, back, want)
		}
	})
}

// comparable brings a tree from either decoder into one form: integers as decimal text, floats as float64.
func comparable(v any) any {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			f, _ := strconv.ParseFloat(string(v), 64)
			return f
		}
		n, _ := new(big.Int).SetString(string(v), 10)
		return n.String()
	case uint64:
		return strconv.FormatUint(v, 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case big.Int:
		return v.String()
	case []any:
		for i := range v {
			v[i] = comparable(v[i])
		}
	case map[string]any:
		m := map[any]any{}
		for k, item := range v {
			m["text "+k] = comparable(item)
		}
		return m
	case map[any]any:
		m := map[any]any{}
		for k, item := range v {
			m["text "+k.(string)] = comparable(item)
		}
		return m
	case string:
		return "text " + v
	}
	return v
}

// payloads returns the lines of payloads.jsonl.
func payloads(t testing.TB) [][]byte {
	t.Helper()
	lines := bytes.Split(bytes.TrimSuffix(readFile(t, "testdata/payloads.jsonl"), []byte("\n")), []byte("\n"))
	if len(lines) != 10 {
		t.Fatalf("%d payloads, want 10", len(lines))
	}
	return lines
}
