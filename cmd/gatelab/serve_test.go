package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockedBuffer is written by a process while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// servedLab is a gatelab serve under way.
type servedLab struct {
	served
	bin string
	cmd *exec.Cmd
	log lockedBuffer
}

// startServe serves a lab until the test ends, and awaits what it prints with -json.
func startServe(t *testing.T, bin, lab string, args ...string) *servedLab {
	t.Helper()
	s := &servedLab{bin: bin, cmd: exec.Command(filepath.Join(bin, "gatelab"), append([]string{"serve", "-lab", lab, "-json"}, args...)...)}
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	})
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&s.served); err != nil {
		t.Fatalf("%v\n%s", err, &s.log)
	}
	return s
}

// end has it end as a service manager does.
func (s *servedLab) end(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &s.log)
	}
}

// sync is one gatescan sync: what it says of each source, how many keys or rules it has, and its exit status.
func (s *servedLab) sync(t *testing.T, config string) (errors map[string]string, signers map[string]int, status int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.bin, "gatescan"), "sync", "-json", "-config", config)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	status = cmd.ProcessState.ExitCode()
	var state struct {
		Sources []struct {
			Name, Error string
			Signers     int
			Rules       int
		}
	}
	if errJSON := json.Unmarshal(out, &state); errJSON != nil {
		t.Fatalf("%v, %v: %s\n%s", err, errJSON, out, &stderr)
	}
	errors, signers = map[string]string{}, map[string]int{}
	for _, one := range state.Sources {
		errors[one.Name], signers[one.Name] = one.Error, one.Signers+one.Rules
	}
	return errors, signers, status
}

func (s *servedLab) post(t *testing.T, path string, values url.Values) {
	t.Helper()
	resp, err := http.PostForm(s.Control+path, values)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("%s %v: %s", path, values, resp.Status)
	}
}

// labHas is how many keys, or rules, a source gives.
func labHas(one servedSource, keys, rules int) int {
	if strings.HasSuffix(one.Kind, "_rules") {
		return rules
	}
	return keys
}

// A real gate takes what serve writes for it, and meets the faults that are switched on.
func TestServe(t *testing.T) {
	bin, dir := buildBinaries(t), t.TempDir()
	lab, config := filepath.Join(dir, "lab"), filepath.Join(dir, "gate.toml")
	if out, err := exec.Command(filepath.Join(bin, "gatelab"), "init", lab).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := startServe(t, bin, lab, "-config", config, "-fault", "germany=flip=100")
	if len(s.Sources) < 8 {
		t.Fatalf("%d sources", len(s.Sources))
	}
	if out, err := exec.Command(filepath.Join(bin, "gatescan"), "config", "-check", config).CombinedOutput(); err != nil {
		t.Errorf("the configuration: %v\n%s", err, out)
	}
	failed, signers, status := s.sync(t, config)
	for _, one := range s.Sources {
		if one.Name == "germany" {
			if !strings.Contains(failed[one.Name], "not authentic") || status != 1 {
				t.Errorf("germany: %q, status %d", failed[one.Name], status)
			}
			continue
		}
		if failed[one.Name] != "" || signers[one.Name] != labHas(one, 2, 6) {
			t.Errorf("%s: %d keys or rules, %q", one.Name, signers[one.Name], failed[one.Name])
		}
	}
	if log := s.log.String(); !strings.Contains(log, `tls GET "/germany/trustList/DSC/" fault=flip=100: 200, `) || !strings.Contains(log, `tls GET "/austria/trustlistsig": 200, `) {
		t.Errorf("log:\n%s", log)
	}

	s.post(t, "germany", url.Values{"fault": {""}})
	index, err := openLab(lab)
	if err != nil {
		t.Fatal(err)
	}
	s.post(t, "withdraw", url.Values{"kid": {hex.EncodeToString(index.dscs[0].kid())}})
	s.post(t, "withdraw", url.Values{"rule": {"TR-XX-0001"}})
	failed, signers, status = s.sync(t, config)
	for _, one := range s.Sources {
		if failed[one.Name] != "" || signers[one.Name] != labHas(one, 1, 5) || status != 0 {
			t.Errorf("%s, after a withdrawal: %d keys or rules, %q, status %d", one.Name, signers[one.Name], failed[one.Name], status)
		}
	}
	s.end(t)

	// The next time the keys are the same, and the configuration is written anew.
	again := startServe(t, bin, lab, "-config", config)
	if again.Sources[0].Pins[0] != s.Sources[0].Pins[0] || again.Sources[0].URLs[0] == s.Sources[0].URLs[0] {
		t.Errorf("then %+v, now %+v", s.Sources[0], again.Sources[0])
	}
	if _, _, status := again.sync(t, config); status != 0 {
		t.Errorf("the second time: status %d", status)
	}
	again.end(t)
}

func mustRun(t *testing.T, bin, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(bin, name), args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Keys are for their owner, and what cannot be read is never taken for nothing.
func TestPublisher(t *testing.T) {
	dir := t.TempDir()
	l, err := newLab("FR", 2048, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.write(filepath.Join(dir, "lab")); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "lab")
	if err := os.Mkdir(filepath.Join(dir, unfinishedDir), 0o755); err != nil { // of one that was cut short
		t.Fatal(err)
	}
	first, err := l.publisher(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.publisher(dir)
	if err != nil {
		t.Fatal(err)
	}
	if string(first.domain.Signer.PEM()) != string(second.domain.Signer.PEM()) || string(first.tls.Client.PEM()) != string(second.tls.Client.PEM()) {
		t.Error("made anew")
	}
	files := 0
	err = filepath.WalkDir(filepath.Join(dir, publisherDir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		if !entry.IsDir() {
			files++
		}
		return err
	})
	if err != nil || files != len(first.credentials()) {
		t.Errorf("%d files, %v", files, err)
	}
	signer := filepath.Join(dir, publisherDir, "signer.pem")
	good, other := readFile(t, signer), readFile(t, filepath.Join(dir, publisherDir, "anchor.pem"))
	at := bytes.Index(good, []byte("-----BEGIN PRIVATE"))
	atOther := bytes.Index(other, []byte("-----BEGIN PRIVATE"))
	for name, content := range map[string][]byte{
		"empty": {}, "cut": good[:len(good)/4], "no key": good[:at], "no certificate": good[at:],
		"another's key": append(bytes.Clone(good[:at]), other[atOther:]...), "junk": []byte("junk"),
	} {
		if err := os.WriteFile(signer, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.publisher(dir); err == nil || !strings.Contains(err.Error(), "signer.pem") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(signer); err != nil {
		t.Fatal(err)
	}
	if _, err := l.publisher(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
}

// A configuration that somebody wrote by hand is never lost.
func TestServeConfigKeepsOthers(t *testing.T) {
	name := filepath.Join(t.TempDir(), "gatescan.toml")
	if err := (served{}).writeConfig(name); err != nil {
		t.Fatal(err)
	}
	if err := (served{}).writeConfig(name); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := os.WriteFile(name, []byte("[trust]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (served{}).writeConfig(name); err == nil || string(readFile(t, name)) != "[trust]\n" {
		t.Errorf("overwritten: %v", err)
	}
}

// Closing must not wait for a gate that hangs.
func TestServeEndsAtOnce(t *testing.T) {
	bin, lab := buildBinaries(t), filepath.Join(t.TempDir(), "lab")
	mustRun(t, bin, "gatelab", "init", lab)
	s := startServe(t, bin, lab, "-fault", "who=hang")
	gone := make(chan error, 1)
	go func() {
		resp, err := http.Get(s.Listeners["http"] + "who/v2/trustlist/DCC/-/DSC/did.json")
		if err == nil {
			resp.Body.Close()
		}
		gone <- err
	}()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.log.String(), "fault=hang"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never asked\n%s", &s.log)
		}
	}
	start := time.Now()
	s.end(t)
	if err := <-gone; err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}
