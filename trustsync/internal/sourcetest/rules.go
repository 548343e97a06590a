package sourcetest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"gatescan/cmd/gatelab/lists"
)

// RealRules are the 271 rules that the EU's gateway distributed in 2023, each in JSON without the hash that the distributor added.
func RealRules(t testing.TB) (rules [][]byte) {
	t.Helper()
	packed, err := os.Open(Repository(t) + "/verify/certlogic/testdata/gateway-rules-2023.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, rule := range all {
		delete(rule, "hash")
		body, err := json.Marshal(rule)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, body)
	}
	if len(rules) != 271 {
		t.Fatalf("%d rules", len(rules))
	}
	return rules
}

// RealValueSets are the EU's value sets.
func RealValueSets(t testing.TB) (sets []lists.ValueSet) {
	t.Helper()
	files, err := filepath.Glob(Repository(t) + "/trustsync/testdata/rules/*.json")
	if err != nil || len(files) != 9 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var set struct {
			ID string `json:"valueSetId"`
		}
		if err := json.Unmarshal(text, &set); err != nil {
			t.Fatal(file, err)
		}
		sets = append(sets, lists.ValueSet{ID: set.ID, JSON: text})
	}
	return sets
}

// RuleText is a rule for every pass, of a country.
func RuleText(identifier, version, country, logic string) []byte {
	return fmt.Appendf(nil, `{"Identifier":%q,"Version":%q,"Country":%q,"Type":"Acceptance","CertificateType":"General","Engine":"CERTLOGIC",`+
		`"EngineVersion":"1.0.0","SchemaVersion":"1.0.0","ValidFrom":"2021-01-01T00:00:00Z","ValidTo":"2050-01-01T00:00:00Z","Description":[],"Logic":%s}`,
		identifier, version, country, logic)
}

const Yes = `{"===":[1,1]}`

const No = `{"===":[1,2]}`
