package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatescan/trustsync"
	"gatescan/verify"
)

// The codes are what they say they are, by the self-test's trust at its moment and by no other.
func TestTestCodes(t *testing.T) {
	trust := testTrust()
	if trust.Len() != 2 {
		t.Fatalf("%d certificates", trust.Len())
	}
	v := verify.New(verify.Policy{Kinds: verify.SignsVaccination | verify.SignsICVP})
	for _, c := range testCodes {
		if got := v.Verify(c.text(), trust, testMoment); got.Reason() != c.want {
			t.Errorf("%s: %v, want %v", c.name, got.Reason(), c.want)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"dsc.pem", "card-dsc.pem"} {
		if err := os.WriteFile(filepath.Join(dir, name), selftestFile(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source, err := trustsync.NewSource(trustsync.SourceConfig{Name: "d", Kind: "directory", Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	// A gate takes no lab's certificate, even if one of these is put among its own.
	holding, _, err := source.Fetch(t.Context(), trustsync.Moment{Time: testMoment})
	if err != nil || len(holding.Signers) != 2 {
		t.Fatalf("%d certificates, %v", len(holding.Signers), err)
	}
	for _, signer := range holding.Signers {
		if !signer.Lab {
			t.Error("a certificate does not say that it is a lab's")
		}
	}
	if got := v.Verify(testCodes[0].text(), verify.NewTrust(nil), testMoment); got.Accepted() {
		t.Error("accepted without its certificate")
	}
}

// visitor plays the technician: it reads the questions, shows codes and answers.
type visitor struct {
	t       *testing.T
	module  io.Writer
	answers map[string]string // by a part of the question; "y" otherwise
	codes   map[string]string // what is shown for a code; the code itself otherwise
}

// selftest runs the command to its end.
func (v *visitor) selftest(binary, config string, args ...string) (code int, record selfRecord, asked string) {
	v.t.Helper()
	cmd := exec.Command(binary, append([]string{"selftest", "-config", config, "-json"}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	var out, said bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	guard := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer guard.Stop()
	one := make([]byte, 1)
	line := ""
	for {
		if _, err := stderr.Read(one); err != nil {
			break
		}
		said.Write(one)
		line += string(one)
		switch {
		case strings.HasSuffix(line, "[y/n] "):
			answer := "y"
			for part, instead := range v.answers {
				if strings.Contains(line, part) {
					answer = instead
				}
			}
			io.WriteString(stdin, answer+"\n")
			line = ""
		case one[0] == '\n':
			for _, c := range testCodes {
				if strings.Contains(line, "how the code \""+c.name+"\"") {
					text, instead := v.codes[c.name]
					if !instead {
						text = string(c.text())
					}
					if text != "" {
						time.Sleep(300 * time.Millisecond) // a hand is not faster
						io.WriteString(v.module, text+"\r")
					}
				}
			}
			line = ""
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() < 0 {
		v.t.Fatalf("%v\n%s", err, said.String())
	}
	if err := json.Unmarshal(out.Bytes(), &record); err != nil && cmd.ProcessState.ExitCode() < 2 {
		v.t.Fatalf("%v\n%s\n%s", err, out.String(), said.String())
	}
	return cmd.ProcessState.ExitCode(), record, said.String()
}

func (r *selfRecord) of(name string) string {
	for _, c := range r.Checks {
		if c.Name == name {
			return string(c.Result)
		}
	}
	return "missing"
}

func TestSelftest(t *testing.T) {
	r := newRig(t)
	r.waitLamp("idle")
	config := filepath.Join(r.dir, "gatescan.toml")
	v := &visitor{t: t, module: r.module}

	code, record, said := v.selftest(r.gate.Path, config)
	if code != 0 || !record.Usable || !record.Attended {
		t.Errorf("exit %d, %+v\n%s", code, record, said)
	}
	for name, want := range map[string]string{
		"code good": "passed", "code expired": "passed", "code forged": "passed", "lamps": "passed", "pulse": "passed", "reader": "passed",
		"clock": "warning", "trust": "passed", "disk": "passed", "gate": "passed", "relay": "warning", "watchdog": "warning",
	} {
		if got := record.of(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if record.Gate != "lane 3" || len(record.ConfigSum) != 64 || len(record.Binary) != 64 || record.Machine.Kernel == "" || len(record.Sources) != 1 || record.Sources[0].DSCs != 2 {
		t.Errorf("%+v", record)
	}
	time.Sleep(500 * time.Millisecond) // the arm is locked again
	// The daemon goes on as before; what was shown counts nowhere, the one pulse does.
	if e := r.shows(r.mint(canary) + "\r"); e.Reason != "accepted" || e.Accepted != 1 || e.Refused != 0 {
		t.Errorf("after the self-test: %+v", e)
	}
	if a := r.counters(); a.Total.Granted != 2 {
		t.Errorf("granted %d, want the pulse and the pass", a.Total.Granted)
	}
	// The good code opens nothing.
	if e := r.shows(string(testCodes[0].text()) + "\r"); e.Reason != "unknown_kid" {
		t.Errorf("the self-test's good code came to %s", e.Reason)
	}

	// What is wrong is said.
	v.answers = map[string]string{"yellow, double blinking": "n", "Does nobody stand in it?": "n"}
	v.codes = map[string]string{"forged": string(testCodes[0].text())[:200]}
	code, record, _ = v.selftest(r.gate.Path, config)
	if code != 1 || record.Usable || record.of("lamps") != "failed" || record.of("code forged") != "failed" || record.of("pulse") != "skipped" {
		t.Errorf("exit %d, %+v", code, record)
	}
	if code, record, _ = v.selftest(r.gate.Path, config, "-alone"); code != 0 || record.Attended || record.of("lamps") != "missing" {
		t.Errorf("alone: exit %d, %+v", code, record)
	}
	if err := r.end(); err != nil {
		t.Fatal(err)
	}

	// In the place of a daemon; the module of the rig is still there. A gate that admits yellow cards is shown one.
	v.answers, v.codes = nil, nil
	if record.of("code card") != "missing" {
		t.Error("a yellow card was asked for where none is admitted")
	}
	text, err := os.ReadFile(config)
	if err == nil {
		err = os.WriteFile(config, append(text, "\n[policy]\nkinds = [\"v\", \"t\", \"r\", \"p\"]\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	code, record, said = v.selftest(r.gate.Path, config, "-no-pulse")
	if code != 0 || !record.Usable || record.of("code card") != "passed" || record.of("reader") != "passed" || record.of("pulse") != "skipped" || !strings.Contains(said, "No daemon runs") {
		t.Errorf("exit %d, %+v\n%s", code, record, said)
	}
	os.RemoveAll(filepath.Join(r.dir, "lab", "dsc"))
	code, record, _ = v.selftest(r.gate.Path, config, "-alone")
	if code != 1 || record.of("trust") != "failed" {
		t.Errorf("without trust: exit %d, %+v", code, record)
	}
}

func TestDueOn(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := selftestConfig{Daily: "03:30"}
	for at, want := range map[string]string{
		"2026-03-28T02:29:59Z": "2026-03-28 false", "2026-03-28T02:30:00Z": "2026-03-28 true", "2026-03-28T22:59:59Z": "2026-03-28 true",
		"2026-03-28T23:00:00Z": "2026-03-29 false",
		"2026-03-29T01:29:59Z": "2026-03-29 false", "2026-03-29T01:30:00Z": "2026-03-29 true", // summer time has begun at 02:00
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		day, due := c.dueOn(now.In(berlin))
		if got := day + map[bool]string{true: " true", false: " false"}[due]; got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
	if _, due := (&selftestConfig{}).dueOn(time.Now()); due {
		t.Error("due although it is off")
	}
}

// The page is one: it fits the width, and every line of it is there.
func TestRecordPage(t *testing.T) {
	r := &selfRecord{Gate: "lane 3", Time: testMoment, Attended: true}
	r.add("clock", selfFailed, "%s", strings.Repeat("nothing vouches for it ", 20))
	r.conclude()
	var out bytes.Buffer
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > pageWidth+1 {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
	if !strings.Contains(out.String(), "must NOT be used: clock.") || strings.Count(out.String(), "vouches") != 20 {
		t.Error(out.String())
	}
	r.Checks[0].Result = selfPassed
	r.conclude()
	out.Reset()
	if err := r.print(&out); err != nil || !strings.Contains(out.String(), "may be used") || !strings.Contains(out.String(), "Signature") {
		t.Error(out.String())
	}
	if (&selfRecord{}).Usable {
		t.Error("a record of nothing is good")
	}
}
