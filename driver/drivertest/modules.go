package drivertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// modules are what the guest loads, in this order and after what they depend on.
var modules = []string{
	"virtio_pci", "virtio_console", // the control port
	"xhci-pci", "ftdi_sio", // the USB serial port
	"leds-gpio", "ledtrig-oneshot", // the relay that the kernel times
	"softdog", // /dev/watchdog; the machine has no watchdog of its own
}

// cardModules are loaded after them by a guest that has a card or a disk.
var cardModules = []string{"virtio_blk", "squashfs", "ext4", "vfat", "nls_cp437", "nls_iso8859-1", "nls_ascii"}

// copyModules copies modules, with what they depend on, from an unpacked kernel package into dir, uncompressed. It returns
// their file names in the order to load them.
func copyModules(ctx context.Context, root, release, dir string, modules []string) ([]string, error) {
	// Since Debian 13 the package has no /lib, and kmod of Debian 12 looks nowhere else.
	if lib := filepath.Join(root, "lib"); !exists(lib) {
		if err := os.Symlink("usr/lib", lib); err != nil {
			return nil, err
		}
	}
	if _, err := output(ctx, root, nil, "depmod", "-b", root, release); err != nil {
		return nil, err
	}
	var names []string
	seen := map[string]bool{}
	for _, module := range modules {
		out, err := output(ctx, root, nil, "modprobe", "-d", root, "-S", release, "--show-depends", module)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line) // insmod PATH [PARAMETER]... or builtin NAME
			if len(fields) < 2 || fields[0] != "insmod" || seen[fields[1]] {
				continue
			}
			seen[fields[1]] = true
			name, err := copyModule(ctx, fields[1], dir)
			if err != nil {
				return nil, err
			}
			names = append(names, name)
		}
	}
	return names, nil
}

func copyModule(ctx context.Context, path, dir string) (string, error) {
	var content []byte
	var err error
	name := filepath.Base(path)
	switch {
	case strings.HasSuffix(name, ".ko"):
		content, err = os.ReadFile(path)
	case strings.HasSuffix(name, ".ko.xz"):
		name = strings.TrimSuffix(name, ".xz")
		content, err = output(ctx, dir, nil, "xz", "-dc", path)
	default:
		err = fmt.Errorf("%s: a kernel module compressed in a way that is not known here", path)
	}
	if err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(dir, name), content, 0o644)
}
