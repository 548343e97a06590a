package main

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"
)

// version is what the source was called when this was built; the linker sets it.
var version = "development"

// builtAt is SOURCE_DATE_EPOCH of the build, in Unix seconds; the linker sets it. It is empty in a development build.
var builtAt string

// buildTime is the zero time in a development build.
func buildTime() time.Time {
	seconds, err := strconv.ParseInt(builtAt, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

const versionUsage = `NAME
    gatescan version - say what this binary was built from

SYNOPSIS
    gatescan version

DESCRIPTION
    Prints the version, the moment of the source (below which the clock is not believed),
    and the Go release and platform.
`

func runVersion(args []string, _ io.Reader, stdout, _ io.Writer) (int, error) {
	if err := parseFlags(newFlags(), args, 0); err != nil {
		return 0, err
	}
	source := "unknown"
	if built := buildTime(); !built.IsZero() {
		source = built.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(stdout, "gatescan %s\nsource of %s\n%s %s/%s\n", version, source, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitDone, nil
}
