package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// canary is a pass of which nothing may leave the verifier.
const canary = `{"ver":"1.3.0","nam":{"fn":"Kanarienvogel","fnt":"KANARIENVOGEL","gn":"Zwitscher","gnt":"ZWITSCHER"},"dob":"1977-07-17",` +
	`"v":[{"ci":"URN:UVCI:01:FR:CANARY4711","tg":"840539006"}]}`

// secrets are what of the canary somebody could be recognised by.
var secrets = []string{"kanarienvogel", "zwitscher", "1977-07-17", "canary4711"}

// leak finds a secret in data, as it is, in another case, in hexadecimal digits or in Base64, or a piece of a QR text.
func leak(data []byte, texts []string) string {
	lower := bytes.ToLower(data)
	for _, secret := range secrets {
		for _, form := range []string{secret, strings.ToUpper(secret), strings.ToUpper(secret[:1]) + secret[1:]} {
			if bytes.Contains(lower, []byte(strings.ToLower(form))) || bytes.Contains(lower, []byte(hex.EncodeToString([]byte(form)))) {
				return secret
			}
			for shift := range 3 { // the middle of it, wherever it begins
				encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + form))
				if middle := encoded[4 : len(encoded)-4]; bytes.Contains(data, []byte(middle)) {
					return secret + " in Base64"
				}
			}
		}
	}
	for _, text := range texts {
		for at := len("HC1:"); at+20 <= len(text); at += 20 {
			if bytes.Contains(data, []byte(text[at:at+20])) {
				return "a piece of a QR text"
			}
		}
	}
	return ""
}

// Every way in which a pass may end, and then everything that the daemon wrote or says.
func TestNothingOfAHolderLeaves(t *testing.T) {
	r := newRig(t)
	r.waitLamp("idle")
	other := filepath.Join(t.TempDir(), "other")
	r.run(r.lab, "", "init", other)
	good := r.mint(canary)
	texts := []string{good}
	minted := func(payload string, args ...string) string {
		text := r.mint(payload, args...)
		texts = append(texts, text)
		return text
	}
	two := strings.Replace(canary, `"v":[`, `"v":[{"ci":"URN:UVCI:01:FR:CANARY4711"},`, 1)
	for _, step := range []struct{ sent, want string }{
		{good, "accepted"},
		{minted(canary, "-alg", "PS256"), "accepted"},
		{minted(canary, "-iat", "2020-06-01T00:00:00Z", "-exp", "2021-01-01T00:00:00Z"), "expired"},
		{minted(canary, "-iat", "2035-01-01T00:00:00Z"), "not_yet_valid"},
		{minted(two), "not_one_entry"},
		{minted(`{"nam":"Kanarienvogel Zwitscher 1977-07-17","v":"CANARY4711"}`), "bad_dcc"},
		{r.run(r.lab, canary+"\n", "mint", "-lab", other), "unknown_kid"},
		{good[:4+(len(good)-4)/3*3-30], "bad_deflate"}, // at the border of a Base45 triple
		{good + "é", "bad_base45"},
		{"HC2:" + good[4:], "unsupported_version"},
		{good[4:], "not_hcert"},
		{canary, "other_code"},
		{strings.Repeat(good, 20), "too_large"},
	} {
		if e := r.shows(step.sent + "\r"); e.Reason != step.want {
			t.Errorf("%.30q… came to %s, want %s", step.sent, e.Reason, step.want)
		}
	}
	r.config(r.standard() + "[policy]\nkinds = [\"t\"]\nrepeat_window = \"1m\"\n")
	r.signal(syscall.SIGHUP)
	r.waitLog("the configuration was read again")
	if e := r.shows(good + "\r"); e.Reason != "kind_not_allowed" {
		t.Errorf("a kind that is not admitted: %s", e.Reason)
	}
	r.config(r.standard() + "[policy]\nkinds = [\"x\"]\n") // a mistake, whose text is logged
	r.signal(syscall.SIGHUP)
	r.waitLog("is no kind")
	time.Sleep(2 * time.Second) // flushed
	seen := r.everything()
	if err := r.end(); err != nil {
		t.Error(err)
	}
	for path, data := range r.files() {
		seen["file at the end "+path] = data
	}
	seen["log"], seen["standard output"] = []byte(r.logged()), r.out.Bytes()
	for _, want := range []string{"log", "standard output", "/metrics", "/counters.csv", "file counters/now-0", "/proc cmdline"} {
		if len(seen[want]) == 0 {
			t.Errorf("%s was not looked at", want)
		}
	}
	for where, data := range seen {
		if what := leak(data, texts); what != "" {
			t.Errorf("%s is in %s", what, where)
		}
	}

	// The search finds what is there to be found, in whatever form.
	for name, planted := range map[string]string{
		"as it is":  "level=INFO msg=accepted name=Kanarienvogel",
		"upper":     "ZWITSCHER",
		"hex":       "key=" + hex.EncodeToString([]byte("1977-07-17")),
		"base64":    base64.StdEncoding.EncodeToString([]byte(canary)),
		"a QR text": "scanned " + good[100:150],
	} {
		file := filepath.Join(r.dir, "counters", "day-planted")
		if err := os.WriteFile(file, []byte("before "+planted+" after"), 0o600); err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, data := range r.files() {
			if leak(data, texts) != "" {
				found++
			}
		}
		if found != 1 {
			t.Errorf("a leak planted %s was found %d times", name, found)
		}
	}
}

// everything is what the daemon shows of itself while it runs: each page, its files, what others see of its process.
func (r *rig) everything() map[string][]byte {
	r.t.Helper()
	seen := map[string][]byte{}
	for _, path := range []string{
		"/", "/api/v1/state", "/api/v1/counters", "/api/v1/counters?bucket=day", "/counters.csv", "/metrics", "/livez?verbose", "/readyz?verbose",
		"/nowhere", "/api/v1/counters?from=x",
	} {
		_, seen[path] = r.get(path)
	}
	for path, data := range r.files() {
		seen["file "+path] = data
	}
	for _, name := range []string{"cmdline", "environ", "comm"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", r.gate.Process.Pid, name))
		if err != nil {
			r.t.Fatal(err)
		}
		seen["/proc "+name] = data
	}
	return seen
}

// files is everything below the daemon's directory, but for its trust.
func (r *rig) files() map[string][]byte {
	r.t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(r.dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return files
}

// listening is what the daemon logs when it can be asked.
var listening = regexp.MustCompile(`status: listening" address=(\S+)`)

// get asks the status server.
func (r *rig) get(path string) (code int, body []byte) {
	r.t.Helper()
	r.waitLog("status: listening")
	address := listening.FindStringSubmatch(r.logged())[1]
	response, err := http.Get("http://" + address + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, body
}
