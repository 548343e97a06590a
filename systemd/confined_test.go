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

	"adjtimex":         false, // it would only ask
	"adjtimex -t 9999": false, // sets the clock's pace
	"cat /run/credentials/gatescan.service/gatescan.key": false, // there is none
	"hostname x":               false,
	"mount -t tmpfs none /tmp": false,
	"ip link":                  false, // netlink
	"chown 0 /tmp/x":           false,
	"dmesg":                    false,
	"unshare -U true":          false,
}

// clockAttempts are what gatescan-clock.service may do.
var clockAttempts = map[string]bool{
	"/usr/bin/discipline 5000":            false, // the same call, to set it
	"echo > /tmp/x":                       true,  // its own
	"echo > /var/lib/x":                   false,
	"ls /root":                            false,
	"ls /home/somebody":                   false,
	"cat /proc/sys/kernel/random/boot_id": false,
	"cat /proc/1/cmdline":                 false,
	"kill -0 1":                           false,
	"true < /dev/null":                    true,
	"true < /dev/ttyUSB0":                 false,
	"true < /dev/gpiochip0":               false,
	"true < /dev/rtc0":                    false,
	"nc local:/run/gatescan/control.sock": false,
	"nc 127.0.0.1 1":                      false,
	"ip link":                             false, // netlink
	"mount -t tmpfs none /tmp":            false,
	"dmesg":                               false,
	"unshare -U true":                     false,
}

// confined runs the attempts under everything that a unit says of its sandbox. The daemon must be stopped.
func (g *gate) confined(t *testing.T, name string, attempts map[string]bool) {
	var script strings.Builder
	script.WriteString("#!/agent/bin/busybox sh\nPATH=/agent/bin\nid\n")
	lines := slices.Sorted(maps.Keys(attempts))
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(b[:4], a[:4]) })
	for i, line := range lines {
		fmt.Fprintf(&script, "(%s) >/dev/null 2>&1 && echo %d yes || echo %d no\n", line, i, i)
	}
	g.write("/usr/bin/attempts", script.String())
	g.in("chmod 0755 /usr/bin/attempts")
	var unit []string
	for line := range strings.Lines(read(t, name)) {
		switch key, _, _ := strings.Cut(line, "="); key {
		case "ExecStart":
			line = "ExecStart=/usr/bin/attempts\nStandardOutput=truncate:/attempted\n"
		case "Type":
			continue
		case "[Service]\n":
			line += "Type=oneshot\n"
		case "Restart":
			line = "Restart=no\n"
		case "Requires", "ExecStartPre", "ExecReload", "ExecStopPost", "WatchdogSec":
			continue
		}
		unit = append(unit, line)
	}
	g.write("/run/systemd/system/attempts.service", strings.Join(unit, ""))
	g.in("systemctl daemon-reload")
	g.in("systemctl start attempts.service")
	said, err := g.ReadFile("/proc/1/root/attempted")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(said, "uid=0") || !strings.Contains(said, "uid=") {
		t.Errorf("it ran as:\n%s", said)
	}
	for i, line := range lines {
		want := map[bool]string{true: "yes", false: "no"}[attempts[line]]
		if !strings.Contains("\n"+said+"\n", fmt.Sprintf("\n%d %s\n", i, want)) {
			t.Errorf("%q: want %s", line, want)
		}
	}
}
