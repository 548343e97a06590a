package directory

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/trustsync/store/storetest"
)

func TestReadRules(t *testing.T) {
	one, two := string(sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)), string(sourcetest.RuleText("GR-XX-0002", "1.0.0", "XX", sourcetest.No))
	const set = `{"valueSetId":"disease-agent-targeted","valueSetDate":"2021-04-27","valueSetValues":{"840539006":{"display":"COVID-19"}}}`
	for name, test := range map[string]struct {
		files               map[string]string
		rules, sets         int
		skipped, duplicates int
		says                string // of an error; empty for none
	}{
		"a rule":                 {map[string]string{"a.json": one}, 1, 0, 0, 0, ""},
		"an array":               {map[string]string{"a.json": "[" + one + "," + two + "]"}, 2, 0, 0, 0, ""},
		"rules and value sets":   {map[string]string{"a.json": `{"rules":[` + one + `],"valueSets":{"x":["a","b"],"y":[]},"more":1}`}, 1, 2, 0, 0, ""},
		"value sets alone":       {map[string]string{"a.json": `{"valueSets":{"x":["a"]}}`}, 0, 1, 0, 0, ""},
		"a value set of the EU":  {map[string]string{"a.json": set}, 0, 1, 0, 0, ""},
		"several files":          {map[string]string{"a.json": one, "b.json": two, "c.json": set}, 2, 1, 0, 0, ""},
		"the same twice":         {map[string]string{"a.json": one, "b.json": "[" + one + "]", "c.json": set, "d.json": set}, 1, 1, 0, 2, ""},
		"other names":            {map[string]string{"a.json": one, "README.md": "x", "b.json~": "x", "c": two}, 1, 0, 3, 0, ""},
		"space around":           {map[string]string{"a.json": "\n\t " + one + "\r\n"}, 1, 0, 0, 0, ""},
		"another type":           {map[string]string{"a.json": strings.Replace(one, "Acceptance", "Mask", 1)}, 1, 0, 1, 0, ""},
		"a set of wrong shape":   {map[string]string{"a.json": `{"rules":[` + one + `],"valueSets":{"x":{"a":1},"y":["b"]}}`}, 1, 1, 1, 0, ""},
		"nothing":                {map[string]string{}, 0, 0, 0, 0, ""},
		"an empty file":          {map[string]string{"a.json": ""}, 0, 0, 0, 0, "a.json: malformed: EOF"},
		"not JSON":               {map[string]string{"a.json": one, "b.json": "x"}, 0, 0, 0, 0, "b.json: malformed"},
		"a rule that is none":    {map[string]string{"a.json": "[" + one + ",{}]"}, 0, 0, 0, 0, "a.json: rule 2: malformed: not a rule"},
		"an array of numbers":    {map[string]string{"a.json": "[1]"}, 0, 0, 0, 0, "a.json: rule 1: malformed: not a rule"},
		"an object of neither":   {map[string]string{"a.json": `{"x":1}`}, 0, 0, 0, 0, "neither rules nor valueSets"},
		"a name twice":           {map[string]string{"a.json": `{"rules":[],"rules":[` + one + `]}`}, 0, 0, 0, 0, `two of "rules"`},
		"a set without values":   {map[string]string{"a.json": `{"valueSetId":"x"}`}, 0, 0, 0, 0, "no valueSetValues"},
		"a set of no name":       {map[string]string{"a.json": `{"valueSetId":"","valueSetValues":{}}`}, 0, 0, 0, 0, "a value set called"},
		"something follows":      {map[string]string{"a.json": one + "{}"}, 0, 0, 0, 0, "trailing data"},
		"a string":               {map[string]string{"a.json": `"x"`}, 0, 0, 0, 0, "a.json: malformed"},
		"a rule too large":       {map[string]string{"a.json": strings.Replace(one, `[]`, `["`+strings.Repeat("x", source.MaxRuleSize)+`"]`, 1)}, 0, 0, 0, 0, "too large"},
		"a file too large":       {map[string]string{"a.json": strings.Repeat(" ", source.MaxRuleBytes+1)}, 0, 0, 0, 0, "too large"},
		"all together too large": {map[string]string{"a.json": large("a"), "b.json": large("b"), "c.json": large("c"), "d.json": large("d"), "e.json": large("e")}, 0, 0, 0, 0, "too large"},
	} {
		dir := t.TempDir()
		for file, text := range test.files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		rules, sets, report, err := ReadRules(dir)
		if test.says != "" {
			if err == nil || !strings.Contains(err.Error(), test.says) || rules != nil || sets != nil {
				t.Errorf("%s: %v, want %s", name, err, test.says)
			}
			continue
		}
		if err != nil || len(rules) != test.rules || len(sets) != test.sets || len(report.Skipped) != test.skipped || report.Duplicates != test.duplicates {
			t.Errorf("%s: %d rules, %d sets, %+v, %v", name, len(rules), len(sets), report, err)
		}
		src, err := NewRules(sources.Config{Path: dir})
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := src.Fetch(t.Context(), source.Moment{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if _, _, err := src.Fetch(t.Context(), source.Moment{Last: h}); !errors.Is(err, source.ErrUnchanged) {
			t.Errorf("%s, again: %v", name, err)
		}
	}
}

// large is a value set as large as one may be, nearly.
func large(id string) string {
	return `{"valueSets":{"` + id + `":["` + strings.Repeat("x", source.MaxValueSetSize-8) + `"]}}`
}

// A single file may have any name; nothing but a regular file is opened.
func TestReadRulesFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules")
	if err := os.WriteFile(file, sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes), 0o600); err != nil {
		t.Fatal(err)
	}
	if rules, _, _, err := ReadRules(file); err != nil || len(rules) != 1 {
		t.Error(err)
	}
	pipe := filepath.Join(dir, "pipe.json")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, dir, filepath.Join(dir, "nowhere")} {
		if _, _, _, err := ReadRules(path); err == nil {
			t.Errorf("%s is read", path)
		}
	}
	if _, err := NewRules(sources.Config{}); err == nil {
		t.Error("a directory without path")
	}
}

// Whatever a file holds: what is read of it is bounded, can be stored, and none of it gets lost on the way to the verifier.
func FuzzRules(f *testing.F) {
	one := sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)
	f.Add(one)
	f.Add([]byte(`{"rules":[` + string(one) + `],"valueSets":{"x":["a"],"y":{"valueSetId":"y","valueSetValues":{"a":{}}}}}`))
	f.Add(bytes.Replace(one, []byte("Identifier"), []byte("identifier"), 1))
	for i, rule := range sourcetest.RealRules(f) {
		if i%40 == 0 {
			f.Add(rule)
		}
	}
	for _, set := range sourcetest.RealValueSets(f) {
		f.Add(set.JSON[:min(len(set.JSON), 600)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := list.NewRules()
		if err := r.Document(data); err == nil {
			storetest.CheckRules(t, r.Rules, r.ValueSets)
		} else if !errors.Is(err, source.ErrMalformed) && !errors.Is(err, source.ErrTooLarge) {
			t.Fatal(err)
		}
	})
}
