package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// selfResult is how a check of the self-test ended.
type selfResult string

const (
	selfPassed  selfResult = "passed"
	selfFailed  selfResult = "failed"  // the gate must not be used
	selfWarning selfResult = "warning" // it may, and somebody should look after it
	selfSkipped selfResult = "skipped" // nobody was asked, or there is nothing to check
)

// selfCheck is one thing that was checked.
type selfCheck struct {
	Name   string     `json:"name"`
	Result selfResult `json:"result"`
	Says   string     `json:"says"`
}

// selfRecord is what a self-test found out about a gate. It holds nothing of a pass or its holder.
type selfRecord struct {
	Schema    int          `json:"schema"` // 1; members are only ever added
	Time      time.Time    `json:"time"`   // by the gate's clock
	Gate      string       `json:"gate,omitempty"`
	Version   string       `json:"version"`
	Source    time.Time    `json:"source,omitzero"` // moment of the source
	Binary    string       `json:"binary_sha256,omitempty"`
	Config    string       `json:"config"`
	ConfigSum string       `json:"config_sha256"`
	Machine   selfMachine  `json:"machine"`
	Reader    selfReader   `json:"reader"`
	Sources   []selfSource `json:"sources"`
	Checks    []selfCheck  `json:"checks"`
	Attended  bool         `json:"attended"` // somebody looked at lamps and showed codes
	Usable    bool         `json:"usable"`
}

type selfMachine struct {
	Host   string `json:"host"`
	Model  string `json:"model,omitempty"` // of the device tree
	Kernel string `json:"kernel"`
}

type selfReader struct {
	Module   string   `json:"module"`
	Device   string   `json:"device"`
	Baud     int      `json:"baud"`
	Firmware string   `json:"firmware,omitempty"`
	Set      []string `json:"set,omitempty"`
	Missed   []string `json:"missed,omitempty"`
	Saved    bool     `json:"saved"`
	Problem  string   `json:"problem,omitempty"` // nothing_read, wrong_speed, wrong_parity or inverted
	Likely   string   `json:"likely,omitempty"`  // setting of the module

	Counters map[string]uint64 `json:"counters,omitempty"` // since the daemon began to read, as the metrics name them
}

// selfSource is a source of trust data, with the fingerprint of what decides its authenticity: two gates that show the same
// trust the same keys.
type selfSource struct {
	Name        string    `json:"name"`
	Kind        string    `json:"kind"`
	Fingerprint string    `json:"fingerprint_sha256"`
	Confirmed   time.Time `json:"confirmed,omitzero"`
	Signed      time.Time `json:"signed,omitzero"`
	DSCs        int       `json:"dscs"`
	Rules       int       `json:"rules"`
}

const selfSchema = 1

func (r *selfRecord) add(name string, result selfResult, format string, args ...any) {
	r.Checks = append(r.Checks, selfCheck{name, result, fmt.Sprintf(format, args...)})
}

// conclude says whether the gate may be used.
func (r *selfRecord) conclude() {
	r.Usable = len(r.failed()) == 0 && len(r.Checks) > 0
}

func (r *selfRecord) failed() (names []string) {
	for _, c := range r.Checks {
		if c.Result == selfFailed {
			names = append(names, c.Name)
		}
	}
	return names
}

var selfMarks = map[selfResult]string{selfPassed: "[+]", selfFailed: "[-]", selfWarning: "[!]", selfSkipped: "[ ]"}

// pageWidth is in characters; a page of it prints on A4 and Letter.
const pageWidth = 92

// print writes the record as a page to be put on file.
func (r *selfRecord) print(w io.Writer) error {
	var b strings.Builder
	title := "gatescan self-test"
	if r.Gate != "" {
		title += ": " + r.Gate
	}
	fmt.Fprintf(&b, "%s\n%s\n\n", title, strings.Repeat("=", len(title)))
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-14s %s\n", name, value)
		}
	}
	fact("time", r.Time.UTC().Format(time.RFC3339)+" by the gate's clock")
	fact("gatescan", r.Version)
	fact("binary", r.Binary)
	fact("configuration", r.Config)
	fact("", r.ConfigSum)
	fact("machine", strings.TrimSpace(strings.Join([]string{r.Machine.Host, r.Machine.Model, r.Machine.Kernel}, "  ")))
	module := fmt.Sprintf("%s on %s, %d baud", r.Reader.Module, r.Reader.Device, r.Reader.Baud)
	if r.Reader.Firmware != "" {
		module += ", firmware " + r.Reader.Firmware
	}
	fact("module", module)
	fact("module set", strings.Join(r.Reader.Set, ", "))
	for _, s := range r.Sources {
		fact("source", fmt.Sprintf("%s (%s), trusted by %.32s", s.Name, s.Kind, s.Fingerprint))
	}
	b.WriteByte('\n')
	for _, c := range r.Checks {
		for i, line := range wrapped(c.Says, pageWidth-20) {
			mark, name := selfMarks[c.Result], c.Name
			if i > 0 {
				mark, name = "", ""
			}
			fmt.Fprintf(&b, "%-3s %-15s %s\n", mark, name, line)
		}
	}
	b.WriteByte('\n')
	switch {
	case !r.Usable:
		fmt.Fprintf(&b, "This gate must NOT be used: %s.\n", strings.Join(r.failed(), ", "))
	case !r.Attended:
		b.WriteString("Nothing speaks against using this gate. Nobody looked at its lamps, and no code was shown.\n")
	default:
		b.WriteString("This gate may be used.\n\nTechnician ______________________________  Date ______________  Signature ____________________\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrapped breaks a text into lines at its spaces. There is at least one.
func wrapped(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
