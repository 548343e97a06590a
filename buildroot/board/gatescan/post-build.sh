#!/bin/sh
# Nobody logs in at a gate, and nothing but the gate speaks on a serial port.
# usage: post-build.sh TARGET IMAGE BOARD     as Buildroot calls it
set -eu
rm -f "$TARGET_DIR/boot/.empty" "$TARGET_DIR/etc/gatescan/.empty"
for unit in getty.target serial-getty@.service console-getty.service getty@.service; do
	ln -sf /dev/null "$TARGET_DIR/etc/systemd/system/$unit"
done
if grep -qs ttyAMA0 "$BINARIES_DIR/rpi-firmware/cmdline.txt"; then
	echo "post-build.sh: a console is on the barcode module's port; see BR2_PACKAGE_RPI_FIRMWARE_CMDLINE_FILE" >&2
	exit 1
fi
# The kernel that was built has what the image needs.
kernels=0
for config in "$BUILD_DIR"/linux-*/.config; do
	case $config in */linux-headers-*) continue ;; esac
	test -e "$config" || continue
	kernels=$((kernels + 1))
	"$(dirname "$0")/../../check-kernel.sh" "$3" "$config"
done
if [ "$kernels" -eq 0 ]; then
	echo "post-build.sh: there is no configuration of a kernel in $BUILD_DIR: build one with this image (BR2_LINUX_KERNEL)" >&2
	exit 1
fi
