package main

import (
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatescan/passtest"
	"gatescan/verify"
)

// The ends of every built-in period, to the second.
func TestBuiltInPeriods(t *testing.T) {
	m := passtest.NewMinter(t)
	for name, tc := range map[string]struct {
		entry string
		at    string
		want  string // the rule that refuses, empty for none
	}{
		"vaccinated for 14 days":               {passtest.Vaccinated(2, 2, "2022-03-01"), "2022-03-15T00:00:00Z", ""},
		"a second less":                        {passtest.Vaccinated(2, 2, "2022-03-01"), "2022-03-14T23:59:59Z", "VR-EU-0003"},
		"the last second of day 270":           {passtest.Vaccinated(2, 2, "2022-03-01"), "2022-11-26T23:59:59Z", ""},
		"day 271":                              {passtest.Vaccinated(1, 1, "2022-03-01"), "2022-11-27T00:00:00Z", "VR-EU-0004"},
		"half a series":                        {passtest.Vaccinated(1, 2, "2022-03-01"), "2022-06-01T00:00:00Z", "VR-EU-0002"},
		"a booster, at once":                   {passtest.Vaccinated(3, 3, "2022-03-01"), "2022-03-01T00:00:00Z", ""},
		"a booster of one dose, at once":       {passtest.Vaccinated(2, 1, "2022-03-01"), "2022-03-01T00:00:00Z", ""},
		"a booster, for years":                 {passtest.Vaccinated(3, 3, "2022-03-01"), "2026-03-01T00:00:00Z", ""},
		"a booster, before it was given":       {passtest.Vaccinated(3, 3, "2022-03-01"), "2022-02-28T23:59:59Z", "VR-EU-0003"},
		"another disease":                      {strings.Replace(passtest.Vaccinated(2, 2, "2022-03-01"), "840539006", "1", 1), "2022-06-01T00:00:00Z", "VR-EU-0001"},
		"a NAAT of 72 hours":                   {passtest.Tested(passtest.NAAT, passtest.NotDetected, "2022-03-01T10:00:00Z"), "2022-03-04T10:00:00Z", ""},
		"and a second":                         {passtest.Tested(passtest.NAAT, passtest.NotDetected, "2022-03-01T10:00:00Z"), "2022-03-04T10:00:01Z", "TR-EU-0002"},
		"an passtest.Antigen test of 24 hours": {passtest.Tested(passtest.Antigen, passtest.NotDetected, "2022-03-01T10:00:00+01:00"), "2022-03-02T09:00:00Z", ""},
		"and one second":                       {passtest.Tested(passtest.Antigen, passtest.NotDetected, "2022-03-01T10:00:00+01:00"), "2022-03-02T09:00:01Z", "TR-EU-0002"},
		"a sample of tomorrow":                 {passtest.Tested(passtest.NAAT, passtest.NotDetected, "2022-03-02T10:00:00Z"), "2022-03-01T10:00:00Z", "TR-EU-0002"},
		"a test of another kind":               {passtest.Tested("LP1", passtest.NotDetected, "2022-03-01T10:00:00Z"), "2022-03-01T11:00:00Z", "TR-EU-0002"},
		"passtest.Detected":                    {passtest.Tested(passtest.NAAT, passtest.Detected, "2022-03-01T10:00:00Z"), "2022-03-01T11:00:00Z", "TR-EU-0001"},
		"recovered for 11 days":                {passtest.Recovered("2022-03-01"), "2022-03-12T00:00:00Z", ""},
		"one second less":                      {passtest.Recovered("2022-03-01"), "2022-03-11T23:59:59Z", "RR-EU-0002"},
		"the last second of day 180":           {passtest.Recovered("2022-03-01"), "2022-08-28T23:59:59Z", ""},
		"day 181":                              {passtest.Recovered("2022-03-01"), "2022-08-29T00:00:00Z", "RR-EU-0002"},
		"recovered from another disease":       {strings.Replace(passtest.Recovered("2022-03-01"), "840539006", "1", 1), "2022-06-01T00:00:00Z", "RR-EU-0001"},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tc.at)
			if err != nil {
				t.Fatal(err)
			}
			for _, region := range []string{"", "BY"} {
				var p verify.Policy
				(&rulesConfig{Country: "DE", Region: region, BuiltIn: true}).apply(&p)
				got := verify.New(p).Verify([]byte(m.Mint(passtest.DCC("A", tc.entry))[0]), m.Trust, at)
				want := verify.Accepted
				if tc.want != "" {
					want = verify.RuleFailed
				}
				if got.Reason() != want || got.Rule() != tc.want {
					t.Errorf("region %q: %v by %q", region, got.Reason(), got.Rule())
				}
			}
		})
	}
}

func TestModes(t *testing.T) {
	m := passtest.NewMinter(t)
	at := time.Date(2022, 6, 1, 12, 0, 0, 0, time.UTC)
	passes := map[string]string{
		"v": passtest.Vaccinated(2, 2, "2022-03-01"), "booster": passtest.Vaccinated(3, 3, "2022-03-01"), "r": passtest.Recovered("2022-03-01"),
		"t": passtest.Tested(passtest.Antigen, passtest.NotDetected, "2022-06-01T10:00:00Z"), "positive": passtest.Tested(passtest.Antigen, passtest.Detected, "2022-06-01T10:00:00Z"),
	}
	for mode, want := range map[string]map[string]string{ // the rule that refuses; what is not there is let through
		"":        {},
		"3g":      {},
		"2g":      {"t": "GR-MODE-2G", "positive": "GR-MODE-2G"},
		"booster": {"v": "GR-MODE-BOOSTER", "r": "GR-MODE-BOOSTER", "t": "GR-MODE-BOOSTER", "positive": "GR-MODE-BOOSTER"},
		"2g+":     {"positive": "GR-MODE-2G"},
	} {
		var p verify.Policy
		(&rulesConfig{Country: "DE", Mode: mode}).apply(&p)
		for name, entry := range passes {
			got := verify.New(p).Verify([]byte(m.Mint(passtest.DCC("A", entry))[0]), m.Trust, at)
			if got.Rule() != want[name] || got.Accepted() != (want[name] == "") {
				t.Errorf("mode %q, %s: %v by %q", mode, name, got.Reason(), got.Rule())
			}
			met, of := got.Parts()
			if half := mode == "2g+" && got.Accepted(); half && (of != 3 || met != map[bool]uint8{true: 2, false: 1}[name == "t"]) || !half && met != of {
				t.Errorf("mode %q, %s: meets %b of %b", mode, name, met, of)
			}
		}
	}
}
