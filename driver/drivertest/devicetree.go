package drivertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// relay is added to the machine's own device tree: an LED of the kernel on a line of the GPIO controller
// (Documentation/devicetree/bindings/leds/leds-gpio.yaml), as our images describe the relay. The second cell 0 is active high.
var relay = fmt.Sprintf(`
/ {
	gpio-leds {
		compatible = "gpio-leds";
		relay {
			label = "gate:relay";
			gpios = <&{/pl061@9030000} %d 0>;
			default-state = "off";
		};
	};
};
`, LEDLine)

// deviceTree writes a device tree for machine, which are the QEMU arguments that describe it, into dir and returns the
// file's path.
func deviceTree(ctx context.Context, dir string, machine []string) (string, error) {
	dumped, source, blob := filepath.Join(dir, "virt.dtb"), filepath.Join(dir, "board.dts"), filepath.Join(dir, "board.dtb")
	dump := append([]string{"-machine", "dumpdtb=" + dumped}, machine...)
	if _, err := output(ctx, dir, nil, "qemu-system-arm", dump...); err != nil {
		return "", err
	}
	text, err := output(ctx, dir, nil, "dtc", "-q", "-I", "dtb", "-O", "dts", dumped)
	if err != nil {
		return "", err
	}
	// A second root node is merged into the first.
	if err := os.WriteFile(source, append(text, relay...), 0o644); err != nil {
		return "", err
	}
	if _, err := output(ctx, dir, nil, "dtc", "-q", "-I", "dts", "-O", "dtb", "-o", blob, source); err != nil {
		return "", err
	}
	return blob, nil
}
