package main

import (
	"fmt"
	"path/filepath"
	"time"
	_ "time/tzdata" // small images have no zone files

	"gatescan/cmd/gatescan/counters"
)

type countersConfig struct {
	Directory string   `toml:"directory" carry:"never"`
	Zone      zone     `toml:"zone"`
	Bucket    duration `toml:"bucket"`
	Keep      duration `toml:"keep"`
	Flush     duration `toml:"flush"`
}

// zone is the time zone of the venue, written like "Europe/Berlin". Its zero value is UTC.
type zone struct{ name string }

func (z *zone) UnmarshalText(text []byte) error {
	name := string(text)
	if name == "Local" {
		return fmt.Errorf("%q depends on the device; name the venue's zone, such as \"Europe/Berlin\"", name)
	}
	if _, err := time.LoadLocation(name); err != nil {
		return fmt.Errorf("%q is no time zone; write one like \"Europe/Berlin\" or \"UTC\"", name)
	}
	if name == "UTC" {
		name = ""
	}
	*z = zone{name}
	return nil
}

func (z zone) MarshalText() ([]byte, error) { return []byte(z.location().String()), nil }

func (z zone) location() *time.Location {
	location, err := time.LoadLocation(z.name)
	if err != nil {
		return time.UTC
	}
	return location
}

func defaultCounters() countersConfig {
	return countersConfig{
		Directory: "/var/lib/gatescan/counters",
		Bucket:    duration(counters.DefaultBucket), Keep: duration(counters.DefaultKeep), Flush: duration(counters.DefaultFlush),
	}
}

func (c *countersConfig) check(bad func(key, format string, args ...any)) {
	if c.Directory != "" && !filepath.IsAbs(c.Directory) {
		bad("counters.directory", "%q: give the full path of a directory that survives a restart, or leave it empty", c.Directory)
	}
	for _, setting := range []struct {
		key    string
		config counters.Config
	}{
		{"counters.bucket", counters.Config{Bucket: time.Duration(c.Bucket)}},
		{"counters.keep", counters.Config{Keep: time.Duration(c.Keep)}},
		{"counters.flush", counters.Config{Flush: time.Duration(c.Flush)}},
	} {
		if err := setting.config.Validate(); err != nil {
			bad(setting.key, "%v", err)
		}
	}
}

// book is how the counters are kept. The clock is asked about each bucket.
func (c *countersConfig) book(believed func() bool) counters.Config {
	return counters.Config{
		Dir: c.Directory, Zone: c.Zone.location(), Bucket: time.Duration(c.Bucket), Keep: time.Duration(c.Keep),
		Flush: time.Duration(c.Flush), Believed: believed,
	}
}
