package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

const configUsage = `NAME
    gatescan config - check a configuration file

SYNOPSIS
    gatescan config -check FILE
    gatescan config -example
    gatescan config -rules NAME -country CC [-region R]

DESCRIPTION
    -check FILE   names every mistake with its line and what to do about it; if there is
                  none, prints what is in effect, defaults included
    -example      prints a file with every key at its default and explained
    -rules NAME   prints rules that are built in, for gatescan check -rules: eu (the EU's
                  acceptance periods of February 2022, which rules.built_in switches on),
                  3g, 2g, booster (the modes), test (with 2g the mode 2g+)

EXIT STATUS
    0  the file is good
    2  it is not, or wrong usage
`

func runConfig(args []string, _ io.Reader, stdout, stderr io.Writer) (int, error) {
	flags := newFlags()
	check := flags.String("check", "", "")
	example := flags.Bool("example", false, "")
	rules := flags.String("rules", "", "")
	country := flags.String("country", "", "")
	region := flags.String("region", "", "")
	if err := parseFlags(flags, args, 0); err != nil {
		return 0, err
	}
	switch {
	case *example && *check == "" && *rules == "":
		fmt.Fprint(stdout, exampleConfig)
		return 0, nil
	case *rules != "" && *check == "" && !*example:
		return 0, printRules(stdout, *rules, rulesConfig{Country: *country, Region: *region})
	case *check == "" || *example || *rules != "":
		return 0, usageError("say one of -check FILE, -example and -rules NAME")
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
	for _, warning := range c.warnings() {
		fmt.Fprintf(stderr, "%s: warning: %s: %s\n", *check, warning.key, warning.text)
	}
	fmt.Fprintf(stderr, "%s: good\n", *check)
	stdout.Write(effective)
	return 0, nil
}

// printRules prints built-in rules for a country and a region.
func printRules(w io.Writer, name string, c rulesConfig) error {
	if c.Country == "" {
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
	text, err := printBuiltIn(name, c.Country, c.Region)
	if err != nil {
		return usageError(err.Error())
	}
	_, err = io.WriteString(w, text)
	return err
}
