package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gatescan/cmd/gatescan/rules"

	"github.com/pelletier/go-toml/v2"
)

const configUsage = `NAME
    gatescan config - check a configuration file, or move it to another unit

SYNOPSIS
    gatescan config -check FILE
    gatescan config -example
    gatescan config -rules NAME -country CC [-region R]
    gatescan config -rules icvp
    gatescan config -export ARCHIVE -config FILE [-secrets] [-json]
    gatescan config -import ARCHIVE -config FILE [-replace] [-dry-run] [-json]

DESCRIPTION
    -check FILE   names every mistake with its line and what to do about it; if there is
                  none, prints what is in effect, defaults included. Rules of the country of
                  arrival that cannot be judged by are named, as far as they are on this machine
    -example      prints a file with every key at its default and explained
    -rules NAME   prints rules that are built in, for gatescan check -rules: eu (the EU's
                  acceptance periods of February 2022, which rules.built_in switches on),
                  3g, 2g, booster (the modes), test (with 2g the mode 2g+), icvp (WHO's
                  decision tables for yellow cards and the catalogue of products)

    -export ARCHIVE
                  puts FILE and all files that it names into a new tar, for the unit that
                  replaces this one: anchors, certificates, directories of certificates and
                  rules. FILE goes along as it is, remarks included. Counters, trust store
                  and clock stay: the replacement makes its own
    -secrets      also private keys and files of tokens; then only its owner may read ARCHIVE.
                  Without, they are named as left out
    -import ARCHIVE
                  checks ARCHIVE, and FILE as it would be, before anything is changed; then
                  puts all in place: FILE as it was called on the old unit, and the files that
                  it names by paths below its directory. Nothing is written elsewhere; what
                  belongs there is named. If the power goes meanwhile, the old or the new
                  configuration is in force, whole. Take archives from your own hand only: none
                  is signed
    -replace      also if that changes something that is there, which is kept in FILE.old
    -dry-run      only say what would be done
    -json         say it as one JSON object

EXIT STATUS
    0  the file is good; all was exported or imported
    1  it was exported without its secrets, or imported and something is left to do by hand
    2  it is not good, something kept it from being done and nothing was changed, or wrong
       usage
`

func runConfig(args []string, _ io.Reader, stdout, stderr io.Writer) (int, error) {
	flags := newFlags()
	check := flags.String("check", "", "")
	example := flags.Bool("example", false, "")
	rules := flags.String("rules", "", "")
	country := flags.String("country", "", "")
	region := flags.String("region", "", "")
	export := flags.String("export", "", "")
	secrets := flags.Bool("secrets", false, "")
	imported := flags.String("import", "", "")
	replace := flags.Bool("replace", false, "")
	dryRun := flags.Bool("dry-run", false, "")
	path := flags.String("config", "", "")
	asJSON := flags.Bool("json", false, "")
	if err := parseFlags(flags, args, 0); err != nil {
		return 0, err
	}
	if err := together(flags, map[string][]string{
		"check": {}, "example": {}, "rules": {"country", "region"},
		"export": {"config", "secrets", "json"}, "import": {"config", "replace", "dry-run", "json"},
	}); err != nil {
		return 0, err
	}
	if (*export != "" || *imported != "") && *path == "" {
		return 0, usageError("say which configuration: -config FILE")
	}
	switch {
	case *example:
		fmt.Fprint(stdout, exampleConfig)
		return 0, nil
	case *rules != "":
		return 0, printRules(stdout, *rules, rulesConfig{Country: *country, Region: *region})
	case *export != "":
		return runExport(*export, *path, *secrets, *asJSON, stdout)
	case *imported != "":
		return runImport(*imported, *path, *replace, *dryRun, *asJSON, stdout, stderr)
	}
	c, err := readConfig(*check)
	if err != nil {
		return 0, err
	}
	c.Reader = c.Reader.effective()
	effective, err := toml.Marshal(c)
	if err != nil {
		return 0, err
	}
	for _, warning := range append(c.warnings(), c.unusableRules(time.Now())...) {
		fmt.Fprintf(stderr, "%s: warning: %s: %s\n", *check, warning.key, warning.text)
	}
	fmt.Fprintf(stderr, "%s: good\n", *check)
	stdout.Write(effective)
	return 0, nil
}

// together refuses flags unless they are one of the actions, with those that belong to it.
func together(flags *flag.FlagSet, actions map[string][]string) error {
	var set []string
	flags.Visit(func(f *flag.Flag) {
		if f.Value.String() != "" && f.Value.String() != "false" {
			set = append(set, f.Name)
		}
	})
	var action string
	for _, name := range set {
		if _, is := actions[name]; is && action == "" {
			action = name
		} else if is {
			action = "two of them"
		}
	}
	if _, one := actions[action]; !one {
		return usageError("say one of -check FILE, -example, -rules NAME, -export ARCHIVE and -import ARCHIVE")
	}
	for _, name := range set {
		if name != action && !slices.Contains(actions[action], name) {
			return usageError(fmt.Sprintf("-%s says nothing to -%s", name, action))
		}
	}
	return nil
}

// printRules prints built-in rules for a country and a region.
func printRules(w io.Writer, name string, c rulesConfig) error {
	if c.Country == "" && name != rules.ICVP {
		return usageError("say for which country: -country DE")
	}
	c.Window = duration(defaultSecondPass)
	var mistakes []error
	c.check(nil, func(key, format string, args ...any) {
		mistakes = append(mistakes, usageError(fmt.Sprintf(strings.Replace(key, "rules.", "-", 1)+" "+format, args...)))
	})
	if len(mistakes) > 0 {
		return mistakes[0]
	}
	text, err := rules.Print(name, c.Country, c.Region)
	if err != nil {
		return usageError(err.Error())
	}
	_, err = io.WriteString(w, text)
	return err
}
