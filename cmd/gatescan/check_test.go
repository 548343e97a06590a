package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLineReader(t *testing.T) {
	long := strings.Repeat("A", 200_000)
	for name, tc := range map[string]struct {
		input string
		want  []string
	}{
		"nothing":               {"", nil},
		"one":                   {"a\n", []string{"a"}},
		"no LF at the end":      {"a\nb", []string{"a", "b"}},
		"blank":                 {"\n\na\n", []string{"", "", "a"}},
		"CR LF":                 {"a\r\nb\r\n", []string{"a", "b"}},
		"one CR is taken off":   {"a\r\r\n\r\n", []string{"a\r", ""}},
		"CR inside":             {"a\rb\n", []string{"a\rb"}},
		"CR at the end":         {"a\r", []string{"a"}},
		"spaces stay":           {" a \n", []string{" a "}},
		"NUL stays":             {"\x00\n", []string{"\x00"}},
		"long":                  {long + "\r\nb\n", []string{long[:keptLine], "b"}},
		"long, at the end":      {"b\n" + long, []string{"b", long[:keptLine]}},
		"as long as the buffer": {long[:64<<10] + "\nb", []string{long[:keptLine], "b"}},
	} {
		l := lineReader{r: bufio.NewReaderSize(strings.NewReader(tc.input), 64<<10)}
		var got []string
		for {
			line, err := l.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(line))
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tc.want) {
			t.Errorf("%s: %.99q, want %.99q", name, got, tc.want)
		}
	}
}

func TestCheckLongLines(t *testing.T) {
	input := strings.Repeat("HC1:", 1075) + "\n" + strings.Repeat("x", 1<<20) + "\nHC1:" + strings.Repeat("0", 4292) + "\n"
	var out bytes.Buffer
	if status := run([]string{"check", "-json"}, strings.NewReader(input), &out, io.Discard); status != exitFailed {
		t.Errorf("exit %d", status)
	}
	want := `{"line":1,"verdict":"refused","reason":"too_large"}
{"line":2,"verdict":"refused","reason":"too_large"}
{"line":3,"verdict":"refused","reason":"bad_deflate"}
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

// A reader that fails in the middle is not the end of the input.
func TestCheckReadError(t *testing.T) {
	var out, stderr bytes.Buffer
	input := io.MultiReader(strings.NewReader("a\nb"), failing{})
	if status := run([]string{"check"}, input, &out, &stderr); status != exitUsage {
		t.Errorf("exit %d", status)
	}
	if out.String() != "1: refused: other_code family=\"unknown\"\n" || !strings.Contains(stderr.String(), "line 2: cable cut") {
		t.Errorf("%q, %q", &out, &stderr)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cable cut") }

// Every case of dgc-testdata through the whole command, at its own clock, trusting all certificates of the corpus at
// once. What each must come to is tested in package verify; here it must be the same as there in sum.
func TestCheckCorpus(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "verify", "testdata", "dgc-testdata.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	type testCase struct {
		ID          string `json:"id"`
		Text        string `json:"text"`
		Certificate []byte `json:"certificate"`
		Clock       int64  `json:"clock"`
	}
	var cases []testCase
	dir := t.TempDir()
	for line := range bytes.Lines(data) {
		var c testCase
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.der", len(cases))), c.Certificate, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if testing.Short() {
		cases = cases[:20]
	}
	found := map[string]int{}
	for _, c := range cases {
		var out bytes.Buffer
		at := time.Unix(c.Clock, 0).UTC().Format(time.RFC3339)
		status := run([]string{"check", "-json", "-trust", dir, "-at", at}, strings.NewReader(c.Text+"\r\n"), &out, io.Discard)
		var a answerJSON
		if err := json.Unmarshal(out.Bytes(), &a); err != nil {
			t.Fatalf("%s: %v in %q", c.ID, err, &out)
		}
		if (status == exitDone) != (a.Verdict == "accepted") || a.Line != 1 {
			t.Errorf("%s: exit %d with %+v", c.ID, status, a)
		}
		found[a.Reason]++
	}
	if !testing.Short() && (len(cases) != 345 || found["accepted"] != 274) {
		t.Errorf("%d cases: %v", len(cases), found)
	}
	t.Log(found)
}
