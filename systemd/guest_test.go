//go:build guest

package systemd_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatescan/driver/drivertest"
)

const (
	bootTimeout = 8 * time.Minute
	// soon is how long the guest may take for what it does at once: it is some 20 times slower than a board.
	soon = 2 * time.Minute
	// pause is between two questions to the guest, which has better things to do.
	pause = time.Second
	// never is how long a line is watched that must not move.
	never = 3 * time.Second

	relay = drivertest.LEDLine
	green = 6 // as in testdata/guest/gatescan.toml

	// show is how long the lamps show a verdict, and a little more.
	show = 6 * time.Second

	configPath = "/etc/gatescan/gatescan.toml"

	// What a daemon says that can judge passes, in either order.
	ready   = "barcode module ready"
	trusted = "trust data loaded"
)

// gate is a guest in which systemd runs the unit.
type gate struct {
	*drivertest.Board
	t       *testing.T
	pass    string // good for years
	expired string
	config  string
	journal *drivertest.Process // journalctl -f
}

// boot makes a guest with the units, as a package would install them, and switches it on.
func boot(t *testing.T) *gate {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootTimeout)
	defer cancel()
	system, err := debian(ctx)
	if err != nil {
		t.Fatalf("Debian's systemd for the guest: %v", err)
	}
	dir := t.TempDir()
	g := &gate{t: t, config: read(t, "testdata/guest/gatescan.toml")}
	lab := g.mint(dir)
	tree := newTree(t, filepath.Join(dir, "gatescan.tar"))
	g.install(ctx, tree, dir)
	tree.file(configPath, g.config, 0o644)
	tree.copy("/etc/gatescan/dsc/es256.pem", filepath.Join(lab, "dsc", "es256.pem"), 0o644)
	for inGuest, here := range g.agent(ctx, dir) {
		tree.copy(inGuest, here, 0o755)
	}
	tree.close()
	g.power("testdata/guest/init", drivertest.Options{Files: map[string]string{"/debian.tar": system, "/gatescan.tar": tree.path}})
	return g
}

// install puts the service and what the test needs into a tree.
func (g *gate) install(ctx context.Context, tree *tree, dir string) {
	g.t.Helper()
	tree.copy("/usr/bin/gatescan", g.build(ctx, dir, "gatescan/cmd/gatescan"), 0o755)
	tree.copy("/usr/bin/discipline", g.build(ctx, dir, "gatescan/systemd/testdata/guest/discipline"), 0o755)
	for _, unit := range []string{"gatescan.service", "gatescan-clock.service", "gatescan-clock.socket"} {
		tree.copy("/usr/lib/systemd/system/"+unit, unit, 0o644)
	}
	tree.copy("/usr/lib/sysusers.d/gatescan.conf", "gatescan.sysusers", 0o644)
	tree.copy("/usr/lib/udev/rules.d/70-gatescan.rules", "70-gatescan.rules", 0o644)
	tree.link("/etc/systemd/system/multi-user.target.wants/gatescan.service", "/usr/lib/systemd/system/gatescan.service")
	tree.system()
}

// agent returns the files of what does in the guest what the test asks for.
func (g *gate) agent(ctx context.Context, dir string) map[string]string {
	g.t.Helper()
	parts, err := drivertest.Prepare(ctx, "")
	if err != nil {
		g.t.Fatal(err)
	}
	return map[string]string{"/agent/init": g.build(ctx, dir, "gatescan/driver/drivertest/guest/init"), "/agent/bin/busybox": parts.Busybox}
}

func (g *gate) build(ctx context.Context, dir, name string) string {
	g.t.Helper()
	built, err := drivertest.Build(ctx, dir, name)
	if err != nil {
		g.t.Fatal(err)
	}
	return built
}

// power switches the guest on, until the end of the test.
func (g *gate) power(init string, o drivertest.Options) {
	t := g.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootTimeout)
	defer cancel()
	parts, err := drivertest.Prepare(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	life, off := context.WithCancel(context.WithoutCancel(t.Context())) // the journal is read when the test is over
	late := time.AfterFunc(bootTimeout, off)
	o.Args = []string{"-m", "512"}
	o.Append = "systemd.unified_cgroup_hierarchy=1 systemd.show_status=0 " + os.Getenv("GATESCAN_GUEST_APPEND")
	g.Board, err = drivertest.Power(life, parts, init, o)
	late.Stop()
	if err != nil {
		off()
		t.Fatal(err)
	}
	t.Logf("the guest was up after %v", g.Took.Round(time.Second))
	t.Cleanup(func() {
		if t.Failed() && g.journal != nil {
			t.Logf("journal:\n%s\nconsole:\n%s", g.journal.Output(), g.Console())
		}
		g.Close()
		off()
	})
}

// mint makes the passes, and returns the directory of the lab that signed them.
func (g *gate) mint(dir string) (lab string) {
	g.t.Helper()
	lab = filepath.Join(dir, "lab")
	gatelab := filepath.Join(dir, "gatelab-here")
	run(g.t, "", "go", "build", "-o", gatelab, "gatescan/cmd/gatelab")
	run(g.t, "", gatelab, "init", lab)
	until := func(exp string) string {
		return strings.TrimSpace(run(g.t, `{"v":[{}]}`+"\n", gatelab, "mint", "-lab", lab, "-iat", "2022-01-01T00:00:00Z", "-exp", exp))
	}
	g.pass, g.expired = until("2039-01-01T00:00:00Z"), until("2022-06-01T00:00:00Z")
	return lab
}

// scenario runs a subtest, in whose name the gate fails.
func (g *gate) scenario(name string, run func(t *testing.T)) (passed bool) {
	g.t.Helper()
	whole := g.t
	return whole.Run(name, func(t *testing.T) {
		g.t = t
		defer func() { g.t = whole }()
		run(t)
	})
}

// in runs a command of the guest's system, and returns what it put out.
func (g *gate) in(command string) string {
	g.t.Helper()
	out, err := g.Shell("chroot /proc/1/root "+command, soon)
	if err != nil {
		g.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(out)
}

// show returns a property of the unit.
func (g *gate) show(property string) string {
	g.t.Helper()
	return g.in("systemctl show --value -p " + property + " gatescan.service")
}

// follow begins to read the unit's journal, which must be there: journalctl does not wait for it.
func (g *gate) follow() {
	g.t.Helper()
	var err error
	g.journal, err = g.Start("/bin/chroot", "/proc/1/root", "/usr/bin/journalctl", "-f", "-n", "all", "-o", "short-monotonic", "-u", "gatescan.service")
	if err != nil {
		g.t.Fatal(err)
	}
}

// await waits until the unit's journal says something, in its lines from a number on.
func (g *gate) await(from int, text string) {
	g.t.Helper()
	if _, err := g.journal.Expect(from, text, soon); err != nil {
		g.t.Fatalf("the journal does not say %q: %v", text, err)
	}
}

// ready waits until a daemon that is started again can judge passes.
func (g *gate) ready(from int) {
	g.t.Helper()
	g.await(from, ready)
	g.await(from, trusted)
}

func (g *gate) until(what string, true func() bool) {
	g.t.Helper()
	g.within(soon, what, true)
}

func (g *gate) within(limit time.Duration, what string, true func() bool) {
	g.t.Helper()
	for late := time.Now().Add(limit); !true(); time.Sleep(pause) {
		if time.Now().After(late) {
			g.t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// write puts a file into the guest's system.
func (g *gate) write(path, text string) {
	g.t.Helper()
	if err := g.WriteFile("/proc/1/root"+path, text); err != nil {
		g.t.Fatal(err)
	}
}

// present shows a text to the barcode module.
func (g *gate) present(text string) {
	g.t.Helper()
	if _, err := g.Serial.Write([]byte(text + "\r")); err != nil {
		g.t.Fatal(err)
	}
}

// change waits for a line to change.
func (g *gate) change(from, line int, high bool) drivertest.Change {
	g.t.Helper()
	c, err := g.Next(from, line, high, soon)
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// opens shows the good pass until the relay has given a pulse, and returns its length.
func (g *gate) opens() time.Duration {
	g.t.Helper()
	from := g.Mark()
	g.present(g.pass)
	on := g.change(from, relay, true)
	off := g.change(from, relay, false)
	time.Sleep(show)
	return off.At.Sub(on.At)
}

// lit shows the good pass and returns, where to look on from, while the green lamp tells that it was good. It flashes at rest, too.
func (g *gate) lit() (from int) {
	g.t.Helper()
	from = g.Mark()
	g.present(g.pass)
	g.change(from, relay, true)
	g.until("the green lamp is lit", func() bool { high, err := g.Level(green); return err == nil && high })
	return g.Mark()
}

// quiet checks that a line did not become high.
func (g *gate) quiet(from, line int, when string) {
	g.t.Helper()
	changes, err := g.Changes(from, line)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, c := range changes {
		if c.High {
			g.t.Errorf("%s: %v", when, changes)
			return
		}
	}
}

func run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}
