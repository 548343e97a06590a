//go:build guest

package systemd_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatescan/driver/drivertest"
)

// The init script, on a board with BusyBox and no systemd.
func TestInitScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := &gate{t: t, config: read(t, "testdata/guest/gatescan.toml") + "watchdog = \"/dev/watchdog\"\n"}
	lab := g.mint(dir)
	binary, err := drivertest.Build(t.Context(), dir, "gatescan/cmd/gatescan")
	if err != nil {
		t.Fatal(err)
	}
	g.Board = drivertest.Boot(t, drivertest.Options{Files: map[string]string{
		"/usr/bin/gatescan":           binary,
		"/etc/init.d/S60gatescan":     "S60gatescan",
		"/etc/gatescan/dsc/es256.pem": filepath.Join(lab, "dsc", "es256.pem"),
		"/etc/gatescan/example.toml":  "../cmd/gatescan/gatescan.example.toml",
	}})
	shell := func(line string) string {
		t.Helper()
		out, err := g.Shell(line, soon)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return out
	}
	if err := g.WriteFile(configPath, strings.Replace(g.config, `group = "gatescan"`+"\n", "", 1)); err != nil {
		t.Fatal(err)
	}
	// said waits until the console has said something n times.
	said := func(text string, n int) {
		t.Helper()
		g.until(text, func() bool { return strings.Count(g.Console(), text) >= n })
	}
	shell("/etc/init.d/S60gatescan start")
	said(ready, 1)
	said(trusted, 1)
	g.quiet(0, relay, "since power-on")
	g.opens()

	shell("/etc/init.d/S60gatescan start") // a second one changes nothing
	if pids := strings.Fields(shell("pidof gatescan")); len(pids) != 1 {
		t.Errorf("processes %v", pids)
	}
	from := g.lit()
	began := time.Now()
	shell("kill -9 $(pidof gatescan)")
	off := g.change(from, green, false)
	t.Logf("inert %v after SIGKILL", off.At.Sub(began).Round(10*time.Millisecond))
	said(ready, 2)
	said(trusted, 2)
	g.opens()

	shell("/etc/init.d/S60gatescan reload")
	said("the configuration was read again", 1)
	g.opens()

	shell("/etc/init.d/S60gatescan stop")
	if out, err := g.Shell("pidof gatescan", soon); err == nil {
		t.Errorf("still there: %s", out)
	}
	from = g.Mark()
	g.present(g.pass)
	time.Sleep(never)
	g.quiet(from, relay, "stopped")

	shell("/etc/init.d/S60gatescan start")
	said(ready, 3)
	began = time.Now()
	shell("kill -STOP $(pidof gatescan)")
	select {
	case <-g.Off():
		t.Logf("reset by the board's watchdog %v after SIGSTOP", time.Since(began).Round(100*time.Millisecond))
	case <-time.After(soon):
		t.Error("the board was not reset")
	}
}
