package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatescan/verify"
)

// readConfigOf reads a configuration that stands beside files.
func readConfigOf(t *testing.T, text string, files map[string]string) (config, error) {
	t.Helper()
	dir := t.TempDir()
	files["gatescan.toml"] = text
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return readConfig(filepath.Join(dir, "gatescan.toml"))
}

func TestICVPPolicy(t *testing.T) {
	defaults := defaultConfig()
	if p := defaults.policy(); p.Kinds != verify.SignsVaccination|verify.SignsTest|verify.SignsRecovery || p.Tolerate != 0 ||
		p.ICVP.Diseases != verify.YellowFever|verify.Polio || p.ICVP.Complete != verify.ICVPAsIssued || p.ICVP.Catalogue != nil {
		t.Errorf("by default: %+v", p)
	}
	c, err := readConfigOf(t, `
[policy]
kinds = ["p"]
[counters]
zone = "America/Santiago"
[icvp]
diseases = ["polio"]
complete = "model"
unknown_version = "flag"
catalogue = "products.json"
`, map[string]string{"products.json": `{"rules":[],"valueSets":{"icvp-yellow-fever":[],"icvp-polio":["Mine"]}}`})
	if err != nil {
		t.Fatal(err)
	}
	p := c.policy()
	if p.Kinds != verify.SignsICVP || p.Tolerate != verify.ICVPVersion || p.ICVP.Diseases != verify.Polio || p.ICVP.Complete != verify.ICVPAsModel ||
		p.ICVP.Zone.String() != "America/Santiago" || p.ICVP.Catalogue == nil {
		t.Errorf("%+v", p)
	}
	if words := toleranceNames(p.Tolerate); !slices.Equal(words, []string{"icvp_version"}) {
		t.Errorf("tolerated: %q", words)
	}
}

func TestICVPMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"[icvp]\ndiseases = []":                                                      "gatescan.toml:2: icvp.diseases: no disease is asked for",
		"[icvp]\ndiseases = [\"covid\"]":                                             `"covid" is no disease that WHO has a table for`,
		"[icvp]\ncomplete = \"\"":                                                    `icvp.complete: "" is none of "issued"`,
		"[icvp]\nunknown_version = \"yes\"":                                          `icvp.unknown_version: "yes" is none of "refuse"`,
		"[icvp]\ncatalogue = \"missing.json\"":                                       "icvp.catalogue: ",
		"[icvp]\n\ncatalogue = \"half.json\"":                                        "gatescan.toml:3: icvp.catalogue: half.json holds no value sets icvp-yellow-fever and icvp-polio",
		"[policy]\ntolerate = [\"icvp_version\"]":                                    `"icvp_version" cannot be tolerated`,
		"[policy]\nkinds = [\"x\"]":                                                  `"p" (WHO's yellow card)`,
		"[policy]\nkinds = [\"v\", \"p\"]\n[rules]\nmode = \"2g\"\ncountry = \"DE\"": `rules.mode: "2g" is about COVID certificates`,
	} {
		_, err := readConfigOf(t, text, map[string]string{"half.json": `{"valueSets":{"icvp-polio":["x"]}}`})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
