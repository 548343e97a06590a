//go:build board

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatescan/cmd/gatescan/passtest"
	"gatescan/driver/drivertest"
)

const (
	// soon is how long an emulated board may take for what it does at once.
	soon = 20 * time.Second
	// never is how long a line is watched that must not move.
	never = 2 * time.Second

	boardPulse = 400 * time.Millisecond
	// slack is how much longer a pulse may look from outside: the goal is 50 ms, the rest is for a loaded host, on which
	// the board runs late.
	slack = 200 * time.Millisecond
)

// moments is at how many random moments of a pulse the daemon is killed, and at how many it is frozen.
func moments(t *testing.T) int {
	t.Helper()
	return drivertest.Repeats(t, "GATESCAN_BOARD_MOMENTS", 5)
}

// boardGate is a gate on an emulated board: the real binary, the kernel's own drivers, a USB serial module.
type boardGate struct {
	*drivertest.Board
	t       *testing.T
	lab     string // the gatelab binary
	labDir  string
	process *drivertest.Process
}

// newBoardGate boots a board with gatescan, a lab's certificates, and a configuration of these outputs.
func newBoardGate(t *testing.T, outputs, linkerFlags string, o drivertest.Options) *boardGate {
	t.Helper()
	return newBoardGateReading(t, fmt.Sprintf("device = %q\nbaud = 115200\n", drivertest.SerialPath), outputs, linkerFlags, o)
}

// newBoardGateReading has the keys of the reader, too.
func newBoardGateReading(t *testing.T, reader, outputs, linkerFlags string, o drivertest.Options) *boardGate {
	t.Helper()
	dir := t.TempDir()
	g := &boardGate{t: t, lab: filepath.Join(passtest.BuildLab(t), "gatelab"), labDir: filepath.Join(dir, "lab")}
	g.host(g.lab, "", "init", g.labDir)

	binary := filepath.Join(dir, "gatescan")
	build := exec.Command("go", "build", "-ldflags", linkerFlags, "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm", "GOARM=6")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config := filepath.Join(dir, "gatescan.toml")
	text := fmt.Sprintf("[reader]\naway = \"200ms\"\n%s[trust]\nlab = true\ndirectory = \"/etc/dsc\"\n[clock]\nrequire = \"rtc\"\nfile = \"\"\n[counters]\ndirectory = \"\"\n[turnstile]\npulse = %q\nshow = \"500ms\"\n%s",
		reader, boardPulse, outputs)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Files = map[string]string{
		"/bin/gatescan":         binary,
		"/etc/gatescan.toml":    config,
		"/etc/dsc/es256.pem":    filepath.Join(g.labDir, "dsc", "es256.pem"),
		"/etc/broken/gate.toml": hostFile(t, filepath.Join(dir, "broken.toml"), "[reader\n"),
	}
	g.Board = drivertest.Boot(t, o)
	if _, err := g.Shell("mkdir -p /run", soon); err != nil {
		t.Fatal(err)
	}
	if err := g.AwaitPath(drivertest.SerialPath, true, soon); err != nil {
		t.Fatal(err)
	}
	return g
}

// scenario runs a subtest, in whose name the gate fails.
func (g *boardGate) scenario(t *testing.T, name string, run func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(sub *testing.T) {
		g.t = sub
		defer func() { g.t = t }()
		run(sub)
	})
}

func hostFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (g *boardGate) host(binary, stdin string, args ...string) string {
	g.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		g.t.Fatalf("%s %v: %v", binary, args, err)
	}
	return strings.TrimSpace(string(out))
}

// pass mints a pass that is good now.
func (g *boardGate) pass(args ...string) string {
	g.t.Helper()
	return g.host(g.lab, `{"v":[{}]}`+"\n", append([]string{"mint", "-lab", g.labDir, "-iat", "2022-01-01T00:00:00Z", "-exp", "2039-01-01T00:00:00Z"}, args...)...)
}

// start starts the daemon and waits until it reads.
func (g *boardGate) start() {
	g.t.Helper()
	p, err := g.Start("/bin/gatescan", "run", "-config", "/etc/gatescan.toml")
	if err != nil {
		g.t.Fatal(err)
	}
	g.process = p
	for _, said := range []string{"trust data loaded", "barcode module ready"} {
		if _, err := p.Expect(0, said, soon); err != nil {
			g.t.Fatalf("%v; it says:\n%s", err, p.Output())
		}
	}
}

// present shows a text to the barcode module.
func (g *boardGate) present(text string) {
	g.t.Helper()
	if _, err := g.Serial.Write([]byte(text + "\r")); err != nil {
		g.t.Fatal(err)
	}
}

// change waits for a line to change.
func (g *boardGate) change(from, line int, high bool) drivertest.Change {
	g.t.Helper()
	c, err := g.Next(from, line, high, soon)
	if err != nil {
		g.t.Fatalf("%v; the daemon says:\n%s", err, g.process.Output())
	}
	return c
}

// quiet checks that a line did not change.
func (g *boardGate) quiet(from, line int, when string) {
	g.t.Helper()
	if changes, err := g.Changes(from, line); err != nil || len(changes) > 0 {
		g.t.Errorf("%s: %v, %v; the daemon says:\n%s", when, changes, err, g.process.Output())
	}
}

func (g *boardGate) kill(s syscall.Signal) {
	g.t.Helper()
	if err := g.process.Signal(s); err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.process.Wait(soon); err != nil {
		g.t.Fatal(err)
	}
}

// The relay as a LED-class output: the kernel ends its pulse, whatever becomes of the daemon.
func TestBoardOneshot(t *testing.T) {
	const relay = drivertest.LEDLine
	g := newBoardGate(t, "[outputs]\nrelay = \"oneshot gate:relay\"\ngreen = \"line "+drivertest.Chip+" 6\"\nred = \"line "+drivertest.Chip+" 7 active-low\"\n", "", drivertest.Options{})
	good, expired := g.pass(), g.pass("-exp", "2022-06-01T00:00:00Z")
	begin := g.Mark()
	g.start()
	g.quiet(begin, relay, "at the start")

	g.scenario(t, "a pass opens", func(t *testing.T) {
		from, shown := g.Mark(), time.Now()
		g.present(good)
		on := g.change(from, relay, true)
		off := g.change(from, relay, false)
		if length := off.At.Sub(on.At); length < boardPulse-boardPulse/20 || length > boardPulse+slack {
			t.Errorf("a pulse of %v", length)
		}
		g.change(from, 6, true) // the green lamp
		t.Logf("shown to relay %v, pulse %v", on.At.Sub(shown).Round(time.Millisecond), off.At.Sub(on.At).Round(time.Microsecond))
	})
	time.Sleep(time.Second)
	g.scenario(t, "a refusal does not", func(t *testing.T) {
		from := g.Mark()
		for _, text := range []string{expired, "HC1:GARBAGE", good[:100], "https://example.org"} {
			g.present(text)
			time.Sleep(never / 2)
		}
		g.quiet(from, relay, "refused")
		g.change(from, 7, false) // the red lamp, active-low
	})
	g.scenario(t, "the module is pulled out and put back", func(t *testing.T) {
		lines := g.process.Lines()
		if err := g.Serial.Unplug(); err != nil {
			t.Fatal(err)
		}
		if _, err := g.process.Expect(lines, "not readable", soon); err != nil {
			t.Fatal(err)
		}
		if err := g.Serial.Plug(); err != nil {
			t.Fatal(err)
		}
		if _, err := g.process.Expect(lines, "barcode module ready", soon); err != nil {
			t.Fatal(err)
		}
		from := g.Mark()
		g.present(good)
		g.change(from, relay, true)
		g.change(from, relay, false)
	})
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		g.scenario(t, fmt.Sprintf("%v at a random moment of a pulse", s), func(t *testing.T) {
			var lengths []time.Duration
			for range moments(t) {
				time.Sleep(200 * time.Millisecond)
				from := g.Mark()
				g.present(good)
				on := g.change(from, relay, true)
				time.Sleep(rand.N(boardPulse))
				if err := g.process.Signal(s); err != nil {
					t.Fatal(err)
				}
				off := g.change(from, relay, false)
				lengths = append(lengths, off.At.Sub(on.At))
				if s == syscall.SIGSTOP {
					if err := g.process.Signal(syscall.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := g.process.Wait(soon); err != nil {
					t.Fatal(err)
				}
				g.start()
			}
			slices.Sort(lengths)
			longest := lengths[len(lengths)-1]
			t.Logf("%d pulses of %v: %v to %v", len(lengths), boardPulse, lengths[0].Round(time.Microsecond), longest.Round(time.Microsecond))
			if longest > boardPulse+slack {
				t.Errorf("energised for %v", longest)
			}
		})
	}
}

// The relay on a plain, active-low line: software ends its pulse, and release makes it inert where software cannot.
func TestBoardPlainLine(t *testing.T) {
	const relay = drivertest.PlainLine // low is energised
	g := newBoardGate(t, fmt.Sprintf("[outputs]\nrelay = \"line %s %d active-low\"\n", drivertest.Chip, relay), "", drivertest.Options{})
	good := g.pass()
	g.start() // nobody drove the line before, which is low
	if high, err := g.Level(relay); err != nil || !high {
		t.Fatalf("the relay is not inert: high=%v, %v", high, err)
	}
	release := func(t *testing.T, args string) (took time.Duration) {
		t.Helper()
		began := time.Now()
		out, err := g.Shell("/bin/gatescan release "+args, soon)
		if err != nil || !strings.Contains(out, "inert") {
			t.Fatalf("%v: %s", err, out)
		}
		return time.Since(began)
	}

	g.scenario(t, "no edge at a restart", func(t *testing.T) {
		from := g.Mark()
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM} {
			g.kill(s)
			g.start()
		}
		g.quiet(from, relay, "restarted")
		g.present(good)
		on := g.change(from, relay, false)
		off := g.change(from, relay, true)
		t.Logf("pulse %v", off.At.Sub(on.At).Round(time.Microsecond))
	})
	g.scenario(t, "release of a living daemon", func(t *testing.T) {
		time.Sleep(time.Second)
		from := g.Mark()
		g.present(good)
		on := g.change(from, relay, false)
		took := release(t, "")
		off := g.change(from, relay, true)
		if length := off.At.Sub(on.At); length > boardPulse+slack {
			t.Errorf("energised for %v", length)
		}
		t.Logf("release took %v", took.Round(time.Millisecond))
		from = g.Mark()
		g.present(good)
		time.Sleep(never)
		g.quiet(from, relay, "released")
		g.kill(syscall.SIGTERM)
		g.start()
	})
	g.scenario(t, "release of a frozen daemon, with a broken configuration", func(t *testing.T) {
		var lengths []time.Duration
		for range moments(t) {
			from := g.Mark()
			g.present(good)
			on := g.change(from, relay, false)
			time.Sleep(rand.N(boardPulse / 2))
			if err := g.process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			release(t, "-config /etc/broken/gate.toml")
			off := g.change(from, relay, true)
			lengths = append(lengths, off.At.Sub(on.At))
			if _, err := g.process.Wait(soon); err != nil {
				t.Error(err)
			}
			g.start()
		}
		slices.Sort(lengths)
		t.Logf("%d frozen pulses were ended by release after %v to %v", len(lengths), lengths[0].Round(time.Millisecond), lengths[len(lengths)-1].Round(time.Millisecond))
	})
	g.scenario(t, "kill in a pulse, then release of a dead daemon", func(t *testing.T) {
		time.Sleep(time.Second)
		from := g.Mark()
		g.present(good)
		on := g.change(from, relay, false)
		g.kill(syscall.SIGKILL)
		release(t, "")
		off := g.change(from, relay, true)
		t.Logf("energised for %v", off.At.Sub(on.At).Round(time.Millisecond))
		g.start()
	})
}

// A board whose battery is empty wakes up in the past. It must not let through what was good then; and once somebody has
// set its clock, not before a technician says that it is right.
func TestBoardWrongClock(t *testing.T) {
	const relay = drivertest.LEDLine
	flags := fmt.Sprintf("-X main.builtAt=%d", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
	g := newBoardGate(t, "[outputs]\nrelay = \"oneshot gate:relay\"\n", flags, drivertest.Options{Clock: time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)})
	good := g.pass()
	g.start()
	shell := func(command, says string, works bool) {
		t.Helper()
		out, err := g.Shell(command, soon)
		if (err == nil) != works || !strings.Contains(out, says) {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
	}
	const vouch = "/bin/gatescan sync -config /etc/gatescan.toml -vouch 2>&1"
	shell(vouch, "this program was built on 2026-01-01", false)
	from := g.Mark()
	g.present(good)
	time.Sleep(never)
	g.quiet(from, relay, "in the past")
	shell("date -s 2027-01-01", "", true)
	g.present(good)
	time.Sleep(never)
	g.quiet(from, relay, "after nobody knows who set the clock")
	shell(vouch, "the daemon believes the clock", true)
	g.present(good)
	g.change(from, relay, true)
	g.change(from, relay, false)
}

// The turnstile's own signals, as edges of real lines: who was let through must pass before the next one, and nobody is
// let through while the turnstile is not ready.
func TestBoardInputs(t *testing.T) {
	const relay, passage, notReady = drivertest.PlainLine, 0, 2
	g := newBoardGate(t, fmt.Sprintf("[outputs]\nrelay = \"line %s %d\"\n[inputs]\npassage = \"line %s %d\"\nnot_ready = \"line %s %d\"\n",
		drivertest.Chip, relay, drivertest.Chip, passage, drivertest.Chip, notReady), "", drivertest.Options{})
	good := g.pass()
	g.start()
	set := func(line int, high bool) {
		t.Helper()
		if err := g.Set(line, high); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // longer than the debouncing
	}
	opens := func(when string) {
		t.Helper()
		from := g.Mark()
		g.present(good)
		g.change(from, relay, true)
		g.change(from, relay, false)
		t.Log(when)
	}
	opens("the first one")
	from := g.Mark()
	g.present(good)
	time.Sleep(never)
	g.quiet(from, relay, "the first one has not passed")
	set(passage, true)
	set(passage, false)
	opens("the second one, after the passage of the first")
	set(passage, true)
	set(passage, false)

	lines := g.process.Lines()
	set(notReady, true)
	if _, err := g.process.Expect(lines, "input=not_ready active=true", soon); err != nil {
		t.Fatal(err)
	}
	from = g.Mark()
	g.present(good)
	time.Sleep(never)
	g.quiet(from, relay, "not ready")
	set(notReady, false)
	opens("ready again")
}

// A daemon that is frozen lets the board's own watchdog reset it.
func TestBoardWatchdog(t *testing.T) {
	g := newBoardGate(t, "[outputs]\nrelay = \"oneshot gate:relay\"\n[daemon]\nwatchdog = \"/dev/watchdog\"\n", "", drivertest.Options{})
	g.start()
	select {
	case <-g.Off():
		t.Fatal("the board was reset although the daemon goes on")
	case <-time.After(20 * time.Second): // longer than the time-out
	}
	began := time.Now()
	if err := g.process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	select {
	case <-g.Off():
		t.Logf("reset %v after it froze", time.Since(began).Round(100*time.Millisecond))
	case <-time.After(40 * time.Second):
		t.Error("the board was not reset")
	}
}
