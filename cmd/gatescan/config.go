package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gatescan/cmd/gatescan/clock"
	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/gate"
	"gatescan/cmd/gatescan/output"
	"gatescan/cmd/gatescan/status"
	"gatescan/cmd/gatescan/unit"
	"gatescan/driver/gpio"
	"gatescan/driver/turnstile"
	"gatescan/trustsync"
	"gatescan/verify"

	"github.com/pelletier/go-toml/v2"
)

// exampleConfig is a configuration with every key at its default; a test keeps it so.
//
//go:embed gatescan.example.toml
var exampleConfig string

// maxConfigSize bounds a configuration file, in bytes.
const maxConfigSize = unit.MaxConfig

// config is what an operator decides. The tags are the keys of the file.
type config struct {
	Reader    readerConfig    `toml:"reader"`
	Trust     trustConfig     `toml:"trust"`
	Clock     clockSection    `toml:"clock"`
	Policy    policyConfig    `toml:"policy"`
	Rules     rulesConfig     `toml:"rules"`
	ICVP      icvpConfig      `toml:"icvp"`
	Turnstile turnstileConfig `toml:"turnstile"`
	Outputs   outputsConfig   `toml:"outputs"`
	Inputs    inputsConfig    `toml:"inputs"`
	Counters  countersConfig  `toml:"counters"`
	Status    statusConfig    `toml:"status"`
	Selftest  selftestConfig  `toml:"selftest"`
	Memory    memoryConfig    `toml:"memory"`
	Daemon    daemonConfig    `toml:"daemon"`

	file   string           // full path
	sum    string           // SHA-256 of the file, in hexadecimal digits
	trust  trustsync.Config // what Trust says, with its files read
	status status.Config    // what Status says, with its files read

	catalogue *verify.Catalogue // in the file that ICVP names; nil without one
}

type clockSection struct {
	Require    clock.State `toml:"require"`
	Hold       duration    `toml:"hold"`
	MaxForward duration    `toml:"max_forward"`
	File       string      `toml:"file" carry:"never"`
}

type turnstileConfig struct {
	Mode      string   `toml:"mode"`
	Direction string   `toml:"direction"`
	Pulse     duration `toml:"pulse"`
	Show      duration `toml:"show"`
	Entry     duration `toml:"entry"`
	Hold      bool     `toml:"hold"`
}

type outputsConfig struct {
	Relay  outputSpec `toml:"relay"`
	RelayB outputSpec `toml:"relay_b"`
	Green  outputSpec `toml:"green"`
	Red    outputSpec `toml:"red"`
	Yellow outputSpec `toml:"yellow"`
	Buzzer outputSpec `toml:"buzzer"`
}

type inputsConfig struct {
	Passage  inputSpec `toml:"passage"`
	PassageB inputSpec `toml:"passage_b"`
	NotReady inputSpec `toml:"not_ready"`
	Tamper   inputSpec `toml:"tamper"`
	Fire     inputSpec `toml:"fire"`
	Debounce duration  `toml:"debounce"`
}

type daemonConfig struct {
	Runtime  string `toml:"runtime" carry:"never"`
	Group    string `toml:"group"`
	Watchdog string `toml:"watchdog" carry:"never"`
}

// duration is a time.Duration written like "400ms" or "10m".
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration; write a number with its unit, such as \"400ms\", \"10s\" or \"5m\"", text)
	}
	*d = duration(v)
	return nil
}

func (d duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") { // 10m0s
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

const (
	maxRepeatWindow = time.Hour
	// defaultClockSkew is what Switzerland allows: tests are shown moments after they were issued.
	defaultClockSkew = 5 * time.Minute
	maxDebounce      = time.Second
)

func defaultConfig() config {
	return config{
		Reader: defaultReader(),
		Trust: trustConfig{
			Directory: "/etc/gatescan/dsc", Domains: []string{"dcc"}, Interval: duration(trustsync.DefaultInterval), MaxAge: duration(trustsync.DefaultMaxAge),
			Store: "/var/lib/gatescan/trust", Barred: []string{},
		},
		Clock:  clockSection{Require: clock.DefaultRequire, Hold: duration(clock.DefaultHold), File: "/var/lib/gatescan/clock"},
		Policy: policyConfig{Kinds: []string{"v", "t", "r"}, ClockSkew: duration(defaultClockSkew), Tolerate: []string{}, Issuers: []string{}},
		Rules:  rulesConfig{Window: duration(defaultSecondPass)},
		ICVP:   defaultICVP(),
		Turnstile: turnstileConfig{
			Mode: "open", Direction: directionA, Pulse: duration(turnstile.DefaultPulse), Show: duration(turnstile.DefaultShow), Entry: duration(5 * time.Second),
		},
		Outputs:  outputsConfig{Relay: outputSpec{output.Output{Kind: output.Simulated}}},
		Inputs:   inputsConfig{Debounce: duration(30 * time.Millisecond)},
		Counters: defaultCounters(),
		Status:   defaultStatus(),
		Selftest: selftestConfig{Daily: "03:30", File: "/var/lib/gatescan/selftest.json"},
		Memory:   defaultMemory(),
		Daemon:   daemonConfig{Runtime: control.DefaultRuntime},
	}
}

// mistake is what is wrong with a configuration file, where, and what to do about it.
type mistake struct {
	line int // 0 if it has no line of its own
	key  string
	text string
}

// configError is all that is wrong with a configuration file.
type configError struct {
	file     string
	mistakes []mistake
}

func (e *configError) Error() string {
	var b strings.Builder
	for i, m := range e.mistakes {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.file)
		if m.line > 0 {
			fmt.Fprintf(&b, ":%d", m.line)
		}
		if m.key != "" {
			fmt.Fprintf(&b, ": %s", m.key)
		}
		fmt.Fprintf(&b, ": %s", m.text)
	}
	return b.String()
}

// readConfigText reads a configuration file, which may be a pipe.
func readConfigText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigSize+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(data) > maxConfigSize {
		return nil, fmt.Errorf("configuration: %s is larger than %d bytes", path, maxConfigSize)
	}
	return data, nil
}

// readConfig reads and checks a configuration file. Relative paths in it count from its own directory.
func readConfig(path string) (config, error) {
	data, err := readConfigText(path)
	if err != nil {
		return config{}, err
	}
	c, mistakes := parseConfig(data)
	if len(mistakes) > 0 {
		return config{}, &configError{path, mistakes}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return config{}, fmt.Errorf("configuration: %w", err)
	}
	sum := sha256.Sum256(data)
	c.file, c.sum = filepath.Join(dir, filepath.Base(path)), hex.EncodeToString(sum[:])
	if mistakes := c.readFiles(dir); len(mistakes) > 0 {
		return config{}, &configError{path, placed(mistakes, data)}
	}
	return c, nil
}

// readFiles reads the files that the configuration names. Relative paths count from dir.
func (c *config) readFiles(dir string) (mistakes []mistake) {
	c.trust, mistakes = c.Trust.build(dir)
	mistakes = append(mistakes, c.Rules.sourced(c.trust.Sources)...)
	var wrong []mistake
	c.catalogue, wrong = c.ICVP.build(dir)
	mistakes = append(mistakes, wrong...)
	c.status, wrong = c.Status.build(dir, c.Daemon.Group, c.Counters.Zone.location())
	return append(mistakes, wrong...)
}

// parseConfig puts a file over the defaults and names every mistake in it.
func parseConfig(data []byte) (config, []mistake) {
	c := defaultConfig()
	decoder := toml.NewDecoder(strings.NewReader(string(data))).DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return config{}, decodeMistakes(err)
	}
	return c, placed(c.check(), data)
}

// placed gives each mistake the line of its key, or of the table that the key should be in.
func placed(mistakes []mistake, data []byte) []mistake {
	lines := keyLines(data)
	for i, m := range mistakes {
		for key := m.key; key != "" && mistakes[i].line == 0; {
			mistakes[i].line = lines[key]
			key = key[:max(0, strings.LastIndexByte(key, '.'))]
		}
	}
	slices.SortStableFunc(mistakes, func(a, b mistake) int { return a.line - b.line })
	return mistakes
}

func decodeMistakes(err error) (mistakes []mistake) {
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			key := strings.Join(e.Key(), ".")
			mistakes = append(mistakes, mistake{line, key, "there is no such key" + suggestion(key)})
		}
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		text := strings.TrimPrefix(wrong.Error(), "toml: ")
		mistakes = append(mistakes, mistake{line, strings.Join(wrong.Key(), "."), text})
	default:
		mistakes = append(mistakes, mistake{0, "", err.Error()})
	}
	return mistakes
}

// check names what the types of the keys cannot: values that are out of range or do not go together.
func (c *config) check() (mistakes []mistake) {
	bad := func(key, format string, args ...any) {
		mistakes = append(mistakes, mistake{key: key, text: fmt.Sprintf(format, args...)})
	}
	within := func(key string, d duration, least, most time.Duration) {
		if time.Duration(d) < least || time.Duration(d) > most {
			bad(key, "%v is out of range; it must be %v to %v", d, duration(least), duration(most))
		}
	}
	mistakes = append(mistakes, c.Reader.check()...)
	within("trust.interval", c.Trust.Interval, time.Second, 24*time.Hour)
	within("trust.max_age", c.Trust.MaxAge, shortestAge, longestAge)
	if c.Trust.Store != "" && !filepath.IsAbs(c.Trust.Store) {
		bad("trust.store", "%q: give the full path of a directory that survives a restart, or leave it empty", c.Trust.Store)
	}
	within("clock.hold", c.Clock.Hold, time.Minute, longestAge)
	within("clock.max_forward", c.Clock.MaxForward, 0, longestAge)
	if c.Clock.File != "" && !filepath.IsAbs(c.Clock.File) {
		bad("clock.file", "%q: give the full path of a file that survives a restart, or leave it empty", c.Clock.File)
	}
	if len(c.Policy.Kinds) == 0 {
		bad("policy.kinds", "no kind is admitted, so nobody could pass; name some of \"v\", \"t\", \"r\" and \"p\"")
	}
	for _, kind := range c.Policy.Kinds {
		if usages[kind] == 0 {
			bad("policy.kinds", "%q is no kind; there are \"v\" (vaccination), \"t\" (test), \"r\" (recovery) and \"p\" (WHO's yellow card)", kind)
		}
	}
	for _, word := range c.Policy.Tolerate {
		if tolerances[word] == 0 {
			bad("policy.tolerate", "%q cannot be tolerated; there are %s", word, strings.Join(toleranceNames(verify.TolerateAll&^verify.ICVPVersion), ", "))
		}
	}
	for _, pair := range c.Policy.Issuers {
		if _, ok := issuedUnder(pair); !ok {
			bad("policy.issuers", "%q: write two countries like \"GG=GB\": who issues, and under whose certificates", pair)
		}
	}
	within("policy.repeat_window", c.Policy.RepeatWindow, 0, maxRepeatWindow)
	within("policy.clock_skew", c.Policy.ClockSkew, 0, verify.MaxClockSkew)
	if _, ok := gate.ParseMode(c.Turnstile.Mode); !ok {
		bad("turnstile.mode", "%q is no mode; there are \"open\", \"closed\" and \"maintenance\"", c.Turnstile.Mode)
	}
	within("turnstile.pulse", c.Turnstile.Pulse, turnstile.MinPulse, turnstile.MaxPulse)
	within("turnstile.show", c.Turnstile.Show, turnstile.MinShow, turnstile.MaxShow)
	within("turnstile.entry", c.Turnstile.Entry, time.Second, turnstile.MaxEntry)
	if d := c.Turnstile.Direction; d != directionA && d != directionB {
		bad("turnstile.direction", "%q is no direction; there are \"a\" and \"b\"", d)
	}
	relay, passage := c.granted()
	if c.Turnstile.Hold && !passage.spec.wired {
		bad("turnstile.hold", "the arm would be free for all of turnstile.entry, for there is no passage input; wire %s, or use pulses", passage.key)
	}
	if c.Turnstile.Hold && relay.spec.Kind == output.Oneshot && time.Duration(c.Turnstile.Entry) > gpio.MaxPulse {
		bad("turnstile.entry", "the kernel holds a relay for %v at the most", duration(gpio.MaxPulse))
	}
	within("inputs.debounce", c.Inputs.Debounce, 0, maxDebounce)
	mistakes = append(mistakes, c.Outputs.check(relay.key)...)
	c.Rules.check(c.Policy.Kinds, bad)
	c.ICVP.check(c.Policy.Kinds, c.Rules.Mode, bad)
	c.Counters.check(bad)
	c.Selftest.check(bad)
	if n := c.Memory.Tables; n < 0 || n > maxTables {
		bad("memory.tables", "%d is out of range; it must be 0 to %d MiB", n, maxTables)
	}
	if !filepath.IsAbs(c.Daemon.Runtime) {
		bad("daemon.runtime", "%q: give the full path of a directory, such as %s", c.Daemon.Runtime, control.DefaultRuntime)
	}
	if c.Daemon.Watchdog != "" && !filepath.IsAbs(c.Daemon.Watchdog) {
		bad("daemon.watchdog", "%q: give the full path of the device, such as /dev/watchdog, or leave it empty", c.Daemon.Watchdog)
	}
	return mistakes
}

// warnings names what is no mistake and yet may not be meant.
func (c *config) warnings() (warnings []mistake) {
	if relay, _ := c.granted(); relay.spec.Kind == output.Line && c.Turnstile.Hold {
		warnings = append(warnings, mistake{key: "turnstile.hold", text: "with a relay on a plain line, a frozen process holds the arm free " +
			"until the watchdog ends it; prefer pulses, or a relay that the kernel pulses (oneshot)"})
	}
	return warnings
}

func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

func (c *config) turnstile() turnstile.Config {
	t := turnstile.Config{Pulse: time.Duration(c.Turnstile.Pulse), Show: time.Duration(c.Turnstile.Show), Hold: c.Turnstile.Hold}
	if _, passage := c.granted(); passage.spec.wired {
		t.Entry = time.Duration(c.Turnstile.Entry)
	}
	return t
}

func (c *config) clock() clock.Config {
	return clock.Config{
		Require: c.Clock.Require, Hold: time.Duration(c.Clock.Hold), MaxForward: time.Duration(c.Clock.MaxForward),
		File: c.Clock.File, Build: buildTime(),
	}
}
