package board

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for name, c := range map[string]struct {
		model        string
		compatible   []string
		name, model2 string
		chip         string
	}{
		// As the trees of Linux and of the Raspberry Pi's firmware say it.
		"Zero W":   {"Raspberry Pi Zero W Rev 1.1", []string{"raspberrypi,model-zero-w", "brcm,bcm2835"}, "Raspberry Pi Zero W", "Raspberry Pi Zero W Rev 1.1", "pinctrl-bcm2835"},
		"Pi 4":     {"Raspberry Pi 4 Model B Rev 1.4", []string{"raspberrypi,4-model-b", "brcm,bcm2711"}, "Raspberry Pi 4", "Raspberry Pi 4 Model B Rev 1.4", "pinctrl-bcm2711"},
		"Beagle":   {"TI AM335x BeagleBone Black", []string{"ti,am335x-bone-black", "ti,am335x-bone", "ti,am33xx"}, "BeagleBone Black", "TI AM335x BeagleBone Black", "gpio-0-31"},
		"QEMU":     {"linux,dummy-virt", []string{"linux,dummy-virt"}, "", "linux,dummy-virt", ""},
		"a PC":     {"<unknown>", []string{}, "", "", ""},
		"nonsense": {"a\x00b\n\"" + strings.Repeat("x", 500), nil, "", "ab\"" + strings.Repeat("x", maxModel-3), ""},
	} {
		b := of(c.model, c.compatible)
		chip := ""
		if len(b.Chips) > 0 {
			chip = b.Chips[0].Label
		}
		if b.Name != c.name || b.Model != c.model2 || chip != c.chip || b.Known() != (c.name != "") || b.String() == "" {
			t.Errorf("%s: %+v", name, b)
		}
	}
	if b := Here(); strings.ContainsAny(b.Model, "\x00\n") || b.Model == "<unknown>" {
		t.Errorf("this machine: %q", b.Model)
	}
}

// Each board is complete, and what it proposes exists there.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range kinds {
		if k.Name == "" || len(k.Chips) == 0 || seen[k.compatible] || !strings.Contains(k.compatible, ",") {
			t.Errorf("%+v", k)
			continue
		}
		seen[k.compatible] = true
		offsets := []int{}
		for _, offset := range []int{k.Wiring.Relay, k.Wiring.Green, k.Wiring.Red, k.Wiring.Yellow, k.Wiring.Buzzer, k.Wiring.Passage} {
			if offset == 0 {
				continue
			}
			if offset >= k.Chips[0].Lines || slices.Contains(offsets, offset) {
				t.Errorf("%s: line %d is not on its chip, or taken twice", k.Name, offset)
			}
			offsets = append(offsets, offset)
		}
	}
	if len(seen) < 10 {
		t.Errorf("%d boards", len(seen))
	}
}

func TestLacks(t *testing.T) {
	pi := of("", []string{"raspberrypi,4-model-b"})
	for _, c := range []struct {
		board   Board
		chip    string
		present []string
		says    string
	}{
		{pi, "pinctrl-bcm2711", nil, ""},
		{pi, "pinctrl-bcm2835", []string{"pinctrl-bcm2711", "raspberrypi-exp-gpio"}, `Raspberry Pi 4 has no chip "pinctrl-bcm2835"; use one of pinctrl-bcm2711, raspberrypi-exp-gpio`},
		{pi, "mcp23017", []string{"pinctrl-bcm2711", "mcp23017"}, ""}, // an expander
		{pi, "/dev/gpiochip3", nil, ""},
		{pi, "", nil, ""},
		{Board{}, "pinctrl-bcm2835", nil, ""},
	} {
		if says := c.board.Lacks(c.chip, c.present); says != c.says {
			t.Errorf("%v, %q: %q, want %q", c.board, c.chip, says, c.says)
		}
	}
}

// periph's drivers are never registered: they take lines away from the kernel, and one of them fires an active-low relay at
// each start. Nothing of ours may reach them, whatever it is for.
func TestNoDrivers(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "gatescan/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	distro := false
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for _, to := range fields {
			switch {
			case to == "periph.io/x/host/v3/distro":
				distro = true
			case strings.HasPrefix(to, "periph.io/x/host/"), strings.HasSuffix(to, "/driver/driverreg"), to == "periph.io/x/conn/v3/gpio/gpioreg" && strings.HasPrefix(fields[0], "gatescan/"):
				t.Errorf("%s reaches %s, which registers drivers or pins", fields[0], to)
			}
		}
	}
	if !distro {
		t.Error("distro was not seen: the test looks at nothing")
	}
}
