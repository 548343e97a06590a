package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gatescan/cmd/gatescan/output"
	"gatescan/cmd/gatescan/status"
	"gatescan/driver/scanner"
	"gatescan/trustsync"

	"golang.org/x/sys/unix"
)

// minFree is how much room a disk must have that is written to, in bytes: generations of trust data are the largest.
const minFree = 64 << 20

// selfChecks checks what can be without anybody, and without moving anything.
func (d *daemon) selfChecks(ctx context.Context) (*selfRecord, error) {
	c := d.settings()
	r := &selfRecord{
		Schema: selfSchema, Time: d.clock.Wall(time.Now()), Gate: c.Status.Name, Version: version, Source: buildTime(), Binary: binarySum(),
		Config: c.file, ConfigSum: c.sum, Machine: thisMachine(), Sources: []selfSource{},
	}
	if warnings := c.warnings(); len(warnings) > 0 {
		for _, w := range warnings {
			r.add("configuration", selfWarning, "%s: %s", w.key, w.text)
		}
	} else {
		r.add("configuration", selfPassed, "no mistake")
	}
	if c.Outputs.Relay.Kind == output.Simulated {
		r.add("relay", selfWarning, "it is simulated: this gate opens nothing (outputs.relay)")
	}
	checks, err := d.status.Checks(ctx)
	if err != nil {
		return nil, err
	}
	for _, check := range checks {
		result := map[status.Mark]selfResult{status.Good: selfPassed, status.Bad: selfFailed, status.Notice: selfWarning}[check.Mark]
		r.add(check.Name, result, "%s", check.Why)
	}
	d.checkModule(r)
	r.checkDisks(c)
	d.checkWatchdogs(r)
	d.fingerprint(r, c)
	r.conclude()
	return r, nil
}

// checkModule says what became of the module's set-up.
func (d *daemon) checkModule(r *selfRecord) {
	reader := d.scanner.Load()
	if reader == nil {
		return
	}
	s := reader.Setup()
	c := d.settings()
	if s.Device == "" { // never opened
		s.Device, s.Baud = c.Reader.Device, c.Reader.effective().Baud
	}
	r.Reader = selfReaderOf(s)
	r.Reader.Counters = map[string]uint64{}
	for _, counter := range reader.Stats().Counters() {
		r.Reader.Counters[counter.Name] = counter.Value
	}
	wrong := reader.Diagnosis()
	r.Reader.Problem, r.Reader.Likely = string(wrong.Problem), wrong.Likely
	switch {
	case wrong.Problem != scanner.NoProblem && wrong.Problem != scanner.NothingRead:
		r.add("module", selfWarning, "%s", wrong)
	case s.Fault != "":
		r.add("module", selfWarning, "%s", s.Fault)
	case s.Answered:
		r.add("module", selfPassed, "%s answered and was set up in %v", s.Module, s.Took.Round(time.Millisecond))
	case wrong.Problem == scanner.NothingRead:
		r.add("module", selfSkipped, "%s", wrong)
	default:
		r.add("module", selfSkipped, "it is only listened to (reader.module)")
	}
}

func selfReaderOf(s scanner.Setup) selfReader {
	return selfReader{
		Module: string(s.Module), Device: s.Device, Baud: s.Baud, Firmware: s.Firmware, Set: s.Set, Missed: s.Missed, Saved: s.Saved,
	}
}

// checkDisks looks for room where something is kept.
func (r *selfRecord) checkDisks(c config) {
	seen := map[string]bool{}
	for _, path := range []string{c.Trust.Store, c.Counters.Directory, parent(c.Clock.File), parent(c.Selftest.File)} {
		if path == "" || seen[path] {
			continue
		}
		seen[path] = true
		var fs unix.Statfs_t
		existing := path
		for ; existing != "/"; existing = filepath.Dir(existing) { // what is made when it is needed
			if _, err := os.Stat(existing); err == nil {
				break
			}
		}
		err := unix.Statfs(existing, &fs)
		if err == nil && fs.Flags&unix.ST_RDONLY != 0 {
			err = unix.EROFS
		}
		if err == nil {
			err = unix.Access(existing, unix.W_OK)
		}
		free := uint64(fs.Bavail) * uint64(fs.Bsize)
		switch {
		case err != nil:
			r.add("disk", selfWarning, "%s cannot be written to: %v; what is kept there does not survive a restart", path, err)
		case free < minFree:
			r.add("disk", selfWarning, "%s has room for %d MiB more; make it %d", path, free>>20, minFree>>20)
		default:
			r.add("disk", selfPassed, "%s has room for %d MiB", path, free>>20)
		}
	}
	if len(seen) == 0 {
		r.add("disk", selfSkipped, "nothing is kept over a restart")
	}
}

func parent(file string) string {
	if file == "" {
		return ""
	}
	return filepath.Dir(file)
}

func (d *daemon) checkWatchdogs(r *selfRecord) {
	switch manager, board := d.watchdog.Timeouts(); {
	case board > 0:
		r.add("watchdog", selfPassed, "the board is reset %v after the daemon stops", board)
	case manager > 0:
		r.add("watchdog", selfPassed, "the service manager restarts the daemon %v after it stops", manager)
	default:
		r.add("watchdog", selfWarning, "nobody notices if the daemon stops: start it as a service, or set daemon.watchdog")
	}
}

// fingerprint says by what each source is trusted, and whether the network brings anything.
func (d *daemon) fingerprint(r *selfRecord, c config) {
	state := d.syncer.State()
	asked, answered := 0, 0
	for _, source := range c.trust.Sources {
		one := selfSource{Name: source.Name, Kind: source.Traits().Kind, Fingerprint: hex.EncodeToString(source.Identity[:])}
		for _, s := range state.Sources {
			if s.Name == one.Name {
				one.Confirmed, one.Signed, one.DSCs, one.Rules = s.Confirmed, s.Signed, s.Signers, s.Rules
				if s.Attempts > 0 && source.Traits().Age != trustsync.AgeNone { // a directory is on this machine
					asked++
					if s.Failures == 0 {
						answered++
					}
				}
			}
		}
		r.Sources = append(r.Sources, one)
	}
	switch {
	case asked == 0:
		r.add("network", selfSkipped, "no source was asked over the network yet")
	case answered == asked:
		r.add("network", selfPassed, "all of %d sources answered", asked)
	case answered > 0:
		r.add("network", selfWarning, "%d of %d sources answered", answered, asked)
	default:
		r.add("network", selfWarning, "none of %d sources answered; look at the cable, the proxy and the firewall", asked)
	}
}

// binarySum is the SHA-256 of this program's file, in hexadecimal digits; empty if it cannot be read.
var binarySum = sync.OnceValue(func() string {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
})

func thisMachine() (m selfMachine) {
	m.Host, _ = os.Hostname()
	if model, err := os.ReadFile("/proc/device-tree/model"); err == nil {
		m.Model = strings.TrimRight(string(model[:min(len(model), 100)]), "\x00\n")
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = fmt.Sprintf("%s %s %s", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:]))
	}
	return m
}

// missing are the checks of a record that did not pass, for the log.
func (r *selfRecord) missing() (names []string) {
	for _, c := range r.Checks {
		if c.Result == selfFailed || c.Result == selfWarning {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
