package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"

	"github.com/fxamacker/cbor/v2"
)

// Files that the version before rules wrote are read, and come out as they were: testdata/README.md says what they hold.
func TestGenerationFormat1(t *testing.T) {
	file, err := os.ReadFile(sourcetest.Repository(t) + "/trustsync/testdata/generation-format-1")
	if err != nil {
		t.Fatal(err)
	}
	g, err := Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	want := storeGeneration(t, "a", 3)
	a := want.Sources["a"]
	a.Holding.Rules, a.Holding.ValueSets = nil, nil
	a.Holding.Signers = storeSigners(t, 3)
	a.Holding.Signers[1].Lab = true
	want.Sources["a"], want.Sources["b"] = a, Stored{Kind: "x", Floor: storeTime(1)}
	if err := sameSources(want, g); err != nil || g.Number != 7 || !g.Written.Equal(storeTime(3)) || len(g.Sources) != 2 {
		t.Errorf("%v, %+v", err, g)
	}
	if again := storeEncode(t, g); !bytes.Equal(again, file) {
		t.Error("without rules it is not written as it was")
	}
	floorsFile, err := os.ReadFile(sourcetest.Repository(t) + "/trustsync/testdata/floors-format-1")
	if err != nil {
		t.Fatal(err)
	}
	known, err := decodeFloors(floorsFile)
	if err != nil || known.last != 7 || !known.of["a"].at.Equal(storeTime(3)) || known.of["b"].forgotten != 1 {
		t.Errorf("%v, %+v", err, known)
	}

	// As a store, and the next one has rules.
	dir := t.TempDir()
	for name, data := range map[string][]byte{generationName(7): file, floorsName: floorsFile} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := storeOpen(t, dir)
	if g, _ := storeLoad(t, s); g.Number != 7 || len(g.Sources["a"].Holding.Signers) != 3 {
		t.Errorf("%+v", g)
	}
	next := storeGeneration(t, "a", 5)
	storeSave(t, s, next)
	got, _ := storeLoad(t, storeOpen(t, dir))
	if err := sameSources(next, got); err != nil || got.Number != 8 {
		t.Error(err, got.Number)
	}
	data, err := os.ReadFile(filepath.Join(dir, generationName(8)))
	if err != nil || !bytes.HasPrefix(data, []byte("gatescan generation\nformat 2\n")) {
		t.Errorf("%v, %.40q", err, data)
	}
}

// What has a good hash, and holds something else than rules.
func TestGenerationRulesStrict(t *testing.T) {
	array := func(v any) cbor.RawMessage {
		data, err := storeEncoding.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	many := func(n int, element string) cbor.RawMessage {
		return append(cbor.RawMessage{0x99, byte(n >> 8), byte(n)}, strings.Repeat(element, n)...)
	}
	rule := [][]byte{[]byte("{}")}
	for name, test := range map[string]struct {
		format      uint64
		rules, sets cbor.RawMessage
		want        error
	}{
		"rules":                     {2, array(rule), nil, nil},
		"a value set":               {2, nil, array([]valueSetForm{{ID: "a", JSON: []byte("[]")}}), nil},
		"neither":                   {1, nil, nil, nil},
		"neither in format 2":       {2, nil, nil, source.ErrMalformed},
		"rules in format 1":         {1, array(rule), nil, source.ErrMalformed},
		"no rules, and says so":     {2, array([][]byte{}), nil, source.ErrMalformed},
		"no value sets, and so":     {2, array(rule), array([]valueSetForm{}), source.ErrMalformed},
		"rules are null":            {2, cbor.RawMessage{0xf6}, nil, source.ErrMalformed},
		"a rule is null":            {2, cbor.RawMessage{0x81, 0xf6}, nil, source.ErrMalformed},
		"a rule is text":            {2, cbor.RawMessage{0x81, 0x61, 'x'}, nil, source.ErrMalformed},
		"an empty rule":             {2, array([][]byte{{}}), nil, source.ErrMalformed},
		"a rule too large":          {2, array([][]byte{make([]byte, source.MaxRuleSize+1)}), nil, source.ErrTooLarge},
		"as many as are allowed":    {2, many(source.MaxRules, "\x41x"), nil, nil},
		"one too many":              {2, many(source.MaxRules+1, "\x41x"), nil, source.ErrMalformed},
		"a value set of no name":    {2, nil, array([]valueSetForm{{JSON: []byte("[]")}}), source.ErrMalformed},
		"a value set of a long one": {2, nil, array([]valueSetForm{{ID: strings.Repeat("x", source.MaxValueSetID+1), JSON: []byte("[]")}}), source.ErrMalformed},
		"a value set too large":     {2, nil, array([]valueSetForm{{ID: "a", JSON: make([]byte, source.MaxValueSetSize+1)}}), source.ErrTooLarge},
		"half a value set":          {2, nil, cbor.RawMessage{0x81, 0x81, 0x61, 'a'}, source.ErrMalformed},
	} {
		file, err := seal(generationMagic, test.format, generationForm{Number: 1, Sources: map[string]storedForm{"a": {
			Identity: make([]byte, 32), Signers: cbor.RawMessage{0x80}, Rules: test.rules, ValueSets: test.sets,
		}}})
		if err == nil {
			_, err = Decode(file)
		}
		if err == nil != (test.want == nil) || test.want != nil && err != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// Bounds are over all sources together, in both directions.
func TestGenerationRulesBounds(t *testing.T) {
	large := make([][]byte, source.MaxRuleBytes/source.MaxRuleSize)
	for i := range large {
		large[i] = bytes.Repeat([]byte{'x'}, source.MaxRuleSize)
	}
	split := func(extra ...[]byte) *Generation {
		return &Generation{Number: 1, Sources: map[string]Stored{
			"a": {Holding: source.Holding{Rules: large[:7]}}, "b": {Holding: source.Holding{Rules: append(large[7:len(large):len(large)], extra...)}},
		}}
	}
	if g, err := Decode(storeEncode(t, split())); err != nil || len(g.Sources["b"].Holding.Rules) != len(large)-7 {
		t.Errorf("as many bytes as are allowed: %v", err)
	}
	rules, sets := make([][]byte, source.MaxRules+1), make([]source.ValueSet, source.MaxValueSets+1)
	for i := range rules {
		rules[i] = []byte("x")
	}
	for i := range sets {
		sets[i] = source.ValueSet{ID: fmt.Sprint(i), JSON: []byte("x")}
	}
	// What claims to be more than there is.
	body, err := storeEncoding.Marshal(generationForm{Number: 1, Sources: map[string]storedForm{"a": {
		Identity: make([]byte, 32), Signers: cbor.RawMessage{0x80}, Rules: cbor.RawMessage{0x81, 0x41, 'x'},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, claim := range []string{"\x9a\xff\xff\xff\xff", "\x81\x5a\xff\xff\xff\xff", "\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x81\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"} {
		broken := bytes.Replace(body, []byte("\x81\x41x"), []byte(claim), 1)
		if _, err := Decode(storeFile("gatescan generation\nformat 2\n" + string(broken))); !errors.Is(err, source.ErrMalformed) || bytes.Equal(broken, body) {
			t.Errorf("%x: %v", claim, err)
		}
	}
	for name, g := range map[string]*Generation{
		"a byte more": split([]byte("x")),
		"rules":       {Number: 1, Sources: map[string]Stored{"a": {Holding: source.Holding{Rules: rules}}}},
		"value sets":  {Number: 1, Sources: map[string]Stored{"a": {Holding: source.Holding{ValueSets: sets}}}},
		"a rule":      {Number: 1, Sources: map[string]Stored{"a": {Holding: source.Holding{Rules: [][]byte{make([]byte, source.MaxRuleSize+1)}}}}},
	} {
		if _, err := Encode(g); !errors.Is(err, source.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
