package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeTestLab puts the lab of the tests on disk.
func writeTestLab(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "lab")
	if err := testLab(t).write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMintDefaults(t *testing.T) {
	dir := writeTestLab(t)
	before := time.Now().Unix()
	var out, problems bytes.Buffer
	if status := run([]string{"mint", "-lab", dir}, strings.NewReader(`{"a":1}`), &out, &problems); status != 0 {
		t.Fatalf("status %d: %s", status, &problems)
	}
	after := time.Now().Unix()
	p := readPass(t, strings.TrimSuffix(out.String(), "\n"))
	if p.alg != -7 {
		t.Errorf("algorithm %d, want ES256", p.alg)
	}
	if got, want := string(p.claims[1]), "\x62XX"; got != want {
		t.Errorf("iss %q, want %q", got, want)
	}
	iat, exp := p.integer(t, 6), p.integer(t, 4)
	if iat < before || iat > after {
		t.Errorf("iat %d is not now, between %d and %d", iat, before, after)
	}
	if want := time.Unix(iat, 0).UTC().AddDate(1, 0, 0).Unix(); exp != want {
		t.Errorf("exp %d, want %d", exp, want)
	}
}

func TestMintClaims(t *testing.T) {
	dir := writeTestLab(t)
	for _, tt := range []struct {
		name     string
		args     []string
		iss      string // CBOR
		iat, exp int64
	}{
		{"all given", []string{"-iss", "FR", "-iat", "2021-06-01T12:00:00Z", "-exp", "2021-06-02T12:00:00Z"}, "\x62FR", 1622548800, 1622635200},
		{"exp a year after iat", []string{"-iat", "2021-06-01T12:00:00Z"}, "\x62XX", 1622548800, 1654084800},
		{"exp from 29 February", []string{"-iat", "2024-02-29T00:00:00Z"}, "\x62XX", 1709164800, 1740787200},
		{"no issuer", []string{"-iss", "", "-iat", "2021-06-01T12:00:00Z"}, "", 1622548800, 1654084800},
		{"long issuer", []string{"-iss", "CNAM", "-iat", "2021-06-01T12:00:00Z"}, "\x64CNAM", 1622548800, 1654084800},
		{"offset", []string{"-iat", "2021-06-01T14:00:00+02:00"}, "\x62XX", 1622548800, 1654084800},
		{"fractions are cut", []string{"-iat", "2021-06-01T12:00:00.999Z", "-exp", "2021-06-02T12:00:00.999Z"}, "\x62XX", 1622548800, 1622635200},
		{"exp before iat", []string{"-iat", "2021-06-01T12:00:00Z", "-exp", "1970-01-01T00:00:42Z"}, "\x62XX", 1622548800, 42},
		{"the first year is a time as well", []string{"-iat", "0001-01-01T00:00:00Z", "-exp", "1969-12-31T23:59:59Z"}, "\x62XX", -62135596800, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, problems bytes.Buffer
			args := append([]string{"mint", "-lab", dir}, tt.args...)
			if status := run(args, strings.NewReader("{}\n"), &out, &problems); status != 0 {
				t.Fatalf("status %d: %s", status, &problems)
			}
			p := readPass(t, strings.TrimSuffix(out.String(), "\n"))
			if got := string(p.claims[1]); got != tt.iss {
				t.Errorf("iss %q, want %q", got, tt.iss)
			}
			if iat, exp := p.integer(t, 6), p.integer(t, 4); iat != tt.iat || exp != tt.exp {
				t.Errorf("iat %d exp %d, want %d %d", iat, exp, tt.iat, tt.exp)
			}
		})
	}
}

func TestMintIssuerIsText(t *testing.T) {
	var out, problems bytes.Buffer
	args := []string{"mint", "-lab", writeTestLab(t), "-iss", "\xff"}
	if status := run(args, strings.NewReader("{}"), &out, &problems); status != 2 || out.Len() > 0 {
		t.Errorf("status %d, printed %q, said %q", status, &out, &problems)
	}
}

// A program that feeds one payload and waits for its text must not wait for ever.
func TestMintFlushesEachLine(t *testing.T) {
	dir := writeTestLab(t)
	in, feed := io.Pipe()
	texts, out := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run([]string{"mint", "-lab", dir, "-"}, in, out, io.Discard)
		out.Close()
	}()
	timeout := time.AfterFunc(30*time.Second, func() { texts.CloseWithError(errors.New("no text came")) })
	defer timeout.Stop()
	lines := bufio.NewReader(texts)
	for range 3 {
		if _, err := io.WriteString(feed, "{}\r\n"); err != nil {
			t.Fatal(err)
		}
		text, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		readPass(t, strings.TrimSuffix(text, "\n"))
	}
	feed.Close()
	if s := <-status; s != 0 {
		t.Errorf("status %d", s)
	}
}

func TestMintLongLine(t *testing.T) {
	dir := writeTestLab(t)
	long := strings.Repeat("0123456789", 500_000)
	var out, problems bytes.Buffer
	in := strings.NewReader(`{"a":"` + long + `"}` + "\n{}\n")
	if status := run([]string{"mint", "-lab", dir}, in, &out, &problems); status != 0 {
		t.Fatalf("status %d: %s", status, &problems)
	}
	texts := strings.Split(out.String(), "\n")
	if len(texts) != 3 || texts[2] != "" {
		t.Fatalf("%d lines", len(texts)-1)
	}
	if p := readPass(t, texts[0]); !bytes.Contains(p.dcc, []byte(long)) {
		t.Error("the long text is not in the pass")
	}
}

func TestMintStopsWhereNobodyListens(t *testing.T) {
	dir := writeTestLab(t)
	r, w := io.Pipe()
	r.Close()
	var problems bytes.Buffer
	if status := run([]string{"mint", "-lab", dir}, strings.NewReader("{}\n{}\n"), w, &problems); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	if !strings.Contains(problems.String(), "line 1: ") {
		t.Errorf("said %q", &problems)
	}
}

func TestMintPNG(t *testing.T) {
	dir := writeTestLab(t)
	pictures := filepath.Join(t.TempDir(), "new", "pictures")
	var out, problems bytes.Buffer
	args := []string{"mint", "-lab", dir, "-alg", "PS256", "-png", pictures, "testdata/payloads.jsonl"}
	if status := run(args, nil, &out, &problems); status != 0 || problems.Len() > 0 {
		t.Fatalf("status %d: %s", status, &problems)
	}
	texts := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(texts) != 10 {
		t.Fatalf("%d texts, want 10", len(texts))
	}
	for i, name := range []string{
		"0001.png", "0002.png", "0003.png", "0004.png", "0005.png",
		"0006.png", "0007.png", "0008.png", "0009.png", "0010.png",
	} {
		f, err := os.Open(filepath.Join(pictures, name))
		if err != nil {
			t.Fatal(err)
		}
		text, err := decodeQR(f)
		f.Close()
		if err != nil || text != texts[i] {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, text, texts[i])
		}
	}
}
