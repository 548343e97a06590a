package status

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	goodToken  = "correct-horse-battery"
	venueToken = "venue-staple-battery"
)

func someTokens(t testing.TB) Tokens {
	t.Helper()
	tokens, err := ParseTokens([]byte("# of the venue\nvenue " + venueToken + "\n\n  " + goodToken + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestAddress(t *testing.T) {
	tokens, certificate := someTokens(t), new(tls.Certificate)
	for _, tc := range []struct {
		address string
		tokens  Tokens
		cert    *tls.Certificate
		want    string // part of the mistake, empty for none
	}{
		{address: ""},
		{address: "127.0.0.1:8080"},
		{address: "127.9.9.9:0"},
		{address: "[::1]:8080"},
		{address: "[::ffff:127.0.0.1]:8080"},
		{address: "localhost:8080"},
		{address: "127.0.0.1:8080", tokens: tokens},
		{address: "127.0.0.1:8080", cert: certificate},
		{address: "unix:/run/gatescan/status.sock"},
		{address: "0.0.0.0:8080", tokens: tokens, cert: certificate},
		{address: "[fe80::1%eth0]:443", tokens: tokens, cert: certificate},

		{address: "0.0.0.0:8080", want: "a token file and a TLS certificate"},
		{address: ":8080", want: "a token file and a TLS certificate"},
		{address: "[::]:8080", want: "a token file and a TLS certificate"},
		{address: "192.0.2.1:8080", tokens: tokens, want: "there is not a TLS certificate"},
		{address: "192.0.2.1:8080", cert: certificate, want: "there is not a token file"},
		{address: "gate.example:8080", want: "no IP address"},
		{address: "localhost.example:8080", want: "no IP address"},
		{address: "127.0.0.1.example:8080", want: "no IP address"},
		{address: "127.0.0.1", want: "no address"},
		{address: "127.0.0.1:http", want: "no port"},
		{address: "127.0.0.1:65536", want: "no port"},
		{address: "127.0.0.1:-1", want: "no port"},
		{address: "unix:status.sock", want: "no path of a socket"},
		{address: "unix:", want: "no path of a socket"},
		{address: "unix:/run/../etc/x", want: "no path of a socket"},
		{address: "unix:/" + strings.Repeat("x", 107), want: "no path of a socket"},
	} {
		c := Config{Address: tc.address, Tokens: tc.tokens, Certificate: tc.cert}
		err := c.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%q, %d tokens, certificate %t: %v, want %q", tc.address, len(tc.tokens), tc.cert != nil, err, tc.want)
		}
		if _, newErr := New(c, Daemon{}, silent); (newErr == nil) != (err == nil) {
			t.Errorf("%q: New says %v", tc.address, newErr)
		}
	}
}

func TestMistakes(t *testing.T) {
	c := Config{MinCount: -1, Name: strings.Repeat("x", 101), Hosts: []string{"gate.example", "https://gate.example", "*", ""}}
	err := c.Validate()
	if err == nil {
		t.Fatal("no mistake")
	}
	for _, want := range []string{"small counts", "101 bytes", `"https://gate.example"`, `"*"`, `""`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: nothing of %q", err, want)
		}
	}
	if strings.Contains(err.Error(), `"gate.example"`) {
		t.Errorf("%v", err)
	}
}

func TestTokens(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "no token"},
		{"# only words\n\n", "no token"},
		{"short", "line 1: a token of 5 characters"},
		{"#\n" + strings.Repeat("x", 257), "line 2: a token of 257 characters"},
		{goodToken + " " + venueToken, "line 1: more than one word"},
		{"admin " + goodToken, "line 1: more than one word"},
		{"sixteen-characters-ö", "visible ASCII"},
		{"sixteen-\x7fcharacters", "visible ASCII"},
		{strings.Repeat(goodToken+"\n", 65), "line 65: more than 64"},
		{strings.Repeat("x", 70_000), "more than 65536 bytes"},
	} {
		tokens, err := ParseTokens([]byte(tc.text))
		if err == nil || !strings.Contains(err.Error(), tc.want) || tokens != nil {
			t.Errorf("%.40q: %v, want %q", tc.text, err, tc.want)
		} else if strings.Contains(err.Error(), "battery") {
			t.Errorf("%v quotes a token", err)
		}
	}
	tokens := someTokens(t)
	for given, want := range map[string]Scope{
		goodToken: All, venueToken: Venue, "": noScope, goodToken + " ": noScope, goodToken[1:]: noScope, strings.ToUpper(goodToken): noScope,
		"venue": noScope, "#": noScope,
	} {
		if got := tokens.scope(given); got != want {
			t.Errorf("%q: %d, want %d", given, got, want)
		}
	}
	if Tokens(nil).scope("") != noScope {
		t.Error("no tokens accept none")
	}
}

func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(goodToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o644: false, 0o642: false, 0o604: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		tokens, err := ReadTokens(path)
		if (err == nil) != want || (len(tokens) == 1) != want {
			t.Errorf("%o: %v", mode, err)
		}
		if !want && !strings.Contains(err.Error(), "chmod 640") {
			t.Errorf("%o: %v", mode, err)
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{t.TempDir(), "/dev/null", pipe} {
		if _, err := ReadTokens(path); err == nil || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := ReadTokens(path + "x"); err == nil {
		t.Error("nothing is read")
	}
}
