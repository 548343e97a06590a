package main

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gatescan/trustsync"
	"gatescan/verify"
)

type trustConfig struct {
	Directory  string         `toml:"directory" carry:"directory"`
	Domains    []string       `toml:"directory_domains"`
	Interval   duration       `toml:"interval"`
	MaxAge     duration       `toml:"max_age"`
	Store      string         `toml:"store" carry:"never"`
	Lab        bool           `toml:"lab"`
	Barred     []string       `toml:"barred"`
	BarredFile string         `toml:"barred_file" carry:"file"`
	Sources    []sourceConfig `toml:"source"`
}

// sourceConfig is one [[trust.source]].
type sourceConfig struct {
	Name         string   `toml:"name"`
	Kind         string   `toml:"kind"`
	URLs         []string `toml:"urls"`
	Path         string   `toml:"path" carry:"directory"`
	Anchors      string   `toml:"anchors" carry:"file"`
	CSCAs        string   `toml:"cscas" carry:"file"`
	Signer       string   `toml:"signer"`
	Interval     duration `toml:"interval"`
	MaxAge       duration `toml:"max_age"`
	Domain       string   `toml:"domain"`
	Environment  string   `toml:"environment"`
	Usage        string   `toml:"usage"`
	Participants []string `toml:"participants"`
	Countries    []string `toml:"countries"`
	TokenFile    string   `toml:"token_file" carry:"secret"`
	CA           string   `toml:"ca" carry:"file"`
	Pins         []string `toml:"pins"`
	Certificate  string   `toml:"certificate" carry:"file"`
	Key          string   `toml:"key" carry:"secret"`
	Proxy        string   `toml:"proxy" carry:"login"`
	Timeout      duration `toml:"timeout"`
}

// directorySource is the name of the source that trust.directory makes.
const directorySource = "directory"

const (
	maxSources     = 64
	maxBarredFile  = 4 << 20
	maxAnchorFile  = 1 << 20
	shortestAge    = time.Hour
	longestAge     = 10 * 365 * 24 * time.Hour
	maxSourceName  = 40
	longestTimeout = 10 * time.Minute
	maxToken       = 16 << 10
)

// build makes sources of a configuration. Relative paths count from dir. It reads the files that hold anchors and keys, but
// asks no source.
func (c *trustConfig) build(dir string) (t trustsync.Config, mistakes []mistake) {
	t.Lab = c.Lab
	bad := func(key, format string, args ...any) {
		mistakes = append(mistakes, mistake{key: key, text: fmt.Sprintf(format, args...)})
	}
	if c.Directory == "" && len(c.Sources) == 0 {
		bad("trust.directory", "is empty, and there is no [[trust.source]]; name a directory that holds the DSCs, in PEM or DER, or a source of them")
	}
	if len(c.Sources) > maxSources {
		bad("trust.source", "there are %d; %d are allowed", len(c.Sources), maxSources)
		return t, mistakes
	}
	names := map[string]bool{}
	domains, err := c.domains()
	if err != nil {
		bad("trust.directory_domains", "%v", err)
	}
	if c.Directory != "" {
		names[directorySource] = true
		source, err := trustsync.NewSource(trustsync.SourceConfig{
			Name: directorySource, Kind: "directory", Path: under(dir, c.Directory), Interval: time.Duration(c.Interval), Domains: domains,
		})
		if err != nil {
			bad("trust.directory", "%v", err)
		}
		t.Sources = append(t.Sources, source)
	}
	for i, s := range c.Sources {
		key := fmt.Sprintf("trust.source[%d]", i+1)
		switch {
		case s.Name == "" || len(s.Name) > maxSourceName || strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "":
			bad(key+".name", "%q: give each source a name of small letters, digits, - and _", s.Name)
		case names[s.Name]:
			bad(key+".name", "there is another source %q", s.Name)
		}
		names[s.Name] = true
		source, wrong := s.build(c, key, dir)
		mistakes = append(mistakes, wrong...)
		t.Sources = append(t.Sources, source)
	}
	if len(mistakes) == 0 && !slices.ContainsFunc(t.Sources, func(s trustsync.Named) bool { return !s.Traits().Rules }) {
		bad("trust.directory", "is empty, and every [[trust.source]] gives rules, which vouch for no key; name a directory of DSCs, or add a source of keys")
	}
	var wrong []mistake
	t.Barred, wrong = c.barred(dir)
	return t, append(mistakes, wrong...)
}

// domains reads directory_domains; zero is the DCC alone.
func (c *trustConfig) domains() (domains verify.Domain, err error) {
	for _, word := range c.Domains {
		d, known := verify.ParseDomain(word)
		if !known {
			return 0, fmt.Errorf("unknown domain %.40q; use some of %q", word, verify.DomainAll.Names())
		}
		domains |= d
	}
	switch domains {
	case 0:
		return 0, fmt.Errorf("names no domain, so that no certificate would vouch for anything; use some of %q", verify.DomainAll.Names())
	case verify.DomainDCC:
		return 0, nil
	}
	return domains, nil
}

func (s *sourceConfig) build(c *trustConfig, key, dir string) (_ trustsync.Named, mistakes []mistake) {
	bad := func(member string, err error) {
		mistakes = append(mistakes, mistake{key: key + "." + member, text: err.Error()})
	}
	read := func(member, path string) []byte {
		if path == "" {
			return nil
		}
		data, err := readSmall(under(dir, path), maxAnchorFile)
		if err != nil {
			bad(member, err)
		}
		return data
	}
	within := func(member string, d duration, least, most time.Duration) {
		if d != 0 && (time.Duration(d) < least || time.Duration(d) > most) {
			bad(member, fmt.Errorf("%v is out of range; it must be %v to %v", d, duration(least), duration(most)))
		}
	}
	within("interval", s.Interval, time.Second, 24*time.Hour)
	within("max_age", s.MaxAge, shortestAge, longestAge)
	within("timeout", s.Timeout, time.Second, longestTimeout)
	sc := trustsync.SourceConfig{
		Name: s.Name, Kind: s.Kind, URLs: s.URLs, Anchors: read("anchors", s.Anchors), CSCAs: read("cscas", s.CSCAs), SignerName: s.Signer,
		Interval: time.Duration(s.Interval), MaxAge: time.Duration(s.MaxAge),
		Domain: s.Domain, Usage: s.Usage, Participants: s.Participants, Countries: s.Countries, Environment: s.Environment, Lab: c.Lab,
		Transport: trustsync.Transport{CA: read("ca", s.CA), Proxy: s.Proxy, Timeout: time.Duration(s.Timeout)},
	}
	if s.Path != "" {
		sc.Path = under(dir, s.Path)
	}
	if sc.Interval == 0 {
		sc.Interval = time.Duration(c.Interval)
	}
	if sc.MaxAge == 0 && s.Kind != "directory" && s.Kind != "rules_directory" {
		sc.MaxAge = time.Duration(c.MaxAge)
	}
	for _, pin := range s.Pins {
		hash, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(pin, "sha256/"))
		if err != nil || len(hash) != 32 {
			bad("pins", fmt.Errorf("%q is no pin; write the SHA-256 of a public key in base64 (44 characters)", pin))
			continue
		}
		sc.Pins = append(sc.Pins, [32]byte(hash))
	}
	if (s.Certificate == "") != (s.Key == "") {
		bad("certificate", errors.New("a client certificate needs its key, and a key its certificate"))
	} else if s.Certificate != "" {
		pair, err := tls.X509KeyPair(read("certificate", s.Certificate), read("key", s.Key))
		if err != nil {
			bad("certificate", err)
		}
		sc.Transport.Certificate = &pair
	}
	if s.TokenFile != "" {
		token, err := s.token(dir)
		if err != nil {
			bad("token_file", err)
		}
		sc.Header = map[string]string{"Authorization": "Bearer " + token}
	}
	for _, name := range s.misplaced() {
		bad(name, fmt.Errorf("a source of kind %q has no use for it; leave it out", s.Kind))
	}
	if len(mistakes) > 0 {
		return trustsync.Named{}, mistakes
	}
	source, err := trustsync.NewSource(sc)
	if err != nil {
		mistakes = append(mistakes, mistake{key: key, text: err.Error()})
	}
	return source, mistakes
}

// token reads the bearer token (RFC 6750) that a source wants to be shown, which must not travel in the clear.
func (s *sourceConfig) token(dir string) (string, error) {
	for _, url := range s.URLs {
		if !strings.HasPrefix(strings.ToLower(url), "https://") {
			return "", errors.New("a token is shown over TLS only; let every one of urls begin with https://")
		}
	}
	data, err := readSmall(under(dir, s.TokenFile), maxToken)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(data))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s does not hold a token: one line of printable characters without space", s.TokenFile)
	}
	return token, nil
}

// misplaced are the keys that a source of its kind would not look at, and that an operator may think it does.
func (s *sourceConfig) misplaced() (keys []string) {
	isService := s.Kind == "eu_rules" || s.Kind == "germany_rules"
	if len(s.Countries) > 0 && !isService {
		keys = append(keys, "countries")
	}
	if s.Environment != "" && s.Kind != "who" {
		keys = append(keys, "environment")
	}
	if s.CSCAs != "" && (isService || strings.HasSuffix(s.Kind, "_rules") || s.Kind == "rules_directory") {
		keys = append(keys, "cscas")
	}
	return keys
}

// barred reads what is withdrawn by name: "kid:" and 16 hexadecimal digits, or "spki:" and 64.
func (c *trustConfig) barred(dir string) (b trustsync.Barred, mistakes []mistake) {
	add := func(key, where, word string) {
		kind, digits, _ := strings.Cut(word, ":")
		raw, err := hex.DecodeString(digits)
		switch {
		case err == nil && kind == "kid" && len(raw) == 8:
			b.KIDs = append(b.KIDs, [8]byte(raw))
		case err == nil && kind == "spki" && len(raw) == 32:
			b.Keys = append(b.Keys, [32]byte(raw))
		default:
			mistakes = append(mistakes, mistake{key: key, text: fmt.Sprintf("%s%.40q bars nothing; write kid: and 16 hexadecimal digits, "+
				"or spki: and the 64 of the SHA-256 of a public key", where, word)})
		}
	}
	for _, word := range c.Barred {
		add("trust.barred", "", word)
	}
	if c.BarredFile == "" {
		return b, mistakes
	}
	data, err := readSmall(under(dir, c.BarredFile), maxBarredFile)
	if err != nil {
		return b, append(mistakes, mistake{key: "trust.barred_file", text: err.Error()})
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if word := strings.TrimSpace(line); word != "" {
			add("trust.barred_file", fmt.Sprintf("line %d: ", n), word)
		}
		if len(mistakes) > 10 {
			break
		}
	}
	return b, mistakes
}

// under is path, counted from dir if it is relative.
func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// readSmall reads a regular file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path) // a pipe would block
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return data, nil
}
