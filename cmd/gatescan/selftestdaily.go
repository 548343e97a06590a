package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"time"

	"gatescan/driver/flash"
)

type selftestConfig struct {
	Daily string `toml:"daily"`
	File  string `toml:"file" carry:"never"`
}

// dailyForm is how a time of the day is written.
const dailyForm = "15:04"

func (c *selftestConfig) check(bad func(key, format string, args ...any)) {
	if _, err := time.Parse(dailyForm, c.Daily); c.Daily != "" && err != nil {
		bad("selftest.daily", "%q is no time of the day; write one like \"03:30\", or leave it empty for never", c.Daily)
	}
	if c.File != "" && !filepath.IsAbs(c.File) {
		bad("selftest.file", "%q: give the full path of a file, or leave it empty", c.File)
	}
}

// dueOn says whether the day's self-test is due, and which day that is, by the clock of the venue.
func (c *selftestConfig) dueOn(now time.Time) (day string, due bool) {
	at, err := time.Parse(dailyForm, c.Daily)
	return now.Format(time.DateOnly), err == nil && now.Hour()*60+now.Minute() >= at.Hour()*60+at.Minute()
}

// dailyLook is how often the clock is looked at.
const dailyLook = 30 * time.Second

// testDaily checks every day at a quiet hour what can be checked without anybody and without moving anything. A daemon
// that starts after that hour waits for the next one.
func (d *daemon) testDaily(ctx context.Context) {
	ticker := time.NewTicker(dailyLook)
	defer ticker.Stop()
	local := func() (time.Time, selftestConfig) {
		c := d.settings()
		return d.clock.Wall(time.Now()).In(c.Counters.Zone.location()), c.Selftest
	}
	now, c := local()
	done, due := c.dueOn(now)
	if !due {
		done = ""
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, c := local()
		if day, due := c.dueOn(now); due && day != done {
			done = day
			d.testAlone(ctx, c.File)
		}
	}
}

// testAlone does a self-test without anybody, and keeps its record.
func (d *daemon) testAlone(ctx context.Context, file string) {
	record, err := d.selfChecks(ctx)
	if err != nil {
		d.log.Error("the daily self-test could not be done", "err", err)
		return
	}
	d.tested.Store(record)
	if record.Usable {
		d.log.Info("daily self-test", "usable", true, "look_after", strings.Join(record.missing(), ", "))
	} else {
		d.log.Error("daily self-test", "usable", false, "failed", strings.Join(record.failed(), ", "))
	}
	if file == "" {
		return
	}
	if err := writeRecord(file, record); err != nil {
		d.log.Error("the record of the self-test is not kept", "err", err)
	}
}

// writeRecord replaces a record file by a new one.
func writeRecord(path string, record *selfRecord) error {
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return err
	}
	return flash.Writer{Disk: flash.Dir(filepath.Dir(path)), Access: flash.Access{Mode: 0o644, LikeDirectory: true}}.Replace(filepath.Base(path), append(data, '\n'))
}
