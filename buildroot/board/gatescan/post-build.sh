#!/bin/sh
# Nobody logs in at a gate, and nothing but the gate speaks on a serial port.
set -eu
rm -f "$TARGET_DIR/boot/.empty" "$TARGET_DIR/etc/gatescan/.empty"
for unit in getty.target serial-getty@.service console-getty.service getty@.service; do
	ln -sf /dev/null "$TARGET_DIR/etc/systemd/system/$unit"
done
if grep -qs ttyAMA0 "$BINARIES_DIR/rpi-firmware/cmdline.txt"; then
	echo "post-build.sh: a console is on the barcode module's port; see BR2_PACKAGE_RPI_FIRMWARE_CMDLINE_FILE" >&2
	exit 1
fi
