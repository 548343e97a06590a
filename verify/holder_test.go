package verify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// holderOf is the holder of an accepted pass with a changed DCC. None of the names of these tests may stay in memory.
func holderOf(t testing.TB, l *lab, v *Verifier, change map[string]any, names ...string) (Holder, bool) {
	t.Helper()
	got := v.Verify(l.mint(t, sketch{payload: l.claims(t, map[int]any{claimHCERT: map[int]any{keyDCC: changedDCC(change)}})}), l.trust(), l.now)
	if !got.Accepted() {
		t.Fatal(got.Reason())
	}
	for _, name := range names {
		if bytes.Contains(v.tbs[:], []byte(name)) || bytes.Contains(v.joined[:], []byte(name)) {
			t.Errorf("%s was left in memory", name)
		}
	}
	return got.Holder()
}

// Pairs of passes as issuers write them, of one person or of two (testdata/README.md).
func TestTwoPassesOfOnePerson(t *testing.T) {
	file, err := os.Open("testdata/two-passes.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l := newLab(t)
	v := New(Policy{Holder: true})
	of := map[bool]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var pair struct {
			Why           string
			First, Second [2]any // nam and dob
			OnePerson     bool   `json:"one_person"`
		}
		if err := json.Unmarshal(lines.Bytes(), &pair); err != nil {
			t.Fatal(err)
		}
		of[pair.OnePerson]++
		first, ok := holderOf(t, l, v, map[string]any{"nam": pair.First[0], "dob": pair.First[1]}, "MUELLER", "ADA")
		second, also := holderOf(t, l, v, map[string]any{"nam": pair.Second[0], "dob": pair.Second[1], "v": nil, "t": []any{map[string]any{}}})
		if !ok || !also {
			t.Errorf("%s: has a holder %v, %v", pair.Why, ok, also)
		}
		if got := first.SamePerson(&second); got != pair.OnePerson {
			t.Errorf("%s: one person %v", pair.Why, got)
		}
		if first.SamePerson(&second) != second.SamePerson(&first) {
			t.Errorf("%s: differs by the order", pair.Why)
		}
	}
	if of[true] != 28 || of[false] != 17 {
		t.Errorf("%d pairs of one person, %d of two", of[true], of[false])
	}
}

// Nobody without a name and a date of birth has a holder, and nobody if it was not asked for or the pass is refused.
func TestHolder(t *testing.T) {
	l := newLab(t)
	v := New(Policy{Holder: true})
	name := func(fnt, gnt any) map[string]any { return map[string]any{"fnt": fnt, "gnt": gnt} }
	erika := map[string]any{"nam": name("MUSTER", "ERIKA")}
	first, ok := holderOf(t, l, v, erika, "MUSTER", "ERIKA")
	if !ok || !first.SamePerson(&first) {
		t.Fatal("no holder")
	}
	for what, change := range map[string]map[string]any{
		"no name":              {"nam": nil},
		"name is a text":       {"nam": "MUSTER"},
		"name empty":           {"nam": name("", " ")},
		"name of fillers":      {"nam": name("<<", "-.")},
		"name a title":         {"nam": name("DR", "Dr.")},
		"name not as text":     {"nam": name(1, nil)},
		"name too long":        {"nam": name(strings.Repeat("M", maxName+1), "")},
		"no birthdate":         {"nam": name("MUSTER", "ERIKA"), "dob": nil},
		"birthdate empty":      {"nam": name("MUSTER", "ERIKA"), "dob": ""},
		"birthdate a time":     {"nam": name("MUSTER", "ERIKA"), "dob": "T00:00"},
		"birthdate a number":   {"nam": name("MUSTER", "ERIKA"), "dob": 1990},
		"birthdate too long":   {"nam": name("MUSTER", "ERIKA"), "dob": strings.Repeat("1", maxName+1)},
		"date within the name": {"nam": name("1990-01-01\x00MUSTER", "1990-01-01\x00ERIKA"), "dob": ""},
	} {
		if got, ok := holderOf(t, l, v, change); ok {
			t.Errorf("%s: has a holder", what)
		} else if got.SamePerson(&first) || got.SamePerson(&got) {
			t.Errorf("%s: is somebody", what)
		}
	}
	if got, _ := holderOf(t, l, New(Policy{Holder: true}), erika); got.SamePerson(&first) {
		t.Error("two processes have one key")
	}
	if _, ok := holderOf(t, l, New(Policy{}), erika); ok {
		t.Error("nobody asked for the holder")
	}
	got := v.Verify(l.mint(t, sketch{}), l.trust(), l.now)
	if _, ok := got.Holder(); !ok {
		t.Fatal("no holder")
	}
	refused := got.Refuse(Repeated)
	if _, ok := refused.Holder(); ok {
		t.Error("a refusal has a holder")
	}
}

// Of a name with more parts than are kept the first ones count.
func TestHolderOfManyNames(t *testing.T) {
	l := newLab(t)
	v := New(Policy{Holder: true})
	many := strings.Split("ANA BEA CLARA DORA ELSA FLORA GRETA HELGA IDA JUTTA", " ")
	all, _ := holderOf(t, l, v, map[string]any{"nam": map[string]any{"fnt": "MUSTER", "gnt": strings.Join(many, "<")}})
	for i, given := range many {
		one, _ := holderOf(t, l, v, map[string]any{"nam": map[string]any{"fnt": "MUSTER", "gnt": given}})
		if got := one.SamePerson(&all); got != (i < maxNameParts) {
			t.Errorf("given name %d: one person %v", i+1, got)
		}
	}
}

func TestHolderAllocatesNothing(t *testing.T) {
	skipAllocations(t)
	l := newLab(t)
	v := New(Policy{Holder: true})
	nam := map[string]any{"fn": "Müller-Lindt", "fnt": "<", "gnt": "ADA<EVA"}
	text := l.mint(t, sketch{payload: l.claims(t, map[int]any{claimHCERT: map[int]any{keyDCC: changedDCC(map[string]any{"nam": nam})}})})
	trust := l.trust()
	first := v.Verify(text, trust, l.now)
	holder, ok := first.Holder()
	if !ok {
		t.Fatal("no holder")
	}
	same := false
	if n := testing.AllocsPerRun(20, func() {
		again := v.Verify(text, trust, l.now)
		other, _ := again.Holder()
		same = holder.SamePerson(&other)
	}); n != 0 || !same {
		t.Errorf("%v allocations, one person %v", n, same)
	}
}

func TestTransliterated(t *testing.T) {
	var letters []rune
	for _, row := range latin {
		for _, r := range row.letters {
			if slices.Contains(letters, r) {
				t.Errorf("%c stands there twice", r)
			}
			letters = append(letters, r)
		}
	}
	if len(letters) != 98 {
		t.Errorf("%d letters", len(letters))
	}
	for name, want := range map[string][]string{
		"Ægir Ångström-Þór": {"AEGIR", "AANGSTROEM", "THOR"},
		"D’Arc,ÿÿ`ŋĳſ":      {"DARC", "YYNIJS"},
		"\xff\xfeA\xc3":     {"", "", "A"},
		"İıßẞ 2nd":          {"IISSSS", "2ND"},
	} {
		var got []string
		for rest := []byte(name); len(rest) > 0; {
			var part []byte
			part, rest = nextNamePart(nil, rest)
			got = append(got, string(part))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}
