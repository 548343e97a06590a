package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// buildBinaries builds gatescan and gatelab into one directory, as a user has them.
func buildBinaries(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir+"/", "gatescan/cmd/...").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

func TestDemo(t *testing.T) {
	bin := buildBinaries(t)
	t.Run("tour", func(t *testing.T) { t.Parallel(); demoTour(t, bin) })
	t.Run("closed pipe", func(t *testing.T) { t.Parallel(); demoBehindClosedPipe(t, bin) })
}

// The whole tour, then a picture and a pasted text of the user's, then Ctrl-C.
func demoTour(t *testing.T, bin string) {
	dir := t.TempDir()
	stdin, typed := io.Pipe()
	demo := exec.Command(filepath.Join(bin, "gatelab"), "demo", "-dir", dir)
	demo.Stdin = stdin
	var out, stderr bytes.Buffer
	seen := make(chan string, 1024)
	demo.Stdout = io.MultiWriter(&out, lineWriter(seen))
	demo.Stderr = &stderr
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	defer demo.Process.Kill()
	wait := func(text string) {
		t.Helper()
		timeout := time.After(60 * time.Second)
		for {
			select {
			case s := <-seen:
				if strings.Contains(s, text) {
					return
				}
			case <-timeout:
				t.Fatalf("never shows %q; %s\n%s", text, &stderr, &out)
			}
		}
	}
	wait("Your turn.")
	if _, err := io.WriteString(typed, filepath.Join(dir, "qr", "ps256.png")+"\n"); err != nil {
		t.Fatal(err)
	}
	wait("PS256, test, decided in")
	if _, err := io.WriteString(typed, "HC1:NOT A PASS\n"); err != nil {
		t.Fatal(err)
	}
	wait("bad_")
	if _, err := io.WriteString(typed, filepath.Join(dir, "gatescan.toml")+"\n"); err != nil {
		t.Fatal(err)
	}
	wait("gatescan.toml: ") // no picture, and said so
	if _, err := io.WriteString(typed, "qr/missing.PNG\n"); err != nil {
		t.Fatal(err)
	}
	wait("qr/missing.PNG: there is no such picture")
	if err := demo.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	wait("The gate has ended; its relay is released.")
	typed.Close()
	if err := demo.Wait(); err != nil {
		t.Errorf("%v: %s", err, &stderr)
	}
	for _, want := range []string{
		"energised", "released after a pulse of 40", "● GO", "✕ REFUSED", "? TRY AGAIN", "· held", "accepted, ES256, vaccination", "accepted, PS256, test",
		"repeated", "expired", "bad_signature", "unknown_kid", "not_hcert", "bad_deflate", "bad_base45", "let through 4, refused 10",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not show %q", want)
		}
	}
	if pictures, err := filepath.Glob(filepath.Join(dir, "qr", "*.png")); err != nil || len(pictures) != 9 {
		t.Errorf("%d pictures, %v", len(pictures), err)
	}
}

// lineWriter passes on what is written, for a test that waits for it.
type lineWriter chan<- string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

// The reader of the demonstration goes away in the middle of the tour. The demonstration ends the daemon and leaves no file.
func demoBehindClosedPipe(t *testing.T, bin string) {
	temporary := t.TempDir()
	demo := exec.Command(filepath.Join(bin, "gatelab"), "demo")
	demo.Env = append(os.Environ(), "TMPDIR="+temporary)
	var stderr bytes.Buffer
	demo.Stderr = &stderr
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	defer demo.Process.Kill()
	var pid int
	var gatescan string
	first, err := bufio.NewReader(out).ReadString('\n')
	if _, scanned := fmt.Sscanf(first, "%s runs as process %d;", &gatescan, &pid); err != nil || scanned != nil {
		t.Fatalf("%q: %v, %v", first, err, scanned)
	}
	out.Close()
	if err := demo.Wait(); err != nil {
		t.Errorf("%v: %s", err, &stderr)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the daemon, process %d, is still there: %v", pid, err)
	}
}

func TestDemoSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "gatescan")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho no such luck >&2\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	if status := run([]string{"demo", "-gatescan", script, "-dir", t.TempDir(), "-once"}, strings.NewReader(""), io.Discard, &stderr); status != 1 {
		t.Errorf("exit %d", status)
	}
	if !strings.Contains(stderr.String(), "no such luck") {
		t.Errorf("says only %q", &stderr)
	}
	stderr.Reset()
	if status := run([]string{"demo", "-gatescan", filepath.Join(dir, "missing"), "-dir", t.TempDir()}, strings.NewReader(""), io.Discard, &stderr); status != 1 || !strings.Contains(stderr.String(), "missing") {
		t.Errorf("exit %d: %s", status, &stderr)
	}
}
