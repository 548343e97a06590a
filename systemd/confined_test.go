//go:build guest

package systemd_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// attempts are lines of a shell that runs as the service does, and whether each may succeed.
var attempts = map[string]bool{
	"echo > /var/lib/gatescan/x": true,
	"echo > /run/gatescan/x":     true,
	"echo > /tmp/x":              true, // its own
	"echo > /etc/gatescan/x":     false,
	"echo > /usr/x":              false,
	"echo > /var/lib/x":          false,
	"echo > /run/x":              false,
	"echo > /x":                  false,
	"ls /root":                   false,
	"ls /home/somebody":          false,

	"cat /proc/sys/kernel/random/boot_id":            true,
	"echo 1 > /sys/class/leds/gate:relay/brightness": true,
	"echo 0 > /sys/class/leds/gate:relay/brightness": true,
	"echo core > /proc/sys/kernel/core_pattern":      false,
	"echo 0 > /sys/module/kernel/parameters/panic":   false,
	"echo 3-1 > /sys/bus/usb/drivers/usb/unbind":     false,
	"echo add > /sys/class/leds/gate:relay/uevent":   false,
	"cat /proc/1/cmdline":                            false,
	"kill -0 1":                                      false,

	"true < /dev/ttyUSB0":   true,
	"true < /dev/gpiochip0": true,
	"true < /dev/tty0":      false,
	"true < /dev/watchdog":  false,
	"true < /dev/kmsg":      false,
	"true < /dev/mem":       false,
	"mknod /tmp/null c 1 3": false,

	"adjtimex -t 9999":         false, // sets the clock's pace
	"hostname x":               false,
	"mount -t tmpfs none /tmp": false,
	"ip link":                  false, // netlink
	"chown 0 /tmp/x":           false,
	"dmesg":                    false,
	"unshare -U true":          false,
}

// confined runs the attempts under everything that the unit says of its sandbox. The daemon must be stopped.
func (g *gate) confined(t *testing.T) {
	var script strings.Builder
	script.WriteString("#!/agent/bin/busybox sh\nPATH=/agent/bin\nexec >/var/lib/gatescan/attempts\nid\n")
	lines := slices.Sorted(maps.Keys(attempts))
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(b[:4], a[:4]) })
	for i, line := range lines {
		fmt.Fprintf(&script, "(%s) >/dev/null 2>&1 && echo %d yes || echo %d no\n", line, i, i)
	}
	g.write("/usr/bin/attempts", script.String())
	g.in("chmod 0755 /usr/bin/attempts")
	var unit []string
	for line := range strings.Lines(read(t, "gatescan.service")) {
		switch key, _, _ := strings.Cut(line, "="); key {
		case "ExecStart":
			line = "ExecStart=/usr/bin/attempts\n"
		case "Type":
			line = "Type=oneshot\n"
		case "Restart":
			line = "Restart=no\n"
		case "ExecReload", "ExecStopPost", "WatchdogSec":
			continue
		}
		unit = append(unit, line)
	}
	g.write("/run/systemd/system/attempts.service", strings.Join(unit, ""))
	g.in("systemctl daemon-reload")
	g.in("systemctl start attempts.service")
	said, err := g.ReadFile("/proc/1/root/var/lib/gatescan/attempts")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, "(gatescan)") {
		t.Errorf("it ran as:\n%s", said)
	}
	for i, line := range lines {
		want := map[bool]string{true: "yes", false: "no"}[attempts[line]]
		if !strings.Contains("\n"+said+"\n", fmt.Sprintf("\n%d %s\n", i, want)) {
			t.Errorf("%q: want %s", line, want)
		}
	}
}
