//go:build guest

package systemd_test

import (
	"strings"
	"testing"
	"time"
)

// pulse is that of testdata/guest/gatescan.toml; slack is how much longer it may look on a loaded host, where the guest runs late.
const (
	pulse = 400 * time.Millisecond
	slack = 250 * time.Millisecond
)

// The unit as systemd runs it, in one guest: a boot takes longer than all that follows.
func TestGuest(t *testing.T) {
	t.Parallel()
	g := boot(t)
	if !g.scenario("starts with the system", g.starts) {
		return
	}
	g.scenario("a module that is plugged in later", g.plugged)
	g.scenario("a good pass opens, others do not", g.judges)
	g.scenario("unplugged and plugged in again", g.unplugged)
	g.scenario("frozen with an output on", func(t *testing.T) { g.ended(t, "STOP", "Watchdog timeout") })
	g.scenario("killed with an output on", func(t *testing.T) { g.ended(t, "KILL", "code=killed, status=9/KILL") })
	g.scenario("the clock is kept, and no longer", g.disciplined)
	g.scenario("a new configuration with a mistake", g.reloads)
	g.scenario("a start with a mistake in the configuration", g.broken)
	g.scenario("stopped", g.stopped)
	g.scenario("confined", func(t *testing.T) { g.confined(t, "gatescan.service", attempts) })
	g.scenario("the clock's service confined", func(t *testing.T) { g.confined(t, "gatescan-clock.service", clockAttempts) })
}

func (g *gate) starts(t *testing.T) {
	g.within(bootTimeout, "the unit is active", func() bool { return g.show("SubState") == "running" })
	g.follow()
	if restarts := g.show("NRestarts"); restarts != "0" {
		t.Errorf("%s restarts", restarts)
	}
	g.quiet(0, relay, "since power-on")
	g.quiet(0, green, "since power-on")
	g.await(0, "the clock is rtc")
	t.Logf("memory %s bytes", g.show("MemoryCurrent"))
}

func (g *gate) plugged(t *testing.T) {
	cursor := g.journal.Lines()
	if _, err := g.Shell("insmod /lib/modules/usbserial.ko && insmod /lib/modules/ftdi_sio.ko", soon); err != nil {
		t.Fatal(err)
	}
	g.await(cursor, "barcode module ready")
}

func (g *gate) judges(t *testing.T) {
	length := g.opens()
	if length < pulse-pulse/20 || length > pulse+slack {
		t.Errorf("a pulse of %v", length)
	}
	from := g.Mark()
	for _, text := range []string{g.expired, g.pass[:100], "https://example.org"} {
		g.present(text)
		time.Sleep(never)
	}
	g.quiet(from, relay, "refused")
	if all := g.journal.Output(); strings.Contains(all, g.pass[:20]) || strings.Contains(all, "adjtimex") || strings.Contains(all, "crash may write") {
		t.Errorf("the journal holds a pass, or says that the unit forbids what the daemon needs:\n%s", all)
	}
}

func (g *gate) unplugged(t *testing.T) {
	cursor := g.journal.Lines()
	if err := g.Serial.Unplug(); err != nil {
		t.Fatal(err)
	}
	g.await(cursor, "not readable")
	cursor = g.journal.Lines()
	if err := g.Serial.Plug(); err != nil {
		t.Fatal(err)
	}
	g.await(cursor, "barcode module ready")
	g.opens()
	if restarts := g.show("NRestarts"); restarts != "0" {
		t.Errorf("%s restarts", restarts)
	}
}

// ended has the daemon end while the green lamp, on a plain line, is on. Nobody but release makes that inert.
func (g *gate) ended(t *testing.T, signal, reason string) {
	cursor, before := g.journal.Lines(), g.show("NRestarts")
	from := g.lit()
	began := time.Now()
	g.in("systemctl kill -s " + signal + " --kill-whom=main gatescan.service")
	if high, err := g.Level(green); err != nil || !high {
		t.Fatalf("the signal came too late to show anything: the line is high=%t, %v", high, err)
	}
	off := g.change(from, green, false)
	t.Logf("inert %v after SIG%s", off.At.Sub(began).Round(10*time.Millisecond), signal)
	g.await(cursor, reason)
	g.await(cursor, "line 6 of 9030000.pl061: inert")
	g.ready(cursor)
	if after := g.show("NRestarts"); after == before {
		t.Errorf("%s restarts before, %s after", before, after)
	}
	g.opens()
}

// disciplined has somebody keep the clock. The daemon may not ask the kernel whether; gatescan-clock.service tells it.
func (g *gate) disciplined(t *testing.T) {
	cursor := g.journal.Lines()
	g.in("/usr/bin/discipline 5000")
	g.await(cursor, "the clock is synced")
	cursor = g.journal.Lines()
	g.in("systemctl kill -s KILL gatescan-clock.service") // it comes again by itself
	time.Sleep(never)
	g.in("/usr/bin/discipline 16000000")
	g.await(cursor, "the clock is held")
	if restarts := g.in("systemctl show --value -p NRestarts gatescan-clock.service"); restarts != "1" {
		t.Errorf("gatescan-clock.service: %s restarts", restarts)
	}
	cursor = g.journal.Lines()
	g.in("systemctl stop gatescan-clock.socket gatescan-clock.service")
	g.await(cursor, "gatescan-clock.socket does not help")
	cursor = g.journal.Lines()
	g.in("systemctl start gatescan-clock.socket")
	g.await(cursor, "the clock is held")
	g.opens()
}

func (g *gate) reloads(t *testing.T) {
	pid, cursor := g.show("MainPID"), g.journal.Lines()
	g.write(configPath, g.config+"\n[reader\n")
	defer g.write(configPath, g.config)
	g.in("systemctl reload gatescan.service")
	g.await(cursor, "the new configuration is refused")
	g.until("the unit is active again", func() bool { return g.show("SubState") == "running" })
	if now := g.show("MainPID"); now != pid {
		t.Errorf("process %s has become %s", pid, now)
	}
	g.opens()
	cursor = g.journal.Lines()
	g.write(configPath, g.config)
	g.in("systemctl reload gatescan.service")
	g.await(cursor, "the configuration was read again")
}

func (g *gate) broken(t *testing.T) {
	cursor, from := g.journal.Lines(), g.Mark()
	g.write(configPath, strings.Replace(g.config, "pulse =", "puls =", 1))
	if out, err := g.Shell("chroot /proc/1/root systemctl restart gatescan.service", soon); err == nil {
		t.Errorf("it started: %s", out)
	}
	g.await(cursor, configPath+":")
	g.await(cursor, "puls")
	if state := g.show("ActiveState"); state == "active" {
		t.Error("it is active")
	}
	g.quiet(from, relay, "not started")
	cursor = g.journal.Lines()
	g.write(configPath, g.config)
	g.ready(cursor) // without a further command
	g.opens()
}

func (g *gate) stopped(t *testing.T) {
	from := g.lit()
	g.in("systemctl stop gatescan.service")
	g.change(from, green, false)
	if state, result := g.show("ActiveState"), g.show("Result"); state != "inactive" || result != "success" {
		t.Errorf("%s, %s", state, result)
	}
	g.until("released by hand, with nobody there", func() bool { // a starved guest may need longer for a line than release waits
		out, err := g.Shell("chroot /proc/1/root /usr/bin/gatescan release", soon)
		return err == nil && strings.Contains(out, "oneshot gate:relay: inert")
	})
}
