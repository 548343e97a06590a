package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"gatescan/trustsync"
)

func TestExampleIsTheDefault(t *testing.T) {
	c, mistakes := parseConfig([]byte(exampleConfig))
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	if !reflect.DeepEqual(c, defaultConfig()) {
		t.Errorf("the example says %+v, the default is %+v", c, defaultConfig())
	}
	// Nothing is missing from it, and nothing is there by accident.
	whole := regexp.MustCompile(`(?m)^# (\[\[|[a-z_]+ = )`).ReplaceAllString(exampleConfig, "$1") // with its source
	lines := keyLines([]byte(whole))
	for _, key := range knownKeys(reflect.TypeFor[config](), "") {
		key = strings.Replace(key, "trust.source", "trust.source[1]", 1)
		if lines[key] == 0 {
			t.Errorf("the example does not show %s", key)
		}
		delete(lines, key)
	}
	if len(lines) > 0 {
		t.Errorf("the example shows %v", lines)
	}
	if c, mistakes := parseConfig(nil); len(mistakes) > 0 || !reflect.DeepEqual(c, defaultConfig()) {
		t.Errorf("an empty file: %+v, %v", c, mistakes)
	}
}

func TestConfigMistakes(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		want []string // of each mistake: line, key, and a part of what is said
	}{
		"unknown key":           {"[reader]\n\nbuad = 9600\n", []string{`c.toml:3: reader.buad: there is no such key; did you mean reader.baud?`}},
		"unknown table":         {"[printer]\nx = 1\n", []string{`c.toml:1: printer: there is no such key`}},
		"two unknown keys":      {"[reader]\nx = 1\n[policy]\nkind = []\n", []string{`c.toml:2: reader.x: `, `c.toml:4: policy.kind: there is no such key; did you mean policy.kinds?`}},
		"wrong type":            {"[reader]\nbaud = \"fast\"\n", []string{`c.toml:2: reader.baud: `}},
		"not TOML":              {"[reader\n", []string{`c.toml:1: `}},
		"key twice":             {"[reader]\nbaud = 1200\nbaud = 2400\n", []string{`c.toml:3: baud: key baud is already defined`}},
		"no unit":               {"[turnstile]\npulse = \"400\"\n", []string{`c.toml:2: turnstile.pulse: "400" is no duration; write a number with its unit`}},
		"mode unknown":          {"[turnstile]\nmode = \"\"\n", []string{`c.toml:2: turnstile.mode: "" is no mode`}},
		"pulse too long":        {"[turnstile]\npulse = \"5s\"\n", []string{`c.toml:2: turnstile.pulse: 5s is out of range; it must be 100ms to 2s`}},
		"dotted key":            {"turnstile.pulse = \"5s\"\n", []string{`c.toml:1: turnstile.pulse: 5s is out of range`}},
		"quoted key":            {"[\"turnstile\"]\n\"pulse\" = \"5s\"\n", []string{`c.toml:2: turnstile.pulse: 5s is out of range`}},
		"pulse negative":        {"[turnstile]\npulse = \"-1s\"\n", []string{`c.toml:2: turnstile.pulse: -1s is out of range`}},
		"no kind":               {"[policy]\nkinds = []\n", []string{`c.toml:2: policy.kinds: no kind is admitted`}},
		"kind unknown":          {"[policy]\nkinds = [\"v\", \"x\"]\n", []string{`c.toml:2: policy.kinds: "x" is no kind`}},
		"tolerance unknown":     {"[policy]\ntolerate = [\"all\"]\n", []string{`c.toml:2: policy.tolerate: "all" cannot be tolerated; there are alg_unprotected, no_prefix, not_compressed`}},
		"skew too long":         {"[policy]\nclock_skew = \"11m\"\n", []string{`c.toml:2: policy.clock_skew: 11m is out of range; it must be 0s to 10m`}},
		"window too long":       {"[policy]\nrepeat_window = \"2h\"\n", []string{`c.toml:2: policy.repeat_window: 2h is out of range; it must be 0s to 1h`}},
		"output unknown":        {"[outputs]\nrelay = \"relay\"\n", []string{`c.toml:2: outputs.relay: "relay" is no output`}},
		"relay missing":         {"[outputs]\nrelay = \"\"\n", []string{`c.toml:2: outputs.relay: is empty`}},
		"relay as a LED":        {"[outputs]\nrelay = \"led gate:relay\"\n", []string{`c.toml:2: outputs.relay: a LED has no pulse of its own; write "oneshot gate:relay"`}},
		"lamp as a oneshot":     {"[outputs]\nrelay = \"oneshot r\"\ngreen = \"oneshot g\"\n", []string{`c.toml:3: outputs.green: "oneshot g" is only for the relay`}},
		"lamp, but no relay":    {"[outputs]\nred = \"led r\"\n", []string{`c.toml:2: outputs.red: the relay is simulated`}},
		"line without offset":   {"[outputs]\nrelay = \"line a b\"\n", []string{`c.toml:2: outputs.relay: "line a b" is no output: "b" is no offset on a chip; there are `}},
		"LED with a path":       {"[outputs]\nrelay = \"oneshot ../x\"\n", []string{`c.toml:2: outputs.relay: "oneshot ../x" is no output: `}},
		"input unknown":         {"[inputs]\nfire = \"led x\"\n", []string{`c.toml:2: inputs.fire: "led x" is no input: "led" is no kind of input; write "line CHIP OFFSET"`}},
		"input negative":        {"[inputs]\nfire = \"line x -1\"\n", []string{`c.toml:2: inputs.fire: "line x -1" is no input: `}},
		"hold, no passage":      {"[turnstile]\nhold = true\n", []string{`c.toml:2: turnstile.hold: the arm would be free for all of turnstile.entry`}},
		"held too long":         {"[outputs]\nrelay = \"oneshot r\"\n[inputs]\npassage = \"line P\"\n[turnstile]\nhold = true\nentry = \"20s\"\n", []string{`c.toml:7: turnstile.entry: the kernel holds a relay for 10s`}},
		"direction unknown":     {"[turnstile]\ndirectio = \"c\"\n", []string{`c.toml:2: turnstile.directio: there is no such key; did you mean turnstile.direction?`}},
		"direction c":           {"[turnstile]\ndirection = \"c\"\n", []string{`c.toml:2: turnstile.direction: "c" is no direction`}},
		"direction b, bare":     {"[outputs]\nrelay = \"line P\"\nrelay_b = \"\"\n[turnstile]\ndirection = \"b\"\n", []string{`c.toml:3: outputs.relay_b: is empty`}},
		"relay b simulated":     {"[outputs]\nrelay_b = \"simulated\"\n", []string{`c.toml:2: outputs.relay_b: a simulated turnstile has one relay`}},
		"relay b alone":         {"[outputs]\nrelay_b = \"line P\"\n", []string{`c.toml:2: outputs.relay_b: one relay is simulated`}},
		"relay as a PWM":        {"[outputs]\nrelay = \"pwm pwmchip0 1\"\n", []string{`c.toml:2: outputs.relay: "pwm pwmchip0 1" is only for a buzzer`}},
		"lamp as a PWM":         {"[outputs]\nrelay = \"line P\"\nred = \"pwm pwmchip0 1\"\n", []string{`c.toml:3: outputs.red: "pwm pwmchip0 1" is only for a buzzer`}},
		"PWM channel":           {"[outputs]\nbuzzer = \"pwm pwmchip0 x\"\n", []string{`c.toml:2: outputs.buzzer: "pwm pwmchip0 x" is no output: "x" is no channel`}},
		"PWM path":              {"[outputs]\nbuzzer = \"pwm ../x 1\"\n", []string{`c.toml:2: outputs.buzzer: "pwm ../x 1" is no output: `}},
		"hold b, no passage":    {"[outputs]\nrelay = \"line P\"\nrelay_b = \"line Q\"\n[inputs]\npassage = \"line R\"\n[turnstile]\ndirection = \"b\"\nhold = true\n", []string{`c.toml:8: turnstile.hold: the arm would be free for all of turnstile.entry, for there is no passage input; wire inputs.passage_b`}},
		"runtime relative":      {"[daemon]\nruntime = \"run\"\n", []string{`c.toml:2: daemon.runtime: "run": give the full path`}},
		"directory empty":       {"[trust]\ndirectory = \"\"\n", []string{`c.toml:2: trust.directory: is empty, and there is no [[trust.source]]`}},
		"store relative":        {"[trust]\nstore = \"x\"\n", []string{`c.toml:2: trust.store: "x": give the full path`}},
		"too young":             {"[trust]\nmax_age = \"1s\"\n", []string{`c.toml:2: trust.max_age: 1s is out of range`}},
		"barred nothing":        {"[trust]\nbarred = [\"kid:12\"]\n", []string{`c.toml:2: trust.barred: "kid:12" bars nothing; write kid: and 16`}},
		"barred file":           {"[trust]\nbarred_file = \"x\"\n", []string{`c.toml:2: trust.barred_file: stat `}},
		"clock requires":        {"[clock]\nrequire = \"invalid\"\n", []string{`c.toml:2: clock.require: `}},
		"clock file":            {"[clock]\nfile = \"x\"\n", []string{`c.toml:2: clock.file: "x": give the full path`}},
		"clock held":            {"[clock]\nhold = \"1s\"\n", []string{`c.toml:2: clock.hold: 1s is out of range`}},
		"rules, no country":     {"[rules]\nmode = \"2g\"\n", []string{`c.toml:2: rules.mode: says nothing without rules.country`}},
		"rules, no source":      {"[rules]\ncountry = \"DE\"\nrequire = true\n", []string{`c.toml:3: rules.require: nobody would pass, for no [[trust.source]] brings rules`}},
		"rules country":         {"[rules]\ncountry = \"Germany\"\n", []string{`c.toml:2: rules.country: "Germany" is no country; write the two letters`}},
		"rules region, mode":    {"[rules]\ncountry = \"DE\"\nregion = \"b y\"\nmode = \"4g\"\n", []string{`c.toml:3: rules.region: "b y" is no region`, `c.toml:4: rules.mode: "4g" is no mode; there are`}},
		"rules window":          {"[rules]\nwindow = \"1s\"\n", []string{`c.toml:2: rules.window: 1s is out of range`}},
		"2g+, no tests":         {"[policy]\nkinds = [\"v\"]\n[rules]\ncountry = \"DE\"\nmode = \"2g+\"\n", []string{`c.toml:5: rules.mode: "2g+" wants a test and another pass`}},
		"selftest":              {"[selftest]\ndaily = \"25:00\"\nfile = \"x\"\n", []string{`c.toml:2: selftest.daily: "25:00" is no time of the day`, `c.toml:3: selftest.file: "x": give the full path`}},
		"counters relative":     {"[counters]\ndirectory = \"x\"\n", []string{`c.toml:2: counters.directory: "x": give the full path`}},
		"counters zone":         {"[counters]\nzone = \"Mars/Olympus\"\n", []string{`c.toml:2: counters.zone: "Mars/Olympus" is no time zone; write one like`}},
		"counters local":        {"[counters]\nzone = \"Local\"\n", []string{`c.toml:2: counters.zone: "Local" depends on the device`}},
		"counters too fine":     {"[counters]\nbucket = \"1m\"\nkeep = \"1h\"\nflush = \"2h\"\n", []string{`c.toml:2: counters.bucket: counters: a bucket of 1m`, `c.toml:3: counters.keep: `, `c.toml:4: counters.flush: `}},
		"status abroad":         {"[status]\naddress = \"0.0.0.0:8080\"\n", []string{`c.toml:2: status.address: 0.0.0.0:8080 is heard beyond this device, and there is not a token file and a TLS certificate with its key; name both, or listen on 127.0.0.1:8080`}},
		"status address":        {"[status]\naddress = \"x\"\n", []string{`c.toml:2: status.address: "x" is no address`}},
		"status tokens":         {"[status]\ntokens = \"none\"\n", []string{`c.toml:2: status.tokens: token file: open `}},
		"status key alone":      {"[status]\nkey = \"x\"\n", []string{`c.toml:1: status.certificate: a certificate needs its key`}},
		"status certificate":    {"[status]\nkey = \"x\"\ncertificate = \"y\"\n", []string{`c.toml:3: status.certificate: stat `}},
		"status proxies, count": {"[status]\nproxies = [\"proxy\"]\nvenue_min_count = 1001\n", []string{`c.toml:2: status.proxies: "proxy" is not the address`, `c.toml:3: status.venue_min_count: `}},
		"status hosts, count":   {"[status]\nhosts = [\"*\"]\nmin_count = -1\n", []string{`c.toml:2: status.hosts: "*" is no name of a host`, `c.toml:3: status.min_count: `}},
		"issuer pair":           {"[policy]\nissuers = [\"GG=gb\"]\n", []string{`c.toml:2: policy.issuers: "GG=gb": write two countries`}},
		"source kind":           {"[[trust.source]]\nname = \"a\"\nkind = \"b\"\n", []string{`c.toml:1: trust.source[1]: "b" is no kind of source; there are `}},
		"source name":           {"[[trust.source]]\nname = \"A\"\nkind = \"directory\"\npath = \"x\"\n", []string{`c.toml:2: trust.source[1].name: "A": give each`}},
		"source twice":          {"[[trust.source]]\nname = \"a\"\nkind = \"directory\"\npath = \"x\"\n[[trust.source]]\nname = \"a\"\nkind = \"directory\"\npath = \"x\"\n", []string{`c.toml:6: trust.source[2].name: there is another source "a"`}},
		"source anchors":        {"[[trust.source]]\nname = \"a\"\nkind = \"directory\"\npath = \"x\"\nanchors = \"none.pem\"\n", []string{`c.toml:5: trust.source[1].anchors: stat `}},
		"source pin":            {"[[trust.source]]\nname = \"a\"\nkind = \"directory\"\npath = \"x\"\npins = [\"x\"]\n", []string{`c.toml:5: trust.source[1].pins: "x" is no pin`}},
		"source key alone":      {"[[trust.source]]\nname = \"a\"\nkind = \"directory\"\npath = \"x\"\nkey = \"x\"\n", []string{`c.toml:1: trust.source[1].certificate: a client certificate needs its key`}},
		"rules alone":           {"[trust]\ndirectory = \"\"\n[[trust.source]]\nname = \"a\"\nkind = \"rules_directory\"\npath = \"x\"\n", []string{`c.toml:2: trust.directory: is empty, and every [[trust.source]] gives rules, which vouch for no key`}},
		"rules of a stick":      {"[[trust.source]]\nname = \"a\"\nkind = \"eu_rules\"\nurls = [\"file:///media/x\"]\n", []string{`c.toml:1: trust.source[1]: URL "file:///media/x": a service is no file; rules on a stick are of kind rules_directory`}},
		"rules in the clear":    {"[[trust.source]]\nname = \"a\"\nkind = \"eu_rules\"\nurls = [\"http://x/\"]\n", []string{`c.toml:1: trust.source[1]: URL "http://x/": what comes from there is not signed`}},
		"rules unsigned":        {"[[trust.source]]\nname = \"a\"\nkind = \"austria_rules\"\nurls = [\"https://x/\"]\n", []string{`c.toml:1: trust.source[1]: no anchor: name the key`}},
		"rules of nowhere":      {"[[trust.source]]\nname = \"a\"\nkind = \"germany_rules\"\nurls = [\"https://x/\"]\ncountries = [\"FRA\"]\n", []string{`c.toml:1: trust.source[1]: country "FRA": write two letters, such as FR`}},
		"rules and CSCAs":       {"[[trust.source]]\nname = \"a\"\nkind = \"rules_directory\"\npath = \"x\"\ncscas = \"c.toml\"\ncountries = [\"FR\"]\n", []string{`c.toml:5: trust.source[1].cscas: `, `c.toml:6: trust.source[1].countries: a source of kind "rules_directory" has no use for it; leave it out`}},
		"token in the clear":    {"[[trust.source]]\nname = \"a\"\nkind = \"eu\"\nurls = [\"http://x/\"]\ntoken_file = \"c.toml\"\n", []string{`c.toml:5: trust.source[1].token_file: a token is shown over TLS only`}},
		"token of two lines":    {"[[trust.source]]\nname = \"a\"\nkind = \"eu\"\nurls = [\"https://x/\"]\ntoken_file = \"c.toml\"\n", []string{`c.toml:5: trust.source[1].token_file: c.toml does not hold a token: one line`}},
		"source key unknown":    {"[[trust.source]]\nurl = \"x\"\n", []string{`c.toml:2: trust.source.url: there is no such key; did you mean trust.source.urls?`}},
		"device USB":            {"[reader]\ndevice = \"usb:1eab\"\n", []string{`c.toml:2: reader.device: device "usb:1eab": write vendor and product as lsusb shows them, such as usb:1eab:1d06`}},
		"module unknown":        {"[reader]\nmodule = \"gm56\"\n", []string{`c.toml:2: reader.module: module "gm56": must be one of "line", "gm65", `}},
		"module of 7 bits":      {"[reader]\nmodule = \"gm65\"\n\ndata_bits = 7\n", []string{`c.toml:4: reader.data_bits: data bits 7: module "gm65" sends bytes that need 8`}},
		"module speed":          {"[reader]\nmodule = \"newland\"\nbaud = 250000\n", []string{`c.toml:3: reader.baud: baud 250000: a module "newland" can be set to 9600, 19200, 38400, 57600 or 115200`}},
		"no-read message":       {"[reader]\nno_read = [\"HC1:\"]\n", []string{`c.toml:2: reader.no_read: no read "HC1:": is how a certificate begins`}},
		"same code":             {"[reader]\nsame_code_delay = \"1m\"\n", []string{`c.toml:2: reader.same_code_delay: same code delay 1m0s: must be 100ms to 12.7s`}},
		"device relative":       {"[reader]\ndevice = \"ttyUSB0\"\n", []string{`c.toml:2: reader.device: device "ttyUSB0": give the full path`}},
		"speed, parity, bits":   {"[reader]\nbaud = 7\nparity = \"maybe\"\ndata_bits = 5\nstop_bits = 3\n", []string{`c.toml:2: reader.baud: `, `c.toml:3: reader.parity: `, `c.toml:4: reader.data_bits: `, `c.toml:5: reader.stop_bits: `}},
		"gap too long":          {"[reader]\nidle_gap = \"1m\"\n", []string{`c.toml:2: reader.idle_gap: `}},
		"away too short":        {"[reader]\naway = \"1ms\"\n", []string{`c.toml:2: reader.away: 1ms is out of range; it must be 200ms to 30s`}},
		"domain unknown":        {"[trust]\ndirectory_domains = [\"dcc\", \"ips\"]\n", []string{`c.toml:2: trust.directory_domains: unknown domain "ips"; use some of ["dcc" "icvp" "ph4h"]`}},
		"no domain":             {"[trust]\ndirectory_domains = []\n", []string{`c.toml:2: trust.directory_domains: names no domain`}},
		"tables too large":      {"[memory]\ntables = 300\n", []string{`c.toml:2: memory.tables: 300 is out of range; it must be 0 to 256 MiB`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("c.toml", []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := readConfig("c.toml")
			if err == nil {
				t.Fatal("no mistake was found")
			}
			got := strings.Split(err.Error(), "\n")
			if len(got) != len(tc.want) {
				t.Fatalf("%d mistakes, want %d:\n%v", len(got), len(tc.want), err)
			}
			for i, want := range tc.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("got  %s\nwant %s…", got[i], want)
				}
			}
		})
	}
}

func TestSpecsReadWhatTheyWrite(t *testing.T) {
	for _, text := range []string{"", "simulated", "led gate:green", "oneshot gate:relay", "line BARRIER", "line pinctrl-bcm2835 17", "line chip 3 active-low", "pwm fe20c000.pwm 1"} {
		var s outputSpec
		if err := s.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got, err := s.MarshalText(); err != nil || string(got) != text {
			t.Errorf("%q is written as %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "line PASS", "line chip 4 active-low pull-up", "line chip 4 disabled"} {
		var s inputSpec
		if err := s.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got, err := s.MarshalText(); err != nil || string(got) != text {
			t.Errorf("%q is written as %q, %v", text, got, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	c, mistakes := parseConfig([]byte("[outputs]\nrelay = \"line chip 4\"\n[inputs]\npassage = \"line chip 5\"\n[turnstile]\nhold = true\n"))
	if len(mistakes) > 0 || len(c.warnings()) != 1 {
		t.Errorf("%v, %v", mistakes, c.warnings())
	}
	if c, _ := parseConfig([]byte(exampleConfig)); len(c.warnings()) != 0 {
		t.Errorf("the example warns: %v", c.warnings())
	}
}

func TestReadConfig(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.toml")
	if err := os.WriteFile(path, []byte("[trust]\ndirectory = \"dsc\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := readConfig(path)
	if err != nil || len(c.trust.Sources) != 1 {
		t.Fatal(c.trust, err)
	}
	if _, _, err := c.trust.Sources[0].Fetch(t.Context(), trustsync.Moment{}); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "dsc")) {
		t.Errorf("%v: not relative to the file", err)
	}
	if _, err := readConfig(filepath.Join(dir, "missing.toml")); err == nil || !strings.Contains(err.Error(), "missing.toml") {
		t.Error(err)
	}
	if err := os.WriteFile(path, make([]byte, maxConfigSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readConfig(path); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(exampleConfig)
	f.Add("[reader]\nbuad = 1\n")
	f.Add("turnstile.pulse = \"5s\"\n")
	f.Fuzz(func(t *testing.T, file string) {
		c, mistakes := parseConfig([]byte(file))
		if len(mistakes) == 0 && len(c.check()) > 0 {
			t.Fatalf("accepted %q", file)
		}
	})
}
