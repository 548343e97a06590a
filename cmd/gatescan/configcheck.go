package main

import (
	"fmt"
	"io"

	"github.com/pelletier/go-toml/v2"
)

const configUsage = `NAME
    gatescan config - check a configuration file

SYNOPSIS
    gatescan config -check FILE
    gatescan config -example

DESCRIPTION
    -check FILE   names every mistake with its line and what to do about it; if there is
                  none, prints what is in effect, defaults included
    -example      prints a file with every key at its default and explained

EXIT STATUS
    0  the file is good
    2  it is not, or wrong usage
`

func runConfig(args []string, _ io.Reader, stdout, stderr io.Writer) (int, error) {
	flags := newFlags()
	check := flags.String("check", "", "")
	example := flags.Bool("example", false, "")
	if err := parseFlags(flags, args, 0); err != nil {
		return 0, err
	}
	switch {
	case *example && *check == "":
		fmt.Fprint(stdout, exampleConfig)
		return 0, nil
	case *check == "" || *example:
		return 0, usageError("say either -check FILE or -example")
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
