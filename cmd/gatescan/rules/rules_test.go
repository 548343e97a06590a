package rules

import (
	"encoding/json"
	"strings"
	"testing"

	"gatescan/verify"
)

// What is printed is what is in force.
func TestPrintBuiltIn(t *testing.T) {
	for _, name := range Names() {
		text, err := Print(name, "DE", "BY")
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Rules []json.RawMessage }
		if err := json.Unmarshal([]byte(text), &file); err != nil || len(file.Rules) == 0 {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		for _, raw := range file.Rules {
			rule, err := verify.ParseRule(raw)
			if err != nil || rule.Country != "DE" || rule.Region != "BY" || rule.Describe("de") == rule.Describe("en") {
				t.Errorf("%s: %+v: %v", name, rule, err)
			}
		}
	}
	if n := len(Names()); n != 6 {
		t.Errorf("%d built-in sets of rules", n)
	}
	if text, err := Print(ICVP, "", ""); err != nil || !strings.Contains(text, `"Country":"XX"`) || !strings.Contains(text, `"icvp-polio":[`) {
		t.Errorf("WHO's tables for no country: %v\n%.300s", err, text)
	}
	if _, err := Print("4g", "DE", ""); err == nil {
		t.Error("there are rules of a name that is none")
	}
}
